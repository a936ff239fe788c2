#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace convtune {

/// The JSON that a user wrote. Throws Error{invalid}, with the place, for what is no JSON, for an
/// object that gives one key twice (the library would drop one value), for a number beyond float64
/// and for values nested deeper than 64.
nlohmann::json parse_strict_json(std::string_view text);

/// The value as JSON, to be quoted in a message: cut after some 60 characters.
std::string quotation(const nlohmann::json& value);

}  // namespace convtune
