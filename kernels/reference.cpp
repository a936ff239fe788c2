#include "kernels/reference.hpp"

#include <array>
#include <cmath>
#include <numbers>

#include "kernels/coordinates.hpp"

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

}  // namespace convtune
