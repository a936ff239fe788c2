#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "kernels/family.hpp"

namespace convtune {

/// A config of a family, kept by all its constraints.
struct Candidate {
  const Family* family = nullptr;
  Config config;
};

/// How many configs of one family one constraint excluded (each counted at the first it breaks).
struct Exclusion {
  const Family* family = nullptr;
  std::string constraint;
  std::string rule;
  std::size_t configs = 0;
};

/// The space of one problem on one device.
struct CandidateSpace {
  std::vector<Candidate> candidates;  ///< family by family; each family's default first
  std::vector<Exclusion> exclusions;
};

/// Every config of every family of the device's kind.
CandidateSpace enumerate(const Problem& problem, const DeviceProperties& device,
                         std::span<const Family* const> families);

/// The family's config with `text` (see parse_config), checked against the family's own parameters
/// and constraints: what a database or a user names is used only through this. Throws
/// Error{invalid} naming the unknown family or parameter, the value, or the broken rule.
Candidate resolve(const std::string& text, const Problem& problem, const DeviceProperties& device,
                  std::span<const Family* const> families);

}  // namespace convtune
