#include "generator/nvrtc.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

#include <array>
#include <filesystem>
#include <vector>

#include "kernels/counted.hpp"
#include "kernels/environment.hpp"
#include "kernels/error.hpp"

namespace convtune {
namespace {

// Class types as template arguments need C++20, which NVRTC has since 12.0.
constexpr int oldest_major = 12;
constexpr std::array sonames = {"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"};

std::vector<std::string> places() {
  if (const auto only = environment("CONVTUNE_NVRTC")) return {*only};
  std::vector<std::string> found(sonames.begin(), sonames.end());
  const auto add_root = [&](const std::string& root) {
    if (root.empty()) return;
    for (const char* folder : {"lib", "lib64"}) {
      for (const char* soname : sonames)
        found.push_back(fmt::format("{}/{}/{}", root, folder, soname));
    }
  };
  add_root(environment("CONVTUNE_CUDA_HINT").value_or(""));
  add_root(environment("CUDA_HOME").value_or(""));
  add_root(CONVTUNE_CUDA_HINT);
  add_root("/usr/local/cuda");
  return found;
}

template <class Function>
void bind(void* library, const char* symbol, const std::string& path, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, symbol));
  if (function == nullptr)
    throw Error(Status::unavailable, fmt::format("{} has no {}: it is no NVRTC", path, symbol));
}

/// NVRTC asks the system's loader for its second library by name alone, which finds it only where
/// a toolkit is set up for all programs, or where it is loaded already.
void load_builtins(const Nvrtc& api) {
  const std::string name = fmt::format("libnvrtc-builtins.so.{}.{}", api.major, api.minor);
  dlopen(std::filesystem::path(api.path).replace_filename(name).c_str(), RTLD_NOW | RTLD_LOCAL);
}

Nvrtc bound(void* library, const std::string& path) {
  Nvrtc api;
  bind(library, "nvrtcGetErrorString", path, api.get_error_string);
  bind(library, "nvrtcVersion", path, api.version);
  bind(library, "nvrtcCreateProgram", path, api.create_program);
  bind(library, "nvrtcDestroyProgram", path, api.destroy_program);
  bind(library, "nvrtcCompileProgram", path, api.compile_program);
  bind(library, "nvrtcGetProgramLogSize", path, api.get_program_log_size);
  bind(library, "nvrtcGetProgramLog", path, api.get_program_log);
  bind(library, "nvrtcGetCUBINSize", path, api.get_cubin_size);
  bind(library, "nvrtcGetCUBIN", path, api.get_cubin);
  api.path = path;
  if (api.version(&api.major, &api.minor) != NVRTC_SUCCESS || api.major < oldest_major)
    throw Error(Status::unavailable, fmt::format("{} is NVRTC {}.{}; {}.0 or later is needed", path,
                                                 api.major, api.minor, oldest_major));
  load_builtins(api);
  return api;
}

Nvrtc loaded() {
  std::string first_reason;
  const std::vector<std::string> candidates = places();
  for (const std::string& path : candidates) {
    if (void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) {
      Dl_info info = {};
      const void* symbol = dlsym(library, "nvrtcVersion");
      const bool known = symbol != nullptr && dladdr(symbol, &info) != 0;
      return bound(library, known ? info.dli_fname : path);
    }
    if (first_reason.empty()) first_reason = dlerror();
  }
  throw Error(
      Status::unavailable,
      fmt::format("NVRTC was not found ({}; {} tried): install the CUDA toolkit or "
                  "the wheel nvidia-cuda-nvrtc, or set CONVTUNE_NVRTC to the library's path",
                  first_reason, counted(candidates.size(), "place")));
}

}  // namespace

const Nvrtc& nvrtc() {
  static const Nvrtc api = loaded();
  return api;
}

}  // namespace convtune
