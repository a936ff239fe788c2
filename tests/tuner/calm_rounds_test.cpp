#include "tuner/calm_rounds.hpp"

#include <gmock/gmock.h>

namespace convtune {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Measurement measured(const std::string& config, std::vector<double> samples) {
  return {.key = {.config = config}, .outcome = Outcome::ok, .samples = std::move(samples)};
}

std::vector<Measurement> with_bests(double a, double b) {
  return {measured("a", {a, 3}), measured("b", {b, 3})};
}

Decision doubted(Decision decision, const std::vector<Measurement>& standing) {
  CalmRounds(standing).doubt(decision, standing);
  return decision;
}

TEST(CalmRounds, DoubtATieOfWhoseBestsDiffer) {
  const Decision tie = {.winner = 0, .tied = {1}, .settled = true};
  EXPECT_THAT(doubted(tie, with_bests(1, 1.015)).tied, ElementsAre(1U));
  EXPECT_TRUE(doubted(tie, with_bests(1, 1.015)).settled);
  for (const double best : {0.97, 1.03}) {
    EXPECT_THAT(doubted(tie, with_bests(1, best)).tied, IsEmpty());
    EXPECT_FALSE(doubted(tie, with_bests(1, best)).settled);
  }
}

TEST(CalmRounds, DoubtThatSomeoneIsBeatenWhoWasFaster) {
  const Decision beaten = {.winner = 0, .beaten = {1}, .settled = true};
  EXPECT_THAT(doubted(beaten, with_bests(1, 1.2)).beaten, ElementsAre(1U));
  EXPECT_THAT(doubted(beaten, with_bests(1, 0.995)).beaten, ElementsAre(1U))
      << "as close as the best of a few samples may come";
  EXPECT_THAT(doubted(beaten, with_bests(1, 0.98)).beaten, IsEmpty());
  EXPECT_FALSE(doubted(beaten, with_bests(1, 0.98)).settled);
}

TEST(CalmRounds, KeepTheSameRoundsOfAllAndCanAddTheOthers) {
  CalmRounds calm(with_bests(1, 2));
  TrialReply reply{.measurements = {measured("a", {1, 1.5, 1.1}), measured("b", {2, 3, 2.1})},
                   .slowdowns = {1, 1, 1.3}};
  calm.keep(reply);
  EXPECT_THAT(reply.measurements[0].samples, ElementsAre(1));
  EXPECT_THAT(reply.measurements[1].samples, ElementsAre(2));
  ASSERT_TRUE(calm.has_others());
  calm.add_others(reply.measurements);
  EXPECT_THAT(reply.measurements[1].samples, ElementsAre(2, 3, 2.1));
}

}  // namespace
}  // namespace convtune
