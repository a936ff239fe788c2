#include "tuner/pulse.hpp"

#include <algorithm>
#include <chrono>
#include <limits>
#include <vector>

#include "kernels/cpu/families.hpp"

namespace convtune {
namespace {

/// The convolution, and the least that it took.
class Work {
 public:
  Work() : device_(open_device("cpu")) {
    const DeviceProperties& cpu = device_->properties();
    const Problem problem = {
        .batch = cpu.units, .length = 64, .in_channels = 64, .out_channels = 64, .kernel_size = 3};
    x_.resize(static_cast<std::size_t>(input_elements(problem)), 1);
    y_.resize(static_cast<std::size_t>(output_elements(problem)));
    const std::vector<float> weight(static_cast<std::size_t>(weight_elements(problem)), 1);
    executable_ =
        device_->prepare(problem, {&cpu_direct(), cpu_direct().default_config(problem, cpu)},
                         weight.data(), nullptr);
  }

  double slowdown() {
    const auto start = std::chrono::steady_clock::now();
    executable_->run(x_.data(), y_.data(), nullptr);
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    // A burst of the clock that was a stroke of luck is forgotten in some hundred thousand calls.
    least_seconds_ = std::min(least_seconds_ * (1 + 1e-6), taken.count());
    return taken.count() / least_seconds_;
  }

 private:
  std::shared_ptr<Device> device_;
  std::vector<float> x_, y_;
  std::unique_ptr<Executable> executable_;
  double least_seconds_ = std::numeric_limits<double>::infinity();
};

}  // namespace

Pulse cpu_pulse() {
  return [work = std::make_shared<Work>()] { return work->slowdown(); };
}

Pulse pulse_of(const Device& device) {
  if (device.properties().kind == DeviceKind::cuda) return [] { return 1.0; };
  return cpu_pulse();
}

}  // namespace convtune
