#pragma once

#include <benchmark/benchmark.h>

#include <memory>

#include "runtime/device.hpp"

namespace convtune {

/// Takes no time: what is left of a run is the module's own.
class NoOp final : public Executable {
  void run(const void* /*x*/, void* y, Stream /*stream*/) const override {
    benchmark::DoNotOptimize(y);
  }
  std::size_t alignment() const override { return sizeof(float); }
};

/// The CPU as far as a plan goes, with kernels that do nothing.
class NoOpDevice final : public Device {
 public:
  const DeviceProperties& properties() const override { return cpu_->properties(); }
  std::shared_ptr<void> allocate(std::size_t bytes) override { return cpu_->allocate(bytes); }
  void copy_in(void* device, const void* host, std::size_t bytes) override {
    cpu_->copy_in(device, host, bytes);
  }
  void copy_out(void* host, const void* device, std::size_t bytes) override {
    cpu_->copy_out(host, device, bytes);
  }
  void synchronize() override {}
  std::unique_ptr<Executable> prepare(const Problem&, const Candidate&, const void*, const void*,
                                      std::string_view) override {
    return std::make_unique<NoOp>();
  }

 private:
  std::shared_ptr<Device> cpu_ = open_device("cpu");
};

}  // namespace convtune
