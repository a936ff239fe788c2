#pragma once

#include <array>
#include <set>
#include <string>
#include <vector>

#include "generator/candidates.hpp"

namespace convtune {

struct SampleCandidate {
  Problem problem;
  Config config;
  bool is_default = false;
};

/// Problems of all dtypes, layouts and activations, with wide and narrow groups and few and many
/// taps.
inline std::vector<Problem> sample_problems() {
  std::vector<Problem> problems;
  for (int i = 0; i < 6; ++i) {
    Problem p = {.length = 4096, .in_channels = 64, .out_channels = 64, .kernel_size = 3};
    p.dtype = static_cast<DType>(i % 3);
    p.layout = static_cast<Layout>(i % 2);
    p.activation = static_cast<Activation>(i);
    if (i >= 4) p.num_groups = 64;
    if (i == 2) p.kernel_size = 31;
    if (i == 3) p.length = std::int64_t{1} << 26;
    problems.push_back(p);
  }
  return problems;
}

/// Depthwise problems of both layouts: kernels that are baked in and such that go by chunks, shared
/// windows of all kinds, and a multiplier.
inline std::vector<Problem> depthwise_problems() {
  std::vector<Problem> problems;
  for (int i = 0; i < 8; ++i) {
    Problem p = {.length = 4095, .in_channels = 96, .out_channels = 96, .kernel_size = 4};
    p.num_groups = p.in_channels;
    p.dtype = static_cast<DType>(i % 3);
    p.layout = static_cast<Layout>(i % 2);
    p.activation = static_cast<Activation>(i % 6);
    if (i == 2) p.num_groups = p.in_channels = p.out_channels = 98;
    if (i == 3) p.kernel_size = 31;
    if (i == 4) p.kernel_size = 17;
    if (i == 5) p.kernel_size = 128;
    if (i == 6) p.out_channels = 288, p.stride = 2;
    if (i == 7) p.dilation = 64;
    problems.push_back(p);
  }
  return problems;
}

/// Problems for tiles with a halo: a waveform's stem, a head, narrow groups of both sizes, a
/// strided group whose words are single channels, and one channel into two.
inline std::vector<Problem> halo_problems() {
  std::vector<Problem> problems;
  for (int i = 0; i < 11; ++i) {
    Problem p = {.length = 48000, .in_channels = 1, .out_channels = 256, .kernel_size = 10};
    p.dtype = static_cast<DType>(i % 3);
    p.layout = static_cast<Layout>(i % 2);
    p.activation = static_cast<Activation>(i % 6);
    if (i < 3) p.stride = 5;
    if (i == 3 || i == 4) p.in_channels = 256, p.out_channels = i == 3 ? 1 : 2;
    if (i == 5) p.in_channels = 80, p.out_channels = 4, p.length = 64;
    if (i == 6) p.in_channels = p.out_channels = 256;
    if (i >= 7) p.num_groups = 16, p.in_channels = 16 * (i == 8 ? 5 : 16), p.kernel_size = 41;
    if (i == 9) p.out_channels = 64, p.length = 48001, p.stride = 4;
    if (i == 10) p.dtype = DType::float32, p.num_groups = 1, p.in_channels = 1, p.out_channels = 2;
    problems.push_back(p);
  }
  return problems;
}

/// Problems of wide groups, of every math on tensor cores in both layouts: 1x1 and such whose taps
/// share rows, rows of x that are aligned and that are not, outputs that tiles of 48 fill best,
/// many blocks and few, a reduction that clusters of every size share, and one of a single step.
inline std::vector<Problem> wide_problems() {
  std::vector<Problem> problems;
  for (int i = 0; i < 8; ++i) {
    Problem p = {.length = 6000, .in_channels = 256, .out_channels = 256, .kernel_size = 3};
    p.batch = i < 4 ? 16 : 1;
    p.dtype = std::array{DType::float16, DType::bfloat16, DType::float32}[i % 3];
    if (i % 3 == 2) p.math = i == 2 ? Math::tf32 : Math::tf32x3;
    p.layout = static_cast<Layout>(i % 2);
    p.activation = static_cast<Activation>(i % 6);
    if (i == 3) p.length = 5999, p.out_channels = 240;
    if (i == 4) p.length = 100, p.kernel_size = 1, p.in_channels = 80;
    if (i == 5) p.length = 30, p.out_channels = 32;
    if (i == 6) p.length = 100, p.kernel_size = 5, p.in_channels = p.out_channels = 512;
    if (i == 7) p.kernel_size = 1, p.in_channels = 64;
    problems.push_back(p);
  }
  return problems;
}

/// Long kernels, of every math on tensor cores in both layouts: depthwise with and without a
/// dilation and a stride, narrow groups, and one channel.
inline std::vector<Problem> long_problems() {
  std::vector<Problem> problems;
  for (int i = 0; i < 8; ++i) {
    Problem p = {.batch = 16, .length = 4096, .in_channels = 256, .out_channels = 256};
    p.kernel_size = i % 2 == 0 ? 64 : 31;
    p.num_groups = 256;
    p.dtype = std::array{DType::float16, DType::bfloat16, DType::float32}[i % 3];
    if (i % 3 == 2) p.math = i == 2 ? Math::tf32 : Math::tf32x3;
    p.layout = static_cast<Layout>(i / 2 % 2);
    p.activation = static_cast<Activation>(i % 6);
    if (i == 1) p.num_groups = 32, p.stride = 2;
    if (i == 3) p.dilation = 4;
    if (i == 4) p.num_groups = p.in_channels = 1, p.kernel_size = 400, p.stride = 16;
    if (i == 6) p.length = 4095;
    problems.push_back(p);
  }
  return problems;
}

/// Dense convolutions and wide groups, 16-bit types in both layouts, with all activations and
/// widths of stores, and TF32.
inline std::vector<Problem> warpgroup_gemm_problems() {
  std::vector<Problem> problems;
  for (int i = 0; i < 8; ++i) {
    Problem p = {.batch = 8, .length = 3000, .in_channels = 384, .out_channels = 384};
    p.kernel_size = 3;
    p.dtype = i % 2 == 0 ? DType::bfloat16 : DType::float16;
    p.layout = static_cast<Layout>(i / 2 % 2);
    p.activation = static_cast<Activation>(i % 6);
    if (i == 1) p.out_channels = 80;
    if (i == 2) p.padding = {1, 0};
    if (i == 4) p.num_groups = 6, p.out_channels = 378;
    if (i == 5) p.stride = 3;
    if (i >= 6) {
      p.dtype = DType::float32;
      p.layout = Layout::NLC;
      p.math = i == 6 ? Math::tf32 : Math::tf32x3;
    }
    problems.push_back(p);
  }
  return problems;
}

/// A few candidates that together have every value of every parameter of the family, and the
/// defaults: greedily, each adds a value that none before it has.
inline std::vector<SampleCandidate> covering_sample(const Family& family,
                                                    const std::vector<Problem>& problems,
                                                    const DeviceProperties& device) {
  std::vector<SampleCandidate> sample;
  std::set<std::string> seen;
  const std::vector<const Family*> families = {&family};
  for (const Problem& problem : problems) {
    const auto candidates = enumerate(problem, device, families).candidates;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      bool adds = false;
      for (const Setting& setting : candidates[i].config.settings)
        adds |= seen.insert(setting.name + "=" + std::to_string(setting.value)).second;
      if (adds || i == 0) sample.push_back({problem, candidates[i].config, i == 0});
    }
  }
  return sample;
}

}  // namespace convtune
