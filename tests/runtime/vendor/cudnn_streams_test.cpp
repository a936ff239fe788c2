// What cuDNN is told to run on the streams of an imaginary GPU, by an imaginary cuDNN.

#include <dlfcn.h>
#include <gmock/gmock.h>

#include <cstdlib>
#include <set>

#include "kernels/error.hpp"
#include "runtime/cuda/context.hpp"
#include "runtime/cuda/cuda_device.hpp"
#include "runtime/cuda/scratch.hpp"
#include "runtime/vendor/cudnn.hpp"
#include "tests/runtime/cuda/fake_driver.hpp"
#include "tests/runtime/vendor/fake_cudnn.hpp"

namespace convtune {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

class CudnnStreams : public testing::Test {
 protected:
  void SetUp() override {
    setenv("CONVTUNE_CUDNN", FAKE_CUDNN, 1);  // each test is a process of its own
    void* library = dlopen(FAKE_CUDNN, RTLD_NOW | RTLD_LOCAL);
    ASSERT_NE(library, nullptr) << dlerror();
    const auto state_of = reinterpret_cast<fake_cudnn::StateOf>(dlsym(library, "fake_cudnn_state"));
    cudnn_ = state_of();
    *cudnn_ = {};
    fake_driver::reset();
    driver_.cuCtxPushCurrent(nullptr);
    device_ = make_cuda_device(driver_, 0, fake_driver::compile, "13.0");
  }
  void TearDown() override { driver_.cuCtxPopCurrent(nullptr); }

  std::unique_ptr<Executable> prepared() const {
    const std::vector<float> weight(static_cast<std::size_t>(weight_elements(problem_)));
    return device_->prepare(problem_, {&cudnn(), parse_config("cudnn{choice=0}")}, weight.data(),
                            nullptr);
  }

  CudaStream stream() const { return make_stream(context_of(*device_)); }

  std::set<void*> scratch_of_all_runs() const {
    std::set<void*> scratch;
    for (const fake_cudnn::Run& run : cudnn_->runs) scratch.insert(run.scratch);
    return scratch;
  }

  const Problem problem_ = {.length = 100, .in_channels = 8, .out_channels = 16, .kernel_size = 3};
  const Driver& driver_ = fake_driver::table();
  fake_cudnn::State* cudnn_ = nullptr;
  std::shared_ptr<Device> device_;
  float x_[4] = {}, y_[4] = {};
};

TEST_F(CudnnStreams, OfOneShapeMayOverlap) {
  const auto executable = prepared();
  const CudaStream a = stream(), b = stream();
  for (const CudaStream* each : {&a, &b, &a}) executable->run(x_, y_, each->get());
  ASSERT_THAT(cudnn_->runs, SizeIs(3));
  EXPECT_EQ(cudnn_->runs[1].stream, reinterpret_cast<cudaStream_t>(b.get()));
  EXPECT_NE(cudnn_->runs[0].scratch, cudnn_->runs[1].scratch);
  EXPECT_EQ(cudnn_->runs[0].scratch, cudnn_->runs[2].scratch);
}

TEST_F(CudnnStreams, MayBeCapturedBesideRunsAndOtherGraphs) {
  const auto executable = prepared();
  const CudaStream a = stream();
  executable->run(x_, y_, a.get());
  CUgraphExec graphs[2] = {};
  for (CUgraphExec& graph : graphs) {
    ASSERT_EQ(driver_.cuStreamBeginCapture(a.get(), CU_STREAM_CAPTURE_MODE_GLOBAL), CUDA_SUCCESS);
    executable->run(x_, y_, a.get());
    CUgraph captured = nullptr;
    driver_.cuStreamEndCapture(a.get(), &captured);
    driver_.cuGraphInstantiate(&graph, captured, 0);
  }
  EXPECT_THAT(scratch_of_all_runs(), SizeIs(3));
  for (CUgraphExec graph : graphs) driver_.cuGraphExecDestroy(graph);
}

// What it has started of the plan by then uses the scratch memory all the same.
TEST_F(CudnnStreams, WaitForARunThatFailed) {
  const auto executable = prepared();
  std::vector<CudaStream> streams;
  for (std::size_t i = 0; i <= Scratch::most_streams; ++i) streams.push_back(stream());
  cudnn_->answer = CUDNN_STATUS_EXECUTION_FAILED;
  EXPECT_THROW(executable->run(x_, y_, streams[0].get()), Error);
  for (std::size_t i = 1; i < streams.size(); ++i) executable->run(x_, y_, streams[i].get());
  EXPECT_EQ(cudnn_->runs.back().scratch, cudnn_->runs.front().scratch);
  EXPECT_THAT(fake_driver::state().waits,
              ElementsAre(fake_driver::Wait{streams.back().get(), streams.front().get()}));
}

TEST_F(CudnnStreams, HaveNoScratchIfTheEngineNeedsNone) {
  cudnn_->scratch_bytes = 0;
  const auto executable = prepared();
  const CudaStream a = stream(), b = stream();
  const int before = fake_driver::state().live_allocations;
  for (const CudaStream* each : {&a, &b}) executable->run(x_, y_, each->get());
  EXPECT_EQ(scratch_of_all_runs(), std::set<void*>{nullptr});
  EXPECT_EQ(fake_driver::state().live_allocations, before);
}

TEST_F(CudnnStreams, SayWhatTheirWeightsAndScratchTake) {
  EXPECT_EQ(prepared()->bytes(), 8U * 16 * 3 * sizeof(float) + 1000)
      << "each shape has its own of both, which bound how many are kept";
}

}  // namespace
}  // namespace convtune
