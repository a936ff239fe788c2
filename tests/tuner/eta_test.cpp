#include "tuner/eta.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <random>

namespace convtune {
namespace {

/// A layer as it is estimated, and as it turns out.
struct SimulatedLayer {
  LayerWork estimated;
  LayerWork actual;
};

double seconds_of(const SimulatedLayer& layer) {
  const LayerWork& actual = layer.actual;
  return actual.start + actual.candidates * actual.candidate + actual.finals;
}

enum class Order { random, shortest_first, longest_first };

/// By what a layer's parts are off besides the factors that all layers have in common, as
/// logarithms.
struct Spread {
  double start = 0, candidates = 0, candidate = 0, finals = 0;
};
constexpr double a_quarter = 0.223;  // log(1.25)
constexpr Spread a_quarter_each = {a_quarter, a_quarter, a_quarter, a_quarter};
/// Assumed standard deviations: a layer in three is off by a factor of 1.65 or more.
constexpr Spread wide = {.start = 0.5, .candidates = 0.5, .candidate = 0.5, .finals = 0.5};

/// Layers that differ 30 times in length. The machine is 7 times slower than estimated, finals half
/// as slow again, and searches end earlier; each part of each layer is off by `spread` times an
/// error besides.
template <typename Errors>
std::vector<SimulatedLayer> uneven_layers(int count, Order order, unsigned seed,
                                          const Spread& spread, Errors errors) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> sizes(0, std::log(30));
  const auto off = [&](double factor, double by) { return factor * std::exp(by * errors(random)); };
  std::vector<SimulatedLayer> layers;
  for (int i = 0; i < count; ++i) {
    const double size = std::exp(sizes(random));
    const LayerWork estimated{.start = 0.02 * size,
                              .candidates = std::round(off(20, a_quarter)),
                              .candidate = 0.01 * size,
                              .finals = 0.1 * size};
    const LayerWork actual{
        .start = off(7, spread.start) * estimated.start,
        .candidates = std::ceil(off(0.8, spread.candidates) * estimated.candidates),
        .candidate = off(7, spread.candidate) * estimated.candidate,
        .finals = off(10.5, spread.finals) * estimated.finals};
    layers.push_back({.estimated = estimated, .actual = actual});
  }
  if (order != Order::random) std::ranges::sort(layers, {}, seconds_of);
  if (order == Order::longest_first) std::ranges::reverse(layers);
  return layers;
}

/// Off by a quarter at most.
std::vector<SimulatedLayer> uneven_layers(int count, Order order, unsigned seed) {
  return uneven_layers(count, order, seed, a_quarter_each,
                       std::uniform_real_distribution<double>(-1, 1));
}

/// A sweep on a clock of its own, which shares out its budget as Sweep does.
class Simulation {
 public:
  Simulation(const std::vector<SimulatedLayer>& layers, double budget = Eta::no_budget)
      : budget_(budget), eta_(budget) {
    play_round(play_round(layers, false), true);
  }

  double seconds() const { return now_; }

  struct Forecast {
    double now = 0;
    std::optional<double> seconds_left;
  };
  const std::vector<Forecast>& forecasts() const { return forecasts_; }

  /// How far each forecast is off, in parts of the sweep.
  std::vector<double> errors() const {
    std::vector<double> errors;
    for (const Forecast& each : forecasts_) {
      if (!each.seconds_left) continue;
      errors.push_back(std::abs(each.now + *each.seconds_left - now_) / now_);
    }
    return errors;
  }
  double worst_error() const { return std::ranges::max(errors()); }

 private:
  /// Returns the layers that were cut short.
  std::vector<SimulatedLayer> play_round(const std::vector<SimulatedLayer>& layers, bool is_last) {
    std::vector<LayerWork> works;
    for (const SimulatedLayer& each : layers) works.push_back(each.estimated);
    eta_.round_started(works, is_last);
    std::vector<SimulatedLayer> cut_short;
    for (std::size_t i = 0; i < layers.size(); ++i) {
      const double share = (budget_ - now_) / static_cast<double>(layers.size() - i + 1);
      SimulatedLayer layer = layers[i];
      const bool is_searched = play(layer, share);
      eta_.layer_ended(now_, is_searched ? Eta::End::searched : Eta::End::cut_short);
      if (!is_searched) cut_short.push_back(layer);
    }
    return cut_short;
  }

