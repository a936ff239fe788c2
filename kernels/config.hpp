#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace convtune {

/// One tunable parameter's value.
struct Setting {
  std::string name;
  std::int64_t value = 0;
  auto operator<=>(const Setting&) const = default;
};

/// A candidate's identity: which family computes, with which parameters. Settings are in the
/// family's own order of parameters.
struct Config {
  std::string family;
  std::vector<Setting> settings;
  auto operator<=>(const Config&) const = default;

  /// The value of `name`; throws Error{invalid} if this config has none.
  std::int64_t at(std::string_view name) const;
};

/// "cpu_direct{tile_l=6,tile_c=2}": canonical, and the inverse of parse_config.
std::string to_text(const Config& config);

/// Throws Error{invalid} for text that to_text cannot have written.
Config parse_config(std::string_view text);

}  // namespace convtune
