#include "tests/kernels/cpu/simd_targets.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <limits>
#include <ostream>
#include <string>
#include <tuple>
#include <vector>

#include "kernels/cpu/families.hpp"
#include "kernels/cpu/packed.hpp"
#include "kernels/cpu/targets.hpp"

namespace convtune {
namespace {

struct Case {
  const char* name;
  const Family& (*family)();
  const char* config;  // of a target with at least 8 lanes
  Layout layout;
  Activation activation;
};

const Case cases[] = {
    {"depthwise", cpu_depthwise, "cpu_depthwise{tile_l=2,tile_c=32,block_l=512,block_c=128,far=1}",
     Layout::NLC, Activation::none},
    {"length", cpu_length, "cpu_length{tile_l=32,tile_c=1,block_l=256,window=8192,far=1}",
     Layout::NCL, Activation::none},
    {"length_relu", cpu_length, "cpu_length{tile_l=32,tile_c=1,block_l=256,window=8192,far=1}",
     Layout::NCL, Activation::relu},
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

// Of the others there is no such tile.
std::vector<std::int64_t> wide_targets() {
  std::vector<std::int64_t> targets;
  for (const std::int64_t target : runnable_targets()) {
    const ForcedTarget forced(target);
    if (lanes_of(cpu_target()) >= 8) targets.push_back(target);
  }
  return targets;
}

class FarStores : public testing::TestWithParam<std::tuple<std::int64_t, DType, Case>> {};

constexpr std::int64_t channels = 64;
constexpr std::int64_t taps = 2;

float x_at(std::int64_t position, std::int64_t channel) {
  return static_cast<float>((position * 5 + channel) % 4);
}

float weight_at(std::int64_t tap, std::int64_t channel) {
  return static_cast<float>((tap + channel) % 3 + 1);
}

// At most 18, which is exact in every dtype.
float y_at(std::int64_t position, std::int64_t channel) {
  return x_at(position, channel) * weight_at(0, channel) +
         x_at(position + 1, channel) * weight_at(1, channel);
}

// The index in an array of `length` positions, and f of it, for each position and channel.
template <class F>
void for_each_element(Layout layout, std::int64_t length, const F& f) {
  for (std::int64_t t = 0; t < length; ++t) {
    for (std::int64_t c = 0; c < channels; ++c) {
      f(layout == Layout::NLC ? t * channels + c : c * length + t, t, c);
    }
  }
}

// From that size on y may be stored past the caches, where it lies on whole lines. Rows of NCL do
// so, and end in a part of a block.
TEST_P(FarStores, AllOfALargeOutputWhereverItLies) {
  const auto [target, dtype, the_case] = GetParam();
  const ForcedTarget forced(target);
  const auto element = static_cast<std::int64_t>(size_of(dtype));
  const std::int64_t length_out = far_bytes / (2 * channels * element) + 64;
  const Problem p = {.length = length_out + taps - 1,
                     .in_channels = channels,
                     .out_channels = channels,
                     .kernel_size = taps,
                     .num_groups = channels,
                     .dtype = dtype,
                     .layout = the_case.layout,
                     .activation = the_case.activation};
  std::vector<std::byte> x(static_cast<std::size_t>(input_elements(p) * element));
  for_each_element(p.layout, p.length, [&](std::int64_t i, std::int64_t t, std::int64_t c) {
    store_element(x.data(), dtype, i, x_at(t, c));
  });
  std::vector<std::byte> weight(static_cast<std::size_t>(weight_elements(p) * element));
  for (std::int64_t k = 0; k < taps; ++k) {
    for (std::int64_t c = 0; c < channels; ++c) {
      store_element(weight.data(), dtype, weight_index(p, k, 0, c), weight_at(k, c));
    }
  }
  const CpuKernel& kernel = *the_case.family().cpu;
  const auto plan = kernel.prepare(p, parse_config(the_case.config), weight.data(), nullptr);
  ThreadPool pool(2);
  const PackedFloats room = zeroed_floats(output_elements(p) + 1);
  for (const std::int64_t shift : {std::int64_t{0}, element}) {
    std::byte* y = reinterpret_cast<std::byte*>(room.get()) + shift;
    for (std::int64_t i = 0; i < output_elements(p); ++i) {
      store_element(y, dtype, i, std::numeric_limits<float>::quiet_NaN());
    }
    kernel.run(plan.get(), x.data(), y, pool);
    std::int64_t wrong = 0;
    for_each_element(p.layout, length_out, [&](std::int64_t i, std::int64_t t, std::int64_t c) {
      wrong += load_element(y, dtype, i) != y_at(t, c);
    });
    EXPECT_EQ(wrong, 0) << "shifted by " << shift << " bytes";
  }
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(FarStores);
INSTANTIATE_TEST_SUITE_P(, FarStores,
                         testing::Combine(testing::ValuesIn(wide_targets()),
                                          testing::Values(DType::float32, DType::float16,
                                                          DType::bfloat16),
                                          testing::ValuesIn(cases)),
                         [](const auto& param_info) {
                           return std::string(hwy::TargetName(std::get<0>(param_info.param))) +
                                  "_" + std::string(name(std::get<1>(param_info.param))) + "_" +
                                  std::get<2>(param_info.param).name;
                         });

}  // namespace
}  // namespace convtune
