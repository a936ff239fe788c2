#include "tuner/workload.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/temporary_folder.hpp"

namespace convtune {
namespace {

constexpr std::int64_t mebibyte = 1 << 20;

TEST(AvailableMemory, OfAContainerCountsWhatFilesLeftInItsCache) {
  const TemporaryFolder cgroup;
  std::ofstream(cgroup / "memory.max") << 64 * mebibyte << "\n";
  std::ofstream(cgroup / "memory.current") << 63 * mebibyte << "\n";
  EXPECT_EQ(available_memory(cgroup.path()), mebibyte);
  std::ofstream(cgroup / "memory.stat") << "anon 4096\nfile 99999\ninactive_file " << 30 * mebibyte
                                        << "\nactive_file " << 20 * mebibyte << "\n";
  EXPECT_EQ(available_memory(cgroup.path()), 51 * mebibyte);
}

TEST(AvailableMemory, WithoutALimitIsThatOfTheMachine) {
  const TemporaryFolder cgroup;
  const std::int64_t of_machine = available_memory(cgroup / "nothing");
  EXPECT_GT(of_machine, 0);
  std::ofstream(cgroup / "memory.max") << "max\n";
  std::ofstream(cgroup / "memory.current") << INT64_MAX << "\n";
  // What others take and give back meanwhile is small beside it.
  EXPECT_GT(available_memory(cgroup.path()), of_machine / 2);
}

}  // namespace
}  // namespace convtune
