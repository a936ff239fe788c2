#include "tuner/cuda_timer.hpp"

#include "runtime/cuda/context.hpp"
#include "runtime/cuda/cuda_device.hpp"

namespace convtune {
namespace {

class CudaTimer final : public Timer {
 public:
  explicit CudaTimer(Device& device)
      : context_(context_of(device)),
        stream_(make_stream(context_)),
        start_(make_event(context_)),
        end_(make_event(context_)) {}

  double seconds(const Executable& executable, const void* x, void* y, int runs) override {
    const Driver& driver = context_->driver;
    const CurrentContext current(*context_);
    const CudaGraphExec graph = captured(executable, x, y, runs);
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
  // A graph keeps the host's launch overhead out of the time.
  CudaGraphExec captured(const Executable& executable, const void* x, void* y, int runs) const {
    const Driver& driver = context_->driver;
    check(driver, driver.cuStreamBeginCapture(stream_.get(), CU_STREAM_CAPTURE_MODE_THREAD_LOCAL),
          "cuStreamBeginCapture");
    CUgraph captured = nullptr;
    try {
      for (int i = 0; i < runs; ++i) executable.run(x, y, stream_.get());
    } catch (...) {
      driver.cuStreamEndCapture(stream_.get(), &captured);
      throw;
    }
    check(driver, driver.cuStreamEndCapture(stream_.get(), &captured), "cuStreamEndCapture");
    const CudaGraph graph(context_, captured);
    CUgraphExec instance = nullptr;
    check(driver, driver.cuGraphInstantiate(&instance, graph.get(), 0), "cuGraphInstantiate");
    return {context_, instance};
  }

  std::shared_ptr<const CudaContext> context_;
  CudaStream stream_;
  CudaEvent start_;
  CudaEvent end_;
};

}  // namespace

std::unique_ptr<Timer> make_cuda_timer(Device& device) {
  return std::make_unique<CudaTimer>(device);
}

}  // namespace convtune
