#include "tuner/guarded_output.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <tuple>

namespace convtune {
namespace {

/// The CPU, or one whose memory a host must copy.
class Memory final : public Device {
 public:
  explicit Memory(DeviceKind kind) { properties_.kind = kind; }
  const DeviceProperties& properties() const override { return properties_; }
  std::shared_ptr<void> allocate(std::size_t bytes) override { return cpu_->allocate(bytes); }
  void copy_in(void* to, const void* from, std::size_t bytes) override {
    cpu_->copy_in(to, from, bytes);
  }
  void copy_out(void* to, const void* from, std::size_t bytes) override {
    cpu_->copy_out(to, from, bytes);
  }
  void synchronize() override {}
  std::unique_ptr<Executable> prepare(const Problem&, const Candidate&, const void*, const void*,
                                      std::string_view) override {
    return nullptr;
  }

 private:
  std::shared_ptr<Device> cpu_ = open_device("cpu");
  DeviceProperties properties_;
};

/// Searched in four parts, the last a short one.
class LargeOutput : public testing::TestWithParam<std::tuple<DeviceKind, DType>> {
 protected:
  static constexpr std::int64_t part = 1 << 20;
  std::int64_t element = static_cast<std::int64_t>(size_of(std::get<1>(GetParam())));
  std::int64_t elements = 3 * part / element + 5;
  ThreadPool threads{3};
  Memory memory{std::get<0>(GetParam())};
  GuardedOutput y{memory,
                  {.length = elements,
                   .in_channels = 1,
                   .out_channels = 1,
                   .kernel_size = 1,
                   .dtype = std::get<1>(GetParam())},
                  threads};

  std::byte* bytes() { return static_cast<std::byte*>(y.data()); }
  void write_all() { std::fill_n(bytes(), elements * element, std::byte{1}); }
  void leave_out(std::int64_t at) { std::fill_n(bytes() + at * element, element, std::byte{0xFF}); }
};

TEST_P(LargeOutput, IsUnwrittenAtFirst) {
  y.fill_with_poison();
  EXPECT_TRUE(y.fetch());
  EXPECT_EQ(y.first_unwritten(), 0);
  write_all();
  EXPECT_TRUE(y.fetch());
  EXPECT_EQ(y.first_unwritten(), -1);
  EXPECT_EQ(std::memcmp(y.host_data(), y.data(), y.bytes()), 0);
  y.fill_with_poison();
  EXPECT_TRUE(y.fetch());
  EXPECT_EQ(y.first_unwritten(), 0) << "again";
}

TEST_P(LargeOutput, NamesTheFirstUnwrittenElement) {
  y.fill_with_poison();
  write_all();
  const std::int64_t of_a_part = part / element;
  for (const std::int64_t at : {elements - 1, 3 * of_a_part, 2 * of_a_part - 1, of_a_part + 7,
                                of_a_part, of_a_part - 1, std::int64_t{1}, std::int64_t{0}}) {
    leave_out(at);  // the others behind it stay
    EXPECT_TRUE(y.fetch());
    EXPECT_EQ(y.first_unwritten(), at);
  }
}

TEST_P(LargeOutput, TakesNoTwoHalvesForAnElement) {
  y.fill_with_poison();
  write_all();
  std::fill_n(bytes() + 5 * element + element / 2, element, std::byte{0xFF});
  EXPECT_TRUE(y.fetch());
  EXPECT_EQ(y.first_unwritten(), -1);
}

TEST_P(LargeOutput, NoticesAWriteBesideIt) {
  for (const std::int64_t at :
       {std::int64_t{-4096}, std::int64_t{-1}, elements * element, elements * element + 4095}) {
    y.fill_with_poison();
    write_all();
    bytes()[at] = std::byte{0xFE};
    EXPECT_FALSE(y.fetch()) << at;
  }
}

INSTANTIATE_TEST_SUITE_P(, LargeOutput,
                         testing::Combine(testing::Values(DeviceKind::cpu, DeviceKind::cuda),
                                          testing::Values(DType::float32, DType::float16,
                                                          DType::bfloat16)),
                         [](const auto& parameter) {
                           const bool is_cpu = std::get<0>(parameter.param) == DeviceKind::cpu;
                           return (is_cpu ? "cpu_" : "cuda_") +
                                  std::string(name(std::get<1>(parameter.param)));
                         });

}  // namespace
}  // namespace convtune
