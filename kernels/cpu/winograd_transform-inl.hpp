// The sums before and after the products of cpu_winograd, and where its patches lie. Included once
// for every SIMD target.
#if defined(CONVTUNE_CPU_WINOGRAD_TRANSFORM_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef CONVTUNE_CPU_WINOGRAD_TRANSFORM_INL
#undef CONVTUNE_CPU_WINOGRAD_TRANSFORM_INL
#else
#define CONVTUNE_CPU_WINOGRAD_TRANSFORM_INL
#endif

#include <hwy/highway.h>

#include <cstddef>

#include "kernels/cpu/simd-inl.hpp"
#include "kernels/cpu/winograd_patch.hpp"
#include "kernels/problem.hpp"

HWY_BEFORE_NAMESPACE();
namespace convtune::HWY_NAMESPACE {

using Lanes = Floats<max_lanes>;
using LaneVec = hn::Vec<Lanes>;

// sum + factor · v; without a sum yet where `begun` is false.
template <bool begun>
HWY_INLINE LaneVec add_times(float factor, LaneVec v, LaneVec sum) {
  if (factor == 1) return begun ? hn::Add(sum, v) : v;
  if (factor == -1) return begun ? hn::Sub(sum, v) : hn::Neg(v);
  const LaneVec factors = hn::Set(Lanes(), factor);
  return begun ? hn::MulAdd(factors, v, sum) : hn::Mul(factors, v);
}

/// Σ_i matrix[row][i] · v[i], in the order of i.
template <const auto& matrix, std::size_t row, std::size_t i = 0, bool begun = false>
HWY_INLINE LaneVec row_times(const LaneVec* v, LaneVec sum = hn::Zero(Lanes())) {
  if constexpr (i == matrix[row].size()) {
    return sum;
  } else if constexpr (matrix[row][i] == 0) {
    return row_times<matrix, row, i + 1, begun>(v, sum);
  } else {
    return row_times<matrix, row, i + 1, true>(v, add_times<begun>(matrix[row][i], v[i], sum));
  }
}

/// to(row, Σ_i matrix[row][i] · v[i]) for each row.
template <const auto& matrix, std::size_t row = 0, class To>
HWY_INLINE void each_row_times(const LaneVec* v, const To& to) {
  if constexpr (row < matrix.size()) {
    to(row, row_times<matrix, row>(v));
    each_row_times<matrix, row + 1>(v, to);
  }
}

/// The first output of a patch of m, one dilation apart: patches begin at consecutive positions
/// until these meet the second output of the first.
template <std::size_t m>
HWY_INLINE std::int64_t first_output(const Problem& p, std::int64_t patch) {
  constexpr std::int64_t outputs = m;
  if (p.dilation == 1) return patch * outputs;
  return patch / p.dilation * p.dilation * outputs + patch % p.dilation;
}

}  // namespace convtune::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
