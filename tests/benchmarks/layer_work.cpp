#include "tuner/layer_work.hpp"

#include <fmt/format.h>

#include "runtime/device.hpp"
#include "tuner/layers.hpp"

// layer_work [LAYERS]: what `convtune tune` estimates the CPU to take for each layer of a list
// (quickstart), a line each: seconds before its first candidate, candidates, seconds of each,
// seconds of the finals. tests/benchmarks/eta.py compares them with what they took.
// NOLINTNEXTLINE(bugprone-exception-escape): it ends with what it throws
int main(int argc, char** argv) {
  using namespace convtune;
  const auto device = open_device("cpu");
  for (const Layer& layer : load_layers(argc > 1 ? argv[1] : "quickstart")) {
    const LayerWork work =
        estimate_work(layer.problem, device->properties(), SweepOptions(), std::nullopt);
    fmt::print("{} {} {} {}\n", work.start, work.candidates, work.candidate, work.finals);
  }
}
