#include "tests/emulator/cases/registers.cuh"

#include <gtest/gtest.h>

#include "tests/emulator/emulated.hpp"

namespace convtune::cuda {
namespace {

using namespace emulator;

TEST(Registers, AreTakenAndGivenByWholeWarpgroups) {
  std::vector<unsigned> in(384, 5), expected(384);
  for (unsigned i = 0; i < 384; ++i) expected[i] = 5 + i / 128;
  EXPECT_EQ(run_case(registers_case, one_block(384), in, 384), expected);
  expect_caught(
      one_block(128),
      [] {
        if (thread_index() < 64) take_registers<232>();
      },
      "deadlock");
  expect_caught(
      one_block(128),
      [] {
        if (thread_index() < 64)
          take_registers<232>();
        else
          give_registers<40>();
      },
      "warpgroup 0 diverged");
  expect_caught(
      one_block(96), [] { take_registers<232>(); }, "lacks threads");
}

}  // namespace
}  // namespace convtune::cuda
