#pragma once

#include <array>
#include <convtune/tensor.hpp>
#include <cstddef>
#include <string>
#include <string_view>

namespace convtune {

/// What a tensor has to be, and how it is called in refusals.
struct TensorRule {
  std::string_view what;                                ///< "x"
  std::array<std::string_view, Shape::max_rank> names;  ///< of dimensions: "N", "Cin", "L"
  std::size_t rank = 0;
  DType dtype = DType::float32;
  std::string_view device = "cpu";
};

/// Each throws Error{invalid}, one sentence, and allocates nothing otherwise.
void check_kind(const TensorView& view, const TensorRule& rule);  ///< data, rank, dtype, device
void check_shape(const TensorView& view, const TensorRule& rule, const Shape& expected);
void check_packed(const TensorView& view, const TensorRule& rule);  ///< strides; shape is checked
void check_apart(const TensorView& x, const TensorView& y);         ///< no byte in common

/// The largest power of two, at most 256, that divides the address.
std::size_t alignment_of(const void* address);

}  // namespace convtune
