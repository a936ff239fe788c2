#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/cuda/source.hpp"
#include "tests/emulator/cases/case_args.hpp"
#include "tests/emulator/launch.hpp"

namespace convtune {

/// A kernel that uses one primitive, to be run by a GPU and by the emulator. Its data are small
/// integers where it adds, so that the two agree bit for bit in whatever order they do.
struct ConformanceCase {
  std::string kernel;  ///< "mma_case<DType::float16>"
  void (*emulated)(const cuda::CaseArgs&) = nullptr;
  std::string header = {};   ///< of tests/emulator/cases
  int from = 75;             ///< compute capability that it needs, 10 * major + minor
  bool sm_90a_only = false;  ///< it uses what others lack or warn of
  float tolerance = 0;       ///< of its floats, relative to 1, or to themselves if they are larger
  LaunchGeometry geometry = {};
  std::vector<unsigned> in = {};
  std::size_t out_words = 0;
  std::vector<unsigned> tensor = {};      ///< what the map is of
  cuda::TensorMapArgs map = {.rank = 0};  ///< without data; rank 0 if the case has none
};

/// All cases, the same each time.
std::vector<ConformanceCase> conformance_cases();

/// Whether code for `arch` ("sm_90a") can have the case.
bool exists_on(const ConformanceCase& test, std::string_view arch);

/// The unit that NVRTC compiles.
Source source_of(const ConformanceCase& test);

/// What the emulator says comes out. Throws Error{check_failed} if the case does not run there.
std::vector<unsigned> emulated_output(const ConformanceCase& test);

/// The first word of two outputs, equally long, that differs by more than the case's tolerance.
std::optional<std::size_t> first_difference(const ConformanceCase& test,
                                            const std::vector<unsigned>& expected,
                                            const std::vector<unsigned>& found);

}  // namespace convtune
