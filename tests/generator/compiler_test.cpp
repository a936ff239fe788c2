#include "generator/compiler.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <set>
#include <tuple>
#include <vector>

#include "generator/occupancy.hpp"
#include "kernels/cuda/depthwise.hpp"
#include "kernels/cuda/direct.hpp"
#include "kernels/cuda/halo.hpp"
#include "kernels/cuda/implicit_gemm.hpp"
#include "kernels/cuda/toeplitz.hpp"
#include "kernels/cuda/warpgroup_gemm.hpp"
#include "tests/generator/covering_sample.hpp"
#include "tests/refusal.hpp"

namespace convtune {
namespace {

/// Why NVRTC cannot be used here, or nothing.
std::optional<std::string> missing_compiler() {
  try {
    compiler_info();
    return std::nullopt;
  } catch (const Error& error) {
    return error.what();
  }
}

class Compiler : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto reason = missing_compiler()) GTEST_SKIP() << *reason;
  }
};

Source unit(std::string text) { return {.text = std::move(text), .headers = {}, .digest = ""}; }

struct Sample {
  const Family& (*family)();
  std::vector<Problem> (*problems)();
};

TEST(CoveringSample, HasEveryParameterValueOnHopper) {
  for (const auto& [family, problems] :
       {Sample{cuda_direct, sample_problems}, Sample{cuda_depthwise, depthwise_problems},
        Sample{cuda_halo, halo_problems}, Sample{cuda_implicit_gemm, wide_problems},
        Sample{cuda_toeplitz, long_problems},
        Sample{cuda_warpgroup_gemm, warpgroup_gemm_problems}}) {
    const auto sample = covering_sample(family(), problems(), properties_of_arch("sm_90a"));
    for (const Parameter& parameter : family().parameters) {
      std::set<std::int64_t> values;
      for (const SampleCandidate& each : sample) values.insert(each.config.at(parameter.name));
      EXPECT_EQ(values, std::set(parameter.values.begin(), parameter.values.end()))
          << family().name << " " << parameter.name;
    }
  }
}

class CompilerOn : public Compiler,
                   public testing::WithParamInterface<std::tuple<const char*, Sample>> {};

TEST_P(CompilerOn, BuildsEveryParameterValueWithoutWarnings) {
  const auto& [arch, sample] = GetParam();
  const DeviceProperties device = properties_of_arch(arch);
  const Family& family = sample.family();
  for (const SampleCandidate& each : covering_sample(family, sample.problems(), device)) {
    SCOPED_TRACE(describe(each.problem) + " " + to_text(each.config));
    const Source source = write_source(*family.cuda, each.problem, each.config, device);
    const Compiled compiled = compile(source, arch);
    EXPECT_GT(compiled.resources.registers, 0);
    if (each.is_default) {
      EXPECT_EQ(compiled.resources.spill_bytes, 0);
    }
    const LaunchGeometry launch = family.cuda->geometry(each.problem, each.config, device);
    EXPECT_GT(occupancy(compiled.resources, launch, device).blocks_per_sm, 0);
  }
}

std::string name_of_sample(const testing::TestParamInfo<CompilerOn::ParamType>& each) {
  return std::string(std::get<0>(each.param)) + "_" +
         std::string(std::get<1>(each.param).family().name);
}

INSTANTIATE_TEST_SUITE_P(Architectures, CompilerOn,
                         testing::Combine(testing::Values("sm_75", "sm_80", "sm_86", "sm_89",
                                                          "sm_90a", "sm_100a", "sm_120"),
                                          testing::Values(Sample{cuda_direct, sample_problems},
                                                          Sample{cuda_depthwise,
                                                                 depthwise_problems},
                                                          Sample{cuda_halo, halo_problems},
                                                          Sample{cuda_implicit_gemm, wide_problems},
                                                          Sample{cuda_toeplitz, long_problems})),
                         name_of_sample);
INSTANTIATE_TEST_SUITE_P(Hopper, CompilerOn,
                         testing::Combine(testing::Values("sm_90a"),
                                          testing::Values(Sample{cuda_warpgroup_gemm,
                                                                 warpgroup_gemm_problems})),
                         name_of_sample);

TEST_F(Compiler, ReportsErrorsWithTheLog) {
  const std::string message =
      refusal([] { compile(unit("#error \"no such thing\""), "sm_90a"); }, Status::failed);
  EXPECT_THAT(message, testing::HasSubstr("no such thing"));
}

TEST_F(Compiler, CountsAWarningAsAFailure) {
  const std::string message = refusal(
      [] {
        compile(
            unit("extern \"C\" __global__ void convtune_kernel(int* y) { int unused; *y = 1; }"),
            "sm_90a");
      },
      Status::failed);
  EXPECT_THAT(message, testing::HasSubstr("unused"));
}

TEST_F(Compiler, SeesSpillsAndSharedMemory) {
  // 64 live values a thread, but launch bounds that leave 32 registers.
  const Compiled compiled = compile(unit(R"(
extern "C" __global__ void __launch_bounds__(1024, 2) convtune_kernel(float* y) {
  __shared__ float tile[256];
  float a[64];
  #pragma unroll
  for (int i = 0; i < 64; ++i) a[i] = y[i * 64 + threadIdx.x];
  tile[threadIdx.x % 256] = a[0];
  __syncthreads();
  #pragma unroll
  for (int i = 0; i < 64; ++i) y[a[(i + 7) % 64] > 0 ? i : i + 64] = a[i] + tile[i];
})"),
                                    "sm_90a");
  EXPECT_LE(compiled.resources.registers, 32);
  EXPECT_GT(compiled.resources.spill_bytes, 0);
  EXPECT_GE(compiled.resources.shared_bytes, 1024);
}

TEST_F(Compiler, RefusesAnUnknownArchitecture) {
  refusal([] { compile(unit("extern \"C\" __global__ void convtune_kernel() {}"), "sm_1"); },
          Status::failed);
}

}  // namespace
}  // namespace convtune
