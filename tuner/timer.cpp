#include "tuner/timer.hpp"

#include <chrono>
#include <cstdint>

#include "tuner/cuda_timer.hpp"

namespace convtune {
namespace {

/// A load waits for a store before it whose address has the same last 12 bits, so that where y lies
/// beside x turns some candidates round. Half of that apart, none waits, and no placement is luck.
constexpr std::uintptr_t alike = 4096;

/// The first run after another candidate's finds the caches full of that one's data: it takes some
/// microseconds more, which told apart what was alike by who ran before whom. Runs up to this long
/// follow one that does not count.
constexpr double short_seconds = 1e-3;

class ClockTimer final : public Timer {
 public:
  explicit ClockTimer(Device& device) : device_(device) {}

  void load(std::span<const std::byte> x, std::size_t y_bytes) override {
    x_ = device_.allocate(x.size());
    device_.copy_in(x_.get(), x.data(), x.size());
    memory_ = device_.allocate(y_bytes + alike);
    const auto wanted = reinterpret_cast<std::uintptr_t>(x_.get()) + alike / 2;
    const auto first = reinterpret_cast<std::uintptr_t>(memory_.get());
    y_ = static_cast<std::byte*>(memory_.get()) + (wanted - first) % alike;
  }

  double seconds(const Executable& executable, int runs, Cache /*cache*/) override {
    const double first = stretch(executable, 1);
    if (runs == 1 && first > short_seconds) return first;
    return stretch(executable, runs);
  }

 private:
  double stretch(const Executable& executable, int runs) {
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < runs; ++i) executable.run(x_.get(), y_, nullptr);
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    return elapsed.count() / runs;
  }

  Device& device_;
  std::shared_ptr<void> x_, memory_;
  void* y_ = nullptr;  ///< in memory_
};

}  // namespace

std::unique_ptr<Timer> make_timer(Device& device) {
  if (device.properties().kind == DeviceKind::cuda) return make_cuda_timer(device);
  return std::make_unique<ClockTimer>(device);
}

}  // namespace convtune
