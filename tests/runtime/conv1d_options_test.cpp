#include "runtime/conv1d_options.hpp"

#include <gtest/gtest.h>

namespace convtune {
namespace {

TEST(Conv1dOptions, SayAllOfAProblemButItsBatchAndLength) {
  const Problem unlike_the_default = {.batch = 1,
                                      .length = 9,  // 4·(3 − 1) + 1, the shortest
                                      .in_channels = 6,
                                      .out_channels = 8,
                                      .kernel_size = 3,
                                      .stride = 2,
                                      .padding = {5, 7},
                                      .dilation = 4,
                                      .num_groups = 2,
                                      .has_bias = true,
                                      .dtype = DType::float32,
                                      .math = Math::tf32,
                                      .layout = Layout::NCL,
                                      .activation = Activation::relu};
  EXPECT_EQ(problem_of(options_of(unlike_the_default)), unlike_the_default);
  Problem half = unlike_the_default;
  half.dtype = DType::float16, half.math = Math::ieee, half.layout = Layout::NLC;
  EXPECT_EQ(problem_of(options_of(half)), half);
}

}  // namespace
}  // namespace convtune
