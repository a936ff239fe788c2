#include "kernels/reference.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>
#include <random>

namespace convtune {
namespace {

/// An array as float32: itself, or a widened copy, so that no loop branches on the dtype.
class WidenedArray {
 public:
  WidenedArray(const void* array, DType dtype, std::int64_t elements) {
    if (dtype == DType::float32) {
      data_ = static_cast<const float*>(array);
      return;
    }
    copy_.resize(static_cast<std::size_t>(elements));
    for (std::int64_t i = 0; i < elements; ++i) {
      copy_[static_cast<std::size_t>(i)] = load_element(array, dtype, i);
    }
    data_ = copy_.data();
  }
  const float* data() const { return data_; }

 private:
  std::vector<float> copy_;
  const float* data_ = nullptr;
};

/// An output, or the distance in elements between neighbours in each direction.
struct Coordinates {
  std::int64_t batch = 0;
  std::int64_t position = 0;
  std::int64_t channel = 0;
};

Coordinates strides(Layout layout, std::int64_t length, std::int64_t channels) {
  return layout == Layout::NLC ? Coordinates{length * channels, channels, 1}
                               : Coordinates{length * channels, 1, length};
}

Coordinates output_at(const Problem& problem, std::int64_t index) {
  const Coordinates step = strides(problem.layout, output_length(problem), problem.out_channels);
  return {.batch = index / step.batch,
          .position = index / step.position % output_length(problem),
          .channel = index / step.channel % problem.out_channels};
}

std::int64_t index_of(const Problem& problem, const Coordinates& at) {
  const Coordinates step = strides(problem.layout, output_length(problem), problem.out_channels);
  return at.batch * step.batch + at.position * step.position + at.channel * step.channel;
}

ReferenceValue before_activation(const Problem& problem, const float* x, const float* weight,
                                 double bias, const Coordinates& out) {
  const bool nlc = problem.layout == Layout::NLC;
  const Coordinates x_step = strides(problem.layout, problem.length, problem.in_channels);
  const std::int64_t depth = in_channels_per_group(problem);
  const std::int64_t first_channel = out.channel / out_channels_per_group(problem) * depth;
  const std::int64_t w_step = nlc ? problem.out_channels : problem.kernel_size;

  // Eight sums side by side: one alone would wait out the latency of every addition.
  std::array<ReferenceValue, 8> partials = {};
  for (std::int64_t k = 0; k < problem.kernel_size; ++k) {
    const std::int64_t position =
        out.position * problem.stride + k * problem.dilation - problem.padding.left;
    if (position < 0 || position >= problem.length) continue;
    const float* x_k =
        x + out.batch * x_step.batch + position * x_step.position + first_channel * x_step.channel;
    const float* w_k = weight + (nlc ? k * depth * problem.out_channels + out.channel
                                     : out.channel * depth * problem.kernel_size + k);
    for (std::int64_t ci = 0; ci < depth; ++ci) {
      const double product = double{x_k[ci * x_step.channel]} * double{w_k[ci * w_step]};
      ReferenceValue& partial = partials[static_cast<std::size_t>((k + ci) % 8)];
      partial.value += product;
      partial.magnitude += std::abs(product);
    }
  }
  ReferenceValue sum{.value = bias, .magnitude = std::abs(bias)};
  for (const ReferenceValue& partial : partials) {
    sum.value += partial.value;
    sum.magnitude += partial.magnitude;
  }
  return sum;
}

/// n, the products that one output sums.
std::int64_t products(const Problem& problem) {
  return problem.kernel_size * in_channels_per_group(problem);
}

/// Outputs of an edge that is looked at as a whole.
std::int64_t most_outputs_of_an_edge(const Problem& problem) {
  return std::clamp(most_multiply_adds_of_an_edge / products(problem), outputs_drawn,
                    std::int64_t{1} << 17);
}

/// Outputs [first, last) in each direction.
struct Box {
  Coordinates first;
  Coordinates last;
};

std::int64_t outputs_in(const Box& box) {
  return (box.last.batch - box.first.batch) * (box.last.position - box.first.position) *
         (box.last.channel - box.first.channel);
}

/// The edges of y, as outputs_to_check() names them.
std::array<Box, 5> edges_of(const Problem& problem) {
  constexpr std::int64_t tail = 128;
  const std::int64_t length = output_length(problem);
  const auto ceil_div = [](std::int64_t a, std::int64_t b) { return a / b + (a % b != 0 ? 1 : 0); };
  const std::int64_t left_end = std::min(length, ceil_div(problem.padding.left, problem.stride));
  const std::int64_t room =
      problem.length + problem.padding.left - problem.dilation * (problem.kernel_size - 1);
  const std::int64_t right_begin =
      std::min(length, ceil_div(std::max<std::int64_t>(room, 0), problem.stride));

  const Box all{.first = {}, .last = {problem.batch, length, problem.out_channels}};
  Box left = all;
  left.last.position = left_end;
  Box right = all;
  right.first.position = right_begin;
  Box positions = all;
  positions.first.position = std::max<std::int64_t>(0, length - tail);
  Box channels = all;
  channels.first.channel = std::max<std::int64_t>(0, problem.out_channels - tail);
  Box batch = all;
  batch.first.batch = problem.batch - 1;
  return {left, right, positions, channels, batch};
}

/// All outputs of a box that is small, outputs_drawn random ones of another.
void draw(const Problem& problem, const Box& box, std::mt19937_64& random,
          std::vector<std::int64_t>& indices) {
  const std::int64_t count = outputs_in(box);
  const std::int64_t positions = box.last.position - box.first.position;
  const std::int64_t channels = box.last.channel - box.first.channel;
  const bool whole = count <= most_outputs_of_an_edge(problem);
  std::uniform_int_distribution<std::int64_t> any(0, std::max<std::int64_t>(0, count - 1));
  for (std::int64_t i = 0; i < (whole ? count : outputs_drawn); ++i) {
    const std::int64_t drawn = whole ? i : any(random);
    indices.push_back(
        index_of(problem, {.batch = box.first.batch + drawn / channels / positions,
                           .position = box.first.position + drawn / channels % positions,
                           .channel = box.first.channel + drawn % channels}));
  }
}

double amplification(Activation activation) {
  switch (activation) {
    case Activation::none:
    case Activation::relu:
    case Activation::tanh:
      return 1;
    case Activation::silu:
      return 1.1;
    case Activation::gelu:
    case Activation::gelu_tanh:
      return 1.13;
  }
  return 1;
}

double largest(DType dtype) {
  switch (dtype) {
    case DType::float32:
      return 0x1.fffffep+127;
    case DType::float16:
      return 65504;
    case DType::bfloat16:
      return 0x1.fep+127;
  }
  return 0;
}

double least_subnormal(DType dtype) {
  switch (dtype) {
    case DType::float32:
      return 0x1p-149;
    case DType::float16:
      return 0x1p-24;
    case DType::bfloat16:
      return 0x1p-133;
  }
  return 0;
}

/// The first term of tolerance(): how far the value may be off before it is stored.
double sum_error(const Problem& problem, const ReferenceValue& reference) {
  // An infinite sum has no rounding error; what relu or tanh makes of it is finite and exact.
  if (std::isinf(reference.magnitude)) return 0;
  double roundings = 4 * std::sqrt(static_cast<double>(products(problem))) + 4;
  if (problem.activation != Activation::none) roundings += 8;
  if (problem.math == Math::tf32) roundings += 2 * 0x1p13;
  if (problem.math == Math::tf32x3) roundings += 12;
  return amplification(problem.activation) * roundings * 0x1p-24 * reference.magnitude;
}

/// |y − ref| / tolerance, or the largest double for a value that nothing finite can measure.
double error_ratio(const Problem& problem, double y, const ReferenceValue& expected) {
  constexpr double never = std::numeric_limits<double>::max();
  const double value = expected.value;
  const bool infinite_input = std::isinf(expected.magnitude);
  if (problem.math == Math::tf32x3 && infinite_input && std::isnan(y)) return 0;
  if (std::isnan(value)) return std::isnan(y) ? 0 : never;
  if (std::isinf(value)) return y == value ? 0 : never;
  if (std::isfinite(y)) return std::abs(y - value) / tolerance(problem, expected);
  if (!infinite_input && expected.magnitude > largest(DType::float32)) return 0;
  const double rounds_to_infinity = largest(problem.dtype) * (1 + epsilon(problem.dtype) / 2);
  const bool overflows = std::isinf(y) && std::signbit(y) == std::signbit(value) &&
                         std::abs(value) + sum_error(problem, expected) >= rounds_to_infinity;
  return overflows ? 0 : never;
}

}  // namespace

double activate(Activation activation, double value) {
  switch (activation) {
    case Activation::none:
      return value;
    case Activation::relu:
      return value < 0 ? 0 : value;
    case Activation::gelu:
      return 0.5 * value * (1 + std::erf(value / std::numbers::sqrt2));
    case Activation::gelu_tanh: {
      const double inner = value + 0.044715 * value * value * value;
      return 0.5 * value * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * inner));
    }
    case Activation::silu:
      return value / (1 + std::exp(-value));
    case Activation::tanh:
      return std::tanh(value);
  }
  return value;
}

