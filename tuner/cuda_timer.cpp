#include "tuner/cuda_timer.hpp"

#include <algorithm>
#include <vector>

#include "kernels/error.hpp"
#include "runtime/cuda/context.hpp"
#include "runtime/cuda/cuda_device.hpp"

namespace convtune {
namespace {

/// Where one run reads and writes.
struct Buffers {
  std::shared_ptr<void> x, y;
};

class CudaTimer final : public Timer {
 public:
  explicit CudaTimer(Device& device)
      : device_(device),
        context_(context_of(device)),
        stream_(make_stream(context_)),
        start_(make_event(context_)),
        end_(make_event(context_)),
        flushed_bytes_(2 * static_cast<std::size_t>(device.properties().l2_bytes)),
        flushed_(device.allocate(flushed_bytes_)) {}

  void load(std::span<const std::byte> x, std::size_t y_bytes) override {
    x_.assign(x.begin(), x.end());
    y_bytes_ = y_bytes;
    buffers_.clear();
    buffers_.push_back(make_buffers());
  }

  double seconds(const Executable& executable, int runs, Cache cache) override {
    add_buffers(cache == Cache::cold ? runs : 1);
    const Driver& driver = context_->driver;
    const CurrentContext current(*context_);
    const CudaGraphExec graph = captured(executable, runs, cache);
    if (cache == Cache::cold) {
      check(driver,
            driver.cuMemsetD8Async(reinterpret_cast<CUdeviceptr>(flushed_.get()), 0, flushed_bytes_,
                                   stream_.get()),
            "cuMemsetD8Async");
    } else {
      check(driver, driver.cuGraphLaunch(graph.get(), stream_.get()), "cuGraphLaunch");
    }
    check(driver, driver.cuEventRecord(start_.get(), stream_.get()), "cuEventRecord");
    check(driver, driver.cuGraphLaunch(graph.get(), stream_.get()), "cuGraphLaunch");
    check(driver, driver.cuEventRecord(end_.get(), stream_.get()), "cuEventRecord");
    check(driver, driver.cuEventSynchronize(end_.get()), "cuEventSynchronize");
    float milliseconds = 0;
    check(driver, driver.cuEventElapsedTime(&milliseconds, start_.get(), end_.get()),
          "cuEventElapsedTime");
    return milliseconds / 1e3 / runs;
  }

 private:
  Buffers make_buffers() {
    Buffers made{.x = device_.allocate(x_.size()), .y = device_.allocate(y_bytes_)};
    device_.copy_in(made.x.get(), x_.data(), x_.size());
    return made;
  }

  // With fewer than asked for, for want of memory, the cache is flushed still, if only at the
  // start.
  void add_buffers(int runs) {
    const std::size_t enough = flushed_bytes_ / std::max<std::size_t>(x_.size() + y_bytes_, 1) + 1;
    const std::size_t wanted = std::min(static_cast<std::size_t>(runs), enough);
    try {
      while (buffers_.size() < wanted) buffers_.push_back(make_buffers());
    } catch (const Error& error) {
      if (error.status() == Status::unavailable || !device_.usable()) throw;
    }
  }

  // A graph keeps the host's launch overhead out of the time.
  CudaGraphExec captured(const Executable& executable, int runs, Cache cache) const {
    const Driver& driver = context_->driver;
    check(driver, driver.cuStreamBeginCapture(stream_.get(), CU_STREAM_CAPTURE_MODE_THREAD_LOCAL),
          "cuStreamBeginCapture");
    CUgraph captured = nullptr;
    const std::size_t turns = cache == Cache::cold ? buffers_.size() : 1;
    try {
      for (int i = 0; i < runs; ++i) {
        const Buffers& buffers = buffers_[static_cast<std::size_t>(i) % turns];
        executable.run(buffers.x.get(), buffers.y.get(), stream_.get());
      }
    } catch (...) {
      if (driver.cuStreamEndCapture(stream_.get(), &captured) == CUDA_SUCCESS)
        driver.cuGraphDestroy(captured);
      throw;
    }
    check(driver, driver.cuStreamEndCapture(stream_.get(), &captured), "cuStreamEndCapture");
    const CudaGraph graph(context_, captured);
    CUgraphExec instance = nullptr;
    check(driver, driver.cuGraphInstantiate(&instance, graph.get(), 0), "cuGraphInstantiate");
    CudaGraphExec ready(context_, instance);
    // Uploaded ahead, so that the first launch is like any other.
    check(driver, driver.cuGraphUpload(instance, stream_.get()), "cuGraphUpload");
    return ready;
  }

  Device& device_;
  std::shared_ptr<const CudaContext> context_;
  CudaStream stream_;
  CudaEvent start_;
  CudaEvent end_;
  std::size_t flushed_bytes_;
  std::shared_ptr<void> flushed_;  ///< written to push all else out of the L2 cache
  std::vector<std::byte> x_;
  std::size_t y_bytes_ = 0;
  std::vector<Buffers> buffers_;
};

}  // namespace

std::unique_ptr<Timer> make_cuda_timer(Device& device) {
  return std::make_unique<CudaTimer>(device);
}

}  // namespace convtune
