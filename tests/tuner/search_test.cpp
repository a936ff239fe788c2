#include "tuner/search.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <set>

namespace convtune {
namespace {

/// Candidates over a grid of two parameters, and a second family with a single one.
class Search : public testing::Test {
 protected:
  Search() {
    grid_.name = "grid";
    grid_.parameters = {{"a", {1, 2, 4, 8, 16}, ""}, {"b", {1, 2, 4, 8, 16}, ""}};
    other_.name = "other";
    for (const std::int64_t a : grid_.parameters[0].values) {
      for (const std::int64_t b : grid_.parameters[1].values) {
        candidates_.push_back({&grid_, {.family = "grid", .settings = {{"a", a}, {"b", b}}}});
      }
    }
    candidates_.push_back({&other_, {.family = "other", .settings = {}}});
  }

  /// Measures what the search asks for until it is done; returns the order.
  template <typename F>
  std::vector<std::size_t> run(const SearchRule& rule, F&& time_of) {
    std::vector<std::optional<double>> seconds(candidates_.size());
    std::vector<std::size_t> order;
    while (const auto next = next_candidate(candidates_, seconds, rule)) {
      EXPECT_FALSE(seconds[*next]) << "asked for twice";
      seconds[*next] = time_of(candidates_[*next]);
      order.push_back(*next);
    }
    return order;
  }

  /// A valley whose bottom is at a = 4, b = 8.
  static double valley(const Candidate& candidate) {
    if (candidate.config.family == "other") return 100;
    const double a = std::log2(static_cast<double>(candidate.config.at("a")));
    const double b = std::log2(static_cast<double>(candidate.config.at("b")));
    return 1 + std::abs(a - 2) + std::abs(b - 3);
  }

  Family grid_{};
  Family other_{};
  std::vector<Candidate> candidates_;
};

TEST_F(Search, ExhaustiveMeasuresEverythingOnce) {
  const auto order = run({.exhaustive = true}, valley);
  EXPECT_EQ(std::set<std::size_t>(order.begin(), order.end()).size(), candidates_.size());
}

TEST_F(Search, DefaultsOfAllFamiliesComeFirst) {
  const auto order = run({.seed = 5}, valley);
  EXPECT_EQ(std::set<std::size_t>(order.begin(), order.begin() + 2),
            (std::set<std::size_t>{0, candidates_.size() - 1}));
}

TEST_F(Search, DescendsToTheBottomOfAValleyWithoutMeasuringAll) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const auto order = run({.coarse = 6, .seed = seed}, valley);
    EXPECT_LT(order.size(), candidates_.size());
    EXPECT_THAT(order, testing::Contains(2 * 5 + 3)) << "seed " << seed;
  }
}

TEST_F(Search, FailuresAreNotFollowed) {
  const auto order = run({.coarse = 6, .leaders = 2},
                         [](const Candidate&) { return std::numeric_limits<double>::infinity(); });
  EXPECT_EQ(order.size(), 6U);
}

TEST_F(Search, AnInterruptedSearchGoesOnAsItWouldHave) {
  const SearchRule rule{.coarse = 8, .seed = 3};
  const auto whole = run(rule, valley);
  std::vector<std::optional<double>> seconds(candidates_.size());
  for (const std::size_t next : whole) {
    EXPECT_EQ(next_candidate(candidates_, seconds, rule), next);
    seconds[next] = valley(candidates_[next]);
  }
}

}  // namespace
}  // namespace convtune