std::vector<ReferenceValue> reference_at(const Problem& problem, const void* x, const void* weight,
                                         const void* bias, std::span<const std::int64_t> indices) {
  const WidenedArray wide_x(x, problem.dtype, input_elements(problem));
  const WidenedArray wide_weight(weight, problem.dtype, weight_elements(problem));
  std::vector<ReferenceValue> values;
  values.reserve(indices.size());
  for (const std::int64_t index : indices) {
    const Coordinates out = output_at(problem, index);
    const double start =
        bias == nullptr ? 0 : double{load_element(bias, problem.dtype, out.channel)};
    ReferenceValue sum = before_activation(problem, wide_x.data(), wide_weight.data(), start, out);
    sum.value = activate(problem.activation, sum.value);
    values.push_back(sum);
  }
  return values;
}

std::vector<std::int64_t> outputs_to_check(const Problem& problem, std::uint64_t seed) {
  std::vector<std::int64_t> indices;
  if (multiply_adds(problem) <= most_multiply_adds_checked_whole) {
    indices.resize(static_cast<std::size_t>(output_elements(problem)));
    std::iota(indices.begin(), indices.end(), 0);
    return indices;
  }
  std::mt19937_64 random(seed);
  for (const Box& edge : edges_of(problem)) draw(problem, edge, random, indices);
  const Box all{.first = {}, .last = {problem.batch, output_length(problem), problem.out_channels}};
  draw(problem, all, random, indices);
  std::sort(indices.begin(), indices.end());
  indices.erase(std::unique(indices.begin(), indices.end()), indices.end());
  return indices;
}

