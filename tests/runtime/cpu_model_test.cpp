#include "runtime/cpu_model.hpp"

#include <gtest/gtest.h>
#include <sys/utsname.h>

#include <sstream>

namespace convtune {
namespace {

CpuModel model_of(const std::string& cpuinfo) {
  std::istringstream stream(cpuinfo);
  return read_cpu_model(stream);
}

TEST(CpuModel, OfX86IsFamilyModelAndStepping) {
  const CpuModel model = model_of(
      "processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 26\nmodel\t\t: 2\n"
      "model name\t: AMD EPYC\nstepping\t: 1\npower management:\n\n"
      "processor\t: 1\nmodel name\t: another\nstepping\t: 7\n\n");
  EXPECT_EQ(model.name, "AMD EPYC");
  EXPECT_EQ(model.number, "26.2.1");
}

TEST(CpuModel, OfArmIsImplementerToRevision) {
  const CpuModel model = model_of(
      "processor\t: 0\nBogoMIPS\t: 243.75\nCPU implementer\t: 0x41\nCPU architecture: 8\n"
      "CPU variant\t: 0x3\nCPU part\t: 0xd0c\nCPU revision\t: 1\n\n");
  EXPECT_EQ(model.number, "0x41.8.0x3.0xd0c.1");
  utsname system = {};
  uname(&system);
  EXPECT_EQ(model.name, system.machine);
}

TEST(CpuModel, OfAnUnknownMachineHasNoNumber) { EXPECT_EQ(model_of("").number, ""); }

}  // namespace
}  // namespace convtune
