#include "tuner/trial.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>

#include "kernels/cpu/families.hpp"
#include "kernels/error.hpp"
#include "tests/refusal.hpp"

namespace convtune {
namespace {

using testing::HasSubstr;

/// What a saboteur may do after (or instead of) a right run: called with the right run, x and y.
using Sabotage =
    std::function<void(const std::function<void()>& right_run, const void* x, float* y)>;

class SabotagedExecutable final : public Executable {
 public:
  SabotagedExecutable(std::unique_ptr<Executable> right, Sabotage sabotage)
      : right_(std::move(right)), sabotage_(std::move(sabotage)) {}
  void run(const void* x, void* y, Stream stream) const override {
    sabotage_([&] { right_->run(x, y, stream); }, x, static_cast<float*>(y));
  }
  std::size_t alignment() const override { return right_->alignment(); }
  std::string implementation() const override { return "a saboteur's"; }

 private:
  std::unique_ptr<Executable> right_;
  Sabotage sabotage_;
};

/// The CPU, but for what it does to the output.
class SabotagedCpu : public Device {
 public:
  explicit SabotagedCpu(Sabotage sabotage) : sabotage_(std::move(sabotage)) {}
  const DeviceProperties& properties() const override { return cpu_->properties(); }
  std::shared_ptr<void> allocate(std::size_t bytes) override { return cpu_->allocate(bytes); }
  void copy_in(void* to, const void* from, std::size_t bytes) override {
    cpu_->copy_in(to, from, bytes);
  }
  void copy_out(void* to, const void* from, std::size_t bytes) override {
    cpu_->copy_out(to, from, bytes);
  }
  void synchronize() override { cpu_->synchronize(); }
  std::unique_ptr<Executable> prepare(const Problem& problem, const Candidate& candidate,
                                      const void* weight, const void* bias,
                                      std::string_view /*contents*/) override {
    return std::make_unique<SabotagedExecutable>(cpu_->prepare(problem, candidate, weight, bias),
                                                 sabotage_);
  }

