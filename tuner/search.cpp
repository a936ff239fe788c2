#include "tuner/search.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <random>

namespace convtune {
namespace {

/// The first candidate of each family in their order, then all others in a random one.
std::vector<std::size_t> drawing_order(std::span<const Candidate> candidates, std::uint64_t seed) {
  std::vector<std::size_t> firsts;
  std::vector<std::size_t> others;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const bool is_first = i == 0 || candidates[i].family != candidates[i - 1].family;
    (is_first ? firsts : others).push_back(i);
  }
  std::mt19937_64 random(seed);
  // Not std::shuffle, whose order is the library's own choice.
  for (std::size_t i = others.size(); i > 1; --i) std::swap(others[i - 1], others[random() % i]);
  firsts.insert(firsts.end(), others.begin(), others.end());
  return firsts;
}

std::ptrdiff_t value_index(const Family& family, std::size_t parameter, std::int64_t value) {
  const auto& values = family.parameters[parameter].values;
  return std::ranges::find(values, value) - values.begin();
}

bool are_neighbours(const Candidate& a, const Candidate& b) {
  if (a.family != b.family) return false;
  std::ptrdiff_t steps = 0;
  for (std::size_t i = 0; i < a.config.settings.size(); ++i) {
    steps += std::abs(value_index(*a.family, i, a.config.settings[i].value) -
                      value_index(*b.family, i, b.config.settings[i].value));
  }
  return steps == 1;
}

/// Measured candidates, fastest first, at most `count`.
std::vector<std::size_t> leaders(std::span<const std::optional<double>> seconds,
                                 std::size_t count) {
  std::vector<std::size_t> ranked;
  for (std::size_t i = 0; i < seconds.size(); ++i) {
    if (seconds[i] && std::isfinite(*seconds[i])) ranked.push_back(i);
  }
  std::ranges::stable_sort(ranked, {}, [&](std::size_t i) { return *seconds[i]; });
  ranked.resize(std::min(count, ranked.size()));
  return ranked;
}

}  // namespace

std::optional<std::size_t> next_candidate(std::span<const Candidate> candidates,
                                          std::span<const std::optional<double>> seconds,
                                          const SearchRule& rule) {
  const std::size_t drawn = rule.exhaustive ? candidates.size() : rule.coarse;
  const std::vector<std::size_t> order = drawing_order(candidates, rule.seed);
  for (std::size_t i = 0; i < std::min(drawn, order.size()); ++i) {
    if (!seconds[order[i]]) return order[i];
  }
  for (const std::size_t leader : leaders(seconds, rule.leaders)) {
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      if (!seconds[i] && are_neighbours(candidates[leader], candidates[i])) return i;
    }
  }
  return std::nullopt;
}

}  // namespace convtune
