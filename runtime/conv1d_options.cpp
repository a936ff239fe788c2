#include "runtime/conv1d_options.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "kernels/checked.hpp"
#include "kernels/error.hpp"

namespace convtune {

Problem problem_of(const Conv1dOptions& options) {
  if (options.dtype != DType::float32 && options.dtype != DType::float16 &&
      options.dtype != DType::bfloat16) {
    throw Error(Status::invalid,
                fmt::format("dtype is number {}; it must be float32, float16 or bfloat16",
                            static_cast<int>(options.dtype)));
  }
  const auto reach = (Checked(options.dilation) * (Checked(options.kernel_size) - 1) + 1).value();
  Problem problem{.batch = 1,
                  .length = std::max<std::int64_t>(reach.value_or(1), 1),
                  .in_channels = options.in_channels,
                  .out_channels = options.out_channels,
                  .kernel_size = options.kernel_size,
                  .stride = options.stride,
                  .padding = {options.padding.left, options.padding.right},
                  .dilation = options.dilation,
                  .num_groups = options.num_groups,
                  .has_bias = options.has_bias,
                  .dtype = options.dtype,
                  .math = options.math,
                  .layout = options.permute ? Layout::NCL : Layout::NLC,
                  .activation = options.activation};
  validate(problem);
  return canonical(problem);
}

Conv1dOptions options_of(const Problem& problem) {
  return {.kernel_size = problem.kernel_size,
          .in_channels = problem.in_channels,
          .out_channels = problem.out_channels,
          .dtype = problem.dtype,
          .stride = problem.stride,
          .padding = {problem.padding.left, problem.padding.right},
          .dilation = problem.dilation,
          .num_groups = problem.num_groups,
          .has_bias = problem.has_bias,
          .permute = problem.layout == Layout::NCL,
          .activation = problem.activation,
          .math = problem.math};
}

}  // namespace convtune
