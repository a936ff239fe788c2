#include "tests/refusal.hpp"
#include "tests/runtime/module.hpp"

namespace convtune {
namespace {

using testing::HasSubstr;

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
  EXPECT_THAT(message([](auto& s) { s.erase("m.bias"); }),
              HasSubstr("named m.bias among the weights, which are: m.weight"));
  EXPECT_THAT(message([](auto& s) { s.clear(); }), HasSubstr("which are: none"));
  EXPECT_THAT(message([](auto& s) {
                s.erase("m.bias");
                for (const char* each : {"a", "b", "c", "d", "x", "y"}) s[each] = {};
              }),
              HasSubstr("which are: a, b, c, d, m.weight and 2 more"));
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

}  // namespace
}  // namespace convtune
