// Takes the place of compiler and occupancy in a build without the CUDA headers.

#include "generator/compiler.hpp"
#include "generator/occupancy.hpp"
#include "kernels/error.hpp"

namespace convtune {
namespace {

[[noreturn]] void refuse() {
  throw Error(Status::unavailable,
              "this build cannot compile CUDA kernels: it was made without the CUDA headers; build "
              "it again with CONVTUNE_WITH_CUDA=ON where cuda.h and nvrtc.h are installed");
}

}  // namespace

CompilerInfo compiler_info() { refuse(); }
std::vector<std::string> compile_options(std::string_view) { refuse(); }
Compiled compile(const Source&, std::string_view) { refuse(); }
Occupancy occupancy(const Resources&, const LaunchGeometry&, const DeviceProperties&) { refuse(); }

}  // namespace convtune
