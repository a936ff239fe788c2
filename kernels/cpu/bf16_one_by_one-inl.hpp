// The sums of cpu_bf16 where x is no sum of parts. Included once for every SIMD target.
#if defined(CONVTUNE_CPU_BF16_ONE_BY_ONE_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef CONVTUNE_CPU_BF16_ONE_BY_ONE_INL
#undef CONVTUNE_CPU_BF16_ONE_BY_ONE_INL
#else
#define CONVTUNE_CPU_BF16_ONE_BY_ONE_INL
#endif

#include <hwy/highway.h>

#include "kernels/cpu/bf16.hpp"
#include "kernels/cpu/bf16_parts-inl.hpp"
#include "kernels/cpu/window.hpp"

HWY_BEFORE_NAMESPACE();
namespace convtune::HWY_NAMESPACE {

/// Channel `out` of tile `tile` of all groups' tiles.
struct Bf16Channel {
  std::int64_t tile, out;
};

/// Its weight for a channel `in` of its group, from its parts.
inline float weight_at(const Bf16Plan& plan, const Bf16Channel& channel, std::int64_t k,
                       std::int64_t in) {
  const std::int64_t input = plan.taps == 1 ? k * plan.group_in + in : in;
  const std::int64_t tap = plan.taps == 1 ? 0 : k;
  const std::int64_t step = (channel.tile * plan.chunks + input / bf16_inputs) * plan.taps + tap;
  const Bits16* part = plan.weights.get() + step * plan.parts * bf16_elements +
                       bf16_tile_index(plan.problem.layout, input % bf16_inputs, channel.out);
  float sum = 0;
  for (std::int64_t i = 0; i < plan.parts; ++i) sum += float_from_bfloat16(part[i * bf16_elements]);
  return sum;
}

/// The output of that channel at position `l`; x is its group's first channel at position 0.
template <class T>
float sum_one(const Bf16Plan& plan, const T* x, std::int64_t l, const Bf16Channel& channel) {
  const Problem& p = plan.problem;
  const bool nlc = p.layout == Layout::NLC;
  const std::int64_t start = window_start(p, l);
  const TapRange taps = valid_taps(p, start);
  float sum = plan.bias[(channel.tile * bf16_rows + channel.out) * (nlc ? 1 : bf16_rows)];
  for (std::int64_t k = taps.first; k < taps.last; ++k) {
    const std::int64_t position = start + k * p.dilation;
    for (std::int64_t in = 0; in < plan.group_in; ++in) {
      const T& value = nlc ? x[position * p.in_channels + in] : x[in * p.length + position];
      sum += widened(value) * weight_at(plan, channel, k, in);
    }
  }
  return sum;
}

}  // namespace convtune::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
