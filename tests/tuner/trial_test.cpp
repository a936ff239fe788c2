#include "tuner/trial.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>

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
                                      const void* weight, const void* bias) override {
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

/// Two like candidates, the first of which cheats in its turns before the `honest_turn`th: there it
/// takes an output that is there for its own. A turn is all that is run before the other one's:
/// a check is one, and so is a sample.
class CheatingCpu final : public SabotagedCpu {
 public:
  explicit CheatingCpu(int honest_turn) : SabotagedCpu(nullptr), honest_turn_(honest_turn) {}
  std::unique_ptr<Executable> prepare(const Problem& what, const Candidate& candidate,
                                      const void* weight, const void* bias) override {
    return std::make_unique<SabotagedExecutable>(
        open_device("cpu")->prepare(what, candidate, weight, bias),
        [this, own = prepared_++](const auto& run, const void*, float* y) {
          if (own == 0 && last_ != 0) ++turn_;
          last_ = own;
          const bool there = !std::isnan(y[0]);
          if (own == 0 && turn_ < honest_turn_ && there) return;
          run();
        });
  }

 private:
  int honest_turn_;
  int prepared_ = 0, last_ = -1, turn_ = 0;
};

/// Of the first of the two, where each has one sample.
Measurement cheating_trial(int honest_turn) {
  TrialRunner runner(std::make_shared<CheatingCpu>(honest_turn));
  const auto cpu = open_device("cpu");
  const Candidate any = enumerate(long_problem, cpu->properties(), all_families()).candidates.at(0);
  const std::vector<std::string> configs(2, to_text(any.config));
  return runner.run({.problem = long_problem, .configs = configs, .seed = 1, .rounds = 1}).at(0);
}

TEST(Trial, WhatIsFasterThanTheDeviceCanBeIsNoMeasurement) {
  const Measurement cheat = cheating_trial(std::numeric_limits<int>::max());
  EXPECT_EQ(cheat.outcome, Outcome::skipped);
  EXPECT_THAT(cheat.reason, testing::AllOf(HasSubstr("measured twice at"), HasSubstr("at least")));
  EXPECT_TRUE(cheat.samples.empty());
}

TEST(Trial, WhatWasTooFastOnceIsMeasuredAgain) {
  constexpr int second_sample = 3;  // after the check and the first one
  const Measurement honest = cheating_trial(second_sample);
  EXPECT_EQ(honest.outcome, Outcome::ok) << honest.reason;
  EXPECT_THAT(honest.samples, testing::ElementsAre(testing::Gt(1e-6)));
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

TEST(Trial, EachRoundBeginsWithAnotherCandidate) {
  /// Notes whose run it is whenever that changes.
  class Listener final : public SabotagedCpu {
   public:
    Listener() : SabotagedCpu(nullptr) {}
    std::unique_ptr<Executable> prepare(const Problem& what, const Candidate& candidate,
                                        const void* weight, const void* bias) override {
      return std::make_unique<SabotagedExecutable>(
          open_device("cpu")->prepare(what, candidate, weight, bias),
          [this, own = prepared++](const auto& run, const void*, float*) {
            if (turns.empty() || turns.back() != own) turns.push_back(own);
            run();
          });
    }
    int prepared = 0;
    std::vector<int> turns;
  };
  const auto device = std::make_shared<Listener>();
  const std::vector<std::string> configs(3, a_config());
  TrialRunner(device).run({.problem = problem, .configs = configs, .seed = 1, .rounds = 3});
  EXPECT_THAT(device->turns, testing::ElementsAre(0, 1, 2, 0, 1, 2, 1, 2, 0, 2, 0, 1, 0, 1, 2));
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
