#pragma once

#include <cstddef>
#include <cstdint>

namespace convtune {

/// What a sweep does with each layer.
struct SweepOptions {
  double budget_seconds = 0;      ///< for the whole sweep, shared out evenly; 0: no limit
  double candidate_seconds = 60;  ///< a candidate that takes longer, checks included, is given up
  int screening_rounds = 3;       ///< samples of a candidate before the finals
  std::size_t finalists = 6;
  double finalist_margin = 1.25;  ///< times the best screened time
  int least_rounds = 20;          ///< of the finals
  int most_rounds = 1280;
  double finals_seconds = 4;  ///< after which no rounds are added to the finals
  std::uint64_t seed = 0;     ///< of search and inputs
  bool exhaustive = false;    ///< every candidate is measured
};

}  // namespace convtune
