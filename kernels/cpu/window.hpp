#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/problem.hpp"

namespace convtune {

/// Of any a and a positive b.
constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) {
  return a / b + (a % b > 0 ? 1 : 0);  // a + b - 1 might overflow
}
constexpr std::int64_t round_up(std::int64_t a, std::int64_t b) { return ceil_div(a, b) * b; }

/// The same convolution of the same arrays, with less to see to: batch rows of NLC are one where
/// their outputs follow each other as those within them do; the stride behind a single output and
/// the dilation of a single tap, products with which might overflow, are at most as long as x with
/// its padding.
inline Problem simplified(Problem p) {
  const std::int64_t padding = p.padding.left + p.padding.right;
  if (output_length(p) == 1) p.stride = std::min(p.stride, p.length + padding);
  if (p.kernel_size == 1) p.dilation = 1;
  if (p.layout == Layout::NLC && padding == 0 && p.length % p.stride == 0 &&
      output_length(p) == p.length / p.stride) {
    p.length *= p.batch;
    p.batch = 1;
  }
  return p;
}

/// Taps [first, last) of the kernel; empty if first ≥ last.
struct TapRange {
  std::int64_t first = 0;
  std::int64_t last = 0;
  bool empty() const { return first >= last; }
};

/// Where tap 0 of output position t reads: t·stride − padding.left; it may lie outside x.
inline std::int64_t window_start(const Problem& problem, std::int64_t t) {
  return t * problem.stride - problem.padding.left;
}

inline bool is_inside(const Problem& problem, std::int64_t position) {
  return position >= 0 && position < problem.length;
}

/// The taps that read inside x for an output whose tap 0 reads position `start`.
inline TapRange valid_taps(const Problem& problem, std::int64_t start) {
  const std::int64_t last_read = start + (problem.kernel_size - 1) * problem.dilation;
  // Most do all, and tiles are as short as a few of the divisions below.
  if (start >= 0 && last_read < problem.length) return {0, problem.kernel_size};
  const std::int64_t before = std::max<std::int64_t>(0, -start);
  const std::int64_t room = problem.length - 1 - start;
  const std::int64_t last = room < 0 ? 0 : room / problem.dilation + 1;
  return {ceil_div(before, problem.dilation), std::min(last, problem.kernel_size)};
}

/// Sum over the output positions of one batch row of the taps that read inside x.
inline std::int64_t valid_taps_in_all(const Problem& problem) {
  const std::int64_t length_out = output_length(problem);
  std::int64_t sum = 0;
  for (std::int64_t k = 0; k < problem.kernel_size; ++k) {
    const std::int64_t offset = problem.padding.left - k * problem.dilation;
    const std::int64_t room = problem.length - 1 + offset;
    const std::int64_t first = ceil_div(std::max<std::int64_t>(0, offset), problem.stride);
    const std::int64_t last = room < 0 ? 0 : room / problem.stride + 1;
    sum += std::max<std::int64_t>(0, std::min(last, length_out) - first);
  }
  return sum;
}

}  // namespace convtune
