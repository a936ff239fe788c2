#include "kernels/side_by_side.hpp"

#include <cstddef>
#include <cstdint>

#include "kernels/coordinates.hpp"

namespace convtune {

SideBySide side_by_side(const Problem& problem, const void* x, const void* weight) {
  const std::int64_t depth = in_channels_per_group(problem);
  const Coordinates step = strides(problem.layout, problem.length, problem.in_channels);
  SideBySide operands;
  operands.x.reserve(static_cast<std::size_t>(input_elements(problem)));
  for (std::int64_t n = 0; n < problem.batch; ++n) {
    for (std::int64_t group = 0; group < problem.num_groups; ++group) {
      for (std::int64_t position = 0; position < problem.length; ++position) {
        for (std::int64_t channel = group * depth; channel < (group + 1) * depth; ++channel) {
          operands.x.push_back(
              load_element(x, problem.dtype,
                           n * step.batch + position * step.position + channel * step.channel));
        }
      }
    }
  }
  operands.weight.reserve(static_cast<std::size_t>(weight_elements(problem)));
  for (std::int64_t out = 0; out < problem.out_channels; ++out) {
    for (std::int64_t k = 0; k < problem.kernel_size; ++k) {
      for (std::int64_t in = 0; in < depth; ++in) {
        operands.weight.push_back(
            load_element(weight, problem.dtype, weight_index(problem, k, in, out)));
      }
    }
  }
  return operands;
}

}  // namespace convtune
