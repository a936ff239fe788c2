#include <algorithm>
#include <cmath>
#include <new>
#include <vector>

#include "kernels/cpu/amx.hpp"

namespace convtune {
namespace {

// The instruction has no subnormals, and the zeros of the padding no infinities.
bool is_ordinary(float weight, DType dtype) {
  if (dtype == DType::float32 && std::abs(weight) < amx_least_float) return weight == 0;
  return weight == 0 || std::isnormal(weight);
}

// Input (tap k, channel `in`) of one group's output channels; false if a weight is not ordinary.
bool pack_row(AmxPlan& plan, const std::vector<float>& row, std::int64_t group, std::int64_t k,
              std::int64_t in) {
  const std::int64_t input = plan.taps == 1 ? k * plan.group_in + in : in;
  const std::int64_t tap = plan.taps == 1 ? 0 : k;
  for (std::int64_t out = 0; out < plan.group_out; ++out) {
    AmxRest weight = {row[static_cast<std::size_t>(out)]};
    if (!is_ordinary(weight.left, plan.problem.dtype)) return false;
    const std::int64_t tile = group * plan.tiles_c + out / amx_rows;
    const std::int64_t step = (tile * plan.chunks + input / amx_inputs) * plan.taps + tap;
    Bits16* to = plan.weights.get() + step * plan.parts * amx_elements +
                 amx_tile_index(plan.problem.layout, input % amx_inputs, out % amx_rows);
    for (std::int64_t part = 0; part < plan.parts; ++part, to += amx_elements) {
      *to = weight.take();
    }
  }
  return true;
}

bool pack_weights(AmxPlan& plan, const void* weight) {
  const Problem& p = plan.problem;
  const auto count = static_cast<std::size_t>(p.num_groups * plan.tiles_c * plan.chunks *
                                              plan.taps * plan.parts * amx_elements);
  plan.weights = hwy::AllocateAligned<Bits16>(count);
  if (plan.weights == nullptr) throw std::bad_alloc();
  std::fill_n(plan.weights.get(), count, Bits16{0});
  const std::int64_t out_step = weight_index(p, 0, 0, 1) - weight_index(p, 0, 0, 0);
  std::vector<float> row(static_cast<std::size_t>(plan.group_out));
  for (std::int64_t group = 0; group < p.num_groups; ++group) {
    for (std::int64_t in = 0; in < plan.group_in; ++in) {
      for (std::int64_t k = 0; k < p.kernel_size; ++k) {
        widen(weight, p.dtype,
              {.first = weight_index(p, k, in, group * plan.group_out),
               .step = out_step,
               .count = plan.group_out},
              row.data(), 1);
        if (!pack_row(plan, row, group, k, in)) return false;
      }
    }
  }
  return true;
}

void pack_bias(AmxPlan& plan, const void* bias) {
  const Problem& p = plan.problem;
  const std::int64_t copies = p.layout == Layout::NLC ? 1 : amx_rows;
  const std::int64_t tiles_in_all = p.num_groups * plan.tiles_c;
  plan.bias = zeroed_floats(tiles_in_all * amx_rows * copies);
  if (bias == nullptr) return;
  for (std::int64_t out = 0; out < p.out_channels; ++out) {
    const std::int64_t row = out / plan.group_out * plan.tiles_c * amx_rows + out % plan.group_out;
    std::fill_n(plan.bias.get() + row * copies, copies, load_element(bias, p.dtype, out));
  }
}

}  // namespace

bool pack(AmxPlan& plan, const void* weight, const void* bias) {
  pack_bias(plan, bias);
  return pack_weights(plan, weight);
}

}  // namespace convtune
