#pragma once

#include <convtune/conv1d.hpp>

#include "kernels/problem.hpp"

namespace convtune {

/// The problem of a module but for its batch and length: 1 and the shortest possible length stand
/// in. Throws Error{invalid} for options that make no module.
Problem problem_of(const Conv1dOptions& options);

/// The options of a module for the problem, on the CPU: problem_of() gives it back but for its
/// batch and length.
Conv1dOptions options_of(const Problem& problem);

}  // namespace convtune
