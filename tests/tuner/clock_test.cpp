#include "tuner/clock.hpp"

#include <gmock/gmock.h>
#include <sched.h>

#include <cstdlib>
#include <fstream>
#include <vector>

#include "tests/temporary_folder.hpp"

namespace convtune {
namespace {

namespace fs = std::filesystem;

std::vector<int> allowed_cpus() {
  cpu_set_t set;
  sched_getaffinity(0, sizeof set, &set);
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

/// A folder like /sys/devices/system/cpu.
class CpuClock : public testing::Test {
 protected:
  void set_kilohertz(int cpu, const char* text) const {
    const fs::path place = folder / ("cpu" + std::to_string(cpu)) / "cpufreq";
    fs::create_directories(place);
    std::ofstream(place / "scaling_cur_freq") << text << "\n";
  }

  const TemporaryFolder folder;
};

TEST_F(CpuClock, IsReadAnewEachTimeAndToldInMegahertz) {
  set_kilohertz(allowed_cpus().front(), "3600500");
  const ClockReader clock = cpu_clock(folder.path());
  EXPECT_DOUBLE_EQ(clock(), 3600.5);
  set_kilohertz(allowed_cpus().front(), "800000");
  EXPECT_DOUBLE_EQ(clock(), 800);
}

TEST_F(CpuClock, IsThatOfTheFastestCpuThatMayBeUsed) {
  for (const int cpu : allowed_cpus()) set_kilohertz(cpu, "1200000");
  set_kilohertz(allowed_cpus().back(), "2400000");
  set_kilohertz(CPU_SETSIZE - 1, "9000000");
  ASSERT_LT(allowed_cpus().back(), CPU_SETSIZE - 1);
  EXPECT_DOUBLE_EQ(cpu_clock(folder.path())(), 2400);
}

TEST_F(CpuClock, Is0WithoutCpufreqOrWithAFileThatCannotBeRead) {
  EXPECT_EQ(cpu_clock(folder.path())(), 0);
  EXPECT_EQ(cpu_clock(folder / "nowhere")(), 0);
  set_kilohertz(allowed_cpus().front(), "<unknown>");
  EXPECT_EQ(cpu_clock(folder.path())(), 0);
}

TEST(GpuClock, IsTheSmClockOfTheGpuAtThatBusId) {
  EXPECT_DOUBLE_EQ(gpu_clock("0000:0A:00.0", CONVTUNE_FAKE_NVML)(), 1755);
}

TEST(GpuClock, Is0WithoutNvmlOrThatGpu) {
  EXPECT_EQ(gpu_clock("0000:0A:00.0", "/nonexistent/libnvidia-ml.so.1")(), 0);
  EXPECT_EQ(gpu_clock("0000:0A:00.0", "libdl.so.2")(), 0) << "a library of other functions";
  EXPECT_EQ(gpu_clock("0000:0B:00.0", CONVTUNE_FAKE_NVML)(), 0);
  EXPECT_EQ(gpu_clock("", CONVTUNE_FAKE_NVML)(), 0);
}

}  // namespace
}  // namespace convtune
