#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "kernels/problem.hpp"

namespace convtune {

/// The values of each enumeration of a problem; name() spells them.
constexpr auto all_values(DType) {
  return std::array{DType::float32, DType::float16, DType::bfloat16};
}
constexpr auto all_values(Math) {
  return std::array{Math::ieee, Math::tf32x3, Math::tf32, Math::winograd};
}
constexpr auto all_values(Layout) { return std::array{Layout::NLC, Layout::NCL}; }
constexpr auto all_values(Activation) {
  return std::array{Activation::none,      Activation::relu, Activation::gelu,
                    Activation::gelu_tanh, Activation::silu, Activation::tanh};
}

/// The value that has this name, if there is one. For every enumeration with all_values() and
/// name().
template <typename Enum>
std::optional<Enum> value_named(std::string_view text) {
  for (const Enum each : all_values(Enum{})) {
    if (text == name(each)) return each;
  }
  return std::nullopt;
}

}  // namespace convtune
