#include "tests/kernels/cpu/simd_targets.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <limits>
#include <tuple>
#include <vector>

#include "kernels/cpu/depthwise.hpp"
#include "kernels/cpu/families.hpp"
#include "kernels/cpu/packed.hpp"
#include "kernels/cpu/targets.hpp"

namespace convtune {
namespace {

class DepthwiseStores : public testing::TestWithParam<std::tuple<std::int64_t, DType>> {};

constexpr std::int64_t channels = 64;

float x_at(std::int64_t position, std::int64_t channel) {
  return static_cast<float>((position * 5 + channel) % 4);
}

float weight_at(std::int64_t tap, std::int64_t channel) {
  return static_cast<float>((tap + channel) % 3 + 1);
}

// The sums of two taps, at most 18, are exact in every dtype.
float y_at(std::int64_t position, std::int64_t channel) {
  return x_at(position, channel) * weight_at(0, channel) +
         x_at(position + 1, channel) * weight_at(1, channel);
}

// From that size on y may be stored past the caches, where it lies on whole lines.
TEST_P(DepthwiseStores, AllOfALargeOutputWhereverItLies) {
  const auto [target, dtype] = GetParam();
  const ForcedTarget forced(target);
  if (lanes_of(cpu_target()) < 8) GTEST_SKIP() << "no tile of it has 32 channels";
  const auto element = static_cast<std::int64_t>(size_of(dtype));
  const Problem p = {.length = depthwise_far_bytes / (2 * channels * element) + 6,
                     .in_channels = channels,
                     .out_channels = channels,
                     .kernel_size = 2,
                     .num_groups = channels,
                     .dtype = dtype};
  std::vector<std::byte> x(static_cast<std::size_t>(input_elements(p) * element));
  for (std::int64_t i = 0; i < input_elements(p); ++i) {
    store_element(x.data(), dtype, i, x_at(i / channels, i % channels));
  }
  std::vector<std::byte> weight(static_cast<std::size_t>(2 * channels * element));
  for (std::int64_t i = 0; i < 2 * channels; ++i) {
    store_element(weight.data(), dtype, weight_index(p, i / channels, 0, i % channels),
                  weight_at(i / channels, i % channels));
  }
  // Of one, two or four vectors, and as many cache lines or two.
  const Config config =
      parse_config("cpu_depthwise{tile_l=2,tile_c=32,block_l=512,block_c=128,far=1}");
  const auto plan = cpu_depthwise().cpu->prepare(p, config, weight.data(), nullptr);
  ASSERT_TRUE(static_cast<const DepthwisePlan*>(plan.get())->past_caches);
  ThreadPool pool(2);
  const PackedFloats room = zeroed_floats(output_elements(p) + 1);
  for (std::int64_t shift : {std::int64_t{0}, element}) {
    auto* y = reinterpret_cast<std::byte*>(room.get()) + shift;
    for (std::int64_t i = 0; i < output_elements(p); ++i) {
      store_element(y, dtype, i, std::numeric_limits<float>::quiet_NaN());
    }
    cpu_depthwise().cpu->run(plan.get(), x.data(), y, pool);
    std::int64_t wrong = 0;
    for (std::int64_t i = 0; i < output_elements(p); ++i) {
      wrong += load_element(y, dtype, i) != y_at(i / channels, i % channels);
    }
    EXPECT_EQ(wrong, 0) << "shifted by " << shift << " bytes";
  }
}

INSTANTIATE_TEST_SUITE_P(, DepthwiseStores,
                         testing::Combine(testing::ValuesIn(runnable_targets()),
                                          testing::Values(DType::float32, DType::float16,
                                                          DType::bfloat16)),
                         [](const auto& param_info) {
                           return std::string(hwy::TargetName(std::get<0>(param_info.param))) +
                                  "_" + std::string(name(std::get<1>(param_info.param)));
                         });

}  // namespace
}  // namespace convtune
