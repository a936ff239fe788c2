#include "tuner/timer.hpp"

#include <chrono>
#include <cstdint>
#include <random>

#include "tuner/cuda_timer.hpp"

namespace convtune {
namespace {

/// A load waits for a store before it whose address has the same last 12 bits, so that where y lies
/// beside x turns some candidates round. Half of that apart, none waits.
constexpr std::size_t alike = 4096;
/// On some pages of the machine's memory, by chance, a candidate takes up to 30 % longer and
/// another does not: x and y lie on others each time, among so many bytes.
constexpr std::size_t spread = std::size_t{1} << 20;
static_assert(2 * spread + alike <= placement_bytes);

std::byte* on_a_random_page(std::byte* memory) {
  thread_local std::minstd_rand random;
  return memory + alike * (random() % (spread / alike));
}

class ClockTimer final : public Timer {
 public:
  explicit ClockTimer(Device& device) : device_(device) {}

  void load(std::span<const std::byte> x, std::size_t y_bytes) override {
    x_memory_ = device_.allocate(x.size() + spread);
    x_ = on_a_random_page(static_cast<std::byte*>(x_memory_.get()));
    device_.copy_in(x_, x.data(), x.size());
    y_memory_ = device_.allocate(y_bytes + alike + spread);
    y_ = on_a_random_page(static_cast<std::byte*>(y_memory_.get()));
    const auto wanted = reinterpret_cast<std::uintptr_t>(x_) + alike / 2;
    y_ += (wanted - reinterpret_cast<std::uintptr_t>(y_)) % alike;
  }

  double seconds(const Executable& executable, int runs, Cache /*cache*/) override {
    // The first run after another candidate's finds the caches full of that one's data: it takes
    // some microseconds more, which told apart what was alike by who ran before whom.
    const double first = stretch(executable, 1);
    if (runs == 1 && first > short_run_seconds) return first;
    return stretch(executable, runs);
  }

 private:
  double stretch(const Executable& executable, int runs) {
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < runs; ++i) executable.run(x_, y_, nullptr);
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    return elapsed.count() / runs;
  }

  Device& device_;
  std::shared_ptr<void> x_memory_, y_memory_;
  std::byte* x_ = nullptr;
  std::byte* y_ = nullptr;
};

}  // namespace

std::unique_ptr<Timer> make_timer(Device& device) {
  if (device.properties().kind == DeviceKind::cuda) return make_cuda_timer(device);
  return std::make_unique<ClockTimer>(device);
}

}  // namespace convtune
