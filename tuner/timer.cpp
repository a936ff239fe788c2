#include "tuner/timer.hpp"

#include <chrono>

#include "tuner/cuda_timer.hpp"

namespace convtune {
namespace {

class ClockTimer final : public Timer {
 public:
  explicit ClockTimer(Device& device) : device_(device) {}

  void load(std::span<const std::byte> x, std::size_t y_bytes) override {
    x_ = device_.allocate(x.size());
    device_.copy_in(x_.get(), x.data(), x.size());
    y_ = device_.allocate(y_bytes);
  }

  double seconds(const Executable& executable, int runs, Cache /*cache*/) override {
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < runs; ++i) executable.run(x_.get(), y_.get(), nullptr);
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    return elapsed.count() / runs;
  }

 private:
  Device& device_;
  std::shared_ptr<void> x_, y_;
};

}  // namespace

std::unique_ptr<Timer> make_timer(Device& device) {
  if (device.properties().kind == DeviceKind::cuda) return make_cuda_timer(device);
  return std::make_unique<ClockTimer>(device);
}

}  // namespace convtune
