#include "runtime/cpu_device.hpp"

#include <gmock/gmock.h>

#include <cstdlib>
#include <limits>
#include <thread>
#include <vector>

#include "kernels/outputs_to_check.hpp"
#include "kernels/reference.hpp"
#include "kernels/tolerance.hpp"
#include "tests/refusal.hpp"

namespace convtune {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;

const Problem small = {
    .length = 40, .in_channels = 6, .out_channels = 10, .kernel_size = 3, .padding = {1, 1}};

struct Arrays {
  std::vector<float> x, weight, y;
  explicit Arrays(const Problem& p)
      : x(static_cast<std::size_t>(input_elements(p))),
        weight(static_cast<std::size_t>(weight_elements(p))),
        y(static_cast<std::size_t>(output_elements(p))) {
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i % 7) - 3;
    for (std::size_t i = 0; i < weight.size(); ++i) weight[i] = static_cast<float>(i % 5) - 2;
  }
};

Candidate default_candidate(const Device& device, const Problem& p) {
  for (const Family* family : generated_families()) {
    const Config config = family->default_config(p, device.properties());
    if (family->device == DeviceKind::cpu &&
        broken_constraint(*family, p, config, device.properties()) == nullptr) {
      return {family, config};
    }
  }
  return {};
}

std::int64_t wrong_outputs(const Problem& p, const Arrays& arrays) {
  const std::vector<std::int64_t> indices = outputs_to_check(p, 1);
  return compare(p, arrays.y.data(), indices,
                 reference_at(p, arrays.x.data(), arrays.weight.data(), nullptr, indices))
      .wrong;
}

TEST(CpuDevice, DescribesThisMachine) {
  const auto device = make_cpu_device(3);
  const DeviceProperties& properties = device->properties();
  EXPECT_EQ(properties.kind, DeviceKind::cpu);
  EXPECT_THAT(properties.name, Not(""));
  EXPECT_THAT(properties.arch.substr(0, properties.arch.find('+')),
              AnyOf("AVX3", "AVX2", "NEON", "EMU128", "SCALAR"));
  EXPECT_EQ(properties.units, 3);
  EXPECT_GT(properties.memory_bytes, std::int64_t{1} << 26);
  EXPECT_THAT(properties.l1_bytes,
              AnyOf(0, testing::AllOf(testing::Ge(4096), testing::Lt(1 << 24))));
  EXPECT_GE(properties.l2_bytes, properties.l1_bytes);
}

TEST(CpuDevice, TakesItsThreadsFromTheEnvironment) {
  const char* const before = std::getenv("CONVTUNE_NUM_THREADS");
  const std::string kept = before == nullptr ? "" : before;
  setenv("CONVTUNE_NUM_THREADS", "2", 1);
  EXPECT_EQ(make_cpu_device()->properties().units, 2);
  setenv("CONVTUNE_NUM_THREADS", "none", 1);
  EXPECT_THAT(refusal([] { make_cpu_device(); }), HasSubstr("CONVTUNE_NUM_THREADS"));
  kept.empty() ? unsetenv("CONVTUNE_NUM_THREADS") : setenv("CONVTUNE_NUM_THREADS", kept.c_str(), 1);
}

TEST(CpuDevice, AllocatesAlignedMemoryThatOutlivesIt) {
  std::shared_ptr<void> memory;
  float out = 0;
  {
    const auto device = make_cpu_device(1);
    for (const std::size_t bytes : {0, 1, 100, 4096}) {
      const auto allocated = device->allocate(bytes);
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(allocated.get()) % 256, 0U);
    }
    memory = device->allocate(sizeof(float));
    const float in = 4.5F;
    device->copy_in(memory.get(), &in, sizeof in);
    device->copy_out(&out, memory.get(), sizeof out);
  }
  EXPECT_EQ(out, 4.5F);
  EXPECT_EQ(*static_cast<float*>(memory.get()), 4.5F);
}

TEST(CpuDevice, RefusesMoreMemoryThanThereIs) {
  const auto device = make_cpu_device(1);
  EXPECT_THAT(refusal([&] { device->allocate(std::size_t{1} << 60); }, Status::no_memory),
              HasSubstr("1152921504606846976 bytes"));
}

TEST(CpuDevice, RunsAPreparedCandidateAfterItsEnd) {
  Arrays arrays(small);
  std::unique_ptr<Executable> executable;
  {
    const auto device = make_cpu_device(2);
    executable =
        device->prepare(small, default_candidate(*device, small), arrays.weight.data(), nullptr);
  }
  EXPECT_EQ(executable->alignment(), sizeof(float));
  executable->run(arrays.x.data(), arrays.y.data(), nullptr);
  EXPECT_EQ(wrong_outputs(small, arrays), 0);
}

TEST(CpuDevice, RunsOneExecutableFromSeveralThreads) {
  const auto device = make_cpu_device(2);
  std::vector<Arrays> arrays(4, Arrays(small));
  const auto executable =
      device->prepare(small, default_candidate(*device, small), arrays[0].weight.data(), nullptr);
  std::vector<std::thread> callers;
  for (Arrays& own : arrays) {
    callers.emplace_back([&] {
      for (int i = 0; i < 20; ++i) executable->run(own.x.data(), own.y.data(), nullptr);
    });
  }
  for (std::thread& caller : callers) caller.join();
  for (const Arrays& own : arrays) EXPECT_EQ(wrong_outputs(small, own), 0);
}

TEST(CpuDevice, RefusesAFamilyOfAnotherDevice) {
  const auto device = make_cpu_device(1);
  const Family family = {.name = "elsewhere", .device = DeviceKind::cuda};
  EXPECT_THAT(refusal(
                  [&] {
                    device->prepare(small, {&family, {}}, nullptr, nullptr);
                  },
                  Status::failed),
              HasSubstr("elsewhere"));
}

}  // namespace
}  // namespace convtune
