#pragma once

#include <nvrtc.h>

#include <string>

namespace convtune {

/// NVRTC's functions, loaded at run time.
struct Nvrtc {
  decltype(&nvrtcGetErrorString) get_error_string = nullptr;
  decltype(&nvrtcVersion) version = nullptr;
  decltype(&nvrtcCreateProgram) create_program = nullptr;
  decltype(&nvrtcDestroyProgram) destroy_program = nullptr;
  decltype(&nvrtcCompileProgram) compile_program = nullptr;
  decltype(&nvrtcGetProgramLogSize) get_program_log_size = nullptr;
  decltype(&nvrtcGetProgramLog) get_program_log = nullptr;
  decltype(&nvrtcGetCUBINSize) get_cubin_size = nullptr;
  decltype(&nvrtcGetCUBIN) get_cubin = nullptr;

  std::string path;  ///< of the library
  int major = 0;
  int minor = 0;
};

/// Loads NVRTC: the file $CONVTUNE_NVRTC and nothing else if that is set, otherwise what the
/// system's loader finds, then the lib and lib64 folders of $CONVTUNE_CUDA_HINT, $CUDA_HOME, the
/// toolkit this build saw, and /usr/local/cuda. Throws Error{unavailable} with what was tried; a
/// failure is tried again on the next call.
const Nvrtc& nvrtc();

}  // namespace convtune
