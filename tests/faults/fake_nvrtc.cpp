// A libnvrtc that compiles nothing: its cubin is a tiny one that holds the unit's text, by which
// the fake driver knows the kernel. CONVTUNE_FAKE_NVRTC, if set, is hang:TEXT or crash:TEXT: what
// it does to units that have the text. CONVTUNE_FAKE_NVRTC_VERSION: its major version.

#include <nvrtc.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <string>

#include "tests/generator/tiny_cubin.hpp"

namespace {

constexpr char log[] =
    "16 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads\nUsed 40 registers";

struct Unit {
  std::string text;
  std::string cubin;
};

Unit& unit_of(nvrtcProgram program) { return *reinterpret_cast<Unit*>(program); }

void meet_fault(const std::string& text) {
  const char* variable = std::getenv("CONVTUNE_FAKE_NVRTC");
  const std::string fault = variable == nullptr ? "" : variable;
  const std::size_t colon = fault.find(':');
  if (colon == std::string::npos || text.find(fault.substr(colon + 1)) == std::string::npos) return;
  if (fault.starts_with("crash")) std::raise(SIGSEGV);
  std::signal(SIGTERM, SIG_IGN);
  for (;;) pause();
}

}  // namespace

const char* nvrtcGetErrorString(nvrtcResult) { return "NVRTC_ERROR_OTHER"; }

nvrtcResult nvrtcVersion(int* major, int* minor) {
  const char* version = std::getenv("CONVTUNE_FAKE_NVRTC_VERSION");
  *major = version == nullptr ? 99 : std::stoi(version);
  *minor = 0;
  return NVRTC_SUCCESS;
}

nvrtcResult nvrtcCreateProgram(nvrtcProgram* program, const char* text, const char*, int,
                               const char* const*, const char* const*) {
  *program = reinterpret_cast<nvrtcProgram>(new Unit{.text = text, .cubin = {}});
  return NVRTC_SUCCESS;
}

nvrtcResult nvrtcDestroyProgram(nvrtcProgram* program) {
  delete &unit_of(*program);
  return NVRTC_SUCCESS;
}

nvrtcResult nvrtcCompileProgram(nvrtcProgram program, int, const char* const*) {
  meet_fault(unit_of(program).text);
  unit_of(program).cubin = convtune::TinyCubin(unit_of(program).text).bytes();
  return NVRTC_SUCCESS;
}

nvrtcResult nvrtcGetProgramLogSize(nvrtcProgram, std::size_t* size) {
  *size = sizeof log;
  return NVRTC_SUCCESS;
}

nvrtcResult nvrtcGetProgramLog(nvrtcProgram, char* to) {
  std::memcpy(to, log, sizeof log);
  return NVRTC_SUCCESS;
}

nvrtcResult nvrtcGetCUBINSize(nvrtcProgram program, std::size_t* size) {
  *size = unit_of(program).cubin.size();
  return NVRTC_SUCCESS;
}

nvrtcResult nvrtcGetCUBIN(nvrtcProgram program, char* to) {
  unit_of(program).cubin.copy(to, std::string::npos);
  return NVRTC_SUCCESS;
}
