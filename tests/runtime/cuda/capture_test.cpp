#include <gtest/gtest.h>

#include "kernels/cuda/direct.hpp"
#include "runtime/cuda/cuda_device.hpp"
#include "tests/runtime/cuda/fake_driver.hpp"
#include "tests/runtime/module.hpp"

namespace convtune {
namespace {

/// A module on the imaginary GPU, and a thread that has a context of its own, as users' have.
class CaptureTest : public testing::Test {
 protected:
  void SetUp() override {
    fake_driver::reset();
    driver_.cuCtxPushCurrent(nullptr);
    gpu_ = make_cuda_device(driver_, 0, fake_driver::compile, "13.0");
  }
  void TearDown() override { driver_.cuCtxPopCurrent(nullptr); }

  Conv1d loaded(const Case& data) const {
    const Config config =
        parse_config("cuda_direct{tile_l=1,tile_c=1,threads=128,block_c=1,vec=1,bake_taps=0}");
    auto plans = std::make_shared<FakePlans>();
    plans->plans = {
        {.problem = data.problem,
         .config = to_text(config),
         .digest = source_digest(cuda_direct(), data.problem, config, gpu_->properties()),
         .driver = gpu_->properties().driver,
         .compiler = gpu_->properties().compiler}};
    static const Family* const families[] = {&cuda_direct()};
    Conv1d conv(options_, Backend{.device = gpu_,
                                  .device_name = "cuda:0",
                                  .cpu = std::make_shared<FakeDevice>(DeviceKind::cpu),
                                  .families = families,
                                  .plans = [plans] { return plans; },
                                  .fallback_reason = {}});
    conv.load_state_dict(data.state());
    return conv;
  }

  std::shared_ptr<void> on_gpu(const Elements& elements) const {
    const std::size_t bytes = elements.size() * size_of(DType::float32);
    std::shared_ptr<void> memory = gpu_->allocate(bytes);
    gpu_->copy_in(memory.get(), elements.data(), bytes);
    return memory;
  }

  Elements run(const Conv1d& conv, const Case& data) const {
    Elements y(DType::float32, static_cast<std::size_t>(output_elements(data.problem)));
    const std::shared_ptr<void> x_memory = on_gpu(data.x), y_memory = on_gpu(y);
    conv.run({.data = x_memory.get(), .shape = x_shape(data.problem), .device = "cuda:0"},
             {.data = y_memory.get(), .shape = y_shape(data.problem), .device = "cuda:0"});
    gpu_->copy_out(y.data(), y_memory.get(), y.size() * size_of(DType::float32));
    return y;
  }

  const Driver& driver_ = fake_driver::table();
  std::shared_ptr<Device> gpu_;
  const Conv1dOptions options_ = {
      .kernel_size = 3, .in_channels = 4, .out_channels = 6, .padding = {2, 0}, .permute = true};
};

TEST_F(CaptureTest, OfAPreparedShapeIsReplayedOnWhatLiesInXThen) {
  Case data(problem_for(options_, 2, 40));
  const Conv1d conv = loaded(data);
  conv.prepare(2, 40);
  Elements y(DType::float32, static_cast<std::size_t>(output_elements(data.problem)));
  const std::shared_ptr<void> x_memory = on_gpu(data.x), y_memory = on_gpu(y);

  CUstream stream = nullptr;
  driver_.cuStreamCreate(&stream, 0);
  driver_.cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_GLOBAL);
  conv.run({.data = x_memory.get(), .shape = x_shape(data.problem), .device = "cuda:0"},
           {.data = y_memory.get(), .shape = y_shape(data.problem), .device = "cuda:0"}, stream);
  CUgraph graph = nullptr;
  driver_.cuStreamEndCapture(stream, &graph);
  CUgraphExec instance = nullptr;
  driver_.cuGraphInstantiate(&instance, graph, 0);
  EXPECT_EQ(fake_driver::state().launches, 1);

  for (const unsigned seed : {1U, 9U}) {
    data.x = random_elements(DType::float32, input_elements(data.problem), seed);
    const std::size_t x_bytes = data.x.size() * size_of(DType::float32);
    gpu_->copy_in(x_memory.get(), data.x.data(), x_bytes);
    ASSERT_EQ(driver_.cuGraphLaunch(instance, stream), CUDA_SUCCESS);
    gpu_->synchronize();
    gpu_->copy_out(y.data(), y_memory.get(), y.size() * size_of(DType::float32));
    data.expect_right(y);
  }
  driver_.cuGraphExecDestroy(instance);
  driver_.cuStreamDestroy(stream);
}

class CudaModuleTest : public CaptureTest {};

TEST_F(CudaModuleTest, HasItsOwnWeightsBesideOthers) {
  for (const bool same : {false, true}) {
    Case one(problem_for(options_, 2, 40)), other = one;
    if (!same) other.weight = random_elements(DType::float32, weight_elements(one.problem), 7);
    const Conv1d first = loaded(one), second = loaded(other);
    one.expect_right(run(first, one));
    other.expect_right(run(second, other));
  }
}

}  // namespace
}  // namespace convtune
