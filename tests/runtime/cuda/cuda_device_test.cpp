#include "runtime/cuda/cuda_device.hpp"

#include <gtest/gtest.h>

#include <numeric>
#include <random>

#include "kernels/cuda/direct.hpp"
#include "kernels/cuda/warpgroup_gemm.hpp"
#include "kernels/dtype.hpp"
#include "kernels/reference.hpp"
#include "kernels/tolerance.hpp"
#include "tests/refusal.hpp"
#include "tests/runtime/cuda/fake_driver.hpp"

namespace convtune {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class CudaDeviceTest : public testing::Test {
 protected:
  void SetUp() override { fake_driver::reset(); }
  void TearDown() override {
    EXPECT_EQ(fake_driver::state().live_allocations, 0);
    EXPECT_EQ(fake_driver::state().live_modules, 0);
    EXPECT_EQ(fake_driver::state().contexts_retained, 0);
    EXPECT_EQ(fake_driver::state().context_depth, 0);
  }

  static std::shared_ptr<Device> open(int ordinal = 0) {
    return make_cuda_device(fake_driver::table(), ordinal, fake_driver::compile, "13.0");
  }

  static std::vector<float> random_values(std::int64_t count) {
    static std::mt19937 random(1);
    std::normal_distribution<float> normal;
    std::vector<float> values(static_cast<std::size_t>(count));
    for (float& value : values) value = normal(random);
    return values;
  }

  static void expect_computes(const Problem& problem, const std::string& config);

