#include <algorithm>
#include <cmath>
#include <limits>
#include <new>
#include <vector>

#include "kernels/cpu/bf16.hpp"

namespace convtune {
namespace {

// The instruction has no subnormals, and the zeros of the padding no infinities.
bool are_ordinary(const std::vector<float>& weights, DType dtype) {
  const float least =
      dtype == DType::float32 ? bf16_least_float : std::numeric_limits<float>::min();
  int others = 0;  // counted, not looked for, as vectors can do it
  for (const float weight : weights) {
    const float size = std::abs(weight);
    const bool in_range = size >= least && size <= std::numeric_limits<float>::max();
    others += weight == 0 || in_range ? 0 : 1;
  }
  return others == 0;
}

/// Weights as sums of bfloat16, in the order in which they lie in memory: columns would be powers
/// of two apart, and evict each other from the caches.
class Row {
 public:
  Row(const Problem& problem, const void* weight) : problem_(problem), weight_(weight) {}

  /// Takes `count` weights from that one on; false if one is not ordinary.
  bool read(std::int64_t k, std::int64_t in, std::int64_t out, std::int64_t count) {
    left_.resize(static_cast<std::size_t>(count));
    widen(weight_, problem_.dtype,
          {.first = weight_index(problem_, k, in, out), .step = 1, .count = count}, left_.data(),
          1);
    if (!are_ordinary(left_, problem_.dtype)) return false;
    for (std::int64_t part = 0; part < bf16_parts(problem_.dtype); ++part) take(parts_[part]);
    return true;
  }

  /// Part `part` of some of them, `from.step` apart, to places `to_step` apart.
  void put(std::int64_t part, const Elements& from, Bits16* to, std::int64_t to_step) const {
    const Bits16* at = parts_[part].data() + from.first;
    for (std::int64_t i = 0; i < from.count; ++i) to[i * to_step] = at[i * from.step];
  }

 private:
  void take(std::vector<Bits16>& part) {
    part.resize(left_.size());
    for (std::size_t i = 0; i < left_.size(); ++i) {
      Bf16Rest rest = {left_[i]};
      part[i] = rest.take();
      left_[i] = rest.left;
    }
  }

  const Problem& problem_;
  const void* weight_;
  std::vector<float> left_;
  std::vector<Bits16> parts_[bf16_max_parts];
};

// The tile of input (tap k, channel `in`) and output channel `out` of a group, and the place in it.
Bits16* place_of(const Bf16Plan& plan, std::int64_t group, std::int64_t out, std::int64_t k,
                 std::int64_t in) {
  const std::int64_t input = plan.taps == 1 ? k * plan.group_in + in : in;
  const std::int64_t tap = plan.taps == 1 ? 0 : k;
  const std::int64_t tile = group * plan.tiles_c + out / bf16_rows;
  const std::int64_t step = (tile * plan.chunks + input / bf16_inputs) * plan.taps + tap;
  return plan.weights.get() + step * plan.parts * bf16_elements +
         bf16_tile_index(plan.problem.layout, input % bf16_inputs, out % bf16_rows);
}

// A row has all output channels of an input: 16 at a time are in one tile.
bool pack_nlc(const Bf16Plan& plan, Row& row, std::int64_t group) {
  for (std::int64_t k = 0; k < plan.problem.kernel_size; ++k) {
    for (std::int64_t in = 0; in < plan.group_in; ++in) {
      if (!row.read(k, in, group * plan.group_out, plan.group_out)) return false;
      for (std::int64_t out = 0; out < plan.group_out; out += bf16_rows) {
        const Elements from = {
            .first = out, .step = 1, .count = std::min(bf16_rows, plan.group_out - out)};
        Bits16* to = place_of(plan, group, out, k, in);
        for (std::int64_t part = 0; part < plan.parts; ++part)
          row.put(part, from, to + part * bf16_elements, 2);
      }
    }
  }
  return true;
}

// A row has all inputs of an output channel: up to 32 of a tap are in one tile.
bool pack_ncl(const Bf16Plan& plan, Row& row, std::int64_t group) {
  const std::int64_t taps = plan.problem.kernel_size;
  for (std::int64_t out = 0; out < plan.group_out; ++out) {
    if (!row.read(0, 0, group * plan.group_out + out, plan.group_in * taps)) return false;
    for (std::int64_t k = 0; k < taps; ++k) {
      for (std::int64_t in = 0, count = 0; in < plan.group_in; in += count) {
        const std::int64_t input = plan.taps == 1 ? k * plan.group_in + in : in;
        count = std::min(bf16_inputs - input % bf16_inputs, plan.group_in - in);
        const Elements from = {.first = in * taps + k, .step = taps, .count = count};
        Bits16* to = place_of(plan, group, out, k, in);
        for (std::int64_t part = 0; part < plan.parts; ++part)
          row.put(part, from, to + part * bf16_elements, 1);
      }
    }
  }
  return true;
}

bool pack_weights(Bf16Plan& plan, const void* weight) {
  const Problem& p = plan.problem;
  const auto count = static_cast<std::size_t>(p.num_groups * plan.tiles_c * plan.chunks *
                                              plan.taps * plan.parts * bf16_elements);
  plan.weights = hwy::AllocateAligned<Bits16>(count);
  if (plan.weights == nullptr) throw std::bad_alloc();
  std::fill_n(plan.weights.get(), count, Bits16{0});
  Row row(p, weight);
  for (std::int64_t group = 0; group < p.num_groups; ++group) {
    if (!(p.layout == Layout::NLC ? pack_nlc : pack_ncl)(plan, row, group)) return false;
  }
  return true;
}

void pack_bias(Bf16Plan& plan, const void* bias) {
  const Problem& p = plan.problem;
  const std::int64_t copies = p.layout == Layout::NLC ? 1 : bf16_rows;
  const std::int64_t tiles_in_all = p.num_groups * plan.tiles_c;
  plan.bias = zeroed_floats(tiles_in_all * bf16_rows * copies);
  if (bias == nullptr) return;
  for (std::int64_t out = 0; out < p.out_channels; ++out) {
    const std::int64_t row = out / plan.group_out * plan.tiles_c * bf16_rows + out % plan.group_out;
    std::fill_n(plan.bias.get() + row * copies, copies, load_element(bias, p.dtype, out));
  }
}

}  // namespace

bool pack(Bf16Plan& plan, const void* weight, const void* bias) {
  pack_bias(plan, bias);
  return pack_weights(plan, weight);
}

}  // namespace convtune
