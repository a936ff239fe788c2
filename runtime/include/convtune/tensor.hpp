#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "kernels/enums.hpp"
#include "kernels/error.hpp"

namespace convtune {

/// "float32", "float16" or "bfloat16". Throws Error{invalid} for any other type, quantised ones
/// included.
DType dtype_from_name(std::string_view name);

/// The sizes of a tensor, outermost dimension first; up to 4, so that it never allocates.
class Shape {
 public:
  static constexpr std::size_t max_rank = 4;

  constexpr Shape() = default;
  /// Both throw Error{invalid} for more than max_rank sizes.
  constexpr Shape(std::initializer_list<std::int64_t> sizes)
      : Shape(std::span(sizes.begin(), sizes.size())) {}
  constexpr explicit Shape(std::span<const std::int64_t> sizes) : rank_(sizes.size()) {
    if (rank_ > max_rank) throw Error(Status::invalid, "a tensor here has at most 4 dimensions");
    std::size_t i = 0;
    for (const std::int64_t size : sizes) sizes_[i++] = size;
  }

  constexpr std::size_t rank() const { return rank_; }
  constexpr std::int64_t operator[](std::size_t dimension) const { return sizes_[dimension]; }
  constexpr std::int64_t& operator[](std::size_t dimension) { return sizes_[dimension]; }
  constexpr bool operator==(const Shape&) const = default;

  constexpr std::int64_t elements() const {
    std::int64_t product = 1;
    for (std::size_t i = 0; i < rank_; ++i) product *= sizes_[i];
    return product;
  }

 private:
  std::array<std::int64_t, max_rank> sizes_ = {};
  std::size_t rank_ = 0;
};

/// "(1, 80, 3000)".
std::string to_text(const Shape& shape);

/// Somebody else's array. `strides`, in elements, may be left out for a packed array (row-major,
/// without gaps), the only kind that is computed on; they are there so that another one is refused
/// instead of misread. `device` is where data lies: "cpu", "cuda" or "cuda:1".
template <typename Void>
struct BasicTensorView {
  Void* data = nullptr;
  DType dtype = DType::float32;
  Shape shape = {};
  Shape strides = {};
  std::string_view device = "cpu";
};
using TensorView = BasicTensorView<const void>;
using MutableTensorView = BasicTensorView<void>;

/// An array of its own, packed, in its device's memory.
struct Tensor {
  std::shared_ptr<void> data;
  DType dtype = DType::float32;
  Shape shape = {};
  std::string device = "cpu";

  TensorView view() const {
    return {.data = data.get(), .dtype = dtype, .shape = shape, .strides = {}, .device = device};
  }
};

}  // namespace convtune
