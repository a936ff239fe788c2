#include <convtune/conv1d.hpp>

#include <barrier>
#include <thread>

#include "tests/refusal.hpp"
#include "tests/runtime/fakes.hpp"

namespace convtune {
namespace {

using testing::HasSubstr;

/// Conv1dOptions as a Problem, spelt out here so that the module's own reading of them is tested.
Problem problem_for(const Conv1dOptions& o, std::int64_t batch, std::int64_t length) {
  return {.batch = batch,
          .length = length,
          .in_channels = o.in_channels,
          .out_channels = o.out_channels,
          .kernel_size = o.kernel_size,
          .stride = o.stride,
          .padding = {o.padding.left, o.padding.right},
          .dilation = o.dilation,
          .num_groups = o.num_groups,
          .has_bias = o.has_bias,
          .dtype = o.dtype,
          .layout = o.permute ? Layout::NCL : Layout::NLC};
}

Shape x_shape(const Problem& p) {
  return p.layout == Layout::NCL ? Shape{p.batch, p.in_channels, p.length}
                                 : Shape{p.batch, p.length, p.in_channels};
}
Shape y_shape(const Problem& p) {
  return p.layout == Layout::NCL ? Shape{p.batch, p.out_channels, output_length(p)}
                                 : Shape{p.batch, output_length(p), p.out_channels};
}
Shape weight_shape(const Problem& p) {
  const std::int64_t cin = p.in_channels / p.num_groups;
  return p.layout == Layout::NCL ? Shape{p.out_channels, cin, p.kernel_size}
                                 : Shape{p.kernel_size, cin, p.out_channels};
}

/// A module's weights and one input, and what the definition makes of them.
struct Case {
  Problem problem;
  Elements x, weight, bias;

  explicit Case(const Problem& p)
      : problem(p),
        x(random_elements(p.dtype, input_elements(p), 1)),
        weight(random_elements(p.dtype, weight_elements(p), 2)),
        bias(random_elements(p.dtype, p.out_channels, 3)) {}

  std::map<std::string, TensorView> state(const std::string& prefix = "") const {
    return {{prefix + "weight",
             {.data = weight.data(), .dtype = problem.dtype, .shape = weight_shape(problem)}},
            {prefix + "bias",
             {.data = bias.data(), .dtype = problem.dtype, .shape = {problem.out_channels}}}};
  }
  TensorView x_view(std::string_view device = "cpu") const {
    return {.data = x.data(), .dtype = problem.dtype, .shape = x_shape(problem), .device = device};
  }
  void expect_right(const Elements& y) const {
    const std::vector<double> expected =
        naive_conv1d(problem, x.data(), weight.data(), problem.has_bias ? bias.data() : nullptr);
    ASSERT_EQ(y.size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const double allowed = epsilon(problem.dtype) * std::abs(expected[i]) + 1e-6;
      ASSERT_NEAR(y.at(static_cast<std::int64_t>(i)), expected[i], allowed) << "output " << i;
    }
  }
  Elements run(const Conv1d& conv) const {
    Elements y(problem.dtype, static_cast<std::size_t>(output_elements(problem)));
    conv.run(x_view(conv.device()), {.data = y.data(),
                                     .dtype = problem.dtype,
                                     .shape = y_shape(problem),
                                     .device = conv.device()});
    return y;
  }
};

/// A small module on the fake GPU.
class Module : public testing::Test {
 protected:
  FakeMachine machine;
  Conv1dOptions options = {.kernel_size = 3, .in_channels = 8, .out_channels = 4};

