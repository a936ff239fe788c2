#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "kernels/error.hpp"
#include "tests/emulator/conformance/gpu.hpp"

// Compares a GPU with the emulator, primitive by primitive, bit for bit.
// Exit codes: 0 all equal; 1 some differ or do not run; 3 no GPU.

namespace convtune {
namespace {

/// A line about the case. Returns whether GPU and emulator agree.
bool agrees(Device& gpu, const ConformanceCase& test) {
  const std::vector<unsigned> expected = emulated_output(test);
  const std::vector<unsigned> found = gpu_output(gpu, test);
  const auto [at, other] = std::ranges::mismatch(expected, found);
  if (at == expected.end()) {
    fmt::print("equal    {}: {} words\n", test.kernel, expected.size());
    return true;
  }
  fmt::print("DIFFERS  {}: word {} is {:#x} and not {:#x} as emulated\n", test.kernel,
             at - expected.begin(), *other, *at);
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

int main() {
  try {
    return convtune::compare();
  } catch (const convtune::Error& error) {
    fmt::print(stderr, "conformance: {}\n", error.what());
    return error.status() == convtune::Status::unavailable ? 3 : 1;
  }
}
