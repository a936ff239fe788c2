#include "tuner/cuda_timer.hpp"

#include <gmock/gmock.h>

#include <cstring>
#include <set>
#include <vector>

#include "kernels/error.hpp"
#include "runtime/cuda/cuda_device.hpp"
#include "tests/runtime/cuda/fake_driver.hpp"

namespace convtune {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;

constexpr std::size_t l2_bytes = std::size_t{1} << 20;
constexpr double run_seconds = 3e-6;

/// What the GPU was asked for, and a clock that goes on with the work it does.
struct Gpu {
  double now = 0;
  int captured_runs = 0;
  bool capturing = false;
  std::vector<std::string> calls;
  std::size_t flushed_bytes = 0;
  double recorded[2] = {};
  std::size_t events = 0;
};
Gpu gpu;

template <class Handle>
Handle handle(std::size_t number) {
  // NOLINTNEXTLINE(performance-no-int-to-ptr): a handle is opaque, and nobody reads through it
  return reinterpret_cast<Handle>(number);
}

Driver make_driver() {
  Driver driver = fake_driver::table();
  driver.cuDeviceGetAttribute = [](int* value, CUdevice_attribute which, CUdevice) {
    *value = which == CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE ? l2_bytes : 9;
    return CUDA_SUCCESS;
  };
  driver.cuStreamCreate = [](CUstream* stream, unsigned) {
    *stream = handle<CUstream>(1);
    return CUDA_SUCCESS;
  };
  driver.cuStreamDestroy = [](CUstream) { return CUDA_SUCCESS; };
  driver.cuStreamBeginCapture = [](CUstream, CUstreamCaptureMode) {
    gpu.capturing = true;
    gpu.captured_runs = 0;
    return CUDA_SUCCESS;
  };
  driver.cuStreamEndCapture = [](CUstream, CUgraph* graph) {
    gpu.capturing = false;
    *graph = handle<CUgraph>(1);
    return CUDA_SUCCESS;
  };
  driver.cuGraphInstantiate = [](CUgraphExec* instance, CUgraph, unsigned long long) {
    *instance = handle<CUgraphExec>(1);
    return CUDA_SUCCESS;
  };
  driver.cuGraphUpload = [](CUgraphExec, CUstream) { return CUDA_SUCCESS; };
  driver.cuGraphDestroy = [](CUgraph) { return CUDA_SUCCESS; };
  driver.cuGraphExecDestroy = [](CUgraphExec) { return CUDA_SUCCESS; };
  driver.cuGraphLaunch = [](CUgraphExec, CUstream) {
    gpu.calls.emplace_back("launch");
    gpu.now += gpu.captured_runs * run_seconds;
    return CUDA_SUCCESS;
  };
  driver.cuMemsetD8Async = [](CUdeviceptr, unsigned char, std::size_t bytes, CUstream) {
    gpu.calls.emplace_back("flush");
    gpu.flushed_bytes = bytes;
    gpu.now += 1;
    return CUDA_SUCCESS;
  };
  driver.cuEventCreate = [](CUevent* event, unsigned) {
    *event = handle<CUevent>(++gpu.events);
    return CUDA_SUCCESS;
  };
  driver.cuEventDestroy = [](CUevent) { return CUDA_SUCCESS; };
  driver.cuEventRecord = [](CUevent event, CUstream) {
    gpu.calls.emplace_back("event");
    gpu.recorded[reinterpret_cast<std::size_t>(event) - 1] = gpu.now;
    return CUDA_SUCCESS;
  };
  driver.cuEventSynchronize = [](CUevent) { return CUDA_SUCCESS; };
  driver.cuEventElapsedTime = [](float* milliseconds, CUevent, CUevent) {
    *milliseconds = static_cast<float>((gpu.recorded[1] - gpu.recorded[0]) * 1e3);
    return CUDA_SUCCESS;
  };
  return driver;
}

/// Remembers where it was run.
class Recorder final : public Executable {
 public:
  void run(const void* x, void* y, Stream) const override {
    EXPECT_TRUE(gpu.capturing);
    ++gpu.captured_runs;
    if (fails) throw Error(Status::failed, "no");
    inputs.push_back(x);
    outputs.push_back(y);
  }
  std::size_t alignment() const override { return 1; }
  bool fails = false;
  mutable std::vector<const void*> inputs;
  mutable std::vector<void*> outputs;
};

class CudaTimerTest : public testing::Test {
 protected:
  CudaTimerTest() {
    gpu = {};
    fake_driver::reset();
    for (std::size_t i = 0; i < x_.size(); ++i) x_[i] = static_cast<std::byte>(i * 7);
    device_ = make_cuda_device(driver_, 0, fake_driver::compile, "13.0");
    timer_ = make_cuda_timer(*device_);
    timer_->load(x_, y_bytes);
  }

