#include "kernels/cuda/cuda_kernel.hpp"

#include <algorithm>
#include <numeric>

namespace convtune {
namespace {

/// Of `count` positions from `first` on, a stride apart, those that x has.
std::int64_t inside(const Problem& p, std::int64_t first, std::int64_t count) {
  const auto until = [&](std::int64_t position) {
    if (first >= position) return std::int64_t{0};
    return std::min(count, cuda::divide_up(position - first, p.stride));
  };
  return until(p.length) - until(0);
}

/// Taps from one to the next that reads the same positions, for other outputs.
std::int64_t period(const Problem& p) { return p.stride / std::gcd(p.stride, p.dilation); }

/// Positions of x that some tap reads. Those of the taps k, k + period, ... are a stride apart, in
/// runs of one a tap, or in a single run if each begins before the last has ended.
std::int64_t positions_read(const Problem& p) {
  const std::int64_t outputs = output_length(p);
  const std::int64_t shift = p.dilation / std::gcd(p.stride, p.dilation);
  const bool join = shift <= outputs;
  std::int64_t positions = 0;
  for (std::int64_t k = 0; k < (join ? std::min(period(p), p.kernel_size) : p.kernel_size); ++k) {
    const std::int64_t more_taps = join ? (p.kernel_size - 1 - k) / period(p) : 0;
    positions += inside(p, k * p.dilation - p.padding.left, outputs + more_taps * shift);
  }
  return positions;
}

/// Bytes of x that come from main memory. A position that is read alone brings the rest of its
/// first and last sector, as far as that is not another's that is read.
double input_bytes(const Problem& p) {
  constexpr std::int64_t sector = 32;
  const auto element = static_cast<std::int64_t>(size_of(p.dtype));
  const std::int64_t row = element * (p.layout == Layout::NLC ? p.in_channels : 1);
  const auto alone = static_cast<double>(row + sector - std::gcd(row, sector));
  const auto apart =
      static_cast<double>(row * p.stride) / static_cast<double>(std::min(period(p), p.kernel_size));
  const double rows = static_cast<double>(input_elements(p) * element / row / p.length);
  return rows * std::min(static_cast<double>(positions_read(p)) * std::min(alone, apart),
                         static_cast<double>(row * p.length));
}

}  // namespace

double main_memory_bytes(const Problem& p, std::int64_t packed_bytes) {
  const auto y = static_cast<double>(output_elements(p)) * static_cast<double>(size_of(p.dtype));
  return input_bytes(p) + y + static_cast<double>(packed_bytes);
}

bool indices_fit_64_bits(const Problem& p) {
  constexpr std::int64_t limit = std::int64_t{1} << 40;
  return std::max({p.stride, p.dilation, p.padding.left, p.padding.right, p.kernel_size}) < limit &&
         std::max({input_elements(p), weight_elements(p), output_elements(p)}) < limit;
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
