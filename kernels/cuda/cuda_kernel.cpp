#include "kernels/cuda/cuda_kernel.hpp"

#include <algorithm>

namespace convtune {

bool indices_fit_64_bits(const Problem& p) {
  constexpr std::int64_t limit = std::int64_t{1} << 40;
  return std::max({p.stride, p.dilation, p.padding.left, p.padding.right, p.kernel_size}) < limit &&
         std::max({input_elements(p), weight_elements(p), output_elements(p)}) < limit;
}

std::int64_t weight_index(const Problem& p, std::int64_t k, std::int64_t ci, std::int64_t co) {
  const std::int64_t channels = in_channels_per_group(p);
  if (p.layout == Layout::NLC) return (k * channels + ci) * p.out_channels + co;
  return (co * channels + ci) * p.kernel_size + k;
}

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