 private:
  std::shared_ptr<Device> cpu_ = open_device("cpu");
  Sabotage sabotage_;
};

const Problem problem = {.batch = 2,
                         .length = 50,
                         .in_channels = 6,
                         .out_channels = 10,
                         .kernel_size = 3,
                         .padding = {1, 1},
                         .has_bias = true};

std::string a_config() {
  const auto cpu = open_device("cpu");
  return to_text(enumerate(problem, cpu->properties(), all_families()).candidates.at(0).config);
}

Measurement trial(Sabotage sabotage, int rounds = 3) {
  TrialRunner runner(std::make_shared<SabotagedCpu>(std::move(sabotage)));
  return runner.run({.problem = problem, .configs = {a_config()}, .seed = 1, .rounds = rounds})
      .at(0);
}

TEST(Trial, OfARightCandidateHasSamplesAndAllOutputsCheckedTwice) {
  const Measurement right = trial([](const auto& run, const void*, float*) { run(); });
  EXPECT_EQ(right.outcome, Outcome::ok) << right.reason;
  EXPECT_EQ(right.samples.size(), 3U);
  EXPECT_THAT(right.samples, testing::Each(testing::Gt(0.0)));
  EXPECT_EQ(right.checked_outputs, 2 * output_elements(problem));
  EXPECT_GT(right.flops, 0);
  EXPECT_GT(right.bytes, 0);
  EXPECT_FALSE(right.key.source_digest.empty());
  EXPECT_EQ(right.implementation, "a saboteur's");
}

// An error that the sums of cpu_winograd might have is none for a family that has other sums.
TEST(Trial, HoldsOnlyWinogradsFamilyToItsTolerance) {
  const Problem winograd = {.length = 50,
                            .in_channels = 32,
                            .out_channels = 32,
                            .kernel_size = 3,
                            .math = Math::winograd};
  TrialRunner runner(std::make_shared<SabotagedCpu>([](const auto& run, const void*, float* y) {
    run();
    y[70] += 1e-3F;  // of 96 products of at most 1; ieee allows at most 2.5e-4
  }));
  for (const Family* family : {&cpu_direct(), &cpu_winograd()}) {
    const DeviceProperties& device = open_device("cpu")->properties();
    const std::string config = to_text(family->default_config(winograd, device));
    const auto rows = runner.run({.problem = winograd, .configs = {config}, .rounds = 0});
    const bool right = family == &cpu_winograd();
    EXPECT_EQ(rows.at(0).outcome, right ? Outcome::ok : Outcome::wrong) << rows.at(0).reason;
  }
}

TEST(Trial, WithoutRoundsOnlyChecks) {
  const Measurement checked = trial([](const auto& run, const void*, float*) { run(); }, 0);
  EXPECT_EQ(checked.outcome, Outcome::ok);
  EXPECT_TRUE(checked.samples.empty());
}

TEST(Trial, FastButWrongIsNeverValid) {
  const auto count = static_cast<std::size_t>(output_elements(problem));
  const struct {
    const char* what;
    Sabotage sabotage;
  } saboteurs[] = {
      {"nothing is written", [](const auto&, const void*, float*) {}},
      {"zeros", [=](const auto&, const void*, float* y) { std::fill_n(y, count, 0.0F); }},
      {"one output unwritten",
       [=](const auto& run, const void*, float* y) {
         const float before = y[count - 1];
         run();
         y[count - 1] = before;
       }},
      {"one output a little off",
       [](const auto& run, const void*, float* y) { run(), y[7] *= 1.0001F; }},
      {"shifted by one",
       [=](const auto& run, const void*, float* y) { run(), std::rotate(y, y + 1, y + count); }},
      {"accumulates into y",
       [=](const auto& run, const void*, float* y) {
         const std::vector<float> before(y, y + count);
         run();
         for (std::size_t i = 0; i < count; ++i) y[i] += before[i];
       }},
  };
  for (const auto& [what, sabotage] : saboteurs) {
    const Measurement wrong = trial(sabotage);
    EXPECT_EQ(wrong.outcome, Outcome::wrong) << what;
    EXPECT_THAT(wrong.reason,
                testing::AnyOf(HasSubstr("beyond tolerance"), HasSubstr("never wrote")))
        << what;
    EXPECT_TRUE(wrong.samples.empty()) << what;
  }
}

TEST(Trial, OfAnotherProblemHasItsOwnOutput) {
  TrialRunner runner(open_device("cpu"));
  for (const std::int64_t batch : {2, 64, 1}) {
    Problem other = problem;
    other.batch = batch;
    const Measurement right = runner.run({.problem = other, .configs = {a_config()}}).at(0);
    EXPECT_EQ(right.outcome, Outcome::ok) << right.reason;
    EXPECT_EQ(right.checked_outputs, 2 * output_elements(other));
  }
}

TEST(Trial, AnOutputKeptFromTheFirstInputIsCaughtByTheSecond) {
  std::vector<float> kept;
  const Measurement wrong = trial([&](const auto& run, const void*, float* y) {
    const auto count = static_cast<std::size_t>(output_elements(problem));
    if (kept.empty()) {
      run();
      kept.assign(y, y + count);
    }
    std::copy(kept.begin(), kept.end(), y);
  });
  EXPECT_EQ(wrong.outcome, Outcome::wrong);
}

TEST(Trial, WritingBesideTheOutputIsCaught) {
  for (const std::ptrdiff_t where : {std::ptrdiff_t{-1}, output_elements(problem)}) {
    const Measurement wrong =
        trial([=](const auto& run, const void*, float* y) { run(), y[where] = 1; });
    EXPECT_EQ(wrong.outcome, Outcome::wrong) << where;
    EXPECT_EQ(wrong.reason, "wrote outside its output");
  }
}

TEST(Trial, ACandidateThatFailsIsItsOwnOutcome) {
  const Measurement failed = trial(
      [](const auto&, const void*, float*) { throw Error(Status::failed, "no such kernel"); });
  EXPECT_EQ(failed.outcome, Outcome::failed);
  EXPECT_EQ(failed.reason, "no such kernel");
  TrialRunner runner(open_device("cpu"));
  const auto unknown = runner.run({.problem = problem, .configs = {"no_family{}"}, .rounds = 1});
  EXPECT_EQ(unknown.at(0).outcome, Outcome::failed);
}

TEST(Trial, ALostDeviceIsNotTheCandidatesFault) {
  const auto lost = [](const auto&, const void*, float*) {
    throw Error(Status::unavailable, "the device is lost");
  };
  EXPECT_EQ(refusal([&] { trial(lost); }, Status::unavailable), "the device is lost");
}

/// Needs more time than a few runs of the clock, so that one who only looks at it is found out.
const Problem long_problem = {
    .length = 1 << 15, .in_channels = 16, .out_channels = 16, .kernel_size = 9};

TEST(Trial, WhatIsFasterThanTheDeviceCanBeIsNoMeasurement) {
  // Takes an output that is there for its own.
  const auto cheat = [](const auto& run, const void*, float* y) {
    if (std::isnan(y[0])) run();
  };
  TrialRunner runner(std::make_shared<SabotagedCpu>(cheat));
  const auto cpu = open_device("cpu");
  const Candidate any = enumerate(long_problem, cpu->properties(), all_families()).candidates.at(0);
  const Measurement cheated =
      runner
          .run({.problem = long_problem, .configs = {to_text(any.config)}, .seed = 1, .rounds = 1})
          .at(0);
  EXPECT_EQ(cheated.outcome, Outcome::skipped);
  EXPECT_THAT(cheated.reason,
              testing::AllOf(HasSubstr("measured twice at"), HasSubstr("at least")));
  EXPECT_TRUE(cheated.samples.empty());
}

/// One stretch that a candidate was to run. Candidates are numbered as they first come.
struct Stretch {
  int candidate;
  int runs;
  int turn;  ///< how many its candidate ran before
};

/// Runs nothing and takes a story's word for how long a run took.
class ToldTimer final : public Timer {
 public:
  using Story = std::function<double(const Stretch&)>;
  ToldTimer(Story story, std::vector<Stretch>& heard) : story_(std::move(story)), heard_(heard) {}
  void load(std::span<const std::byte>, std::size_t) override {}
  double seconds(const Executable& executable, int runs, Cache) override {
    const auto known = std::ranges::find(candidates_, &executable);
    const auto candidate = static_cast<int>(known - candidates_.begin());
    if (known == candidates_.end()) candidates_.push_back(&executable);
    const auto turn = std::ranges::count(heard_, candidate, &Stretch::candidate);
    heard_.push_back({.candidate = candidate, .runs = runs, .turn = static_cast<int>(turn)});
    return story_(heard_.back());
  }

