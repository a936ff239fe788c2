#include <gmock/gmock.h>

#include <set>
#include <vector>

#include "runtime/device.hpp"

namespace convtune {
namespace {

using testing::Contains;
using testing::Not;

TEST(AllFamilies, HoldEveryGeneratedFamilyAndNameEachOnce) {
  std::set<std::string_view> names;
  for (const Family* family : all_families()) {
    EXPECT_TRUE(names.insert(family->name).second) << family->name << " twice";
  }
  for (const Family* family : generated_families()) EXPECT_THAT(names, Contains(family->name));
}

TEST(AllFamilies, KeepVendorsOutOfTheGeneratedOnes) {
  for (const Family* family : generated_families()) {
    EXPECT_EQ(family->origin, Origin::generated) << family->name;
  }
  const auto generated = generated_families();
  for (const Family* family : all_families()) {
    if (family->origin == Origin::vendor) {
      EXPECT_THAT(std::vector(generated.begin(), generated.end()), Not(Contains(family)));
    }
  }
}

TEST(AllFamilies, HaveTheKernelOfTheirDevice) {
  for (const Family* family : all_families()) {
    EXPECT_EQ(family->cpu != nullptr, family->device == DeviceKind::cpu) << family->name;
    const bool on_gpu = family->device == DeviceKind::cuda;
    const bool is_vendors = family->origin == Origin::vendor;
    EXPECT_EQ(family->cuda != nullptr, on_gpu && !is_vendors) << family->name;
    EXPECT_EQ(family->vendor != nullptr, on_gpu && is_vendors) << family->name;
    EXPECT_EQ(family->library != nullptr, is_vendors) << family->name;
  }
}

}  // namespace
}  // namespace convtune
