#pragma once

#include <cstdio>
#include <string>
#include <vector>

namespace convtune::cli {

/// What the report's program (results/report) reads. Those it can do without may be null.
struct ReportInput {
  std::FILE* now = nullptr;      ///< the export that the report is of
  std::FILE* earlier = nullptr;  ///< one to compare with
  std::FILE* units = nullptr;    ///< generated_units()
};

/// Runs the report's program with that input and `arguments` besides. In the background it gives
/// way to all else (nice 19), and Ctrl-C, which a terminal sends to all of its foreground, does not
/// reach it. Returns its exit code, 128 + n where signal n ended it. Throws Error{storage} if the
/// program is not there, Error{unavailable} without Python.
enum class Ground { foreground, background };
int run_report_program(const ReportInput& input, const std::vector<std::string>& arguments,
                       Ground ground);

}  // namespace convtune::cli