  Conv1d make() { return {options, machine.backend()}; }
  Conv1d loaded(const Case& data) {
    Conv1d conv = make();
    conv.load_state_dict(data.state(options.name.empty() ? "" : options.name + "."));
    return conv;
  }
};

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

TEST_F(Module, RefusesBadOptionsInOneSentence) {
  const auto message = [&](auto&& change) {
    Conv1dOptions bad = options;
    change(bad);
    return refusal([&] { Conv1d(bad, machine.backend()); });
  };
  EXPECT_THAT(message([](auto& o) { o.kernel_size = 0; }), HasSubstr("kernel_size is 0"));
  EXPECT_THAT(message([](auto& o) { o.in_channels = -1; }), HasSubstr("in_channels is -1"));
  EXPECT_THAT(message([](auto& o) { o.stride = 0; }), HasSubstr("stride is 0"));
  EXPECT_THAT(message([](auto& o) { o.dilation = 0; }), HasSubstr("dilation is 0"));
  EXPECT_THAT(message([](auto& o) { o.padding = {0, -2}; }), HasSubstr("padding (right) is -2"));
  EXPECT_THAT(message([](auto& o) { o.num_groups = 3; }), HasSubstr("multiple of num_groups"));
  EXPECT_THAT(message([](auto& o) { o.dilation = std::int64_t{1} << 62; }), HasSubstr("64-bit"));
  EXPECT_THAT(message([](auto& o) { o.dtype = static_cast<DType>(9); }), HasSubstr("dtype"));
  EXPECT_THAT(message([](auto& o) {
                o.dtype = DType::float16;
                o.math = Math::tf32;
              }),
              HasSubstr("math is tf32"));
  EXPECT_THAT(refusal([] { dtype_from_name("int8"); }), HasSubstr("quantised"));
  EXPECT_EQ(dtype_from_name("bfloat16"), DType::bfloat16);
}

TEST_F(Module, RefusesBadWeights) {
  options.has_bias = true;
  options.name = "m";
  const Case data(problem_for(options, 1, 9));
  const auto message = [&](auto&& change) {
    auto state = data.state("m.");
    change(state);
    Conv1d conv = make();
    return refusal([&] { conv.load_state_dict(state); });
  };
  EXPECT_THAT(message([](auto& s) { s.erase("m.weight"); }), HasSubstr("named m.weight"));
  EXPECT_THAT(message([](auto& s) { s.erase("m.bias"); }), HasSubstr("named m.bias"));
  EXPECT_THAT(message([](auto& s) {
                s["m.weight"].shape = {4, 8, 3};
              }),
              HasSubstr("m.weight has the shape (4, 8, 3); it must be (3, 8, 4)"));
  EXPECT_THAT(message([](auto& s) { s["m.bias"].shape = {1, 4}; }), HasSubstr("m.bias"));
  EXPECT_THAT(message([](auto& s) { s["m.bias"].dtype = DType::float16; }),
              HasSubstr("m.bias is float16"));
  EXPECT_THAT(message([](auto& s) { s["m.weight"].device = "cuda"; }), HasSubstr("lies on cuda"));
  EXPECT_THAT(message([](auto& s) { s["m.weight"].strides = {1, 3, 24}; }), HasSubstr("stride"));
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

TEST_F(Module, RefusesBadTensorsInOneSentence) {
  const Case data(problem_for(options, 2, 9));
  const Conv1d conv = loaded(data);
  std::vector<float> out(2 * 7 * 4);
  const auto message = [&](auto&& change) {
    TensorView x = data.x_view("cuda:0");
    MutableTensorView y{.data = out.data(), .shape = {2, 7, 4}, .device = "cuda"};
    change(x, y);
    return refusal([&] { conv.run(x, y); });
  };
  EXPECT_THAT(message([](auto& x, auto&) {
                x.shape = {9, 8};
              }),
              HasSubstr("x has the shape (9, 8); it must have the 3 dimensions (N, L, Cin)"));
  EXPECT_THAT(message([](auto& x, auto&) { x.shape = {2, 9, 8, 1}; }), HasSubstr("3 dimensions"));
  EXPECT_THAT(message([](auto& x, auto&) {
                x.shape = {2, 8, 9};
              }),
              HasSubstr("x has 9 channels in its shape (2, 8, 9); in_channels is 8"));
  EXPECT_THAT(message([](auto& x, auto&) { x.dtype = DType::float16; }),
              HasSubstr("x is float16; this module computes in float32"));
  EXPECT_THAT(message([](auto& x, auto&) { x.shape = {0, 9, 8}; }), HasSubstr("batch is 0"));
  EXPECT_THAT(message([](auto& x, auto&) { x.shape = {2, 2, 8}; }), HasSubstr("output length"));
  EXPECT_THAT(message([](auto& x, auto&) { x.device = "cpu"; }), HasSubstr("x lies on cpu"));
  EXPECT_THAT(message([](auto& x, auto&) { x.device = "cuda:1"; }), HasSubstr("on cuda:1"));
  EXPECT_THAT(message([](auto& x, auto&) { x.data = nullptr; }), HasSubstr("x has no data"));
  EXPECT_THAT(message([](auto& x, auto&) { x.data = static_cast<const std::byte*>(x.data) + 2; }),
              HasSubstr("no multiple of 4"));
  EXPECT_THAT(message([](auto& x, auto&) {
                x.strides = {144, 16, 1};
              }),
              HasSubstr("x has a stride of 16 in dimension 1 (L) where a packed tensor has 8"));
  EXPECT_THAT(message([](auto& x, auto&) { x.strides = {8, 1}; }), HasSubstr("2 strides"));
  EXPECT_THAT(message([](auto&, auto& y) {
                y.shape = {2, 8, 4};
              }),
              HasSubstr("y has the shape (2, 8, 4); it must be (2, 7, 4)"));
  EXPECT_THAT(message([](auto&, auto& y) { y.strides = {28, 1, 7}; }), HasSubstr("y has a stride"));
  EXPECT_THAT(message([&](auto&, auto& y) { y.data = const_cast<void*>(data.x.data()); }),
              HasSubstr("overlap"));
}

TEST_F(Module, AcceptsStridesThatSayPackedWhereverTheyMatter) {
  const Case data(problem_for(options, 1, 9));
  const Conv1d conv = loaded(data);
  TensorView x = data.x_view("cuda");
  x.strides = {12345, 8, 1};  // a single batch: its stride is never used
  Elements y(DType::float32, 7 * 4);
  conv.run(x, {.data = y.data(), .shape = {1, 7, 4}, .strides = {28, 4, 1}, .device = "cuda"});
  data.expect_right(y);
}

TEST_F(Module, RefusesToRunWithoutWeights) {
  const Conv1d conv = make();
  EXPECT_THAT(refusal([&] { conv.prepare(1, 9); }), HasSubstr("load_state_dict with weight"));
}

TEST_F(Module, MovesItsWeightsOnFirstUseAndPacksNewOnesAgain) {
  options.has_bias = true;
  const Case data(problem_for(options, 1, 9));
  Conv1d conv = loaded(data);
  EXPECT_EQ(conv.filter().device, "cpu");
  data.expect_right(data.run(conv));
  EXPECT_EQ(conv.filter().device, "cuda:0");
  EXPECT_EQ(conv.bias()->device, "cuda:0");

  Case other = data;
  other.weight = random_elements(DType::float32, weight_elements(data.problem), 77);
  conv.load_state_dict(other.state());
  EXPECT_EQ(conv.filter().device, "cpu");
  other.expect_right(other.run(conv));
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

TEST_F(Module, PreparesOnceAndThenAsksNobody) {
  const Case data(problem_for(options, 1, 9));
  const Conv1d conv = loaded(data);
  conv.prepare(1, 9);
  const int prepares = machine.gpu->prepares;
  const int asked = machine.plans->asked;
  EXPECT_EQ(prepares, 1);
  for (int i = 0; i < 3; ++i) data.expect_right(data.run(conv));
  EXPECT_EQ(machine.gpu->prepares, prepares);
  EXPECT_EQ(machine.plans->asked, asked);
}

TEST_F(Module, FirstUseFromManyThreadsPreparesOnce) {
  constexpr int threads = 16;
  const Case data(problem_for(options, 1, 9));
  const Conv1d conv = loaded(data);
  machine.gpu->before_prepare = [] { std::this_thread::sleep_for(std::chrono::milliseconds(20)); };
  std::barrier start(threads);
  std::vector<std::jthread> running;
  std::vector<Elements> results(threads, Elements(DType::float32, 0));
  for (int i = 0; i < threads; ++i) {
    running.emplace_back([&, i] {
      start.arrive_and_wait();
      results[static_cast<std::size_t>(i)] = data.run(conv);
    });
  }
  running.clear();
  EXPECT_EQ(machine.gpu->prepares, 1);
  for (const Elements& y : results) data.expect_right(y);
}

TEST_F(Module, TheCpuServesWhileAKernelIsCompiledInTheBackground) {
  options.policy = Policy::compile_in_background;
  const Case data(problem_for(options, 1, 9));
  std::atomic<bool> may_compile = false;
  machine.gpu->before_prepare = [&] { may_compile.wait(false); };
  const Conv1d conv = loaded(data);
  data.expect_right(data.run(conv));
  EXPECT_EQ(conv.plan(1, 9).match, Match::cpu);
  EXPECT_EQ(conv.filter().device, "cpu");
  may_compile = true;
  may_compile.notify_all();
  conv.prepare(1, 9);
  EXPECT_EQ(conv.plan(1, 9).match, Match::heuristic);
  EXPECT_EQ(conv.filter().device, "cuda:0");
  data.expect_right(data.run(conv));
  EXPECT_EQ(machine.gpu->prepares, 1);
}

TEST_F(Module, MayBeDestroyedWhileItCompiles) {
  options.policy = Policy::compile_in_background;
  const Case data(problem_for(options, 1, 9));
  machine.gpu->before_prepare = [] { std::this_thread::sleep_for(std::chrono::milliseconds(20)); };
  {
    const Conv1d conv = loaded(data);
    data.expect_right(data.run(conv));
  }
  EXPECT_EQ(machine.gpu->prepares, 1);
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
