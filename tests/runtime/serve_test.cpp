#include "runtime/serve.hpp"

#include "runtime/cost_model.hpp"
#include "tests/refusal.hpp"
#include "tests/runtime/fakes.hpp"

namespace convtune {
namespace {

using testing::HasSubstr;

class Serving : public testing::Test {
 protected:
  Problem problem = {.length = 9, .in_channels = 8, .out_channels = 4, .kernel_size = 3};
  FakeMachine machine;
  Elements x = random_elements(DType::float32, 9 * 8, 1);
  Elements weight = random_elements(DType::float32, 3 * 8 * 4, 2);

  void tune(const Problem& what, const std::string& config) {
    machine.plans->plans.push_back(
        {.problem = what, .config = config, .digest = "vector-today", .seconds = 1e-3});
  }
  Served serve_with(Policy policy, std::size_t alignment = 16) {
    return serve(machine.backend(), problem, policy, decide(machine.backend(), problem, policy),
                 {.filter = weight.bytes, .bias = {}}, alignment);
  }
  void expect_right(const Served& served) {
    const auto device_x = machine.gpu->allocate(x.bytes.size());
    machine.gpu->copy_in(device_x.get(), x.data(), x.bytes.size());
    Elements y(DType::float32, 7 * 4);
    const auto device_y = machine.gpu->allocate(y.bytes.size());
    served.executable->run(device_x.get(), device_y.get(), nullptr);
    machine.gpu->copy_out(y.data(), device_y.get(), y.bytes.size());
    const std::vector<double> expected = naive_conv1d(problem, x.data(), weight.data(), nullptr);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      ASSERT_NEAR(y.at(static_cast<std::int64_t>(i)), expected[i], 1e-5);
    }
  }
};

TEST_F(Serving, AnotherFamilyTakesThePlaceOfOneThatFails) {
  machine.gpu->failing = {"fake_vector"};
  const Served served = serve_with(Policy::nearest_or_heuristic);
  EXPECT_EQ(to_text(served.plan.candidate.config), "fake_plain{tile=8}");
  EXPECT_EQ(served.plan.match, Match::heuristic);
  EXPECT_THAT(served.plan.why, HasSubstr("not enough memory on the fake GPU"));
  expect_right(served);
}

TEST_F(Serving, TheCpuTakesThePlaceOfADeviceThatPreparesNothing) {
  machine.gpu->failing = {"fake_vector", "fake_plain"};
  const Served served = serve_with(Policy::nearest_or_heuristic);
  EXPECT_EQ(served.plan.match, Match::cpu);
  EXPECT_EQ(to_text(served.plan.candidate.config), "fake_cpu{tile=1}");
  EXPECT_THAT(served.plan.why, HasSubstr("not enough memory on the fake GPU"));
  expect_right(served);
  EXPECT_GE(machine.gpu->copies, 4);  // x and y were staged in host memory
}

TEST_F(Serving, TheCpuServesWhatNoFamilyOfTheDeviceDoes) {
  problem.kernel_size = 65;
  problem.length = 71;
  x = random_elements(DType::float32, 71 * 8, 1);
  weight = random_elements(DType::float32, 65 * 8 * 4, 2);
  const Served served = serve_with(Policy::nearest_or_heuristic);
  EXPECT_EQ(served.plan.match, Match::cpu);
  EXPECT_THAT(served.plan.why, HasSubstr("kernel_size must be at most 64"));
  expect_right(served);
}

TEST_F(Serving, ALowerAlignmentTakesTheCheapestConfigThatServesIt) {
  EXPECT_EQ(to_text(serve_with(Policy::nearest_or_heuristic, 16).plan.candidate.config),
            "fake_vector{vector=4}");
  EXPECT_EQ(to_text(serve_with(Policy::nearest_or_heuristic, 8).plan.candidate.config),
            "fake_vector{vector=2}");
  const Served served = serve_with(Policy::nearest_or_heuristic, 4);
  EXPECT_EQ(to_text(served.plan.candidate.config), "fake_vector{vector=1}");
  EXPECT_EQ(served.executable->alignment(), 4U);
}

TEST_F(Serving, AnExactPlanIsServedWhateverThePolicy) {
  tune(problem, "fake_vector{vector=2}");
  for (const Policy policy : {Policy::nearest_or_heuristic, Policy::cpu, Policy::compile_and_wait,
                              Policy::compile_in_background, Policy::error}) {
    const Served served = serve_with(policy);
    EXPECT_EQ(served.plan.match, Match::exact) << name(policy);
    EXPECT_EQ(to_text(served.plan.candidate.config), "fake_vector{vector=2}") << name(policy);
  }
}

TEST_F(Serving, ThePolicyDecidesAboutShapesThatWereNotTuned) {
  Problem near = problem;
  near.length = 12;
  tune(near, "fake_vector{vector=2}");
  EXPECT_EQ(serve_with(Policy::nearest_or_heuristic).plan.match, Match::nearest);
  EXPECT_EQ(serve_with(Policy::cpu).plan.match, Match::cpu);
  EXPECT_EQ(serve_with(Policy::compile_and_wait).plan.match, Match::heuristic);
  EXPECT_THAT(refusal([&] { serve_with(Policy::error); }, Status::unavailable),
              HasSubstr("no tuned plan"));
}

TEST_F(Serving, WhatIsQuarantinedTakesNobodysPlaceWhateverThePolicy) {
  machine.plans->quarantined_for = problem;
  machine.plans->quarantined = {
      {.config = "fake_vector{vector=4}", .digest = "vector-today", .reason = "crashed"},
      {.config = "fake_vector{vector=2}", .digest = "vector-today", .reason = "crashed"},
      {.config = "fake_plain{tile=8}", .digest = "plain-today", .reason = "crashed"}};
  for (const Policy policy : {Policy::nearest_or_heuristic, Policy::compile_and_wait}) {
    EXPECT_EQ(to_text(serve_with(policy).plan.candidate.config), "fake_vector{vector=1}");
  }
  EXPECT_EQ(to_text(serve_with(Policy::nearest_or_heuristic, 8).plan.candidate.config),
            "fake_vector{vector=1}")
      << "vector=2 would serve the alignment best";
  machine.gpu->failing = {"fake_vector"};
  EXPECT_EQ(to_text(serve_with(Policy::nearest_or_heuristic).plan.candidate.config),
            "fake_plain{tile=16}");
}

TEST_F(Serving, TheErrorPolicyTakesNothingInPlaceOfAPlanThatFails) {
  tune(problem, "fake_vector{vector=2}");
  machine.gpu->failing = {"fake_vector"};
  EXPECT_THAT(refusal([&] { serve_with(Policy::error); }, Status::unavailable),
              HasSubstr("not enough memory on the fake GPU"));
}

TEST_F(Serving, ACpuThatFailsIsAnErrorOfItsOwn) {
  Backend backend = machine.cpu_backend();
  machine.cpu->failing = {"fake_cpu"};
  EXPECT_THAT(refusal(
                  [&] {
                    serve(backend, problem, Policy::nearest_or_heuristic,
                          decide(backend, problem, Policy::nearest_or_heuristic),
                          {.filter = weight.bytes, .bias = {}}, 4);
                  },
                  Status::unavailable),
              HasSubstr("fake_cpu{tile=1} could not be used"));
}

TEST_F(Serving, WhatNobodyServesIsAnError) {
  machine.families = {&fake_plain()};
  problem.num_groups = 2;
  EXPECT_THAT(refusal([&] { serve_with(Policy::nearest_or_heuristic); }, Status::unavailable),
              HasSubstr("on fake CPU"));
  EXPECT_THAT(
      refusal([&] { first_choice(machine.backend(), problem, Policy::cpu); }, Status::unavailable),
      HasSubstr("on fake CPU"));
}

TEST_F(Serving, TheFirstChoiceIsWhatServes) {
  for (const Policy policy : {Policy::nearest_or_heuristic, Policy::cpu}) {
    const Plan plan = first_choice(machine.backend(), problem, policy);
    const Served served = serve_with(policy);
    EXPECT_EQ(plan.candidate.config, served.plan.candidate.config);
    EXPECT_EQ(plan.match, served.plan.match);
    EXPECT_EQ(plan.why, served.plan.why);
  }
}

TEST(CostModel, GrowsWithWorkAndShrinksWithUnits) {
  DeviceProperties device;
  device.arch = "AVX2";
  device.units = 2;
  const double base = estimated_seconds({.bytes = 1e6, .flops = 1e9}, device);
  EXPECT_GT(base, 0);
  EXPECT_GT(estimated_seconds({.bytes = 1e6, .flops = 2e9}, device), base);
  EXPECT_GT(estimated_seconds({.bytes = 1e9, .flops = 1e9}, device), base);
  device.units = 4;
  EXPECT_LT(estimated_seconds({.bytes = 1e6, .flops = 1e9}, device), base);
  const Cost streaming{.bytes = 1e9, .flops = 1e6};
  EXPECT_LT(estimated_seconds(streaming, properties_of_arch("sm_90a")),
            estimated_seconds(streaming, properties_of_arch("sm_75")));
}

TEST(CostModel, KnowsThatTensorCoresAreFaster) {
  for (const char* arch : {"sm_80", "sm_89", "sm_90a", "sm_100a"}) {
    const auto seconds = [&](Arithmetic arithmetic) {
      return estimated_seconds({.bytes = 1, .flops = 1e12, .arithmetic = arithmetic},
                               properties_of_arch(arch));
    };
    EXPECT_LT(seconds(Arithmetic::wgmma_16_bits), seconds(Arithmetic::mma_16_bits));
    EXPECT_LT(seconds(Arithmetic::wgmma_tf32), seconds(Arithmetic::mma_tf32));
    EXPECT_LT(seconds(Arithmetic::mma_16_bits), seconds(Arithmetic::mma_tf32));
    EXPECT_LT(seconds(Arithmetic::mma_tf32), seconds(Arithmetic::lanes));
  }
}

}  // namespace
}  // namespace convtune
