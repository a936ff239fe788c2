#include "runtime/plan_buckets.hpp"

#include <cmath>
#include <set>

#include "runtime/cost_model.hpp"
#include "tests/refusal.hpp"
#include "tests/runtime/fakes.hpp"

namespace convtune {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

Problem of(std::int64_t batch, std::int64_t length) {
  return {.batch = batch, .length = length, .in_channels = 8, .out_channels = 4, .kernel_size = 3};
}

double octaves(std::int64_t a, std::int64_t b) {
  return std::abs(std::log2(static_cast<double>(a) / static_cast<double>(b)));
}

std::int64_t alignment(std::int64_t size) { return std::gcd(size, std::int64_t{16}); }

TEST(Bucket, IsNearInBatchAndOutputLengthAndAlignedAlike) {
  for (std::int64_t length = 3; length < 40'000; length += 1 + length / 500) {
    for (const std::int64_t stride : {1, 3}) {
      Problem problem = of(1 + length % 50, length);
      problem.stride = stride;
      const Problem bucket = bucket_of(problem);
      EXPECT_LE(octaves(bucket.batch, problem.batch), 0.25) << describe(problem);
      EXPECT_LE(octaves(output_length(bucket), output_length(problem)), 0.25) << describe(problem);
      EXPECT_EQ(alignment(bucket.length), alignment(problem.length)) << describe(problem);
      EXPECT_LE(distance(bucket, problem), max_plan_distance / 16) << describe(problem);
    }
  }
}

TEST(Bucket, LeavesAllElseAsItIs) {
  const Problem problem{.batch = 3,
                        .length = 1000,
                        .in_channels = 8,
                        .out_channels = 12,
                        .kernel_size = 5,
                        .stride = 2,
                        .padding = {3, 1},
                        .dilation = 4,
                        .num_groups = 4,
                        .has_bias = true,
                        .dtype = DType::float16,
                        .layout = Layout::NCL,
                        .activation = Activation::relu};
  Problem bucket = bucket_of(problem);
  EXPECT_NE(bucket.length, problem.length);
  bucket.length = problem.length;
  EXPECT_EQ(bucket, problem);
}

TEST(Bucket, HoldsManyLengths) {
  std::set<Problem> buckets;
  for (std::int64_t length = 100; length < 30'100; ++length)
    buckets.insert(bucket_of(of(1, length)));
  // 8.2 octaves of 4 steps and 5 alignments.
  EXPECT_LE(buckets.size(), 34 * 5U);
}

TEST(Bucket, IsTheProblemItselfWhereAnotherWouldBeNoneOrFarAway) {
  Problem shortest = of(1, 1001);
  shortest.kernel_size = 501;
  shortest.dilation = 2;
  EXPECT_EQ(bucket_of(shortest), shortest);
  Problem huge = of(1, (std::int64_t{1} << 57) / 8 - 1);
  EXPECT_EQ(output_length(bucket_of(huge)) > 0, true);
}

class Buckets : public testing::Test {
 protected:
  FakeMachine machine;
  PlanBuckets buckets{machine.backend(), Policy::nearest_or_heuristic};

  void tuned(const Problem& problem, const char* config) const {
    machine.plans->plans.push_back({.problem = problem,
                                    .config = config,
                                    .digest = "vector-today",
                                    .seconds = 1e-3,
                                    .default_seconds = 2e-3});
  }
};

TEST_F(Buckets, ShareOneChoice) {
  tuned(of(1, 5'000), "fake_vector{vector=2}");
  const Plan first = *buckets.decide(of(1, 1'001)).plan;
  machine.plans->plans.clear();
  const Plan second = *buckets.decide(of(1, 1'003)).plan;
  EXPECT_EQ(to_text(first.candidate.config), "fake_vector{vector=2}");
  EXPECT_EQ(to_text(second.candidate.config), "fake_vector{vector=2}");
  EXPECT_EQ(second.problem, of(1, 1'003));
  EXPECT_EQ(second.match, Match::nearest);
  EXPECT_THAT(second.why, HasSubstr("Shared by all shapes about as large as"));
  EXPECT_EQ(buckets.decide(of(1, 1'700)).plan->match, Match::heuristic) << "another bucket";
}

TEST_F(Buckets, DoNotDependOnTheOrderOfShapes) {
  tuned(of(1, 1'001), "fake_vector{vector=1}");
  tuned(of(1, 1'010), "fake_vector{vector=2}");
  const auto config = [](PlanBuckets& chooser, std::int64_t length) {
    return to_text(chooser.decide(of(1, length)).plan->candidate.config);
  };
  PlanBuckets others{machine.backend(), Policy::nearest_or_heuristic};
  const std::string forwards = config(buckets, 1'003) + config(buckets, 1'015);
  const std::string last = config(others, 1'015);
  EXPECT_EQ(config(others, 1'003) + last, forwards);
}

TEST_F(Buckets, LeaveAShapeThatHasAQuarantineItsOwnChoice) {
  tuned(of(1, 5'000), "fake_vector{vector=2}");
  machine.plans->quarantined_for = of(1, 1'003);
  machine.plans->quarantined = {
      {.config = "fake_vector{vector=2}", .digest = "vector-today", .reason = "crashed"}};
  EXPECT_EQ(to_text(buckets.decide(of(1, 1'001)).plan->candidate.config), "fake_vector{vector=2}");
  EXPECT_NE(to_text(buckets.decide(of(1, 1'003)).plan->candidate.config), "fake_vector{vector=2}");
}

TEST_F(Buckets, ServeATunedShapeWithItsOwnPlan) {
  EXPECT_EQ(to_text(buckets.decide(of(1, 1'001)).plan->candidate.config), "fake_vector{vector=4}");
  tuned(of(1, 1'003), "fake_vector{vector=1}");
  const Plan plan = *buckets.decide(of(1, 1'003)).plan;
  EXPECT_EQ(plan.match, Match::exact);
  EXPECT_EQ(to_text(plan.candidate.config), "fake_vector{vector=1}");
  EXPECT_EQ(to_text(buckets.decide(of(1, 1'005)).plan->candidate.config), "fake_vector{vector=4}");
}

TEST_F(Buckets, DoNotCallABucketsPlanExact) {
  const Problem bucket = bucket_of(of(1, 1'001));
  ASSERT_NE(bucket, of(1, 1'001));
  tuned(bucket, "fake_vector{vector=2}");
  const Plan plan = *buckets.decide(of(1, 1'001)).plan;
  EXPECT_EQ(plan.match, Match::nearest);
  EXPECT_NEAR(plan.expected_seconds, 1e-3 * 1'001 / static_cast<double>(bucket.length), 1e-5);
  EXPECT_THAT(plan.why, StartsWith("Tuned on fake GPU. Shared by all shapes about as large as "));
  EXPECT_EQ(plan.expected_loss, 0);
}

/// Works on whole tiles, of 105 outputs by default where they do, else of 8.
const Family& tiled() {
  static const Family family = [] {
    Family tiles = fake_plain();
    tiles.name = "fake_tiled";
    tiles.source_digest = fake_vector().source_digest;
    tiles.parameters = {{"tile", {8, 105}, "outputs at once"}};
    tiles.default_config = [](const Problem& p, const DeviceProperties&) {
      return Config{.family = "fake_tiled",
                    .settings = {{"tile", output_length(p) <= 105 ? 105 : 8}}};
    };
    tiles.cost = [](const Problem& p, const Config& config, const DeviceProperties&) {
      const std::int64_t tile = config.at("tile");
      const std::int64_t computed = (output_length(p) + tile - 1) / tile * tile;
      const double whole = static_cast<double>(computed) / static_cast<double>(output_length(p));
      return Cost{.bytes = whole * static_cast<double>(compulsory_bytes(p)),
                  .flops = whole * 2 * static_cast<double>(multiply_adds(p))};
    };
    return tiles;
  }();
  return family;
}

TEST_F(Buckets, LetAShapeThatWouldLoseTooMuchChooseForItself) {
  machine.families = {&tiled()};
  PlanBuckets chooser(machine.backend(), Policy::nearest_or_heuristic);
  const Problem bucket = of(1, 107);  // 105 outputs: one tile
  tuned(bucket, "fake_tiled{tile=105}");
  for (const std::int64_t length : {99, 103, 111, 117}) {
    ASSERT_EQ(bucket_of(of(1, length)), bucket) << length;
    const Plan plan = *chooser.decide(of(1, length)).plan;
    const bool fits_a_tile = length - 2 <= 105;
    const double loss = (fits_a_tile ? 105.0 : 210.0) / static_cast<double>(length - 2) - 1;
    EXPECT_EQ(loss <= max_bucket_loss, fits_a_tile) << length;
    EXPECT_EQ(testing::Matches(HasSubstr("Shared by"))(plan.why), fits_a_tile) << plan.why;
    if (fits_a_tile) {
      EXPECT_NEAR(plan.expected_loss.value_or(-1), loss, 1e-9) << length;
    }
  }
  EXPECT_THAT(chooser.decide(of(1, 103)).plan->why,
              HasSubstr("; here by the cost model 4 % slower than there."));
}

/// What the plan executes and moves over what it must, by the roofline of the device.
double waste(const Problem& problem, const Candidate& candidate, const DeviceProperties& device) {
  Cost least = candidate.family->cost(problem, candidate.config, device);
  const double seconds = estimated_seconds(least, device);
  least.bytes = static_cast<double>(compulsory_bytes(problem));
  least.flops = 2 * static_cast<double>(multiply_adds(problem));
  return seconds / estimated_seconds(least, device);
}

TEST_F(Buckets, LoseLittleByTheKernelsThereAre) {
  const Problem dense{.in_channels = 80, .out_channels = 384, .kernel_size = 3};
  const Problem depthwise{.in_channels = 256,
                          .out_channels = 256,
                          .kernel_size = 7,
                          .num_groups = 256,
                          .layout = Layout::NCL};
  machine.families = {all_families().begin(), all_families().end()};
  for (const DeviceProperties& device :
       {properties_of_arch("sm_90a"), open_device("cpu")->properties()}) {
    machine.gpu = std::make_shared<FakeDevice>(device);
    for (Problem layer : {dense, depthwise}) {
      PlanBuckets chooser(machine.backend(), Policy::nearest_or_heuristic);
      int shared = 0;
      for (layer.length = 7; layer.length < 20'000; layer.length += 1 + layer.length / 50) {
        const Plan plan = *chooser.decide(layer).plan;
        if (!testing::Matches(HasSubstr("Shared by"))(plan.why)) continue;
        ++shared;
        EXPECT_LE(waste(layer, plan.candidate, device),
                  (1 + 1.0001 * max_bucket_loss) * waste(bucket_of(layer), plan.candidate, device))
            << describe(layer);
      }
      EXPECT_GT(shared, 100) << describe(layer) << " on " << device.name;
    }
  }
}

TEST_F(Buckets, AskForPlansUntilThereAreSome) {
  Backend backend = machine.backend();
  int asked = 0;
  std::shared_ptr<const PlanSource> source;
  backend.plans = [&] {
    ++asked;
    return source;
  };
  PlanBuckets chooser(backend, Policy::nearest_or_heuristic);
  chooser.decide(of(1, 1'001));
  EXPECT_GT(asked, 0);
  source = machine.plans;
  tuned(of(1, 1'003), "fake_vector{vector=1}");
  EXPECT_EQ(chooser.decide(of(1, 1'003)).plan->match, Match::exact);
  asked = 0;
  chooser.decide(of(1, 2'003));
  EXPECT_EQ(asked, 0);
}

TEST_F(Buckets, KeepToThePolicy) {
  PlanBuckets strict(machine.backend(), Policy::error);
  EXPECT_THAT(refusal([&] { strict.decide(of(1, 1'001)); }, Status::unavailable),
              HasSubstr("no tuned plan"));
  PlanBuckets on_cpu(machine.backend(), Policy::cpu);
  EXPECT_FALSE(on_cpu.decide(of(1, 1'001)).plan.has_value());
  tuned(of(1, 1'003), "fake_vector{vector=1}");
  EXPECT_EQ(strict.decide(of(1, 1'003)).plan->match, Match::exact);
  EXPECT_EQ(on_cpu.decide(of(1, 1'003)).plan->match, Match::exact);
}

}  // namespace
}  // namespace convtune
