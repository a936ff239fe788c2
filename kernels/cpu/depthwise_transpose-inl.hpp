// How cpu_depthwise turns short rows of NCL. Included once for every SIMD target.
#if defined(CONVTUNE_CPU_DEPTHWISE_TRANSPOSE_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef CONVTUNE_CPU_DEPTHWISE_TRANSPOSE_INL
#undef CONVTUNE_CPU_DEPTHWISE_TRANSPOSE_INL
#else
#define CONVTUNE_CPU_DEPTHWISE_TRANSPOSE_INL
#endif

#include <hwy/highway.h>

#include "kernels/cpu/depthwise.hpp"
#include "kernels/cpu/simd-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace convtune::HWY_NAMESPACE {

/// to[l][c] = from[c][l] in float32, for packed arrays of at most depthwise_max_turned elements.
template <class T>
void transpose_in(const T* from, std::int64_t channels, std::int64_t length, float* to) {
  constexpr Floats<max_lanes> d;
  constexpr std::int64_t lanes = max_lanes;
  HWY_ALIGN float wide[depthwise_max_turned];
  const std::int64_t count = channels * length;
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes) hn::Store(load(d, from + i), d, wide + i);
  if (i < count) hn::Store(load_first(d, from + i, count - i), d, wide + i);
  std::int64_t c = 0;
  if (length == 4) {
    for (; 4 * (c + lanes) <= count; c += lanes) {
      hn::Vec<decltype(d)> v0, v1, v2, v3;
      hn::LoadInterleaved4(d, wide + 4 * c, v0, v1, v2, v3);
      hn::StoreU(v0, d, to + c);
      hn::StoreU(v1, d, to + channels + c);
      hn::StoreU(v2, d, to + 2 * channels + c);
      hn::StoreU(v3, d, to + 3 * channels + c);
    }
  }
  for (std::int64_t l = 0; l < length; ++l) {
    for (std::int64_t k = c; k < channels; ++k) to[l * channels + k] = wide[k * length + l];
  }
}

/// to[c][t] = from[t][c], where rows of `from` are `step` floats apart and those of `to` packed.
template <class T>
void transpose_out(const float* from, std::int64_t step, std::int64_t channels, std::int64_t length,
                   T* to) {
  constexpr Floats<max_lanes> d;
  constexpr std::int64_t lanes = max_lanes;
  HWY_ALIGN float wide[depthwise_max_turned];
  for (std::int64_t t = 0; t < length; ++t) {
    for (std::int64_t c = 0; c < channels; ++c) wide[c * length + t] = from[t * step + c];
  }
  const std::int64_t count = channels * length;
  for (std::int64_t i = 0; i < count; i += lanes) {
    store_up_to(hn::Load(d, wide + i), d, to + i, count - i);
  }
}

}  // namespace convtune::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
