#include "kernels/problem.hpp"

#include <fmt/format.h>

#include "kernels/checked.hpp"
#include "kernels/error.hpp"

namespace convtune {
namespace {

void require_at_least(std::int64_t value, std::int64_t least, std::string_view field) {
  if (value < least) {
    throw Error(Status::invalid,
                fmt::format("{} is {}; it must be at least {}", field, value, least));
  }
}

void require_multiple(std::int64_t channels, std::int64_t groups, std::string_view field) {
  if (channels % groups != 0) {
    throw Error(Status::invalid,
                fmt::format("{} is {}; it must be a multiple of num_groups, which is {}", field,
                            channels, groups));
  }
}

/// Words the refusal only if there is one: a module validates in every run.
template <typename... Args>
std::int64_t require_fits(Checked value, fmt::format_string<const Args&...> what,
                          const Args&... args) {
  if (!value.value()) {
    throw Error(Status::invalid,
                fmt::format("{} does not fit a signed 64-bit integer; make the problem smaller",
                            fmt::format(what, args...)));
  }
  return *value.value();
}

/// L + left + right − dilation·(K−1) − 1: how far the first tap of the last window may lie.
Checked span_of_windows(const Problem& p) {
  return Checked(p.length) + p.padding.left + p.padding.right -
         Checked(p.dilation) * (Checked(p.kernel_size) - 1) - 1;
}

}  // namespace

void validate(const Problem& p) {
  require_at_least(p.batch, 1, "batch");
  require_at_least(p.length, 1, "length");
  require_at_least(p.in_channels, 1, "in_channels");
  require_at_least(p.out_channels, 1, "out_channels");
  require_at_least(p.kernel_size, 1, "kernel_size");
  require_at_least(p.stride, 1, "stride");
  require_at_least(p.padding.left, 0, "padding (left)");
  require_at_least(p.padding.right, 0, "padding (right)");
  require_at_least(p.dilation, 1, "dilation");
  require_at_least(p.num_groups, 1, "num_groups");
  require_multiple(p.in_channels, p.num_groups, "in_channels");
  require_multiple(p.out_channels, p.num_groups, "out_channels");
  if (is_tf32(p.math) && p.dtype != DType::float32) {
    throw Error(Status::invalid,
                fmt::format("math is {}; with dtype {} it must be ieee or winograd", name(p.math),
                            name(p.dtype)));
  }
  require_fits(Checked(p.length) + p.padding.left + p.padding.right,
               "length {} with its padding {},{}", p.length, p.padding.left, p.padding.right);
  const std::int64_t span = require_fits(span_of_windows(p), "dilation {} * (kernel_size {} - 1)",
                                         p.dilation, p.kernel_size);
  if (span < 0) {
    throw Error(
        Status::invalid,
        fmt::format("the kernel reaches over {} positions (dilation {} * (kernel_size {} - 1) "
                    "+ 1) but length {} with padding {},{} has only {}; the output length "
                    "must be at least 1",
                    p.dilation * (p.kernel_size - 1) + 1, p.dilation, p.kernel_size, p.length,
                    p.padding.left, p.padding.right, p.length + p.padding.left + p.padding.right));
  }
  const auto bytes = static_cast<std::int64_t>(size_of(p.dtype));
  const Checked out = Checked(p.batch) * output_length(p) * p.out_channels;
  const Checked taps = Checked(p.kernel_size) * in_channels_per_group(p);
  require_fits(Checked(p.batch) * p.length * p.in_channels * bytes,
               "the size of x in bytes (batch {} * length {} * in_channels {} * {})", p.batch,
               p.length, p.in_channels, bytes);
  require_fits(taps * p.out_channels * bytes,
               "the size of weight in bytes (kernel_size {} * in_channels / num_groups {} * "
               "out_channels {} * {})",
               p.kernel_size, in_channels_per_group(p), p.out_channels, bytes);
  require_fits(out * bytes,
               "the size of y in bytes (batch {} * output length {} * out_channels {} * {})",
               p.batch, output_length(p), p.out_channels, bytes);
  require_fits(out * taps * 2,
               "the number of operations (2 * batch {} * output length {} * out_channels {} * "
               "kernel_size {} * in_channels / num_groups {})",
               p.batch, output_length(p), p.out_channels, p.kernel_size, in_channels_per_group(p));
}

std::int64_t output_length(const Problem& p) { return *span_of_windows(p).value() / p.stride + 1; }

std::int64_t in_channels_per_group(const Problem& p) { return p.in_channels / p.num_groups; }
std::int64_t out_channels_per_group(const Problem& p) { return p.out_channels / p.num_groups; }

bool is_depthwise(const Problem& p) { return p.num_groups > 1 && p.num_groups == p.in_channels; }

bool serves_winograd(const Problem& p) {
  constexpr std::int64_t long_dilation = 1 << 24;  // so that positions near its reach fit 64 bits
  return p.math == Math::winograd && p.kernel_size == 3 && p.stride == 1 &&
         p.dilation < long_dilation;
}

Problem canonical(Problem problem) {
  if (problem.math == Math::winograd && !serves_winograd(problem)) problem.math = Math::ieee;
  return problem;
}

std::int64_t input_elements(const Problem& p) { return p.batch * p.length * p.in_channels; }
std::int64_t weight_elements(const Problem& p) { return products_per_output(p) * p.out_channels; }
std::int64_t output_elements(const Problem& p) {
  return p.batch * output_length(p) * p.out_channels;
}

std::int64_t weight_index(const Problem& p, std::int64_t tap, std::int64_t in, std::int64_t out) {
  const std::int64_t channels = in_channels_per_group(p);
  return p.layout == Layout::NLC ? (tap * channels + in) * p.out_channels + out
                                 : (out * channels + in) * p.kernel_size + tap;
}

std::int64_t products_per_output(const Problem& p) {
  return p.kernel_size * in_channels_per_group(p);
}

std::int64_t multiply_adds(const Problem& p) { return output_elements(p) * products_per_output(p); }

std::int64_t compulsory_bytes(const Problem& p) {
  const std::int64_t elements = input_elements(p) + weight_elements(p) + output_elements(p) +
                                (p.has_bias ? p.out_channels : 0);
  return elements * static_cast<std::int64_t>(size_of(p.dtype));
}

std::string describe(const Problem& p) {
  std::string text = fmt::format("{} {}x{}x{} -> {}, K{} s{} p{},{} d{} g{} {}", name(p.layout),
                                 p.batch, p.layout == Layout::NLC ? p.length : p.in_channels,
                                 p.layout == Layout::NLC ? p.in_channels : p.length, p.out_channels,
                                 p.kernel_size, p.stride, p.padding.left, p.padding.right,
                                 p.dilation, p.num_groups, name(p.dtype));
  if (p.math != Math::ieee) text += fmt::format(" {}", name(p.math));
  if (p.has_bias) text += " +bias";
  if (p.activation != Activation::none) text += fmt::format(" +{}", name(p.activation));
  return text;
}

std::string_view name(Math math) {
  switch (math) {
    case Math::ieee:
      return "ieee";
    case Math::tf32x3:
      return "tf32x3";
    case Math::tf32:
      return "tf32";
    case Math::winograd:
      return "winograd";
  }
  return "";
}

std::string_view name(Layout layout) { return layout == Layout::NLC ? "NLC" : "NCL"; }

std::string_view name(Activation activation) {
  switch (activation) {
    case Activation::none:
      return "none";
    case Activation::relu:
      return "relu";
    case Activation::gelu:
      return "gelu";
    case Activation::gelu_tanh:
      return "gelu_tanh";
    case Activation::silu:
      return "silu";
    case Activation::tanh:
      return "tanh";
  }
  return "";
}

}  // namespace convtune
