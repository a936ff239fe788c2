#include "generator/occupancy.hpp"

#include <gtest/gtest.h>

namespace convtune {
namespace {

const DeviceProperties h200 = properties_of_arch("sm_90a");

LaunchGeometry launch_of(unsigned threads, unsigned shared_bytes = 0) {
  return {.grid = {1, 1, 1}, .block = {threads, 1, 1}, .shared_bytes = shared_bytes};
}

TEST(Occupancy, IsLimitedByRegisters) {
  // 128 registers x 128 threads = 16,384 of 65,536.
  const Occupancy result = occupancy({.registers = 128}, launch_of(128), h200);
  EXPECT_EQ(result.blocks_per_sm, 4);
  EXPECT_DOUBLE_EQ(result.fraction, 4 * 128 / 2048.0);
  EXPECT_EQ(result.limit, "registers");
}

TEST(Occupancy, IsLimitedByThreads) {
  const Occupancy result = occupancy({.registers = 16}, launch_of(1024), h200);
  EXPECT_EQ(result.blocks_per_sm, 2);
  EXPECT_DOUBLE_EQ(result.fraction, 1);
  EXPECT_EQ(result.limit, "threads");
}

TEST(Occupancy, IsLimitedBySharedMemoryTheReservedIncluded) {
  // 228 KiB an SM; each block takes 100 KiB and 1 KiB that is reserved.
  const Occupancy result = occupancy({.registers = 16}, launch_of(64, 100 * 1024), h200);
  EXPECT_EQ(result.blocks_per_sm, 2);
  EXPECT_EQ(result.limit, "shared memory");
}

TEST(Occupancy, IsZeroForABlockThatCannotRun) {
  EXPECT_EQ(occupancy({.registers = 128}, launch_of(1024), h200).blocks_per_sm, 0);
}

}  // namespace
}  // namespace convtune
