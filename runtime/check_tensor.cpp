#include "runtime/check_tensor.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <functional>

#include "kernels/dtype.hpp"

namespace convtune {
namespace {

template <typename... Args>
[[noreturn]] void refuse(fmt::format_string<Args...> text, Args&&... args) {
  throw Error(Status::invalid, fmt::format(text, std::forward<Args>(args)...));
}

std::string names_of(const TensorRule& rule) {
  return fmt::format("({})", fmt::join(rule.names.begin(), rule.names.begin() + rule.rank, ", "));
}

bool same_device(std::string_view a, std::string_view b) {
  const auto canonical = [](std::string_view name) { return name == "cuda" ? "cuda:0" : name; };
  return canonical(a) == canonical(b);
}

const std::byte* past_end(const TensorView& view) {
  return static_cast<const std::byte*>(view.data) +
         static_cast<std::size_t>(view.shape.elements()) * size_of(view.dtype);
}

}  // namespace

void check_kind(const TensorView& view, const TensorRule& rule) {
  if (view.shape.rank() != rule.rank) {
    refuse("{} has the shape {}; it must have the {} dimensions {}", rule.what, to_text(view.shape),
           rule.rank, names_of(rule));
  }
  if (view.dtype != rule.dtype) {
    refuse("{} is {}; this module computes in {}: convert it first", rule.what, name(view.dtype),
           name(rule.dtype));
  }
  if (!same_device(view.device, rule.device)) {
    refuse("{} lies on {}; it must lie on {}: copy it there first", rule.what, view.device,
           rule.device);
  }
  if (view.data == nullptr) refuse("{} has no data; give a pointer to its elements", rule.what);
  if (alignment_of(view.data) < size_of(rule.dtype)) {
    refuse("{} starts at an address that is no multiple of {}, the size of {}; copy it to one",
           rule.what, size_of(rule.dtype), name(rule.dtype));
  }
}

void check_shape(const TensorView& view, const TensorRule& rule, const Shape& expected) {
  if (view.shape != expected) {
    refuse("{} has the shape {}; it must be {}, which is {}", rule.what, to_text(view.shape),
           to_text(expected), names_of(rule));
  }
}

void check_packed(const TensorView& view, const TensorRule& rule) {
  if (view.strides.rank() == 0) return;
  if (view.strides.rank() != rule.rank) {
    refuse("{} has {} strides for {} dimensions; give one for each, or none for a packed tensor",
           rule.what, view.strides.rank(), rule.rank);
  }
  std::int64_t packed = 1;
  for (std::size_t i = rule.rank; i-- > 0;) {
    if (view.shape[i] != 1 && view.strides[i] != packed) {
      refuse(
          "{} has a stride of {} in dimension {} ({}) where a packed tensor has {}; pack it first",
          rule.what, view.strides[i], i, rule.names[i], packed);
    }
    packed *= view.shape[i];
  }
}

void check_apart(const TensorView& x, const TensorView& y) {
  const std::less<const void*> before;
  if (before(x.data, past_end(y)) && before(y.data, past_end(x))) {
    refuse("x and y overlap in memory; give y memory of its own");
  }
}

std::size_t alignment_of(const void* address) {
  constexpr std::uintptr_t largest = 256;
  const auto bits = reinterpret_cast<std::uintptr_t>(address) | largest;
  return bits & (~bits + 1);
}

}  // namespace convtune
