#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "tuner/layers.hpp"

namespace convtune {

/// The whole file. Throws Error{storage} if it cannot be read.
std::string read_text(const std::filesystem::path& file);

/// Throws Error{invalid} with the line of the fault. `origin` names the text in errors: "layers
/// file a.json".
nlohmann::json parse_json(std::string_view text, std::string_view origin);

/// The layers of a parsed layers file, each labelled as part of `list`; see read_layers().
std::vector<Layer> layers_from_json(const nlohmann::json& entries, std::string_view origin,
                                    const std::string& list);

/// The layers of a parsed grid file, each labelled as part of `list`; see read_grid(). A `base`
/// that is a path is relative to `folder`.
std::vector<Layer> layers_from_grid(const nlohmann::json& grid, std::string_view origin,
                                    const std::string& list, const std::filesystem::path& folder);

/// Drops every layer whose problem an earlier one has.
void remove_duplicates(std::vector<Layer>& layers);

/// Bytes of the shipped file (a name in tuner/layers).
std::string_view shipped_file(std::string_view name);

}  // namespace convtune
