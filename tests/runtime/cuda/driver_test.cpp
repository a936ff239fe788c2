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

TEST(Check, SaysWhatFailedAndWhoCanStillUseTheGpu) {
  const Driver& driver = fake_driver::table();
  check(driver, CUDA_SUCCESS, "cuInit");
  for (const int none : {34, 35, 46, 100, 101, 802}) {
    EXPECT_THAT(
        refusal([&] { check(driver, static_cast<CUresult>(none), "cuInit"); }, Status::unavailable),
        HasSubstr("no GPU can be used"));
  }
  for (const int broken : {214, 220}) {
    EXPECT_THAT(refusal([&] { check(driver, static_cast<CUresult>(broken), "cuMemAlloc"); },
                        Status::unavailable),
                HasSubstr("the GPU is at fault"));
  }
  for (const int fault : {226, 700, 702, 709, 710, 714, 715, 716, 717, 718, 719, 721, 810}) {
    EXPECT_THAT(refusal([&] { check(driver, static_cast<CUresult>(fault), "cuEventSynchronize"); },
                        Status::failed),
                HasSubstr("this process can use the GPU no more, a new one can"));
  }
  EXPECT_THAT(
      refusal([&] { check(driver, CUDA_ERROR_INVALID_IMAGE, "cuModuleLoadData"); }, Status::failed),
      HasSubstr("cuModuleLoadData failed with CUDA_ERROR_OTHER (200)"));
}

}  // namespace
}  // namespace convtune