  static constexpr std::size_t y_bytes = 156 << 10;
  std::vector<std::byte> x_ = std::vector<std::byte>(100 << 10);
  const Driver driver_ = make_driver();
  std::shared_ptr<Device> device_;
  std::unique_ptr<Timer> timer_;
  Recorder recorder_;
};

TEST_F(CudaTimerTest, ColdRunsTakeTurnsOnBuffersThatExceedTheCacheTwice) {
  timer_->seconds(recorder_, 50, Cache::cold);
  ASSERT_EQ(recorder_.inputs.size(), 50U);
  const std::set<const void*> inputs(recorder_.inputs.begin(), recorder_.inputs.end());
  const std::set<void*> outputs(recorder_.outputs.begin(), recorder_.outputs.end());
  EXPECT_EQ(inputs.size(), outputs.size());
  EXPECT_GT(inputs.size() * (x_.size() + y_bytes), 2 * l2_bytes);
  EXPECT_LE(inputs.size() * (x_.size() + y_bytes), 3 * l2_bytes) << "more than is needed";
  for (std::size_t i = inputs.size(); i < 50; ++i) {
    EXPECT_EQ(recorder_.inputs[i], recorder_.inputs[i - inputs.size()]) << "not in turns";
  }
  for (const void* input : inputs) EXPECT_EQ(std::memcmp(input, x_.data(), x_.size()), 0);
}

TEST_F(CudaTimerTest, AFewColdRunsHaveBuffersOfTheirOwn) {
  timer_->seconds(recorder_, 3, Cache::cold);
  EXPECT_EQ(std::set(recorder_.outputs.begin(), recorder_.outputs.end()).size(), 3U);
}

TEST_F(CudaTimerTest, ColdTimeLeavesTheFlushOut) {
  EXPECT_THAT(timer_->seconds(recorder_, 50, Cache::cold),
              DoubleNear(run_seconds, run_seconds * 1e-3));
  EXPECT_THAT(gpu.calls, ElementsAre("flush", "event", "launch", "event"));
  EXPECT_GE(gpu.flushed_bytes, 2 * l2_bytes);
}

TEST_F(CudaTimerTest, WarmRunsShareTheirBuffersAndRanBefore) {
  timer_->seconds(recorder_, 50, Cache::cold);
  gpu.calls.clear();
  recorder_.inputs.clear();
  EXPECT_THAT(timer_->seconds(recorder_, 50, Cache::warm),
              DoubleNear(run_seconds, run_seconds * 1e-3));
  EXPECT_THAT(gpu.calls, ElementsAre("launch", "event", "launch", "event"));
  EXPECT_THAT(recorder_.inputs, testing::Each(recorder_.inputs.front()));
}

TEST_F(CudaTimerTest, MakesDoWithTheMemoryThereIs) {
  fake_driver::state().memory_left = 0;
  EXPECT_THAT(timer_->seconds(recorder_, 50, Cache::cold),
              DoubleNear(run_seconds, run_seconds * 1e-3));
  EXPECT_EQ(std::set(recorder_.outputs.begin(), recorder_.outputs.end()).size(), 1U);
}

TEST_F(CudaTimerTest, EndsTheCaptureOfARunThatFails) {
  recorder_.fails = true;
  EXPECT_THROW(timer_->seconds(recorder_, 5, Cache::cold), Error);
  EXPECT_FALSE(gpu.capturing);
  recorder_.fails = false;
  EXPECT_GT(timer_->seconds(recorder_, 5, Cache::cold), 0);
}

}  // namespace
}  // namespace convtune
