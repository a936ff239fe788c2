#include "kernels/cuda/source.hpp"

#include <gmock/gmock.h>

#include "kernels/cuda/depthwise.hpp"
#include "kernels/cuda/direct.hpp"
#include "kernels/cuda/warpgroup_gemm.hpp"

namespace convtune {
namespace {

const DeviceProperties h200 = properties_of_arch("sm_90a");
const Problem problem = {.length = 64, .in_channels = 8, .out_channels = 8, .kernel_size = 3};

Source source_of(const Problem& p) {
  const Family& family = cuda_direct();
  return write_source(*family.cuda, p, family.default_config(p, h200), h200);
}

std::vector<std::string_view> names(const std::vector<EmbeddedFile>& files) {
  std::vector<std::string_view> result;
  for (const EmbeddedFile& file : files) result.push_back(file.name);
  return result;
}

TEST(Source, HasEveryHeaderThatItIncludesAndNoneOfTheHosts) {
  EXPECT_THAT(
      names(source_of(problem).headers),
      testing::ElementsAre("kernels/cuda/conv_args.hpp", "kernels/cuda/device/activation.cuh",
                           "kernels/cuda/device/arithmetic.cuh", "kernels/cuda/device/convert.cuh",
                           "kernels/cuda/device/element.cuh", "kernels/cuda/device/platform.cuh",
                           "kernels/cuda/device/vector.cuh", "kernels/cuda/direct.cuh",
                           "kernels/cuda/direct_config.hpp", "kernels/enums.hpp"));
}

TEST(Source, FollowsIncludesOnlyWhereTheyLead) {
  EXPECT_THAT(names(included_headers("#include \"kernels/cuda/direct_config.hpp\"\n")),
              testing::ElementsAre("kernels/cuda/conv_args.hpp", "kernels/cuda/direct_config.hpp",
                                   "kernels/enums.hpp"));
  EXPECT_THAT(names(included_headers("#include <cstdint>\n#include \"no/such.hpp\"\n")),
              testing::IsEmpty());
}

TEST(Source, AnnouncesTensorMapsAndResidentBlocksWhereTheFamilyHasThem) {
  const Family& family = cuda_warpgroup_gemm();
  Problem halves = problem;
  halves.dtype = DType::float16;
  const Config config = family.default_config(halves, h200);
  EXPECT_THAT(write_source(*family.cuda, halves, config, h200).text,
              testing::AllOf(testing::HasSubstr("__launch_bounds__(384, 1)"),
                             testing::HasSubstr("const __grid_constant__ TensorMaps maps) {"),
                             testing::HasSubstr("(args, maps);")));
  EXPECT_THAT(source_of(problem).text,
              testing::AllOf(testing::HasSubstr("__launch_bounds__(128, 1)"),
                             testing::Not(testing::HasSubstr("maps"))));

  const Family& depthwise = cuda_depthwise();
  Problem channels = problem;
  channels.in_channels = channels.out_channels = channels.num_groups = 8;
  const Config without = depthwise.default_config(channels, h200);
  EXPECT_THAT(write_source(*depthwise.cuda, channels, without, h200).text,
              testing::ContainsRegex(R"(__launch_bounds__\([0-9]+\))"));
}

TEST(Source, DigestIsTheFamilys) {
  const Family& family = cuda_direct();
  EXPECT_EQ(source_digest(family, problem, family.default_config(problem, h200), h200),
            source_of(problem).digest);
}

TEST(Source, DigestChangesWithTheInstantiationAlone) {
  Problem other = problem;
  other.stride = 2;  // a run-time argument
  EXPECT_EQ(source_of(other).digest, source_of(problem).digest);
  other.activation = Activation::silu;  // baked in
  EXPECT_NE(source_of(other).digest, source_of(problem).digest);
}

TEST(Source, KernelFilesHoldNoAssemblyAndNoCudaHeader) {
  for (const EmbeddedFile& header : device_headers()) {
    const bool is_primitive = header.name.starts_with("kernels/cuda/device/");
    if (!is_primitive) {
      EXPECT_EQ(header.bytes.find("asm"), header.bytes.npos) << header.name;
      EXPECT_EQ(header.bytes.find("#include <"), header.bytes.npos) << header.name;
    }
    EXPECT_EQ(header.bytes.find("#include <cuda"), header.bytes.npos) << header.name;
  }
}

}  // namespace
}  // namespace convtune