  bool play(SimulatedLayer& layer, double share) {
    const double end_of_screening = now_ + 0.75 * share;
    eta_.layer_started(now_);
    now_ += layer.actual.start;
    while (layer.actual.candidates > 0 && now_ < end_of_screening) {
      now_ += layer.actual.candidate;
      eta_.candidate_ended(now_);
      forecasts_.push_back({.now = now_, .seconds_left = eta_.seconds_left(now_)});
      --layer.actual.candidates;
      ++layer.estimated.measured;
    }
    now_ += std::min(layer.actual.finals, 0.25 * share);
    return layer.actual.candidates == 0;
  }

  double budget_;
  Eta eta_;
  double now_ = 0;
  std::vector<Forecast> forecasts_;
};

class EtaTest : public testing::TestWithParam<Order> {};
INSTANTIATE_TEST_SUITE_P(Orders, EtaTest,
                         testing::Values(Order::random, Order::shortest_first,
                                         Order::longest_first));

TEST_P(EtaTest, IsWithinAFifthOfTheSweepAfterItsFirstTenth) {
  for (const int count : {40, 200}) {
    for (unsigned seed = 0; seed < 20; ++seed) {
      const auto layers = uneven_layers(count, GetParam(), seed);
      const Simulation whole(layers);
      EXPECT_LE(whole.worst_error(), 0.2) << count << " layers, seed " << seed;
      for (const double part : {0.2, 0.5}) {
        const Simulation within(layers, part * whole.seconds());
        EXPECT_LE(within.worst_error(), 0.2)
            << count << " layers, " << part << " of the time, seed " << seed;
      }
    }
  }
}

/// Where layers come sorted, what was learned from is unlike the rest.
TEST_P(EtaTest, IsMostlyWithinAFifthWhereLayersAreFarOff) {
  const double share = GetParam() == Order::random ? 0.9 : 0.7;
  std::size_t within = 0, all = 0;
  for (unsigned seed = 0; seed < 100; ++seed) {
    const Simulation sweep(
        uneven_layers(42, GetParam(), seed, wide, std::normal_distribution<double>()));
    const std::vector<double> errors = sweep.errors();
    within += static_cast<std::size_t>(
        std::ranges::count_if(errors, [](double error) { return error <= 0.2; }));
    all += errors.size();
  }
  EXPECT_GE(static_cast<double>(within), share * static_cast<double>(all))
      << within << " of " << all;
}

TEST_P(EtaTest, SaysNothingEarlyAndSomethingFromTheSecondTenthOn) {
  const Simulation sweep(uneven_layers(200, GetParam(), 1));
  for (const auto& [now, seconds_left] : sweep.forecasts()) {
    const double part = now / sweep.seconds();
    if (part > 0.08 && part < 0.13) continue;  // by its own forecast it may be either
    EXPECT_EQ(seconds_left.has_value(), part > 0.1) << part;
  }
}

TEST(Eta, IsExactWhereEstimatesAreOffByOneFactorOnly) {
  auto layers = uneven_layers(20, Order::random, 1);
  for (auto& [estimated, actual] : layers) {
    actual = estimated;
    for (double* part : {&actual.start, &actual.candidate, &actual.finals}) *part *= 3;
  }
  EXPECT_LT(Simulation(layers).worst_error(), 1e-9);
}

TEST(Eta, LayersThatAreKnownTakeNoTime) {
  Eta eta;
  const LayerWork layer{.candidates = 10, .candidate = 1};
  std::vector<LayerWork> layers(100);
  layers.push_back(layer);
  layers.push_back(layer);
  eta.round_started(layers, false);
  for (int i = 0; i < 100; ++i) {
    eta.layer_started(0.01 * i);
    eta.layer_ended(0.01 * (i + 1), Eta::End::at_once);
  }
  EXPECT_FALSE(eta.seconds_left(1));
  eta.layer_started(1);
  for (int i = 1; i <= 5; ++i) eta.candidate_ended(1 + 2 * i);
  EXPECT_DOUBLE_EQ(eta.seconds_left(11).value_or(0), 2 * 5 + 2 * 10);
}

}  // namespace
}  // namespace convtune
