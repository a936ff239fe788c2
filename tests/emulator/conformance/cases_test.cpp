#include "tests/emulator/conformance/cases.hpp"

#include <gmock/gmock.h>

#include <set>

#include "generator/cubin_pack.hpp"
#include "kernels/error.hpp"
#include "tests/emulator/conformance/case_pack.hpp"
#include "tests/temporary_folder.hpp"

namespace convtune {
namespace {

TEST(ConformanceCases, RunInTheEmulator) {
  for (const ConformanceCase& test : conformance_cases()) {
    SCOPED_TRACE(test.kernel);
    const std::vector<unsigned> out = emulated_output(test);
    EXPECT_GT(std::set(out.begin(), out.end()).size(), 4U) << "nothing much comes out";
  }
}

TEST(ConformanceCases, MayDifferByTheirToleranceAlone) {
  const auto word = [](float value) { return __builtin_bit_cast(unsigned, value); };
  const std::vector<unsigned> expected = {word(-1), word(0x1p10F), 0x7fc00000U};
  ConformanceCase test = {.tolerance = 0x1p-20F};
  EXPECT_EQ(first_difference(test, expected, expected), std::nullopt);
  EXPECT_EQ(first_difference(test, expected,
                             {word(-1 - 0x1p-21F), word(0x1p10F - 0x1p-11F), 0x7fc00000U}),
            std::nullopt);
  EXPECT_EQ(first_difference(test, expected, {word(-1 - 0x1p-19F), word(0x1p10F), 0x7fc00000U}),
            std::optional<std::size_t>(0));
  EXPECT_EQ(first_difference(test, expected, {word(-1), word(0x1p10F + 0x1p-8F), 0x7fc00000U}),
            std::optional<std::size_t>(1));
  EXPECT_EQ(first_difference(test, expected, {word(-1), word(0x1p10F), word(1)}),
            std::optional<std::size_t>(2));
  test.tolerance = 0;
  EXPECT_EQ(first_difference(test, expected, {word(-1), word(0x1p10F + 0x1p-13F), 0x7fc00000U}),
            std::optional<std::size_t>(1));
}

class ConformanceCasesOn : public testing::TestWithParam<const char*> {};

TEST_P(ConformanceCasesOn, CompileWithoutWarnings) {
  try {
    compiler_info();
  } catch (const Error& error) {
    GTEST_SKIP() << error.what();
  }
  std::set<std::string> done;
  for (const ConformanceCase& test : conformance_cases()) {
    if (!exists_on(test, GetParam()) || !done.insert(test.kernel).second) continue;
    SCOPED_TRACE(test.kernel);
    EXPECT_EQ(compile(source_of(test), GetParam()).resources.spill_bytes, 0);
  }
  EXPECT_GE(done.size(), 6U);
}

TEST(ConformanceCases, TravelInAPackOfEveryKernel) {
  try {
    compiler_info();
  } catch (const Error& error) {
    GTEST_SKIP() << error.what();
  }
  const TemporaryFolder folder;
  const std::string arch = "sm_75";
  write_case_pack(folder.path() / "cases.pack", std::span(&arch, 1));
  const CubinPack pack(folder.path() / "cases.pack");
  std::set<std::string> kernels;
  for (const ConformanceCase& test : conformance_cases()) {
    if (!exists_on(test, arch)) continue;
    kernels.insert(test.kernel);
    EXPECT_TRUE(pack.find(pack_key(source_of(test), arch))) << test.kernel;
  }
  EXPECT_EQ(pack.keys().size(), kernels.size());
}

INSTANTIATE_TEST_SUITE_P(Architectures, ConformanceCasesOn,
                         testing::Values("sm_75", "sm_80", "sm_86", "sm_89", "sm_90a", "sm_100a",
                                         "sm_120"),
                         [](const auto& arch) { return std::string(arch.param); });

}  // namespace
}  // namespace convtune
