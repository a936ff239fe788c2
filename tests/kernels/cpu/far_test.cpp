#include "tests/kernels/cpu/simd_targets.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <ostream>
#include <string>
#include <tuple>
#include <vector>

#include "kernels/cpu/cache.hpp"
#include "kernels/cpu/families.hpp"
#include "kernels/cpu/packed.hpp"
#include "kernels/cpu/targets.hpp"

namespace convtune {
namespace {

struct Case {
  const char* name;
  const Family& (*family)();
  const char* config;  // of a target with at least 8 lanes
  std::int64_t channels;
  Layout layout;
  Activation activation = Activation::none;
};

constexpr const char* depthwise = "cpu_depthwise{tile_l=2,tile_c=32,block_l=512,block_c=128,far=1}";
constexpr const char* windows = "cpu_length{tile_l=32,tile_c=1,block_l=256,window=8192,far=1}";
constexpr const char* in_place = "cpu_length{tile_l=32,tile_c=1,block_l=256,window=0,far=1}";

const Case cases[] = {
    {"depthwise", cpu_depthwise, depthwise, 64, Layout::NLC},
    {"depthwise_part_of_a_tile", cpu_depthwise, depthwise, 80, Layout::NLC},
    {"depthwise_relu", cpu_depthwise, depthwise, 64, Layout::NLC, Activation::relu},
    {"length", cpu_length, windows, 64, Layout::NCL},
    {"length_relu", cpu_length, windows, 64, Layout::NCL, Activation::relu},
};
const Case in_place_case = {"length_in_place", cpu_length, in_place, 64, Layout::NCL};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

// The others have no such tiles.
std::vector<std::int64_t> wide_targets() {
  std::vector<std::int64_t> targets;
  for (const std::int64_t target : runnable_targets()) {
    const ForcedTarget forced(target);
    if (lanes_of(cpu_target()) >= 8) targets.push_back(target);
  }
  return targets;
}

constexpr std::int64_t batch = 2;
constexpr std::int64_t taps = 2;

float x_at(std::int64_t position, std::int64_t channel) {
  return static_cast<float>((position * 5 + channel) % 4);
}

float weight_at(std::int64_t tap, std::int64_t channel) {
  return static_cast<float>((tap + channel) % 3 - 1);
}

// Small integers of either sign, which are exact in every dtype.
float y_at(std::int64_t position, std::int64_t channel, Activation activation) {
  const float sum = x_at(position, channel) * weight_at(0, channel) +
                    x_at(position + 1, channel) * weight_at(1, channel);
  return activation == Activation::relu ? std::max(sum, 0.0F) : sum;
}

// f of the index in an array of `length` positions, the position and the channel.
template <class F>
void for_each_element(const Problem& p, std::int64_t length, const F& f) {
  const std::int64_t channels = p.in_channels;
  for (std::int64_t i = 0; i < p.batch * length * channels; ++i) {
    p.layout == Layout::NLC ? f(i, i / channels % length, i % channels)
                            : f(i, i % length, i / length % channels);
  }
}

class FarStores : public testing::TestWithParam<std::tuple<std::int64_t, DType, Case>> {};

// From that size on y may be stored past the caches, where it lies on whole lines. Rows of NCL do,
// and end in a part of a block and of a tile.
TEST_P(FarStores, AllOfALargeOutputWhereverItLiesAndNothingBehind) {
  const ForcedTarget forced(std::get<0>(GetParam()));
  const DType dtype = std::get<1>(GetParam());
  const Case& the_case = std::get<2>(GetParam());
  const auto element = static_cast<std::int64_t>(size_of(dtype));
  const std::int64_t channels = the_case.channels;
  const std::int64_t length_out =
      far_bytes / (2 * batch * channels * element) / 256 * 256 + 320 + cache_line / element;
  const Problem p = {.batch = batch,
                     .length = length_out + taps - 1,
                     .in_channels = channels,
                     .out_channels = channels,
                     .kernel_size = taps,
                     .num_groups = channels,
                     .dtype = dtype,
                     .layout = the_case.layout,
                     .activation = the_case.activation};
  std::vector<std::byte> x(static_cast<std::size_t>(input_elements(p) * element));
  for_each_element(p, p.length, [&](std::int64_t i, std::int64_t t, std::int64_t c) {
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
  constexpr std::int64_t behind = 64;
  const std::int64_t size = output_elements(p);
  const PackedFloats room = zeroed_floats(size + 1 + behind);
  for (const std::int64_t shift : {std::int64_t{0}, element}) {
    std::byte* y = reinterpret_cast<std::byte*>(room.get()) + shift;
    for (std::int64_t i = 0; i < size + behind; ++i) {
      store_element(y, dtype, i, std::numeric_limits<float>::quiet_NaN());
    }
    kernel.run(plan.get(), x.data(), y, pool);
    std::int64_t wrong = 0;
    for_each_element(p, length_out, [&](std::int64_t i, std::int64_t t, std::int64_t c) {
      wrong += load_element(y, dtype, i) != y_at(t, c, p.activation);
    });
    for (std::int64_t i = size; i < size + behind; ++i) {
      wrong += !std::isnan(load_element(y, dtype, i));
    }
    EXPECT_EQ(wrong, 0) << "shifted by " << shift << " bytes";
  }
}

std::string name_of(const testing::TestParamInfo<FarStores::ParamType>& info) {
  const auto& [target, dtype, the_case] = info.param;
  return std::string(hwy::TargetName(target)) + "_" + std::string(name(dtype)) + "_" +
         the_case.name;
}

// How many sums of 20 channels are wrong, on the target in use.
std::int64_t wrong_sums(std::int64_t outputs, const std::string& config) {
  constexpr std::int64_t inputs = 20;
  const Problem p = {.length = far_bytes / 4 / (inputs + outputs) / 256 * 256 + 336,
                     .in_channels = inputs,
                     .out_channels = outputs,
                     .kernel_size = 1,
                     .layout = Layout::NCL};
  std::vector<float> x(static_cast<std::size_t>(input_elements(p)));
  for_each_element(p, p.length, [&](std::int64_t i, std::int64_t t, std::int64_t c) {
    x[static_cast<std::size_t>(i)] = x_at(t, c);
  });
  std::vector<float> weight(static_cast<std::size_t>(weight_elements(p)));
  for (std::size_t i = 0; i < weight.size(); ++i) {
    weight[i] = weight_at(0, static_cast<std::int64_t>(i) * 5 % 7);
  }
  ThreadPool pool(2);
  const auto plan = cpu_length().cpu->prepare(
      p, parse_config("cpu_length{tile_l=32,far=1," + config + "}"), weight.data(), nullptr);
  const PackedFloats y = zeroed_floats(output_elements(p));
  cpu_length().cpu->run(plan.get(), x.data(), y.get(), pool);
  std::int64_t wrong = 0;
  for (std::int64_t c = 0; c < outputs; ++c) {
    for (std::int64_t t = 0; t < p.length; ++t) {
      float sum = 0;
      for (std::int64_t in = 0; in < inputs; ++in) {
        sum += x_at(t, in) * weight[static_cast<std::size_t>(c * inputs + in)];
      }
      wrong += y[c * p.length + t] != sum;
    }
  }
  return wrong;
}

// By three passes over rows in turn, or over windows of 8 channels.
TEST(FarPasses, LeaveTheWholeSums) {
  for (const std::int64_t target : wide_targets()) {
    const ForcedTarget forced(target);
    SCOPED_TRACE(hwy::TargetName(target));
    EXPECT_EQ(wrong_sums(4, "tile_c=2,block_l=1024,window=0"), 0);
    EXPECT_EQ(wrong_sums(4, "tile_c=2,block_l=1024,window=8192"), 0);
    EXPECT_EQ(wrong_sums(1, "tile_c=1,block_l=16384,window=0"), 0);
  }
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(FarStores);
INSTANTIATE_TEST_SUITE_P(, FarStores,
                         testing::Combine(testing::ValuesIn(wide_targets()),
                                          testing::Values(DType::float32, DType::float16,
                                                          DType::bfloat16),
                                          testing::ValuesIn(cases)),
                         name_of);
INSTANTIATE_TEST_SUITE_P(InPlace, FarStores,
                         testing::Combine(testing::ValuesIn(wide_targets()),
                                          testing::Values(DType::float32),
                                          testing::Values(in_place_case)),
                         name_of);

}  // namespace
}  // namespace convtune
