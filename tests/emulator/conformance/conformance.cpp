#include <fmt/format.h>

#include <cstdio>
#include <span>
#include <string>
#include <vector>

#include "kernels/error.hpp"
#include "tests/emulator/conformance/case_pack.hpp"
#include "tests/emulator/conformance/gpu.hpp"

// Compares a GPU with the emulator, primitive by primitive: bit for bit, but for the functions of
// activations, whose last digits are each library's own.
// With --pack FILE ARCH... it instead compiles the cases for these architectures into FILE, which
// CONVTUNE_PACK then names where there is no compiler.
// Exit codes: 0 all equal, or packed; 1 some differ or do not run; 2 wrong usage; 3 no GPU, or no
// compiler to pack with.

namespace convtune {
namespace {

/// A line about the case. Returns whether GPU and emulator agree.
bool agrees(Device& gpu, const ConformanceCase& test) {
  const std::vector<unsigned> expected = emulated_output(test);
  const std::vector<unsigned> found = gpu_output(gpu, test);
  const auto at = first_difference(test, expected, found);
  if (!at) {
    fmt::print("{}    {}: {} words\n", test.tolerance > 0 ? "near " : "equal", test.kernel,
               expected.size());
    return true;
  }
  fmt::print("DIFFERS  {}: word {} is {:#x} and not {:#x} as emulated\n", test.kernel, *at,
             found[*at], expected[*at]);
  return false;
}

/// The exit code.
int compare() {
  const std::shared_ptr<Device> gpu = make_cuda_device(0);
  fmt::print("{} ({})\n", gpu->properties().name, gpu->properties().arch);
  int failures = 0, run = 0;
  for (const ConformanceCase& test : conformance_cases()) {
    if (!exists_on(test, gpu->properties().arch)) continue;
    ++run;
    try {
      failures += agrees(*gpu, test) ? 0 : 1;
    } catch (const Error& error) {
      if (!gpu->usable()) throw;
      ++failures;
      fmt::print("FAILED   {}: {}\n", test.kernel, error.what());
    }
  }
  fmt::print("{} of {} cases agree\n", run - failures, run);
  return failures == 0 ? 0 : 1;
}

}  // namespace
}  // namespace convtune

int main(int count, char** values) {
  const std::vector<std::string> arguments(values + 1, values + count);
  if (!arguments.empty() && (arguments.size() < 3 || arguments[0] != "--pack")) {
    fmt::print(stderr, "Usage: emulator_conformance [--pack FILE ARCH...]\n");
    return 2;
  }
  try {
    if (arguments.empty()) return convtune::compare();
    convtune::write_case_pack(arguments[1], std::span(arguments).subspan(2));
    return 0;
  } catch (const convtune::Error& error) {
    fmt::print(stderr, "conformance: {}\n", error.what());
    return error.status() == convtune::Status::unavailable ? 3 : 1;
  }
}
