#include "tuner/progress.hpp"

#include <gmock/gmock.h>

#include <memory>

#include "tuner/layers.hpp"
#include "tuner/sweep.hpp"

namespace convtune {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

/// A sweep of two layers, of which one candidate was measured, as `out` gets to see it.
class ProgressTest : public testing::Test {
 protected:
  std::string seen(const SearchState& search, const LayerResult& result, bool is_shown = true) {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> out(std::tmpfile(), std::fclose);
    Progress progress(is_shown, out.get());
    progress.sweep_started(0);
    progress.round_started({LayerWork{.candidates = 40}, LayerWork{.candidates = 40}}, true);
    progress.layer_started({.problem = {}, .label = {.model = "Net", .layer = "stem"}});
    progress.candidate_ended(search);
    progress.layer_ended(result);
    std::rewind(out.get());
    std::string text(10000, '\0');
    text.resize(std::fread(text.data(), 1, text.size(), out.get()));
    return text;
  }

  SearchState search_{
      .measured = 3, .candidates = 40, .best_seconds = 2e-6, .default_seconds = 3e-6};
  LayerResult tuned_{
      .end = LayerEnd::tuned,
      .verdict =
          Verdict{.winner = "cpu_direct{tile_l=4}", .seconds = 2e-6, .default_seconds = 5e-6}};
};

TEST_F(ProgressTest, TellsTheBestSoFarAndItsGain) {
  EXPECT_THAT(seen(search_, tuned_),
              StartsWith("\r\033[K[1/2] Net stem float32: 3 of 40 candidates, best 2.00 µs, "
                         "1.50x the default, "));
  search_.default_seconds = 0;
  EXPECT_THAT(seen(search_, tuned_), HasSubstr("3 of 40 candidates, best 2.00 µs, "));
  EXPECT_THAT(seen({.measured = 1, .candidates = 40}, tuned_), Not(HasSubstr("best")));
}

TEST_F(ProgressTest, LeavesALineALayer) {
  EXPECT_THAT(
      seen(search_, tuned_),
      EndsWith(
          "\r\033[K[1/2] Net stem float32:   2.00 µs  cpu_direct{tile_l=4}  2.50x the default\n"));
  tuned_.verdict->default_seconds = 0;
  EXPECT_THAT(seen(search_, tuned_), EndsWith("cpu_direct{tile_l=4}\n"));
  EXPECT_THAT(seen(search_, {.end = LayerEnd::no_winner, .reason = "none was right"}),
              EndsWith("no winner: none was right\n"));
}

TEST_F(ProgressTest, SaysNothingWhereItIsNotShown) { EXPECT_EQ(seen(search_, tuned_, false), ""); }

}  // namespace
}  // namespace convtune
