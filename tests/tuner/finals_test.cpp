#include "tuner/finals.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

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

/// A reply's measurement of ten rounds, in which the two samples take turns.
std::string ten_rounds(const std::string& config, double one, double other) {
  std::string samples = fmt::format("{0},{1},{0},{1},{0},{1},{0},{1},{0},{1}", one, other);
  return R"({"problem":{"length":10,"in_channels":4,"out_channels":6,"kernel_size":3},)"
         R"("device":"device","config":")" +
         config +
         R"(","source_digest":"digest","origin":"generated","outcome":"ok","reason":"","samples":[)" +
         samples +
         R"(],"worst_error_ratio":0,"checked_outputs":1,"bytes":1,"flops":1,"clock_mhz":0,)"
         R"("measured_at":"","turn":0,"run":""})";
}

std::string reply(const std::string& measurements) {
  return R"(echo '{"device_lost":"","fault":"","measurements":[)" + measurements + "]}'";
}

/// A worker that runs `script` for each request, which is in $line.
Worker told_worker(const std::string& script) {
  return Worker({"/bin/sh", "-c", "while read -r line; do " + script + "; done"});
}

TEST(PlayFinals, DisqualifiesWhoseWorkerDoesNotLast) {
  Worker worker =
      told_worker("case $line in *bad*) exit 7;; esac; " + reply(ten_rounds("good{}", 1, 1)));
  const Finals finals = play_finals(worker, problem, {measured("good{}", 1), measured("bad{}", 1)},
                                    "good{}", 100, {});
  EXPECT_THAT(configs_of(finals.standing), testing::ElementsAre("good{}"));
  ASSERT_THAT(configs_of(finals.disqualified), testing::ElementsAre("bad{}"));
  EXPECT_EQ(finals.disqualified[0].outcome, Outcome::crashed);
  EXPECT_EQ(finals.disqualified[0].reason, "ended with exit code 7, twice");
  EXPECT_EQ(finals.standing[0].samples.size(), 20U) << "two replies before the first look";
}

TEST(PlayFinals, DisturbedRoundsDoNotCount) {
  Worker worker = told_worker(reply(ten_rounds("a{}", 1, 2) + "," + ten_rounds("b{}", 3, 4)));
  const Finals finals =
      play_finals(worker, problem, {measured("a{}", 1), measured("b{}", 3)}, "a{}", 100, {});
  ASSERT_EQ(finals.standing.size(), 2U);
  EXPECT_THAT(finals.standing[0].samples, testing::Each(1));
  EXPECT_THAT(finals.standing[1].samples, testing::Each(3));
  EXPECT_EQ(finals.standing[0].samples.size(), 20U) << "half of forty";
}

TEST(PlayFinals, DisturbedRoundsCountIfThereAreNoOthers) {
  Worker worker = told_worker(reply(ten_rounds("a{}", 2, 3)));
  const Finals finals = play_finals(worker, problem, {measured("a{}", 1)}, "a{}", 0.05, {});
  ASSERT_EQ(finals.standing.size(), 1U);
  EXPECT_EQ(finals.standing[0].samples.size(), 10U);
}

TEST(PlayFinals, WhoIsBeatenIsNotMeasuredOnButKeepsItsPlace) {
  const std::string near = ten_rounds("a{}", 1, 1) + "," + ten_rounds("b{}", 0.99, 1.04);
  Worker worker =
      told_worker("case $line in *slow*) " + reply(ten_rounds("slow{}", 9, 9) + "," + near) +
                  ";; *) " + reply(near) + ";; esac");
  const Finals finals =
      play_finals(worker, problem, {measured("slow{}", 9), measured("a{}", 1), measured("b{}", 1)},
                  "slow{}", 100, {.most_rounds = 40});
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
