#include "runtime/c_interface.hpp"

#include <array>
#include <thread>

#include "tests/runtime/fakes.hpp"

namespace convtune {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;
using testing::StrEq;

struct Destroy {
  void operator()(convtune_conv1d* conv) const { convtune_conv1d_destroy(conv); }
};
using Handle = std::unique_ptr<convtune_conv1d, Destroy>;

/// y[t] = 1·x[t-2] + 10·x[t-1] + 100·x[t] + 0.5: known by hand.
convtune_conv1d_options causal() {
  convtune_conv1d_options options;
  EXPECT_EQ(convtune_conv1d_options_init(&options, sizeof options), CONVTUNE_OK);
  options.kernel_size = 3;
  options.in_channels = 1;
  options.out_channels = 1;
  options.padding_left = 2;
  options.has_bias = 1;
  options.permute = 1;
  return options;
}
constexpr std::array<float, 3> filter = {1, 10, 100};
constexpr std::array<float, 1> bias = {0.5F};
constexpr std::array<float, 4> x = {1, 2, 3, 4};
constexpr std::array<float, 4> expected = {100.5F, 210.5F, 321.5F, 432.5F};

Handle created(const convtune_conv1d_options& options) {
  convtune_conv1d* conv = nullptr;
  EXPECT_EQ(convtune_conv1d_create(&options, &conv), CONVTUNE_OK) << convtune_last_error();
  return Handle(conv);
}

Handle loaded() {
  Handle conv = created(causal());
  EXPECT_EQ(convtune_conv1d_load_weights(conv.get(), filter.data(), sizeof filter, bias.data(),
                                         sizeof bias),
            CONVTUNE_OK)
      << convtune_last_error();
  return conv;
}

/// Why options are refused.
std::string refusal_of(convtune_conv1d_options options) {
  convtune_conv1d* conv = nullptr;
  EXPECT_EQ(convtune_conv1d_create(&options, &conv), CONVTUNE_INVALID);
  EXPECT_EQ(conv, nullptr);
  return convtune_last_error();
}

TEST(CInterface, ComputesTheDefinition) {
  const Handle conv = loaded();
  ASSERT_EQ(convtune_conv1d_prepare(conv.get(), 1, 4, 4), CONVTUNE_OK);
  std::array<float, 4> y = {};
  ASSERT_EQ(convtune_conv1d_run(conv.get(), 1, 4, x.data(), y.data(), nullptr), CONVTUNE_OK);
  EXPECT_EQ(y, expected);
  EXPECT_THAT(convtune_conv1d_device(conv.get()), StrEq("cpu"));
  EXPECT_THAT(convtune_conv1d_fallback_reason(conv.get()), StrEq(""));
}

TEST(CInterface, ReadsEveryOption) {
  convtune_conv1d_options options = causal();
  options.kernel_size = 5;
  options.in_channels = 8;
  options.out_channels = 12;
  options.stride = 2;
  options.padding_left = 3;
  options.padding_right = 1;
  options.dilation = 4;
  options.num_groups = 2;
  options.dtype = CONVTUNE_BFLOAT16;
  options.activation = CONVTUNE_GELU_TANH;
  options.policy = CONVTUNE_COMPILE_AND_WAIT;
  options.name = "encoder.conv";
  const Handle conv = created(options);
  const Conv1dOptions& read = conv->module.options();
  EXPECT_EQ(read.kernel_size, 5);
  EXPECT_EQ(read.in_channels, 8);
  EXPECT_EQ(read.out_channels, 12);
  EXPECT_EQ(read.stride, 2);
  EXPECT_EQ(read.padding, SidePadding(3, 1));
  EXPECT_EQ(read.dilation, 4);
  EXPECT_EQ(read.num_groups, 2);
  EXPECT_EQ(read.dtype, DType::bfloat16);
  EXPECT_TRUE(read.has_bias);
  EXPECT_TRUE(read.permute);
  EXPECT_EQ(read.activation, Activation::gelu_tanh);
  EXPECT_EQ(read.policy, Policy::compile_and_wait);
  EXPECT_EQ(read.name, "encoder.conv");
  options.dtype = CONVTUNE_FLOAT32;
  options.math = CONVTUNE_TF32X3;
  EXPECT_EQ(created(options)->module.options().math, Math::tf32x3);
  options.math = CONVTUNE_WINOGRAD;
  EXPECT_EQ(created(options)->module.options().math, Math::winograd);
}

TEST(CInterface, DefaultsAreThoseOfMax) {
  convtune_conv1d_options options;
  std::memset(&options, 0xFF, sizeof options);
  ASSERT_EQ(convtune_conv1d_options_init(&options, sizeof options), CONVTUNE_OK);
  options.kernel_size = 3;
  options.in_channels = options.out_channels = 1;
  const Handle conv = created(options);
  const Conv1dOptions plain;
  const Conv1dOptions& read = conv->module.options();
  EXPECT_EQ(read.stride, plain.stride);
  EXPECT_EQ(read.padding, plain.padding);
  EXPECT_EQ(read.dilation, plain.dilation);
  EXPECT_EQ(read.num_groups, plain.num_groups);
  EXPECT_EQ(read.dtype, plain.dtype);
  EXPECT_EQ(read.device, plain.device);
  EXPECT_EQ(read.has_bias, plain.has_bias);
  EXPECT_EQ(read.permute, plain.permute);
  EXPECT_EQ(read.name, plain.name);
  EXPECT_EQ(read.activation, plain.activation);
  EXPECT_EQ(read.math, plain.math);
  EXPECT_EQ(read.policy, plain.policy);
}

TEST(CInterface, RefusesBadOptionsInOneSentence) {
  const auto message = [](auto&& change) {
    convtune_conv1d_options options = causal();
    change(options);
    return refusal_of(options);
  };
  EXPECT_THAT(message([](auto& o) { o.kernel_size = 0; }), HasSubstr("kernel_size is 0"));
  EXPECT_THAT(message([](auto& o) { o.stride = 0; }), HasSubstr("stride is 0"));
  EXPECT_THAT(message([](auto& o) { o.dtype = 3; }), HasSubstr("dtype is 3"));
  EXPECT_THAT(message([](auto& o) { o.dtype = -1; }), HasSubstr("dtype is -1"));
  EXPECT_THAT(message([](auto& o) { o.activation = 6; }), HasSubstr("activation is 6"));
  EXPECT_THAT(message([](auto& o) { o.math = 4; }), HasSubstr("math is 4"));
  EXPECT_THAT(message([](auto& o) { o.policy = 5; }), HasSubstr("policy is 5"));
  EXPECT_THAT(message([](auto& o) { o.has_bias = 2; }), HasSubstr("has_bias is 2"));
  EXPECT_THAT(message([](auto& o) { o.permute = -1; }), HasSubstr("permute is -1"));
  EXPECT_THAT(message([](auto& o) { o.device = "tpu"; }), HasSubstr("device is \"tpu\""));
  EXPECT_THAT(message([](auto& o) { o.size = 0; }), HasSubstr("size is 0"));
  EXPECT_THAT(message([](auto& o) { o.size = std::size_t{1} << 40; }), HasSubstr("size is 1099"));
}

/// The options as a later version may have them.
struct LaterOptions {
  convtune_conv1d_options known;
  std::int64_t unknown;
};

TEST(CInterface, TakesLaterOptionsUnlessTheyAskForMore) {
  LaterOptions later;
  ASSERT_EQ(convtune_conv1d_options_init(&later.known, sizeof later), CONVTUNE_OK);
  EXPECT_EQ(later.unknown, 0);
  later.known.kernel_size = later.known.in_channels = later.known.out_channels = 1;
  convtune_conv1d* conv = nullptr;
  EXPECT_EQ(convtune_conv1d_create(&later.known, &conv), CONVTUNE_OK);
  convtune_conv1d_destroy(conv);
  later.unknown = 1;
  EXPECT_EQ(convtune_conv1d_create(&later.known, &conv), CONVTUNE_INVALID);
  EXPECT_THAT(convtune_last_error(), HasSubstr("does not know"));
}

TEST(CInterface, RefusesWeightsOfAnotherSize) {
  const Handle conv = created(causal());
  const auto load = [&](const void* w, std::size_t w_bytes, const void* b, std::size_t b_bytes) {
    EXPECT_EQ(convtune_conv1d_load_weights(conv.get(), w, w_bytes, b, b_bytes), CONVTUNE_INVALID);
    return std::string(convtune_last_error());
  };
  EXPECT_THAT(load(filter.data(), 8, bias.data(), 4),
              HasSubstr("weight has 8 bytes; its shape (1, 1, 3) of float32 needs 12"));
  EXPECT_THAT(load(filter.data(), 12, bias.data(), 8), HasSubstr("bias has 8 bytes"));
  EXPECT_THAT(load(nullptr, 12, bias.data(), 4), HasSubstr("no tensor named weight"));
  EXPECT_THAT(load(filter.data(), 12, nullptr, 0), HasSubstr("no tensor named bias"));

  convtune_conv1d_options options = causal();
  options.has_bias = 0;
  const Handle without = created(options);
  EXPECT_EQ(convtune_conv1d_load_weights(without.get(), filter.data(), 12, bias.data(), 4),
            CONVTUNE_INVALID);
  EXPECT_THAT(convtune_last_error(), HasSubstr("without has_bias"));
  EXPECT_EQ(convtune_conv1d_load_weights(without.get(), filter.data(), 12, nullptr, 0),
            CONVTUNE_OK);
}

TEST(CInterface, RefusesNullPointers) {
  const Handle conv = loaded();
  const convtune_conv1d_options options = causal();
  convtune_conv1d* made = nullptr;
  std::array<float, 4> y = {};
  std::int64_t length = 0;
  const auto refused = [](convtune_status status, const char* reason) {
    EXPECT_EQ(status, CONVTUNE_INVALID);
    EXPECT_THAT(convtune_last_error(), HasSubstr(reason));
  };
  refused(convtune_conv1d_options_init(nullptr, sizeof options), "options is null");
  refused(convtune_conv1d_create(nullptr, &made), "options is null");
  refused(convtune_conv1d_create(&options, nullptr), "conv is null");
  refused(convtune_conv1d_load_weights(nullptr, filter.data(), 12, nullptr, 0), "conv is null");
  refused(convtune_conv1d_load_safetensors(nullptr, "file"), "conv is null");
  refused(convtune_conv1d_load_safetensors(conv.get(), nullptr), "path is null");
  refused(convtune_conv1d_prepare(nullptr, 1, 4, 16), "conv is null");
  refused(convtune_conv1d_output_length(nullptr, 4, &length), "conv is null");
  refused(convtune_conv1d_output_length(conv.get(), 4, nullptr), "output_length is null");
  refused(convtune_conv1d_run(nullptr, 1, 4, x.data(), y.data(), nullptr), "conv is null");
  refused(convtune_conv1d_run(conv.get(), 1, 4, nullptr, y.data(), nullptr), "x has no data");
  refused(convtune_conv1d_run(conv.get(), 1, 4, x.data(), nullptr, nullptr), "y has no data");
  refused(convtune_conv1d_plan(nullptr, 1, 4, nullptr, 0, nullptr), "conv is null");
  refused(convtune_conv1d_plan(conv.get(), 1, 4, nullptr, 10, nullptr), "text is null");
  EXPECT_EQ(convtune_conv1d_plan(conv.get(), 1, 4, nullptr, 0, nullptr), CONVTUNE_OK);
  EXPECT_THAT(convtune_conv1d_device(nullptr), StrEq(""));
  EXPECT_THAT(convtune_conv1d_fallback_reason(nullptr), StrEq(""));
  convtune_conv1d_destroy(nullptr);
}

TEST(CInterface, GivesOutputLengthsInBothLayouts) {
  convtune_conv1d_options options = causal();
  options.out_channels = 7;
  options.stride = 2;
  std::int64_t length = 0;
  for (const int permute : {0, 1}) {
    options.permute = permute;
    ASSERT_EQ(convtune_conv1d_output_length(created(options).get(), 10, &length), CONVTUNE_OK);
    EXPECT_EQ(length, (10 + 2 - 2 - 1) / 2 + 1);
  }
  options.padding_left = 0;
  EXPECT_EQ(convtune_conv1d_output_length(created(options).get(), 2, &length), CONVTUNE_INVALID);
}

TEST(CInterface, TellsThePlanInAsManyBytesAsThereAre) {
  const Handle conv = loaded();
  std::size_t needed = 0;
  ASSERT_EQ(convtune_conv1d_plan(conv.get(), 1, 4, nullptr, 0, &needed), CONVTUNE_OK);
  std::string text(needed, '?');
  ASSERT_EQ(convtune_conv1d_plan(conv.get(), 1, 4, text.data(), needed, nullptr), CONVTUNE_OK);
  EXPECT_EQ(text.back(), '\0');
  EXPECT_THAT(text.c_str(), MatchesRegex("^cpu_.*\\{.*\\} \\(heuristic\\): .*\\.$"));
  EXPECT_EQ(std::strlen(text.c_str()) + 1, needed);
  std::array<char, 6> some;
  some.fill('?');
  ASSERT_EQ(convtune_conv1d_plan(conv.get(), 1, 4, some.data(), 5, nullptr), CONVTUNE_OK);
  EXPECT_EQ(std::string_view(some.data(), 6), std::string_view("cpu_\0?", 6));
}

/// Notes the stream that it is run on.
class StreamNoter final : public Device {
 public:
  class Noter final : public Executable {
   public:
    explicit Noter(Stream& seen) : seen_(seen) {}
    void run(const void*, void*, Stream stream) const override { seen_ = stream; }
    std::size_t alignment() const override { return sizeof(float); }

