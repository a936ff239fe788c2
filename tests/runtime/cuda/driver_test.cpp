#include "runtime/cuda/driver.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "tests/refusal.hpp"
#include "tests/runtime/cuda/fake_driver.hpp"

namespace convtune {
namespace {

using testing::HasSubstr;

TEST(LoadDriver, SaysWhereThereIsNone) {
  EXPECT_THAT(refusal([] { load_driver("libno-such-driver.so.1"); }, Status::unavailable),
              HasSubstr("not installed"));
}

TEST(LoadDriver, RefusesALibraryThatIsNoDriver) {
  refusal([] { load_driver("libm.so.6"); }, Status::unavailable);
}

TEST(LoadDriver, KnowsTheToolkitsStub) {
  const std::filesystem::path stub =
      std::filesystem::path(CONVTUNE_CUDA_HINT) / "lib64/stubs/libcuda.so";
  if (!std::filesystem::exists(stub)) GTEST_SKIP() << "the toolkit's stub is not installed";
  EXPECT_THAT(refusal([&] { load_driver(stub.c_str()); }, Status::unavailable), HasSubstr("stub"));
}

TEST(Check, SaysWhatFailedAndWhetherTheGpuIsLost) {
  const Driver& driver = fake_driver::table();
  check(driver, CUDA_SUCCESS, "cuInit");
  for (const int none : {34, 35, 100}) {
    EXPECT_THAT(
        refusal([&] { check(driver, static_cast<CUresult>(none), "cuInit"); }, Status::unavailable),
        HasSubstr("no GPU can be used"));
  }
  EXPECT_THAT(
      refusal([&] { check(driver, CUDA_ERROR_INVALID_IMAGE, "cuModuleLoadData"); }, Status::failed),
      HasSubstr("cuModuleLoadData failed with CUDA_ERROR_OTHER (200)"));
}

}  // namespace
}  // namespace convtune