 private:
  Story story_;
  std::vector<Stretch>& heard_;
  std::vector<const Executable*> candidates_;
};

/// What a trial makes of a story, and the stretches that it asked for.
struct Told {
  std::vector<Stretch> heard;
  std::vector<Measurement> measurements;
  std::vector<double> slowdowns;
};

Told told(ToldTimer::Story story, int rounds, std::size_t candidates = 1) {
  Told result;
  TrialRunner runner(
      open_device("cpu"),
      [&](Device&) { return std::make_unique<ToldTimer>(std::move(story), result.heard); },
      [](const Device&) {
        return [pulses = 0]() mutable { return 100.0 - ++pulses; };  // faster and faster
      });
  const std::vector<std::string> configs(candidates, a_config());
  result.measurements =
      runner.run({.problem = problem, .configs = configs, .seed = 1, .rounds = rounds});
  result.slowdowns = runner.slowdowns();
  return result;
}

TEST(Trial, ASampleIsTheFastestOfItsStretches) {
  const std::vector<double> story = {2, 7, 3, 9, 4, 5, 6, 6, 8, 2, 6};
  const Told result = told(
      [&](const Stretch& stretch) {
        return 0.1e-3 * story.at(static_cast<std::size_t>(stretch.turn));
      },
      2);
  EXPECT_THAT(result.measurements.at(0).samples,
              testing::ElementsAre(testing::DoubleEq(0.3e-3), testing::DoubleEq(0.2e-3)))
      << "the first stretch only tells how long a run takes";
}

TEST(Trial, ASampleOfLongRunsIsASingleOne) {
  const Told result = told([](const Stretch&) { return 0.1; }, 3);
  EXPECT_EQ(result.heard.size(), 1U + 3);
  EXPECT_THAT(result.heard, testing::Each(testing::Field(&Stretch::runs, 1)));
}

TEST(Trial, StretchesAreLongAlsoWhereTheFirstWasDisturbed) {
  const double run = 1e-6;
  const Told result =
      told([&](const Stretch& stretch) { return stretch.turn == 0 ? 1.0 : run; }, 2);
  ASSERT_GT(result.heard.size(), 2U);
  EXPECT_EQ(result.heard.at(1).runs, 1);
  for (std::size_t i = 2; i < result.heard.size(); ++i) {
    EXPECT_GE(result.heard[i].runs * run, 0.9 * sampling_of(DeviceKind::cpu).stretch_seconds) << i;
  }
}

TEST(Trial, EachPassBeginsWithAnotherCandidate) {
  const Told result = told([](const Stretch&) { return 0.1; }, 3, 3);
  std::vector<int> turns;
  for (const Stretch& stretch : result.heard) turns.push_back(stretch.candidate);
  EXPECT_THAT(turns, testing::ElementsAre(0, 1, 2, 0, 1, 2, 1, 2, 0, 2, 0, 1));
}

TEST(Trial, EachRoundTellsTheLeastOfThePulsesBesideItsSamples) {
  const Told short_runs = told([](const Stretch&) { return 1e-6; }, 3, 2);
  EXPECT_THAT(short_runs.slowdowns, testing::ElementsAre(95, 90, 85)) << "one for each stretch";
  const Told long_runs = told([](const Stretch&) { return 0.1; }, 3, 2);
  EXPECT_THAT(long_runs.slowdowns, testing::ElementsAre(99, 98, 97)) << "none without a sample";
}

TEST(Trial, WhatWasTooFastOnceIsMeasuredAgain) {
  bool is_too_fast = true;
  const Told result = told(
      [&](const Stretch& stretch) {
        // A second try begins with a single run.
        if (stretch.turn > 0 && stretch.runs == 1) is_too_fast = false;
        return is_too_fast ? 1e-15 : 0.1;
      },
      1);
  EXPECT_EQ(result.measurements.at(0).outcome, Outcome::ok) << result.measurements.at(0).reason;
  EXPECT_THAT(result.measurements.at(0).samples, testing::ElementsAre(0.1));
  EXPECT_THAT(result.slowdowns, testing::SizeIs(1)) << "those of the samples that count";
}

TEST(Trial, AHopelessCandidateIsSampledTwice) {
  TrialRunner runner(open_device("cpu"));
  const auto measured = runner.run({.problem = problem,
                                    .configs = {a_config()},
                                    .seed = 1,
                                    .rounds = 5,
                                    .give_up_seconds = 1e-12});
  EXPECT_EQ(measured.at(0).outcome, Outcome::ok);
  EXPECT_EQ(measured.at(0).samples.size(), 2U);
}

TEST(Trial, WithTooLittleMemoryIsSkippedNotFailed) {
  const Measurement one = trial([](const auto&, const void*, float*) {
    throw Error(Status::no_memory, "cuMemAlloc failed");
  });
  EXPECT_EQ(one.outcome, Outcome::skipped);
  EXPECT_EQ(one.reason, "cuMemAlloc failed");

  class Full final : public SabotagedCpu {
   public:
    Full() : SabotagedCpu([](const auto& run, const void*, float*) { run(); }) {}
    std::shared_ptr<void> allocate(std::size_t) override {
      throw Error(Status::no_memory, "no room for x");
    }
  };
  TrialRunner runner(std::make_shared<Full>());
  const auto all = runner.run({.problem = problem, .configs = {a_config(), "b{}"}, .rounds = 1});
  ASSERT_EQ(all.size(), 2U);
  for (const Measurement& each : all) {
    EXPECT_EQ(each.outcome, Outcome::skipped);
    EXPECT_EQ(each.reason, "no room for x");
  }
}

}  // namespace
}  // namespace convtune
