#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "kernels/problem.hpp"

namespace convtune {

/// A problem from a JSON object with the keys of Problem. Omitted: stride 1, padding 0 (an integer
/// or a pair), dilation 1, num_groups 1, has_bias false, float32, ieee, NLC, none. The result is
/// validated. Throws Error{invalid} for an unknown key, a missing size, a number that is no
/// integer, or an invalid problem.
Problem problem_from_json(const nlohmann::json& object);
Problem parse_problem(std::string_view text);

/// Every key, in Problem's order, padding as a pair: the canonical text that keys the database.
std::string to_json(const Problem& problem);

}  // namespace convtune
