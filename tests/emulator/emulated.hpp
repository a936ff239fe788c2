#pragma once

#include <gmock/gmock.h>

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tests/emulator/cases/case_args.hpp"
#include "tests/emulator/launch.hpp"

namespace convtune::emulator {

/// One block of `threads`.
inline LaunchGeometry one_block(unsigned threads, unsigned shared_bytes = 0) {
  return {.block = {threads, 1, 1}, .shared_bytes = shared_bytes};
}

/// All ways to run a kernel that may differ: in order and at random, copies late, early, at random.
inline std::vector<Options> all_options() {
  std::vector<Options> all;
  for (const Landing landing : {Landing::late, Landing::early, Landing::random}) {
    all.push_back({.landing = landing});
    for (std::uint64_t seed = 1; seed <= 3; ++seed)
      all.push_back({.schedule = Schedule::random, .landing = landing, .seed = seed});
  }
  return all;
}

/// Runs a conformance case every way, expects no error and the same output each time, and returns
/// it. What the case does not write is ~0.
inline std::vector<unsigned> run_case(void (*kernel)(const cuda::CaseArgs&),
                                      const LaunchGeometry& geometry, std::span<const unsigned> in,
                                      std::size_t out_size, const cuda::TensorMap& map = {}) {
  std::vector<unsigned> first;
  for (const Options& options : all_options()) {
    std::vector<unsigned> out(out_size, ~0U);
    const cuda::CaseArgs args = {.in = in.data(), .out = out.data(), .map = map};
    EXPECT_EQ(launch(
                  geometry, [&] { kernel(args); }, options)
                  .error,
              "");
    if (first.empty()) first = out;
    EXPECT_EQ(out, first);
  }
  return first;
}

/// Expects that a kernel ends with an error that contains `words`, however it is run.
template <class Kernel>
void expect_caught(const LaunchGeometry& geometry, const Kernel& kernel, const std::string& words) {
  for (const Options& options : all_options())
    EXPECT_THAT(launch(geometry, kernel, options).error, testing::HasSubstr(words));
}

}  // namespace convtune::emulator
