#include "tests/refusal.hpp"
#include "tests/runtime/module.hpp"

namespace convtune {
namespace {

using testing::HasSubstr;

TEST_F(Module, HasTheDefaultsAndAttributesOfMax) {
  const Conv1d conv(options, machine.cpu_backend());
  EXPECT_EQ(conv.stride(), 1);
  EXPECT_EQ(conv.padding(), SidePadding(0, 0));
  EXPECT_EQ(conv.dilation(), 1);
  EXPECT_EQ(conv.num_groups(), 1);
  EXPECT_FALSE(conv.permute());
  EXPECT_EQ(conv.device(), "cpu");
  EXPECT_EQ(conv.filter().name, "weight");
  EXPECT_EQ(conv.filter().shape, (Shape{3, 8, 4}));
  EXPECT_EQ(conv.filter().data, nullptr);
  EXPECT_FALSE(conv.bias().has_value());
}

TEST_F(Module, NamesAndShapesItsWeights) {
  options = {.kernel_size = 5,
             .in_channels = 8,
             .out_channels = 12,
             .dtype = DType::bfloat16,
             .stride = 2,
             .padding = {4, 0},
             .dilation = 3,
             .num_groups = 4,
             .has_bias = true,
             .permute = true,
             .name = "encoder.conv1"};
  const Conv1d conv = make();
  EXPECT_EQ(conv.filter().name, "encoder.conv1.weight");
  EXPECT_EQ(conv.filter().shape, (Shape{12, 2, 5}));
  EXPECT_EQ(conv.filter().dtype, DType::bfloat16);
  EXPECT_EQ(conv.bias()->name, "encoder.conv1.bias");
  EXPECT_EQ(conv.bias()->shape, (Shape{12}));
  EXPECT_EQ(conv.stride(), 2);
  EXPECT_EQ(conv.padding(), SidePadding(4, 0));
  EXPECT_EQ(conv.dilation(), 3);
  EXPECT_EQ(conv.num_groups(), 4);
  EXPECT_TRUE(conv.permute());
}

TEST_F(Module, PaddingIsAnIntegerOrAPair) {
  options.padding = 2;
  EXPECT_EQ(make().output_shape(1, 10), (Shape{1, 12, 4}));
  options.padding = {3, 0};
  EXPECT_EQ(make().output_shape(1, 10), (Shape{1, 11, 4}));
}

TEST_F(Module, ComputesTheDefinitionInBothLayoutsAndAllTypes) {
  for (const bool permute : {false, true}) {
    for (const DType dtype : {DType::float32, DType::float16, DType::bfloat16}) {
      for (const bool bias : {false, true}) {
        options = {.kernel_size = 3,
                   .in_channels = 8,
                   .out_channels = 4,
                   .dtype = dtype,
                   .stride = 2,
                   .padding = {3, 1},
                   .dilation = 2,
                   .num_groups = 2,
                   .has_bias = bias,
                   .permute = permute,
                   .name = "m"};
        const Case data(problem_for(options, 2, 13));
        data.expect_right(data.run(loaded(data)));
      }
    }
  }
}

TEST_F(Module, ForwardGivesATensorOfItsOwn) {
  options.permute = true;
  const Case data(problem_for(options, 2, 9));
  const Conv1d conv = loaded(data);
  const Tensor y = conv.forward(data.x_view("cuda"));
  EXPECT_EQ(y.shape, (Shape{2, 4, 7}));
  EXPECT_EQ(y.device, "cuda:0");
  Elements copy(DType::float32, 2 * 4 * 7);
  std::memcpy(copy.data(), y.data.get(), copy.bytes.size());
  data.expect_right(copy);
}

TEST_F(Module, IgnoresTensorsOfOtherModules) {
  options.name = "m";
  const Case data(problem_for(options, 1, 9));
  auto state = data.state("m.");
  state["other.weight"] = {.data = nullptr, .shape = {7}};
  Conv1d conv = make();
  conv.load_state_dict(state);
  data.expect_right(data.run(conv));
}

TEST_F(Module, ServesSlicesThatAreNotAligned) {
  const Case data(problem_for(options, 1, 9));
  const Conv1d conv = loaded(data);
  conv.prepare(1, 9);
  EXPECT_EQ(conv.plan(1, 9).config, "fake_vector{vector=4}");
  alignas(64) std::array<float, 9 * 8 + 4> x{};
  alignas(64) std::array<float, 7 * 4 + 4> y{};
  for (const std::size_t shift : {0, 1, 2, 3}) {
    std::memcpy(x.data() + shift, data.x.data(), data.x.bytes.size());
    conv.run({.data = x.data() + shift, .shape = {1, 9, 8}, .device = "cuda"},
             {.data = y.data() + (shift + 2) % 4, .shape = {1, 7, 4}, .device = "cuda"});
    Elements copy(DType::float32, 7 * 4);
    std::memcpy(copy.data(), y.data() + (shift + 2) % 4, copy.bytes.size());
    data.expect_right(copy);
  }
}

TEST_F(Module, ASliceDoesNotCostAlignedPointersTheirVectors) {
  const Case data(problem_for(options, 1, 9));
  const Conv1d conv = loaded(data);
  alignas(64) std::array<float, 9 * 8 + 1> x{};
  alignas(64) std::array<float, 7 * 4> y{};
  conv.run({.data = x.data() + 1, .shape = {1, 9, 8}, .device = "cuda"},
           {.data = y.data(), .shape = {1, 7, 4}, .device = "cuda"});
  EXPECT_EQ(conv.plan(1, 9).config, "fake_vector{vector=4}");
}

TEST_F(Module, ReplacesAGpuThatIsNotThereUnlessToldNotTo) {
  options.device = "cuda:63";
  const Case data(problem_for(options, 1, 9));
  Conv1d conv(options);
  conv.load_state_dict(data.state());
  EXPECT_EQ(conv.device(), "cpu");
  EXPECT_THAT(conv.fallback_reason(), HasSubstr("cuda:63"));
  data.expect_right(data.run(conv));
  EXPECT_EQ(conv.plan(1, 9).match, Match::cpu);
  EXPECT_THAT(conv.plan(1, 9).why, HasSubstr(conv.fallback_reason()));

  options.policy = Policy::error;
  refusal([&] { Conv1d strict(options); }, Status::unavailable);
  options.device = "tpu";
  EXPECT_THAT(refusal([&] { Conv1d unknown(options); }), HasSubstr("\"tpu\""));
}

TEST_F(Module, RunsOnThisMachinesCpu) {
  for (const bool permute : {false, true}) {
    for (const std::int64_t groups : {1, 2, 8}) {
      options = {.kernel_size = 3,
                 .in_channels = 8,
                 .out_channels = 16,
                 .padding = {2, 0},
                 .num_groups = groups,
                 .has_bias = true,
                 .permute = permute};
      const Case data(problem_for(options, 2, 37));
      Conv1d conv(options);
      conv.load_state_dict(data.state());
      data.expect_right(data.run(conv));
      EXPECT_TRUE(conv.fallback_reason().empty());
    }
  }
}

}  // namespace
}  // namespace convtune
