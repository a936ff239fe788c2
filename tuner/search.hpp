#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "generator/candidates.hpp"

namespace convtune {

/// How much of a space is looked at.
struct SearchRule {
  std::size_t coarse = 16;  ///< candidates drawn before the neighbours of the best are tried
  std::size_t leaders = 2;  ///< whose neighbours are tried
  bool exhaustive = false;  ///< everything is measured
  std::uint64_t seed = 0;   ///< of the draw
};

/// The candidate to measure next, or nothing once the search is done. seconds[i] is what candidate
/// i took: empty if it was not measured yet, infinite if it has no valid time. First come the first
/// candidate of each family (its default), then a random draw, then the neighbours of the leaders:
/// candidates of the same family that differ in one setting, by one step in its list of values. The
/// answer depends on the arguments alone, so that an interrupted search goes on as it would have.
std::optional<std::size_t> next_candidate(std::span<const Candidate> candidates,
                                          std::span<const std::optional<double>> seconds,
                                          const SearchRule& rule);

}  // namespace convtune
