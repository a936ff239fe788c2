#include "tuner/pulse.hpp"

#include <gmock/gmock.h>

#include <vector>

namespace convtune {
namespace {

TEST(Pulse, IsMeasuredByTheBestThatItEverWas) {
  const Pulse pulse = cpu_pulse();
  EXPECT_EQ(pulse(), 1) << "there is no other one yet";
  std::vector<double> pulses(1000);
  for (double& each : pulses) each = pulse();
  EXPECT_THAT(pulses, testing::Contains(testing::Gt(1))) << "it takes real time, which varies";
}

TEST(Pulse, OnesDoNotKnowOfEachOther) {
  const Pulse first = cpu_pulse();
  for (int i = 0; i < 100; ++i) first();
  EXPECT_EQ(cpu_pulse()(), 1);
}

TEST(Pulse, FitsTheDevice) {
  const Pulse pulse = pulse_of(*open_device("cpu"));
  std::vector<double> pulses(1000);
  for (double& each : pulses) each = pulse();
  EXPECT_THAT(pulses, testing::Contains(testing::Gt(1)));
}

}  // namespace
}  // namespace convtune
