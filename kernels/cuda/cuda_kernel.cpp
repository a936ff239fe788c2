#include "kernels/cuda/cuda_kernel.hpp"

namespace convtune {

cuda::ConvShape<cuda::Int64> conv_shape(const Problem& problem) {
  return {.batch = problem.batch,
          .length = problem.length,
          .out_length = output_length(problem),
          .groups = problem.num_groups,
          .in_channels = in_channels_per_group(problem),
          .out_channels = out_channels_per_group(problem),
          .taps = problem.kernel_size,
          .stride = problem.stride,
          .dilation = problem.dilation,
          .pad_left = problem.padding.left};
}

}  // namespace convtune
