#include "runtime/vendor/cudnn.hpp"

#include <gmock/gmock.h>
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif

#include <cstdlib>
#include <set>

#include "generator/candidates.hpp"
#include "runtime/cuda/cuda_device.hpp"
#include "runtime/device.hpp"
#include "runtime/vendor/cudnn_graph.hpp"
#include "tests/refusal.hpp"
#include "tests/runtime/cuda/fake_driver.hpp"

namespace convtune {
namespace {

using testing::Each;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

const DeviceProperties hopper = properties_of_arch("sm_90a");

Problem problem(DType dtype = DType::bfloat16, Layout layout = Layout::NLC) {
  return {.length = 3000,
          .in_channels = 64,
          .out_channels = 128,
          .kernel_size = 3,
          .padding = {1, 1},
          .dtype = dtype,
          .layout = layout};
}

std::vector<Candidate> candidates(const Problem& p) {
  const Family* const families[] = {&cudnn()};
  return enumerate(p, hopper, families).candidates;
}

// cuDNN's descriptors and heuristics need no GPU; where the library is missing there is nothing to
// test but that it is said.
class Cudnn : public testing::Test {
 protected:
  void SetUp() override {
#ifdef __SANITIZE_ADDRESS__
    __lsan_disable();  // cuDNN frees little of what it allocates
#endif
    try {
      cudnn_api();
    } catch (const Error& error) {
      GTEST_SKIP() << error.what();
    }
  }
#ifdef __SANITIZE_ADDRESS__
  void TearDown() override { __lsan_enable(); }
#endif
};

TEST(CudnnLibrary, SaysThatItIsMissing) {
  setenv("CONVTUNE_CUDNN", "/nowhere/libcudnn.so.9", 1);  // each test is a process of its own
  EXPECT_THAT(refusal([] { cudnn().library(); }, Status::unavailable),
              AllOf(HasSubstr("/nowhere/libcudnn.so.9"), HasSubstr("CONVTUNE_CUDNN")));
  EXPECT_THAT(candidates(problem()), IsEmpty());
}

TEST(CudnnLibrary, RefusesWhatIsNoCudnn) {
  setenv("CONVTUNE_CUDNN", "libm.so.6", 1);
  EXPECT_THAT(refusal([] { cudnn().library(); }, Status::unavailable), HasSubstr("no cuDNN 9"));
}

TEST_F(Cudnn, OffersEnginesForBothLayoutsAndAllTypes) {
  for (const DType dtype : {DType::float32, DType::float16, DType::bfloat16}) {
    for (const Layout layout : {Layout::NLC, Layout::NCL}) {
      const Problem p = problem(dtype, layout);
      const std::vector<CudnnEngine> engines = cudnn_engines(p, hopper);
      EXPECT_THAT(engines, Not(IsEmpty())) << describe(p);
      EXPECT_THAT(candidates(p), SizeIs(std::min<std::size_t>(engines.size(), 96))) << describe(p);
    }
  }
}

TEST_F(Cudnn, TakesGroupsStrideDilationAndUnevenPadding) {
  Problem p = problem(DType::float32);
  p.num_groups = 4;
  p.stride = 2;
  p.dilation = 3;
  p.padding = {6, 0};
  EXPECT_THAT(cudnn_engines(p, hopper), Not(IsEmpty()));
}

TEST_F(Cudnn, FusesBiasAndEveryActivation) {
  for (const Activation activation : {Activation::none, Activation::relu, Activation::gelu,
                                      Activation::gelu_tanh, Activation::silu, Activation::tanh}) {
    Problem p = problem();
    p.has_bias = true;
    p.activation = activation;
    EXPECT_NO_THROW(CudnnGraph(p, nullptr)) << describe(p);
    // cuDNN compiles most of these at run time, and offers them only where there is a driver.
    if (activation == Activation::none || activation == Activation::relu) {
      EXPECT_THAT(cudnn_engines(p, hopper), Not(IsEmpty())) << describe(p);
    }
  }
}

TEST_F(Cudnn, RoundsInputsOnlyWhereTf32IsAskedFor) {
  Problem p = problem(DType::float32);
  const std::vector<CudnnEngine> exact = cudnn_engines(p, hopper);
  p.math = Math::tf32x3;
  EXPECT_EQ(cudnn_engines(p, hopper), exact);
  p.math = Math::tf32;
  const std::vector<CudnnEngine> all = cudnn_engines(p, hopper);
  EXPECT_GT(all.size(), exact.size());
  for (const CudnnEngine& engine : exact) EXPECT_THAT(all, testing::Contains(engine));
}

TEST_F(Cudnn, NamesEngineAndKnobsInTheDigest) {
  const Problem p = problem();
  std::set<std::string> digests;
  for (const Candidate& candidate : candidates(p)) {
    digests.insert(source_digest(cudnn(), p, candidate.config, hopper));
  }
  EXPECT_THAT(digests, SizeIs(candidates(p).size()));
  EXPECT_THAT(digests,
              Each(testing::MatchesRegex("cuDNN 9[.0-9]* engine [0-9]+( [0-9]+=-?[0-9]+)*")));
}

TEST_F(Cudnn, GivesTheSameListAgain) {
  Problem p = problem();
  const std::vector<CudnnEngine> first = cudnn_engines(p, hopper);
  p.length += 1;
  cudnn_engines(p, hopper);
  EXPECT_EQ(cudnn_engines(problem(), hopper), first);
}

TEST_F(Cudnn, RefusesADriverThatItCannotUse) {
  fake_driver::reset();
  const auto device = make_cuda_device(fake_driver::table(), 0, fake_driver::compile, "13.0");
  const Problem p = problem();
  const std::vector<std::byte> weight(static_cast<std::size_t>(weight_elements(p)) * 2);
  const Candidate first = {&cudnn(), parse_config("cudnn{choice=0}")};
  EXPECT_THAT(refusal([&] { device->prepare(p, first, weight.data(), nullptr); }, Status::failed),
              HasSubstr("cuDNN"));
}

TEST(CudnnFamily, IsAVendorsAndComesAfterTheGenerated) {
  EXPECT_EQ(cudnn().origin, Origin::vendor);
  EXPECT_EQ(cudnn().cuda, nullptr);
  EXPECT_THAT(all_families(), testing::Contains(&cudnn()));
}

}  // namespace
}  // namespace convtune