std::int64_t most_outputs_to_check(const Problem& problem) {
  if (multiply_adds(problem) <= most_multiply_adds_checked_whole) return output_elements(problem);
  constexpr std::int64_t draws = std::tuple_size_v<decltype(edges_of(problem))> + 1;
  return std::min(output_elements(problem), draws * most_outputs_of_an_edge(problem));
}

double tolerance(const Problem& problem, const ReferenceValue& reference) {
  return sum_error(problem, reference) + epsilon(problem.dtype) * std::abs(reference.value) +
         least_subnormal(problem.dtype) / 2 +
         static_cast<double>(products(problem) + 1) * least_subnormal(DType::float32);
}

CheckResult compare(const Problem& problem, const void* y, std::span<const std::int64_t> indices,
                    std::span<const ReferenceValue> expected) {
  CheckResult result;
  for (std::size_t i = 0; i < indices.size(); ++i) {
    const double ratio =
        error_ratio(problem, load_element(y, problem.dtype, indices[i]), expected[i]);
    ++result.checked;
    if (ratio > 1) ++result.wrong;
    if (ratio > result.worst_ratio || result.worst_index < 0) {
      result.worst_ratio = ratio;
      result.worst_index = indices[i];
    }
  }
  return result;
}

}  // namespace convtune
