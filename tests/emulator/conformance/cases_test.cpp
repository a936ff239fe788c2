#include "tests/emulator/conformance/cases.hpp"

#include <gmock/gmock.h>

#include <set>

#include "generator/compiler.hpp"
#include "kernels/error.hpp"

namespace convtune {
namespace {

TEST(ConformanceCases, RunInTheEmulator) {
  for (const ConformanceCase& test : conformance_cases()) {
    SCOPED_TRACE(test.kernel);
    const std::vector<unsigned> out = emulated_output(test);
    EXPECT_GT(std::set(out.begin(), out.end()).size(), 4U) << "nothing much comes out";
  }
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

INSTANTIATE_TEST_SUITE_P(Architectures, ConformanceCasesOn,
                         testing::Values("sm_75", "sm_80", "sm_86", "sm_89", "sm_90a", "sm_100a",
                                         "sm_120"),
                         [](const auto& arch) { return std::string(arch.param); });

}  // namespace
}  // namespace convtune
