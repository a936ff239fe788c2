#include "tuner/finals.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

namespace convtune {
namespace {

const Problem problem = {.length = 10, .in_channels = 4, .out_channels = 6, .kernel_size = 3};

Measurement measured(const std::string& config, double seconds, Origin origin = Origin::generated) {
  return {.key = {problem, "device", config, "digest"},
          .origin = origin,
          .outcome = Outcome::ok,
          .samples = {seconds, seconds * 1.01, seconds * 0.99}};
}

std::vector<std::string> configs_of(const std::vector<Measurement>& measurements) {
  std::vector<std::string> configs;
  for (const Measurement& each : measurements) configs.push_back(each.key.config);
  return configs;
}

TEST(ChooseFinalists, TakesTheNearestAndWhatAVerdictSpeaksOf) {
  std::vector<Measurement> screened = {measured("default{}", 9),
                                       measured("near{}", 1.2),
                                       measured("best{}", 1.0),
                                       measured("far{}", 5),
                                       measured("vendor{}", 7, Origin::vendor),
                                       measured("slow_vendor{}", 8, Origin::vendor)};
  Measurement wrong = measured("wrong{}", 0.1);
  wrong.outcome = Outcome::wrong;
  screened.push_back(wrong);
  EXPECT_THAT(configs_of(choose_finalists(screened, "default{}", 1e9, {})),
              testing::UnorderedElementsAre("best{}", "near{}", "vendor{}", "default{}"));
}

TEST(ChooseFinalists, ShortTimeCutsAllButWhatAVerdictSpeaksOf) {
  const std::vector<Measurement> screened = {measured("default{}", 1.1), measured("near{}", 1.05),
                                             measured("best{}", 1.0)};
  EXPECT_THAT(configs_of(choose_finalists(screened, "default{}", 1e-3, {})),
              testing::UnorderedElementsAre("best{}", "default{}"));
}

TEST(ChooseFinalists, OfNothingRightIsEmpty) {
  Measurement wrong = measured("wrong{}", 1);
  wrong.outcome = Outcome::wrong;
  EXPECT_TRUE(choose_finalists(std::vector{wrong}, "wrong{}", 1e9, {}).empty());
}

/// The measurement of what a vendor chose to run.
Measurement chosen_by_vendor(const std::string& config, const std::string& implementation,
                             double seconds) {
  Measurement measurement = measured(config, seconds, Origin::vendor);
  measurement.implementation = implementation;
  return measurement;
}

TEST(ChooseFinalists, OfOneKernelTakesOneAndLeavesItsPlacesToOthers) {
  const std::vector<Measurement> screened = {chosen_by_vendor("vendor{form=1}", "blocked", 1.05),
                                             chosen_by_vendor("vendor{form=2}", "plain", 1.02),
                                             chosen_by_vendor("vendor{form=3}", "plain", 1.00),
                                             chosen_by_vendor("vendor{form=4}", "plain", 9),
                                             measured("default{}", 1.1),
                                             measured("near{}", 1.15)};
  EXPECT_THAT(configs_of(choose_finalists(screened, "default{}", 1e9, {.finalists = 4})),
              testing::ElementsAre("vendor{form=2}", "vendor{form=1}", "default{}", "near{}"));
  EXPECT_THAT(configs_of(choose_finalists(screened, "vendor{form=4}", 1e9, {.finalists = 1})),
              testing::ElementsAre("vendor{form=4}", "default{}"))
      << "the default stands for its kernel, however it was disturbed";
}

TEST(ChooseFinalists, AKernelThatIsWrongOrOfOtherCodeStandsForNone) {
  std::vector<Measurement> screened = {chosen_by_vendor("vendor{form=1}", "plain", 1),
                                       chosen_by_vendor("vendor{form=2}", "plain", 1.01),
                                       chosen_by_vendor("vendor{form=3}", "plain", 1.02)};
  screened[0].outcome = Outcome::wrong;
  screened[2].key.source_digest = "another version";
  EXPECT_THAT(configs_of(choose_finalists(screened, "default{}", 1e9, {})),
              testing::ElementsAre("vendor{form=2}", "vendor{form=3}"));
}

// Each play measures the same kernels anew, in another order.
TEST(ChooseFinalists, AKernelIsThereOnceAndHasOneNameWhateverItsSamples) {
  std::mt19937_64 random(11);
  const auto below = [&](std::uint64_t limit) { return random() % limit; };
  const auto noisy = [&](double seconds) {
    return seconds * (1 + 0.3 * static_cast<double>(below(1000)) / 1000);
  };
  for (int space = 0; space < 300; ++space) {
    std::vector<Measurement> screened;
    std::map<std::string, double> seconds;
    for (std::uint64_t kernel = 0, kernels = 1 + below(6); kernel < kernels; ++kernel) {
      const std::string name = fmt::format("kernel {}", kernel);
      seconds[name] = 1 + 0.05 * static_cast<double>(below(6));
      for (std::uint64_t form = 0, forms = 1 + below(4); form < forms; ++form) {
        screened.push_back(chosen_by_vendor(fmt::format("vendor{{form={}}}", random()), name, 1));
      }
    }
    const std::string default_config = screened[below(screened.size())].key.config;
    const std::size_t generated = below(4);
    for (std::size_t i = 0; i < generated; ++i) {
      screened.push_back(measured(fmt::format("generated{{form={}}}", i), 1));
    }

    std::map<std::string, std::string> names;
    for (int play = 0; play < 10; ++play) {
      std::ranges::shuffle(screened, random);
      for (Measurement& each : screened) {
        const bool is_vendors = !each.implementation.empty();
        each.samples = {noisy(is_vendors ? seconds[each.implementation] : 1)};
      }
      const std::vector<Measurement> finalists =
          choose_finalists(screened, default_config, 1e9, {.finalist_margin = 9});
      std::set<std::string> kernels;
      for (const Measurement& each : finalists) {
        if (each.implementation.empty()) continue;
        EXPECT_TRUE(kernels.insert(each.implementation).second) << each.implementation;
        const auto [known, is_new] = names.try_emplace(each.implementation, each.key.config);
        EXPECT_EQ(known->second, each.key.config) << each.implementation;
      }
      const auto others = static_cast<std::size_t>(
          std::ranges::count(finalists, Origin::generated, &Measurement::origin));
      EXPECT_THAT(configs_of(finalists), testing::Contains(default_config));
      EXPECT_THAT(finalists, testing::Contains(testing::Field(&Measurement::implementation,
                                                              fastest(screened)->implementation)));
      // Six places; the default, and the best of each origin, come in any case.
      EXPECT_GE(kernels.size() + others, std::min<std::size_t>(6, seconds.size() + generated));
    }
  }
}

/// A reply's measurement of ten rounds, in which the two samples take turns.
std::string ten_rounds(const std::string& config, double one, double other) {
  std::string samples = fmt::format("{0},{1},{0},{1},{0},{1},{0},{1},{0},{1}", one, other);
  return R"({"problem":{"length":10,"in_channels":4,"out_channels":6,"kernel_size":3},)"
         R"("device":"device","config":")" +
         config +
         R"(","source_digest":"digest","origin":"generated","implementation":"","outcome":"ok","reason":"","samples":[)" +
         samples +
         R"(],"worst_error_ratio":0,"checked_outputs":1,"bytes":1,"flops":1,"clock_mhz":0,)"
         R"("measured_at":"","turn":0,"run":""})";
}

/// The machine was slower than at its best by `one` and `other` in turns.
std::string reply(const std::string& measurements, double one = 1, double other = 1) {
  return fmt::format(R"(echo '{{"device_lost":"","fault":"",)"
                     R"("slowdowns":[{0},{1},{0},{1},{0},{1},{0},{1},{0},{1}],)"
                     R"("measurements":[{2}]}}')",
                     one, other, measurements);
}

/// A worker that runs `script` for each request, which is in $line.
Worker told_worker(const std::string& script) {
  return Worker({"/bin/sh", "-c", "while read -r line; do " + script + "; done"});
}

TEST(PlayFinals, DisqualifiesWhoseWorkerDoesNotLast) {
  Worker worker =
      told_worker("case $line in *bad*) exit 7;; esac; " + reply(ten_rounds("good{}", 1, 1)));
  const Finals finals =
      play_finals(worker, problem, {measured("good{}", 1), measured("bad{}", 1)}, 100, {});
  EXPECT_THAT(configs_of(finals.standing), testing::ElementsAre("good{}"));
  ASSERT_THAT(configs_of(finals.disqualified), testing::ElementsAre("bad{}"));
  EXPECT_EQ(finals.disqualified[0].outcome, Outcome::crashed);
  EXPECT_EQ(finals.disqualified[0].reason, "ended with exit code 7, twice");
  EXPECT_EQ(finals.standing[0].samples.size(), 20U) << "two replies before the first look";
}

TEST(PlayFinals, DisturbedRoundsDoNotCount) {
  Worker worker = told_worker(reply(ten_rounds("a{}", 1, 2) + "," + ten_rounds("b{}", 3, 4)));
  const Finals finals =
      play_finals(worker, problem, {measured("a{}", 1), measured("b{}", 3)}, 100, {});
  ASSERT_EQ(finals.standing.size(), 2U);
  EXPECT_THAT(finals.standing[0].samples, testing::Each(1));
  EXPECT_THAT(finals.standing[1].samples, testing::Each(3));
  EXPECT_EQ(finals.standing[0].samples.size(), 20U) << "half of forty";
}

TEST(PlayFinals, RoundsOfASlowMachineDoNotCountThoughNoneWasFaster) {
  Worker worker =
      told_worker(reply(ten_rounds("a{}", 2, 2.1) + "," + ten_rounds("b{}", 2.1, 2), 1.1, 1.5));
  const Finals finals =
      play_finals(worker, problem, {measured("a{}", 2), measured("b{}", 2)}, 100, {});
  ASSERT_EQ(finals.standing.size(), 2U);
  EXPECT_THAT(finals.standing[0].samples, testing::Each(2));
  EXPECT_THAT(finals.standing[1].samples, testing::Each(2.1));
}

TEST(PlayFinals, DisturbedRoundsCountIfThereAreHardlyOthers) {
  Worker worker = told_worker(reply(ten_rounds("a{}", 2, 3) + "," + ten_rounds("b{}", 2.01, 3.01)));
  const Finals finals =
      play_finals(worker, problem, {measured("a{}", 1), measured("b{}", 1)}, 0.05, {});
  ASSERT_EQ(finals.standing.size(), 2U);
  EXPECT_THAT(finals.decision.tied, testing::IsEmpty())
      << "they were not seen alike on a calm machine";
  const auto rounds = static_cast<std::ptrdiff_t>(finals.standing[0].samples.size());
  EXPECT_GE(rounds, 10);
  EXPECT_EQ(std::ranges::count(finals.standing[0].samples, 2), rounds / 2) << "all of them";
}

TEST(PlayFinals, ATieIsLookedAtTwice) {
  Worker worker = told_worker(reply(ten_rounds("a{}", 1, 1.01) + "," + ten_rounds("b{}", 1, 1.01)));
  const Finals finals =
      play_finals(worker, problem, {measured("a{}", 1), measured("b{}", 1)}, 100, {});
  ASSERT_EQ(finals.standing.size(), 2U);
  EXPECT_EQ(finals.standing[0].samples.size(), 80U);
  EXPECT_THAT(finals.decision.tied, testing::ElementsAre(1U));
}

TEST(PlayFinals, AreNotOverWhileTheirWinnerWasSlowerThanALoserAtBest) {
  Worker worker = told_worker(reply(ten_rounds("a{}", 1, 1) + "," + ten_rounds("b{}", 1.1, 1.1)));
  const Finals finals =
      play_finals(worker, problem, {measured("a{}", 1), measured("b{}", 0.95)}, 100, {});
  EXPECT_EQ(finals.decision.winner, 0U);
  EXPECT_THAT(finals.decision.beaten, testing::IsEmpty()) << "it once took 0.94";
  EXPECT_LT(finals.decision.confidence, 0.99) << "b{} is no more than guessed to be slower";
  EXPECT_GE(finals.standing[1].samples.size(), 1280U);
}

TEST(PlayFinals, ArePreparedAnewMoreOftenWhereMemoryIsNear) {
  for (const auto& [length, rounds] : {std::pair(10, 2), std::pair(1'000'000, 10)}) {
    Problem p = problem;
    p.length = length;
    Worker worker = told_worker(fmt::format(R"(case $line in *'"rounds":{}'[,}}]*) {};; esac)",
                                            rounds, reply(ten_rounds("a{}", 1, 1))));
    EXPECT_EQ(
        play_finals(worker, p, {measured("a{}", 1)}, 100, {.candidate_seconds = 5}).standing.size(),
        1U);
  }
}

TEST(PlayFinals, WhoIsBeatenIsNotMeasuredOnButKeepsItsPlace) {
  const std::string near = ten_rounds("a{}", 1, 1) + "," + ten_rounds("b{}", 0.99, 1.04);
  Worker worker =
      told_worker("case $line in *slow*) " + reply(ten_rounds("slow{}", 9, 9) + "," + near) +
                  ";; *) " + reply(near) + ";; esac");
  const Finals finals =
      play_finals(worker, problem, {measured("slow{}", 9), measured("a{}", 1), measured("b{}", 1)},
                  100, {.most_rounds = 40});
  EXPECT_THAT(configs_of(finals.standing), testing::ElementsAre("a{}", "b{}", "slow{}"));
  EXPECT_EQ(finals.standing[0].samples.size(), 40U);
  EXPECT_EQ(finals.standing[2].samples.size(), 20U) << "until the first look";
  EXPECT_EQ(finals.decision.winner, 0U);
  EXPECT_THAT(finals.decision.beaten, testing::ElementsAre(2U));
  EXPECT_LT(finals.decision.confidence, 0.99) << "b{} is no more than guessed to be slower";
  EXPECT_EQ(verdict_of(finals, "slow{}").default_seconds, 9);
}

TEST(VerdictOf, NamesWinnerTiesDefaultAndTheBestOfEachOrigin) {
  const Finals finals{
      .standing = {measured("default{}", 2), measured("vendor{}", 1, Origin::vendor),
                   measured("generated{}", 1.01)},
      .decision = {.winner = 1, .tied = {2}, .confidence = 0.998}};
  const Verdict verdict = verdict_of(finals, "default{}");
  EXPECT_EQ(verdict.winner, "vendor{}");
  EXPECT_EQ(verdict.origin, Origin::vendor);
  EXPECT_THAT(verdict.tied, testing::ElementsAre("generated{}"));
  EXPECT_DOUBLE_EQ(verdict.default_seconds, 2);
  EXPECT_EQ(verdict.best_generated, "generated{}");
  EXPECT_EQ(verdict.best_vendor, "vendor{}");
}

TEST(VerdictOf, KeepsTheSpreadOfEachThatARatioIsMadeOf) {
  Finals finals{.standing = {measured("default{}", 4), measured("vendor{}", 2, Origin::vendor),
                             measured("generated{}", 1)},
                .decision = {.winner = 2}};
  // 1.4826 · median |x − 10| / 10
  finals.standing[0].samples = {10, 11, 9, 12, 8};
  finals.standing[1].samples = {10, 13, 7, 14, 6};
  finals.standing[2].samples = {5, 5, 5, 20, 5};
  const Verdict verdict = verdict_of(finals, "default{}");
  EXPECT_NEAR(verdict.default_noise, 0.14826, 1e-9);
  EXPECT_NEAR(verdict.best_vendor_noise, 0.44478, 1e-9);
  EXPECT_EQ(verdict.best_generated_noise, 0);
}

}  // namespace
}  // namespace convtune
