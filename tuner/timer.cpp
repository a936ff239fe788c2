#include "tuner/timer.hpp"

#include <chrono>

#include "tuner/cuda_timer.hpp"

namespace convtune {
namespace {

class ClockTimer final : public Timer {
 public:
  double seconds(const Executable& executable, const void* x, void* y, int runs) override {
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < runs; ++i) executable.run(x, y, nullptr);
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    return elapsed.count() / runs;
  }
};

}  // namespace

std::unique_ptr<Timer> make_timer(Device& device) {
  if (device.properties().kind == DeviceKind::cuda) return make_cuda_timer(device);
  return std::make_unique<ClockTimer>();
}

}  // namespace convtune
