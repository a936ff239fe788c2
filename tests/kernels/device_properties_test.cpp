#include "kernels/device_properties.hpp"

#include <gmock/gmock.h>

#include "tests/refusal.hpp"

namespace convtune {
namespace {

/// Figures that the driver reports for an H200.
TEST(DeviceProperties, OfH200) {
  const DeviceProperties h200 = properties_of_arch("sm_90a");
  EXPECT_EQ(h200.kind, DeviceKind::cuda);
  EXPECT_EQ(h200.arch, "sm_90a");
  EXPECT_EQ(h200.units, 132);
  EXPECT_EQ(h200.compute_major, 9);
  EXPECT_EQ(h200.compute_minor, 0);
  EXPECT_EQ(h200.shared_per_sm, 233472);
  EXPECT_EQ(h200.shared_per_block_optin, 232448);
  EXPECT_EQ(h200.reserved_shared_per_block, 1024);
}

TEST(DeviceProperties, CapabilityFollowsTheName) {
  EXPECT_EQ(properties_of_arch("sm_75").compute_minor, 5);
  EXPECT_EQ(properties_of_arch("sm_75").shared_per_block_optin, 65536);
  EXPECT_EQ(properties_of_arch("sm_120").compute_major, 12);
  EXPECT_EQ(properties_of_arch("sm_100a").compute_major, 10);
}

TEST(DeviceProperties, UnknownArchitecturesAreRefused) {
  for (const char* arch :
       {"", "sm_", "sm_70", "sm_9", "sm_80a", "sm_90b", "sm_900", "90", "sm_90aa"}) {
    EXPECT_THAT(refusal([&] { properties_of_arch(arch); }), testing::HasSubstr("known are sm_75"))
        << arch;
  }
}

TEST(DeviceProperties, IdentityTellsCpusAndTheirThreadsApartButNotMemory) {
  const DeviceProperties cpu = {.name = "some CPU", .model = "6.85.7", .arch = "AVX2", .units = 2};
  const auto changed = [&](auto&& change) {
    DeviceProperties other = cpu;
    change(other);
    return identity(other);
  };
  EXPECT_EQ(changed([](DeviceProperties& d) { d.memory_bytes = 1; }), identity(cpu));
  EXPECT_NE(changed([](DeviceProperties& d) { d.units = 4; }), identity(cpu));
  EXPECT_NE(changed([](DeviceProperties& d) { d.model = "6.85.4"; }), identity(cpu));
  EXPECT_NE(changed([](DeviceProperties& d) { d.l3_bytes = 1; }), identity(cpu));
}

}  // namespace
}  // namespace convtune
