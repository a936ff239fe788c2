#include "runtime/cost_model.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace convtune {
namespace {

/// What data sheets promise: dense operations and bytes a second.
struct Peak {
  const char* what;
  DeviceProperties device;
  Arithmetic arithmetic;
  double flops;
  double bytes;
};

DeviceProperties gpu(const char* arch, int sms) {
  DeviceProperties device = properties_of_arch(arch);
  device.units = sms;
  return device;
}

DeviceProperties cpu(const char* arch, int threads, std::int64_t l3_bytes) {
  return {.arch = arch, .units = threads, .l2_bytes = 1 << 20, .l3_bytes = l3_bytes};
}

const Peak peaks[] = {
    {"T4, float32", gpu("sm_75", 40), Arithmetic::lanes, 8.1e12, 320e9},
    {"A100, bfloat16", gpu("sm_80", 108), Arithmetic::mma_16_bits, 312e12, 2.04e12},
    {"A100, TF32", gpu("sm_80", 108), Arithmetic::mma_tf32, 156e12, 2.04e12},
    {"RTX 3060, float32", gpu("sm_86", 28), Arithmetic::lanes, 12.7e12, 360e9},
    {"H200, float32", gpu("sm_90a", 132), Arithmetic::lanes, 67e12, 4.8e12},
    {"H200, bfloat16", gpu("sm_90a", 132), Arithmetic::wgmma_16_bits, 989e12, 4.8e12},
    {"H200, TF32", gpu("sm_90a", 132), Arithmetic::wgmma_tf32, 494e12, 4.8e12},
    {"B200, float32", gpu("sm_100a", 148), Arithmetic::lanes, 75e12, 8e12},
    {"RTX PRO 6000, float32", gpu("sm_120", 188), Arithmetic::lanes, 125e12, 1.79e12},
    // Threads times all-core clock times operations a cycle.
    {"EPYC 9654", cpu("AVX3_ZEN4", 96, 32 << 20), Arithmetic::lanes, 96 * 3.55e9 * 32, 460e9},
    {"Xeon 8480+", cpu("AVX3_SPR", 56, 105 << 20), Arithmetic::lanes, 56 * 3.0e9 * 64, 307e9},
    {"Xeon 8480+, bfloat16 by AMX", cpu("AVX3+AMX", 56, 105 << 20), Arithmetic::cpu_bf16,
     56 * 2.6e9 * 1024, 307e9},
    {"EPYC 9654, bfloat16", cpu("AVX3+BF16", 96, 32 << 20), Arithmetic::cpu_bf16, 96 * 3.55e9 * 64,
     460e9},
    {"Core i9-13900K, one thread", cpu("AVX2", 1, 36 << 20), Arithmetic::lanes, 5.8e9 * 32, 60e9},
};

TEST(LeastSeconds, IsBelowWhatDataSheetsPromiseAndNotFarBelow) {
  for (const Peak& peak : peaks) {
    SCOPED_TRACE(peak.what);
    const auto least = [&](double bytes, double flops) {
      return least_seconds({.bytes = bytes, .flops = flops, .arithmetic = peak.arithmetic},
                           peak.device);
    };
    EXPECT_LT(least(0, peak.flops), 1);
    EXPECT_GT(least(0, peak.flops), 0.05);
    EXPECT_LT(least(peak.bytes, 0), 1);
    EXPECT_GT(least(peak.bytes, 0), 0.05);
    EXPECT_EQ(least(peak.bytes, peak.flops), std::max(least(peak.bytes, 0), least(0, peak.flops)));
  }
}

TEST(LeastSeconds, GrantsCachesTheirOwnRate) {
  for (const Peak& peak : peaks) {
    SCOPED_TRACE(peak.what);
    const auto rate = [&](double bytes) {
      return bytes / least_seconds({.bytes = bytes}, peak.device);
    };
    const auto fits = static_cast<double>(peak.device.l2_bytes);
    EXPECT_EQ(rate(fits), rate(fits / 2));
    EXPECT_GT(rate(fits), rate(1e6 * fits));
  }
}

TEST(LeastSeconds, OfNothingIsNothing) {
  for (const Peak& peak : peaks) EXPECT_EQ(least_seconds({}, peak.device), 0) << peak.what;
}

}  // namespace
}  // namespace convtune