  const Problem problem_ = {.batch = 2,
                            .length = 300,
                            .in_channels = 8,
                            .out_channels = 12,
                            .kernel_size = 5,
                            .stride = 2,
                            .padding = {4, 1},
                            .dilation = 2,
                            .num_groups = 2,
                            .has_bias = true};
  const Candidate candidate_ = {
      .family = &cuda_direct(),
      .config =
          parse_config("cuda_direct{tile_l=1,tile_c=1,threads=128,block_c=1,vec=1,bake_taps=0}")};
};

TEST_F(CudaDeviceTest, ComputesWhatTheReferenceDoes) {
  const auto device = open();
  const auto x = random_values(input_elements(problem_));
  const auto weight = random_values(weight_elements(problem_));
  const auto bias = random_values(problem_.out_channels);
  std::vector<float> y(static_cast<std::size_t>(output_elements(problem_)), NAN);
  const auto executable = device->prepare(problem_, candidate_, weight.data(), bias.data());
  const auto device_x = device->allocate(x.size() * sizeof(float));
  const auto device_y = device->allocate(y.size() * sizeof(float));
  device->copy_in(device_x.get(), x.data(), x.size() * sizeof(float));
  executable->run(device_x.get(), device_y.get(), nullptr);
  device->synchronize();
  device->copy_out(y.data(), device_y.get(), y.size() * sizeof(float));

  std::vector<std::int64_t> all(y.size());
  std::iota(all.begin(), all.end(), 0);
  const auto expected = reference_at(problem_, x.data(), weight.data(), bias.data(), all);
  EXPECT_EQ(compare(problem_, y.data(), all, expected).wrong, 0);
  EXPECT_EQ(executable->alignment(), sizeof(float));
}

TEST_F(CudaDeviceTest, RunsAgainWithoutCompilingOrAllocating) {
  const auto device = open();
  const auto weight = random_values(weight_elements(problem_));
  const auto executable = device->prepare(problem_, candidate_, weight.data(), nullptr);
  const auto x = device->allocate(static_cast<std::size_t>(input_elements(problem_)) * 4);
  const auto y = device->allocate(static_cast<std::size_t>(output_elements(problem_)) * 4);
  fake_driver::state().memory_left = 0;
  const int allocations = fake_driver::state().live_allocations;
  for (int i = 0; i < 3; ++i) executable->run(x.get(), y.get(), nullptr);
  EXPECT_EQ(fake_driver::state().launches, 3);
  EXPECT_EQ(fake_driver::state().compiled, 1);
  EXPECT_EQ(fake_driver::state().live_allocations, allocations);
}

/// Runs a candidate of 16-bit elements for two x in turn, twice each, and compares.
void CudaDeviceTest::expect_computes(const Problem& problem, const std::string& config) {
  const auto device = open();
  const Candidate candidate = {.family = &cuda_warpgroup_gemm(), .config = parse_config(config)};
  const auto random_halves = [](std::int64_t count) {
    std::vector<std::uint16_t> halves;
    for (const float value : random_values(count)) halves.push_back(float16_from_float(value));
    return halves;
  };
  const auto weight = random_halves(weight_elements(problem));
  const auto executable = device->prepare(problem, candidate, weight.data(), nullptr);
  std::vector<std::uint16_t> y(static_cast<std::size_t>(output_elements(problem)));
  std::vector<std::int64_t> all(y.size());
  std::iota(all.begin(), all.end(), 0);
  const auto device_y = device->allocate(y.size() * 2);
  const auto x_bytes = static_cast<std::size_t>(input_elements(problem)) * 2;
  for (const auto& device_x : {device->allocate(x_bytes), device->allocate(x_bytes)}) {
    const auto x = random_halves(input_elements(problem));
    device->copy_in(device_x.get(), x.data(), x_bytes);
    fake_driver::state().encoded_maps = 0;
    for (int again = 0; again < 2; ++again)
      executable->run(device_x.get(), device_y.get(), nullptr);
    EXPECT_EQ(fake_driver::state().encoded_maps, 1);
    device->synchronize();
    device->copy_out(y.data(), device_y.get(), y.size() * 2);
    const auto expected = reference_at(problem, x.data(), weight.data(), nullptr, all);
    EXPECT_EQ(compare(problem, y.data(), all, expected).wrong, 0);
  }
}

TEST_F(CudaDeviceTest, MapsXWhereverItLies) {
  const Problem problem = {.batch = 2,
                           .length = 90,
                           .in_channels = 8,
                           .out_channels = 64,
                           .kernel_size = 3,
                           .padding = {1, 1},
                           .dtype = DType::float16};
  expect_computes(problem, "cuda_warpgroup_gemm{tile_l=128,tile_c=64,teams=1,share=0,cluster=1}");
  EXPECT_EQ(fake_driver::state().largest_cluster, 1U);
}

TEST_F(CudaDeviceTest, LaunchesClusters) {
  const Problem problem = {.batch = 2,
                           .length = 90,
                           .in_channels = 8,
                           .out_channels = 128,
                           .kernel_size = 3,
                           .padding = {1, 1},
                           .dtype = DType::float16};
  expect_computes(problem, "cuda_warpgroup_gemm{tile_l=128,tile_c=128,teams=1,share=0,cluster=2}");
  EXPECT_EQ(fake_driver::state().largest_cluster, 2U);
}

TEST_F(CudaDeviceTest, PropertiesAreTheDrivers) {
  const auto device = open();
  EXPECT_EQ(device->properties().kind, DeviceKind::cuda);
  EXPECT_EQ(device->properties().name, "Imaginary GPU");
  EXPECT_EQ(device->properties().arch, "sm_90a");
  EXPECT_EQ(device->properties().units, 132);
  EXPECT_EQ(device->properties().memory_bytes, std::int64_t{1} << 30);
  EXPECT_EQ(device->properties().driver, "12.4");
  EXPECT_EQ(device->properties().compiler, "13.0");
}

TEST_F(CudaDeviceTest, OutOfMemoryFailsThisCandidateOnly) {
  const auto device = open();
  fake_driver::state().memory_left = 100;
  EXPECT_THAT(refusal([&] { device->allocate(101); }, Status::no_memory),
              AllOf(HasSubstr("cuMemAlloc"), HasSubstr("CUDA_ERROR_OUT_OF_MEMORY (2)")));
  EXPECT_NE(device->allocate(100), nullptr);

  const auto weight = random_values(weight_elements(problem_));
  refusal([&] { device->prepare(problem_, candidate_, weight.data(), nullptr); },
          Status::no_memory);
}

TEST_F(CudaDeviceTest, AKernelsFaultLeavesTheGpuToANewProcess) {
  const auto device = open();
  const auto weight = random_values(weight_elements(problem_));
  const auto executable = device->prepare(problem_, candidate_, weight.data(), nullptr);
  fake_driver::state().launch_result = CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES;
  EXPECT_THAT(refusal([&] { executable->run(nullptr, nullptr, nullptr); }, Status::failed),
              Not(HasSubstr("a new one can")));
  EXPECT_TRUE(device->usable());

  fake_driver::state().context_result = CUDA_ERROR_ILLEGAL_ADDRESS;
  EXPECT_THAT(refusal([&] { executable->run(nullptr, nullptr, nullptr); }, Status::failed),
              AllOf(HasSubstr("cuLaunchKernelEx"), HasSubstr("(700)"), HasSubstr("a new one can")));
  EXPECT_FALSE(device->usable());
}

TEST_F(CudaDeviceTest, KeepsCodeAndWeightsUntilTheLastRunIsDone) {
  const auto device = open();
  const auto weight = random_values(weight_elements(problem_));
  auto executable = device->prepare(problem_, candidate_, weight.data(), nullptr);
  const auto x = device->allocate(static_cast<std::size_t>(input_elements(problem_)) * 4);
  const auto y = device->allocate(static_cast<std::size_t>(output_elements(problem_)) * 4);
  executable->run(x.get(), y.get(), nullptr);
  executable.reset();
  EXPECT_EQ(fake_driver::state().live_modules, 0);
  EXPECT_EQ(fake_driver::state().freed_too_early, 0);
}

TEST_F(CudaDeviceTest, SharesCodeAndWeightsAmongLengthsAndBatches) {
  const auto device = open();
  const auto weight = random_values(weight_elements(problem_));
  Problem longer = problem_;
  longer.batch = 3;
  longer.length = 301;
  auto first = device->prepare(problem_, candidate_, weight.data(), nullptr);
  const int allocations = fake_driver::state().live_allocations;
  const auto second = device->prepare(longer, candidate_, weight.data(), nullptr);
  EXPECT_EQ(fake_driver::state().compiled, 1);
  EXPECT_EQ(fake_driver::state().live_modules, 1);
  EXPECT_EQ(fake_driver::state().live_allocations, allocations);
  first.reset();
  EXPECT_EQ(fake_driver::state().live_modules, 1) << "the second still needs it";

  const auto x = random_values(input_elements(longer));
  std::vector<float> y(static_cast<std::size_t>(output_elements(longer)), NAN);
  const auto device_x = device->allocate(x.size() * sizeof(float));
  const auto device_y = device->allocate(y.size() * sizeof(float));
  device->copy_in(device_x.get(), x.data(), x.size() * sizeof(float));
  second->run(device_x.get(), device_y.get(), nullptr);
  device->synchronize();
  device->copy_out(y.data(), device_y.get(), y.size() * sizeof(float));
  std::vector<std::int64_t> all(y.size());
  std::iota(all.begin(), all.end(), 0);
  longer.has_bias = false;
  const auto expected = reference_at(longer, x.data(), weight.data(), nullptr, all);
  EXPECT_EQ(compare(longer, y.data(), all, expected).wrong, 0);
}

TEST_F(CudaDeviceTest, SharesNothingWithOtherWeights) {
  const auto device = open();
  auto weight = random_values(weight_elements(problem_));
  const auto bias = random_values(problem_.out_channels);
  const auto first = device->prepare(problem_, candidate_, weight.data(), bias.data());
  const int allocations = fake_driver::state().live_allocations;
  weight.back() += 1;  // at the same address
  const auto second = device->prepare(problem_, candidate_, weight.data(), bias.data());
  EXPECT_EQ(fake_driver::state().live_allocations, allocations + 1);
  const auto third = device->prepare(problem_, candidate_, weight.data(), weight.data());
  EXPECT_EQ(fake_driver::state().live_allocations, allocations + 2);
  EXPECT_EQ(fake_driver::state().live_modules, 1);
}

TEST_F(CudaDeviceTest, FindsPackedWeightsByTheirNameWithoutReadingThemAgain) {
  const auto device = open();
  const auto weight = random_values(weight_elements(problem_));
  const auto prepare = [&](std::int64_t length, const float* values, std::string_view name) {
    Problem problem = problem_;
    problem.length = length;
    return device->prepare(problem, candidate_, values, values, name);
  };
  const auto first = prepare(300, weight.data(), "a");
  const int allocations = fake_driver::state().live_allocations;
  const auto second = prepare(301, nullptr, "a");
  EXPECT_EQ(fake_driver::state().live_allocations, allocations);
  const auto other = prepare(302, weight.data(), "b");
  EXPECT_EQ(fake_driver::state().live_allocations, allocations + 1);
}

/// What the sharing rests on.
TEST(CudaFamilies, PackWeightsAlikeForEveryBatchAndLength) {
  const DeviceProperties device = properties_of_arch("sm_90a");
  for (const Family* family : generated_families()) {
    if (family->cuda == nullptr) continue;
    for (const Layout layout : {Layout::NLC, Layout::NCL}) {
      for (const std::int64_t groups : {1, 8}) {
        Problem problem{.length = 100,
                        .in_channels = 8,
                        .out_channels = 8,
                        .kernel_size = 3,
                        .num_groups = groups,
                        .has_bias = true,
                        .layout = layout};
        std::vector<float> weight(static_cast<std::size_t>(weight_elements(problem)));
        std::iota(weight.begin(), weight.end(), 1.0F);
        const Config config = family->default_config(problem, device);
        if (broken_constraint(*family, problem, config, device) != nullptr) continue;
        const auto packed = [&] {
          std::vector<std::byte> bytes(family->cuda->packed_bytes(problem, config));
          family->cuda->pack(problem, config, weight.data(), weight.data(), bytes.data());
          return bytes;
        };
        const auto expected = packed();
        for (const std::int64_t length : {3, 101, 100'000}) {
          problem.batch = length % 7 + 1;
          problem.length = length;
          EXPECT_EQ(packed(), expected) << family->name << ": " << describe(problem);
        }
      }
    }
  }
}

TEST_F(CudaDeviceTest, OutlivesNothingItIsNeededFor) {
  auto device = open();
  const auto weight = random_values(weight_elements(problem_));
  const auto executable = device->prepare(problem_, candidate_, weight.data(), nullptr);
  const auto memory = device->allocate(64);
  device.reset();
  EXPECT_EQ(fake_driver::state().contexts_retained, 1) << "still held by code and memory";
}

TEST_F(CudaDeviceTest, RefusesAGpuThatIsNotThere) {
  EXPECT_THAT(refusal([] { open(1); }, Status::unavailable), HasSubstr("this machine has 1 GPU"));
  fake_driver::state().gpus = 0;
  EXPECT_THAT(refusal([] { open(); }, Status::unavailable), HasSubstr("reports none"));
}

TEST_F(CudaDeviceTest, RefusesAFamilyOfTheCpu) {
  Family cpu = cuda_direct();
  cpu.cuda = nullptr;
  const auto device = open();
  refusal(
      [&] {
        device->prepare(problem_, {&cpu, candidate_.config}, nullptr, nullptr);
      },
      Status::failed);
}

TEST_F(CudaDeviceTest, ListsGpusOrTheReasonForNone) {
  fake_driver::state().gpus = 2;
  const GpuList two = list_gpus(fake_driver::table());
  EXPECT_EQ(two.gpus.size(), 2U);
  EXPECT_EQ(two.driver_version, "12.4");
  EXPECT_EQ(two.missing, "");
  fake_driver::state().gpus = 0;
  EXPECT_NE(list_gpus(fake_driver::table()).missing, "");
}

}  // namespace
}  // namespace convtune
