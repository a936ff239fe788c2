#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstddef>
#include <string>
#include <vector>

namespace convtune {

/// Names for a message: "a, b, c, d, e and 3 more", or "none".
inline std::string listed(std::vector<std::string> names) {
  constexpr std::size_t most_named = 5;
  if (names.empty()) return "none";
  if (names.size() <= most_named) return fmt::format("{}", fmt::join(names, ", "));
  const std::size_t more = names.size() - most_named;
  names.resize(most_named);
  return fmt::format("{} and {} more", fmt::join(names, ", "), more);
}

}  // namespace convtune
