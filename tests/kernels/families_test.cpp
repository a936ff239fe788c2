#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "kernels/family.hpp"

namespace convtune {
namespace {

template <class T>
T pick(std::mt19937& random, std::initializer_list<T> values) {
  return values.begin()[random() % values.size()];
}

/// Any valid problem, of every dtype, math and layout: from one output to millions.
Problem draw_problem(std::mt19937& random) {
  const auto channels = [&] {
    return pick<std::int64_t>(random, {1, 1, 2, 3, 4, 8, 15, 16, 17, 64, 129});
  };
  Problem p;
  p.dtype = pick(random, {DType::float32, DType::float16, DType::bfloat16});
  p.math = p.dtype == DType::float32
               ? pick(random, {Math::ieee, Math::tf32x3, Math::tf32, Math::winograd})
               : pick(random, {Math::ieee, Math::winograd});
  p.layout = pick(random, {Layout::NLC, Layout::NCL});
  p.activation = pick(random, {Activation::none, Activation::gelu});
  p.batch = pick(random, {1, 1, 3, 64});
  p.length = pick(random, {1, 2, 7, 64, 1000, 3001, 10'000});
  p.kernel_size = pick(random, {1, 2, 3, 4, 7, 16, 31, 64, 128, 1000});
  p.stride = pick(random, {1, 1, 2, 3, 4, 8, 9, 320});
  p.dilation = pick(random, {1, 1, 2, 3, 8, 17, 512});
  p.padding.left = p.dilation * (p.kernel_size - 1);  // so that there is an output
  p.padding.right = pick(random, {0, 1, 40});
  p.num_groups = pick(random, {1, 1, 2, 5, 16, 64});
  p.in_channels = p.num_groups * channels();
  p.out_channels = p.num_groups * channels();
  return p;
}

TEST(GeneratedFamilies, HaveAKernelForEveryProblemOnEveryGpu) {
  std::mt19937 random(1);
  for (int i = 0; i < 500; ++i) {
    const Problem problem = draw_problem(random);
    validate(problem);
    for (const char* arch : {"sm_75", "sm_80", "sm_86", "sm_89", "sm_90a", "sm_100a", "sm_120"}) {
      const DeviceProperties device = properties_of_arch(arch);
      const auto serves = [&](const Family* family) {
        return family->device == DeviceKind::cuda &&
               broken_constraint(*family, problem, family->default_config(problem, device),
                                 device) == nullptr;
      };
      EXPECT_TRUE(std::ranges::any_of(generated_families(), serves))
          << "none serves " << describe(problem) << " on " << arch;
    }
  }
}

// No kernel for a GPU makes use of it: the code is ieee's.
TEST(GeneratedFamilies, ComputeWinogradOnAGpuAsIeee) {
  std::mt19937 random(2);
  const DeviceProperties device = properties_of_arch("sm_90a");
  int served = 0;
  for (int i = 0; i < 100; ++i) {
    Problem problem = draw_problem(random);
    problem.math = Math::ieee;
    Problem winograd = problem;
    winograd.math = Math::winograd;
    for (const Family* family : generated_families()) {
      if (family->device != DeviceKind::cuda) continue;
      const Config config = family->default_config(problem, device);
      EXPECT_EQ(family->default_config(winograd, device), config);
      const Constraint* broken = broken_constraint(*family, problem, config, device);
      EXPECT_EQ(broken_constraint(*family, winograd, config, device), broken);
      if (broken != nullptr) continue;
      ++served;
      EXPECT_EQ(source_digest(*family, winograd, config, device),
                source_digest(*family, problem, config, device))
          << describe(winograd);
    }
  }
  EXPECT_GT(served, 100);
}

}  // namespace
}  // namespace convtune
