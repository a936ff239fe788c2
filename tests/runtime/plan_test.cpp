#include "runtime/plan.hpp"

#include <array>
#include <limits>

#include "tests/refusal.hpp"
#include "tests/runtime/fakes.hpp"

namespace convtune {
namespace {

using testing::HasSubstr;

class PlanChoice : public testing::Test {
 protected:
  Problem problem = {.length = 100, .in_channels = 8, .out_channels = 8, .kernel_size = 3};
  FakeMachine machine;

  Problem with_length(std::int64_t length) const {
    Problem other = problem;
    other.length = length;
    return other;
  }
  void tuned(const Problem& what, const std::string& config,
             const std::string& digest = "vector-today") {
    machine.plans->plans.push_back({.problem = what,
                                    .config = config,
                                    .digest = digest,
                                    .seconds = 1e-3,
                                    .default_seconds = 2e-3});
  }
  Plan choose(const Problem& what) const {
    return choose_plan(what, machine.gpu->properties(), machine.plans.get(), machine.families);
  }
};

TEST_F(PlanChoice, IsExactWhereTheProblemWasTuned) {
  tuned(with_length(101), "fake_plain{tile=8}", "plain-today");
  tuned(problem, "fake_vector{vector=2}");
  const Plan plan = choose(problem);
  EXPECT_EQ(plan.match, Match::exact);
  EXPECT_EQ(to_text(plan.candidate.config), "fake_vector{vector=2}");
  EXPECT_EQ(plan.candidate.family, &fake_vector());
  EXPECT_EQ(plan.expected_seconds, 1e-3);
  EXPECT_EQ(plan.expected_loss, 0.0);
  EXPECT_EQ(plan.problem, problem);
}

TEST_F(PlanChoice, IsTheNearestWhateverTheOrderOfTheSource) {
  tuned(with_length(1000), "fake_plain{tile=8}", "plain-today");
  tuned(with_length(200), "fake_vector{vector=2}");
  tuned(with_length(400), "fake_vector{vector=1}");
  const Plan plan = choose(problem);
  EXPECT_EQ(plan.match, Match::nearest);
  EXPECT_EQ(to_text(plan.candidate.config), "fake_vector{vector=2}");
  EXPECT_EQ(plan.problem, problem);
  EXPECT_THAT(plan.why, HasSubstr("200"));
}

TEST_F(PlanChoice, ScalesTheMeasuredTimeAndExpectsNoLossWhereNothingMoreIsWasted) {
  tuned(with_length(200), "fake_vector{vector=2}");
  const Plan plan = choose(with_length(800));
  EXPECT_GT(plan.expected_seconds, 3e-3);
  EXPECT_LT(plan.expected_seconds, 5e-3);
  EXPECT_NEAR(plan.expected_loss.value(), 0, 1e-9);
}

/// One family, which computes whole tiles of output positions; its default has the small ones.
class TiledPlanChoice : public PlanChoice {
 protected:
  TiledPlanChoice() {
    tiled.cost = [](const Problem& p, const Config& config, const DeviceProperties&) {
      const std::int64_t tile = config.at("tile");
      const std::int64_t computed = (output_length(p) + tile - 1) / tile * tile;
      return Cost{.bytes = 0,
                  .flops = 2.0 * static_cast<double>(multiply_adds(p)) *
                           static_cast<double>(computed) / static_cast<double>(output_length(p))};
    };
    machine.families = {&tiled};
    problem.in_channels = problem.out_channels = 512;
    problem.batch = 64;  // bound by arithmetic
  }
  /// Tiles of 16, tuned where they fit, `gain` times as fast as the default there.
  Plan choose_after(double gain, std::int64_t outputs) {
    machine.plans->plans = {{.problem = with_length(160 + 2),
                             .config = "fake_plain{tile=16}",
                             .digest = "plain-today",
                             .seconds = 160e-6,
                             .default_seconds = gain * 160e-6}};
    return choose(with_length(outputs + 2));
  }
  Family tiled = fake_plain();
};

TEST_F(TiledPlanChoice, ExpectsTheLossThatWholeTilesCost) {
  // 17 outputs take two tiles of 16: 32 are computed.
  const Plan plan = choose_after(2, 17);
  EXPECT_EQ(plan.match, Match::nearest);
  EXPECT_NEAR(plan.expected_loss.value(), 32.0 / 17 - 1, 1e-9);
  EXPECT_NEAR(plan.expected_seconds, 32e-6, 1e-12);
  EXPECT_THAT(plan.why, HasSubstr("about 88 % slower"));
  EXPECT_NEAR(choose_after(9.6, 17).expected_loss.value(), 32.0 / 17 - 1, 1e-9)
      << "what tuning gained there is no loss here";
}

TEST_F(TiledPlanChoice, TakesTheDefaultWhereThatIsExpectedToBeFaster) {
  // The default computes 24 outputs; at a gain below 32 / 24 that takes less time.
  const Plan plan = choose_after(1.3, 17);
  EXPECT_EQ(plan.match, Match::heuristic);
  EXPECT_EQ(to_text(plan.candidate.config), "fake_plain{tile=8}");
  EXPECT_THAT(plan.why, HasSubstr("expected to be slower here than the default"));
  EXPECT_EQ(choose_after(1.4, 17).match, Match::nearest);
  EXPECT_EQ(choose_after(1.3, 32).match, Match::nearest) << "tiles of 16 fit";
  EXPECT_EQ(choose_after(0, 17).match, Match::nearest) << "the default's time is unknown";
}

TEST_F(PlanChoice, BorrowsNothingFromFarAwayOrAnotherType) {
  Problem far = problem;
  far.in_channels = far.out_channels = 512;
  tuned(far, "fake_vector{vector=2}");
  Problem half = problem;
  half.dtype = DType::float16;
  tuned(half, "fake_vector{vector=2}");
  Problem permuted = problem;
  permuted.layout = Layout::NCL;
  tuned(permuted, "fake_vector{vector=2}");
  EXPECT_EQ(choose(problem).match, Match::heuristic);
}

TEST_F(PlanChoice, IsTheCostModelsWhereNothingIsTuned) {
  const Plan plan = choose_plan(problem, machine.gpu->properties(), nullptr, machine.families);
  EXPECT_EQ(plan.match, Match::heuristic);
  EXPECT_EQ(to_text(plan.candidate.config), "fake_vector{vector=4}");  // half the bytes of plain
  EXPECT_GT(plan.expected_seconds, 0);
  EXPECT_FALSE(plan.expected_loss.has_value());
  EXPECT_THAT(plan.why, HasSubstr("no tuned plans"));
}

TEST_F(PlanChoice, PrefersGeneratedFamiliesWhereNothingIsMeasured) {
  Family vendor = fake_vector();
  vendor.origin = Origin::vendor;
  const std::vector<const Family*> families = {&vendor, &fake_plain()};
  const DeviceProperties& device = machine.gpu->properties();
  EXPECT_EQ(heuristic_plan(problem, device, families).candidate.family, &fake_plain());
  problem.num_groups = 2;
  EXPECT_EQ(heuristic_plan(problem, device, families).candidate.family, &vendor);
}

TEST_F(PlanChoice, PrefersTheFirstOfFamiliesThatTheCostModelCannotTellApart) {
  Family like_plain = fake_plain();
  like_plain.name = "like_plain";
  const DeviceProperties& device = machine.gpu->properties();
  const auto chosen = [&](double times) {
    static double factor = 1;
    factor = times;
    like_plain.cost = [](const Problem& p, const Config& config, const DeviceProperties& on) {
      const Cost cost = fake_plain().cost(p, config, on);
      return Cost{.bytes = cost.bytes * factor, .flops = cost.flops * factor};
    };
    const std::vector<const Family*> families = {&like_plain, &fake_plain()};
    return heuristic_plan(problem, device, families).candidate.family;
  };
  EXPECT_EQ(chosen(1.02), &like_plain);
  EXPECT_EQ(chosen(1.2), &fake_plain());
}

TEST(HeuristicPlan, TakesProductsOfBfloat16ForDenseLayersWhereTheCpuHasThem) {
  const auto family = [](DType dtype, Layout layout, const char* arch) {
    const Problem p = {.length = 750,
                       .in_channels = 176,
                       .out_channels = 352,
                       .kernel_size = 1,
                       .dtype = dtype,
                       .layout = layout};
    return heuristic_plan(p, {.arch = arch, .units = 2}, all_families(), {}).candidate.family->name;
  };
  for (const Layout layout : {Layout::NLC, Layout::NCL}) {
    for (const DType dtype : {DType::float32, DType::float16, DType::bfloat16}) {
      EXPECT_EQ(family(dtype, layout, "AVX3+AMX"), "cpu_bf16");
      EXPECT_EQ(family(dtype, layout, "AVX3+BF16") == "cpu_bf16", dtype == DType::bfloat16);
      EXPECT_NE(family(dtype, layout, "AVX3"), "cpu_bf16");
    }
  }
}

// 24 products are 12 pairs to vectors, but 3 chunks of 32 to tiles, mostly zeros.
TEST(HeuristicPlan, TakesProductsOfBfloat16ForFewChannelsToo) {
  const Problem p = {.length = 750,
                     .in_channels = 8,
                     .out_channels = 352,
                     .kernel_size = 3,
                     .dtype = DType::bfloat16};
  const DeviceProperties vectors = {.arch = "AVX3+BF16", .units = 2};
  EXPECT_EQ(heuristic_plan(p, vectors, all_families(), {}).candidate.family->name, "cpu_bf16");
}

TEST_F(PlanChoice, UsesAStalePlanAndSaysSo) {
  tuned(problem, "fake_vector{vector=2}", "vector-yesterday");
  const Plan plan = choose(problem);
  EXPECT_EQ(plan.match, Match::nearest);
  EXPECT_EQ(to_text(plan.candidate.config), "fake_vector{vector=2}");
  EXPECT_THAT(plan.why, HasSubstr("stale"));
  EXPECT_FALSE(plan.expected_loss.has_value());
}

TEST_F(PlanChoice, UsesAPlanOfAnotherDriverOrCompilerAndSaysSo) {
  tuned(problem, "fake_vector{vector=2}");
  TunedPlan& plan = machine.plans->plans.back();
  plan.driver = "12.4";
  plan.compiler = "12.6";
  DeviceProperties now = machine.gpu->properties();
  const auto chosen = [&](const std::string& driver, const std::string& compiler) {
    now.driver = driver;
    now.compiler = compiler;
    return choose_plan(problem, now, machine.plans.get(), machine.families);
  };
  EXPECT_EQ(chosen("12.4", "12.6").match, Match::exact);
  EXPECT_EQ(chosen("", "").match, Match::exact) << "nothing is known to have changed";
  for (const auto& [driver, compiler, says] :
       {std::array{"13.0", "12.6", "stale: it was measured with driver 12.4, now 13.0; tune again"},
        std::array{"12.4", "13.0", "with compiler 12.6, now 13.0; tune"},
        std::array{"13.0", "13.1", "driver 12.4, now 13.0 and compiler 12.6, now 13.1; tune"}}) {
    const Plan stale = chosen(driver, compiler);
    EXPECT_EQ(stale.match, Match::nearest);
    EXPECT_EQ(to_text(stale.candidate.config), "fake_vector{vector=2}");
    EXPECT_THAT(stale.why, HasSubstr(says));
    EXPECT_FALSE(stale.expected_loss.has_value());
  }
}

TEST_F(PlanChoice, PassesOverWhatNoLongerResolves) {
  for (const char* unusable :
       {"fake_vector{vector=16}", "gone{a=1}", "fake_vector{vector=", "", "\xff\xfe{}"}) {
    machine.plans->plans.clear();
    tuned(problem, unusable);
    tuned(with_length(120), "fake_vector{vector=1}");
    const Plan plan = choose(problem);
    EXPECT_EQ(plan.match, Match::nearest) << unusable;
    EXPECT_EQ(to_text(plan.candidate.config), "fake_vector{vector=1}") << unusable;
    EXPECT_THAT(plan.why, HasSubstr("unusable"));
  }
}

TEST_F(PlanChoice, ChecksABorrowedConfigAgainstTheProblemAtHand) {
  Problem odd = problem;
  odd.in_channels = 7;
  tuned(problem, "fake_vector{vector=4}");
  const Plan plan = choose(odd);
  EXPECT_EQ(plan.match, Match::heuristic);
  EXPECT_EQ(to_text(plan.candidate.config), "fake_vector{vector=1}");
}

TEST_F(PlanChoice, PassesOverWhatIsQuarantinedForThisProblem) {
  const Problem near = with_length(120);
  tuned(problem, "fake_vector{vector=2}");
  tuned(near, "fake_vector{vector=4}");
  auto& quarantined = machine.plans->quarantined;
  machine.plans->quarantined_for = problem;
  const auto quarantine = [&](const char* config, const char* digest) {
    quarantined.push_back({.config = config, .digest = digest, .reason = "crashed, signal 11"});
    return to_text(choose(problem).candidate.config);
  };
  EXPECT_EQ(quarantine("fake_vector{vector=2}", "vector-yesterday"), "fake_vector{vector=2}");
  EXPECT_EQ(quarantine("fake_vector{vector=2}", "vector-today"), "fake_vector{vector=4}");
  EXPECT_EQ(choose(problem).match, Match::nearest);
  EXPECT_THAT(choose(problem).why,
              HasSubstr("fake_vector{vector=2} is quarantined: crashed, signal 11."));
  EXPECT_EQ(quarantine("fake_vector{vector=4}", "vector-today"), "fake_vector{vector=1}")
      << "the cheapest that is left of the family";
  EXPECT_EQ(choose(problem).match, Match::heuristic);
  EXPECT_EQ(choose(problem).quarantine.size(), 3U);
  EXPECT_EQ(quarantine("fake_vector{vector=1}", "vector-today"), "fake_plain{tile=8}");
  EXPECT_EQ(quarantine("fake_plain{tile=8}", "plain-today"), "fake_plain{tile=16}");
  quarantined.push_back({.config = "fake_plain{tile=16}", .digest = "plain-today", .reason = "r"});
  EXPECT_THAT(refusal([&] { choose(problem); }, Status::unavailable),
              HasSubstr("fake_plain{tile=16} is quarantined: r"));
  EXPECT_EQ(to_text(choose(near).candidate.config), "fake_vector{vector=4}")
      << "another problem is not concerned";
}

TEST_F(PlanChoice, RefusesWhatNoFamilyServesAndNamesTheRules) {
  problem.kernel_size = 65;
  problem.length = 1000;
  EXPECT_THAT(refusal([&] { choose(problem); }, Status::unavailable),
              HasSubstr("kernel_size must be at most 64"));
}

TEST(Distance, IsZeroOnlyBetweenEquivalentProblemsAndSymmetric) {
  const Problem a{.length = 100, .in_channels = 8, .out_channels = 8, .kernel_size = 3};
  EXPECT_EQ(distance(a, a), 0);
  const auto apart = [&](auto&& change) {
    Problem b = a;
    change(b);
    EXPECT_EQ(distance(a, b), distance(b, a));
    return distance(a, b);
  };
  EXPECT_GT(apart([](Problem& p) { p.batch = 2; }), 0);
  EXPECT_GT(apart([](Problem& p) { p.length = 101; }), 0);
  EXPECT_GT(apart([](Problem& p) { p.in_channels = 16; }), 0);
  EXPECT_GT(apart([](Problem& p) { p.out_channels = 16; }), 0);
  EXPECT_GT(apart([](Problem& p) { p.kernel_size = 5; }), 0);
  EXPECT_GT(apart([](Problem& p) { p.stride = 2; }), 1);
  EXPECT_GT(apart([](Problem& p) { p.dilation = 2; }), 0.5);
  EXPECT_GT(apart([](Problem& p) { p.num_groups = 8; }), 2);
  EXPECT_EQ(apart([](Problem& p) { p.dtype = DType::float16; }),
            std::numeric_limits<double>::infinity());
}

}  // namespace
}  // namespace convtune
