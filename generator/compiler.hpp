#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "generator/cubin.hpp"
#include "kernels/cuda/source.hpp"

namespace convtune {

/// A kernel ready to be loaded.
struct Compiled {
  std::string cubin = {};
  std::string log = {};  ///< the compiler's, with ptxas' statistics
  Resources resources = {};
  double seconds = 0;  ///< spent compiling; 0 if it came from the cache
};

/// The compiler that compile() uses. Throws Error{unavailable} saying what is missing, and what
/// compile_limit() throws.
struct CompilerInfo {
  std::string version;  ///< "13.0"
  std::string path;
};
CompilerInfo compiler_info();

/// All options that compile() passes for `arch` ("sm_90a"): together with the source and the
/// compiler's version they decide the cubin.
std::vector<std::string> compile_options(std::string_view arch);

/// How long one unit may compile: $CONVTUNE_COMPILE_LIMIT, else 90 s, longer than a tuner's worker
/// gives a whole candidate. Throws Error{invalid} for a variable that is no number of seconds.
std::chrono::duration<double> compile_limit();

/// Compiles a unit with NVRTC; no GPU or driver is needed, and it may be called from several
/// threads at once. Throws Error{unavailable} without NVRTC, and Error{failed} with the log if it
/// does not compile, draws a warning, or if the log and the cubin disagree about its resources, and
/// without one if NVRTC takes longer than compile_limit(): it cannot be stopped, and keeps a thread
/// of this process until it returns.
Compiled compile(const Source& source, std::string_view arch);

}  // namespace convtune
