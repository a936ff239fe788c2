#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "kernels/dtype.hpp"

namespace convtune {

/// Positions added on each side of the length; they read as 0.
struct Padding {
  std::int64_t left = 0;
  std::int64_t right = 0;
  auto operator<=>(const Padding&) const = default;
};

/// One Conv1D, as max.nn.Conv1D defines it, plus the shape of its input:
///   y[n,t,co] = act(bias[co] + Σ_k Σ_ci x[n, t·stride + k·dilation − padding.left, g(co)·Cin/G +
///   ci] · w[k,ci,co])
/// a cross-correlation; positions outside x read as 0. g(co) = co / (Cout/G).
struct Problem {
  std::int64_t batch = 1;
  std::int64_t length = 0;
  std::int64_t in_channels = 0;
  std::int64_t out_channels = 0;
  std::int64_t kernel_size = 0;
  std::int64_t stride = 1;
  Padding padding = {};
  std::int64_t dilation = 1;
  std::int64_t num_groups = 1;
  bool has_bias = false;
  DType dtype = DType::float32;
  Math math = Math::ieee;
  Layout layout = Layout::NLC;
  Activation activation = Activation::none;
  auto operator<=>(const Problem&) const = default;
};

/// Throws Error{invalid}, one sentence naming the field, its value and the rule, unless: batch,
/// length, channels, kernel_size, stride, dilation, num_groups ≥ 1; paddings ≥ 0; both channel
/// counts divisible by num_groups; the output length ≥ 1; TF32 only with float32;
/// and the bytes of x, weight and y and the multiply-adds each fit a signed 64-bit integer.
void validate(const Problem& problem);

/// (L + left + right − dilation·(K−1) − 1) / stride + 1, rounded down. The sizes below hold for a
/// valid problem only.
std::int64_t output_length(const Problem& problem);
std::int64_t in_channels_per_group(const Problem& problem);
std::int64_t out_channels_per_group(const Problem& problem);
bool is_depthwise(const Problem& problem);  ///< one input channel a group, several groups

/// Whether `math` allows other sums than ieee: winograd does for three taps at stride 1 and a
/// dilation below 2^24.
bool serves_winograd(const Problem& problem);

/// The problem with `math` ieee where it allows no more, so that both share what is tuned.
Problem canonical(Problem problem);

/// Elements of x, weight, y; bias has out_channels.
std::int64_t input_elements(const Problem& problem);
std::int64_t weight_elements(const Problem& problem);
std::int64_t output_elements(const Problem& problem);

/// Where the problem's layout has the weight of a tap from input channel `in` of a group to output
/// channel `out` of all.
std::int64_t weight_index(const Problem& problem, std::int64_t tap, std::int64_t in,
                          std::int64_t out);

/// K · Cin/G, what one output sums.
std::int64_t products_per_output(const Problem& problem);
/// N · L' · Cout · K · Cin/G, padding counted: the figure by which rates are quoted.
std::int64_t multiply_adds(const Problem& problem);

/// Bytes of x, weight, bias and y, each moved once.
std::int64_t compulsory_bytes(const Problem& problem);

/// One short line for people: "NCL 1x80x3000 -> 384, K3 s1 p1,1 d1 g1 float32".
std::string describe(const Problem& problem);

constexpr bool is_tf32(Math math) { return math == Math::tf32 || math == Math::tf32x3; }

std::string_view name(Math math);
std::string_view name(Layout layout);
std::string_view name(Activation activation);

}  // namespace convtune
