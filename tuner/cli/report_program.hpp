#pragma once

#include <cstdio>
#include <string>
#include <vector>

namespace convtune::cli {

/// The arguments by which the report's program (results/report) finds the earlier export of
/// run_report_program().
std::vector<std::string> earlier_arguments();

/// Runs the report's program with `arguments`, an export as its standard input and, unless null, an
/// earlier one. In the background it gives way to all else (nice 19), and Ctrl-C, which a terminal
/// sends to all of its foreground, does not reach it. Returns its exit code, 128 + n where signal n
/// ended it. Throws Error{storage} if the program is not there, Error{unavailable} without Python.
enum class Ground { foreground, background };
int run_report_program(const std::vector<std::string>& arguments, std::FILE* input,
                       std::FILE* earlier, Ground ground);

}  // namespace convtune::cli
