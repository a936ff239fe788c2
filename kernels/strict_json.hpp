#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>

namespace convtune {

/// The JSON that a user wrote. Throws nlohmann::json::parse_error for what is no JSON and
/// Error{invalid} for an object that gives one key twice, of which the library would drop one.
nlohmann::json parse_strict_json(std::string_view text);

}  // namespace convtune
