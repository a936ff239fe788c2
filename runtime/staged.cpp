#include "runtime/staged.hpp"

#include <mutex>

namespace convtune {
namespace {

class StagedExecutable final : public Executable {
 public:
  StagedExecutable(std::shared_ptr<Device> device, Device& cpu, const Problem& problem,
                   std::unique_ptr<Executable> on_cpu)
      : device_(std::move(device)),
        on_cpu_(std::move(on_cpu)),
        element_(size_of(problem.dtype)),
        x_bytes_(static_cast<std::size_t>(input_elements(problem)) * element_),
        y_bytes_(static_cast<std::size_t>(output_elements(problem)) * element_),
        x_(cpu.allocate(x_bytes_)),
        y_(cpu.allocate(y_bytes_)) {}

  void run(const void* x, void* y, Stream /*stream*/) const override {
    const std::lock_guard lock(mutex_);
    device_->synchronize();
    device_->copy_out(x_.get(), x, x_bytes_);
    on_cpu_->run(x_.get(), y_.get(), nullptr);
    device_->copy_in(y, y_.get(), y_bytes_);
  }

  std::size_t alignment() const override { return element_; }
  std::size_t bytes() const override { return on_cpu_->bytes() + x_bytes_ + y_bytes_; }

 private:
  std::shared_ptr<Device> device_;
  std::unique_ptr<Executable> on_cpu_;
  std::size_t element_;
  std::size_t x_bytes_;
  std::size_t y_bytes_;
  std::shared_ptr<void> x_;
  std::shared_ptr<void> y_;
  mutable std::mutex mutex_;
};

}  // namespace

std::unique_ptr<Executable> stage(std::shared_ptr<Device> device, Device& cpu,
                                  const Problem& problem, std::unique_ptr<Executable> on_cpu) {
  return std::make_unique<StagedExecutable>(std::move(device), cpu, problem, std::move(on_cpu));
}

}  // namespace convtune