   private:
    Stream& seen_;
  };

  const DeviceProperties& properties() const override { return gpu_.properties(); }
  std::shared_ptr<void> allocate(std::size_t bytes) override { return gpu_.allocate(bytes); }
  void copy_in(void* to, const void* from, std::size_t bytes) override {
    gpu_.copy_in(to, from, bytes);
  }
  void copy_out(void* to, const void* from, std::size_t bytes) override {
    gpu_.copy_out(to, from, bytes);
  }
  void synchronize() override {}
  std::unique_ptr<Executable> prepare(const Problem&, const Candidate&, const void*, const void*,
                                      std::string_view) override {
    return std::make_unique<Noter>(seen);
  }

  Stream seen = nullptr;

 private:
  FakeDevice gpu_{DeviceKind::cuda};
};

TEST(CInterface, PassesTheStreamOn) {
  const FakeMachine machine;
  const auto device = std::make_shared<StreamNoter>();
  Backend backend = machine.backend();
  backend.device = device;
  convtune_conv1d conv{
      Conv1d({.kernel_size = 3, .in_channels = 1, .out_channels = 1}, std::move(backend))};
  ASSERT_EQ(convtune_conv1d_load_weights(&conv, filter.data(), sizeof filter, nullptr, 0),
            CONVTUNE_OK);
  EXPECT_THAT(convtune_conv1d_device(&conv), StrEq("cuda:0"));
  int stream = 0;
  std::array<float, 2> y = {};
  ASSERT_EQ(convtune_conv1d_run(&conv, 1, 4, x.data(), y.data(), &stream), CONVTUNE_OK);
  EXPECT_EQ(device->seen, &stream);
}

TEST(CInterface, KeepsOneErrorAThread) {
  std::vector<std::thread> threads;
  for (int i = 1; i <= 4; ++i) {
    threads.emplace_back([i] {
      EXPECT_THAT(convtune_last_error(), StrEq(""));
      convtune_conv1d_options options = causal();
      options.stride = -i;
      for (int round = 0; round < 100; ++round) {
        EXPECT_THAT(refusal_of(options), HasSubstr("stride is -" + std::to_string(i)));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(CInterface, RunsOnSeveralThreadsAtOnce) {
  const Handle conv = loaded();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 50; ++round) {
        std::array<float, 4> y = {};
        const std::int64_t length = 1 + round % 4;
        ASSERT_EQ(convtune_conv1d_run(conv.get(), 1, length, x.data(), y.data(), nullptr),
                  CONVTUNE_OK);
        ASSERT_TRUE(std::equal(y.begin(), y.begin() + length, expected.begin()));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(CInterface, CutsOffAnErrorThatIsTooLong) {
  convtune_conv1d_options options = causal();
  const std::string long_name(10'000, 'd');
  options.device = long_name.c_str();
  const std::string message = refusal_of(options);
  EXPECT_THAT(message, HasSubstr("device is \"ddd"));
  EXPECT_EQ(message.size(), 2047U);
}

}  // namespace
}  // namespace convtune
