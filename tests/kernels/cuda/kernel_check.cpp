#include "tests/kernels/cuda/kernel_check.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <limits>
#include <numeric>
#include <vector>

#include "kernels/cuda/cuda_kernel.hpp"
#include "kernels/reference.hpp"
#include "kernels/tolerance.hpp"
#include "tests/emulator/launch.hpp"
#include "tests/emulator/tensor_map.hpp"

namespace convtune {
namespace {

/// Tells at the end of a run how many cases it emulated.
class Tally : public testing::Environment {
 public:
  static inline int cases = 0;
  void TearDown() override { fmt::print("{} cases were emulated\n", cases); }
};
[[maybe_unused]] const auto* const tally = testing::AddGlobalTestEnvironment(new Tally);

/// An array of a dtype, off the allocation's own alignment by exactly what the candidate asks for.
class Array {
 public:
  Array(DType dtype, std::int64_t count, std::size_t alignment)
      : dtype_(dtype), bytes_(static_cast<std::size_t>(count) * size_of(dtype)) {
    memory_.resize(bytes_ + 256 + alignment);
    const auto address = reinterpret_cast<std::uintptr_t>(memory_.data());
    data_ = memory_.data() + (256 - address % 256) + alignment;
    for (std::int64_t i = 0; i < count; ++i) set(i, std::numeric_limits<float>::quiet_NaN());
  }
  void* data() { return data_; }
  void set(std::int64_t i, float value) { store_element(data_, dtype_, i, value); }
  float at(std::int64_t i) const { return load_element(data_, dtype_, i); }
  emulator::GlobalArray array() const { return {data_, bytes_, false}; }
  emulator::GlobalArray writable_array() const { return {data_, bytes_, true}; }

 private:
  DType dtype_;
  std::size_t bytes_;
  std::vector<char> memory_;
  char* data_ = nullptr;
};

void fill(Array& array, std::int64_t count, Data data, std::mt19937& random) {
  std::normal_distribution<float> normal;
  for (std::int64_t i = 0; i < count; ++i)
    array.set(i, data == Data::random ? normal(random) : static_cast<float>(random() % 7) - 3);
}

void expect_exact(const Problem& problem, const Array& y,
                  const std::vector<ReferenceValue>& expected) {
  for (std::size_t i = 0; i < expected.size(); ++i) {
    float rounded = 0;
    store_element(&rounded, problem.dtype, 0, static_cast<float>(expected[i].value));
    ASSERT_EQ(y.at(static_cast<std::int64_t>(i)), load_element(&rounded, problem.dtype, 0))
        << "at " << i;
  }
}

cuda::TensorMaps make_maps(const CudaKernel& twin, const Problem& problem, const Config& config,
                           const void* x, const void* packed) {
  if (twin.tensor_maps == nullptr) return {};
  cuda::TensorMapsArgs args = twin.tensor_maps(problem, config);
  args.x.data = x;
  args.weights.data = packed;
  return {emulator::make_tensor_map(args.x), emulator::make_tensor_map(args.weights)};
}

using Kernel = std::function<void(const cuda::ConvArgs&, const cuda::TensorMaps&)>;

emulator::Report check(const Family& family, const Problem& problem, const Config& config,
                       const Kernel& kernel, Data data, std::mt19937& random, int units) {
  SCOPED_TRACE(describe(problem));
  ++Tally::cases;
  DeviceProperties device = properties_of_arch("sm_90a");
  device.units = units;
  const CudaKernel& twin = *family.cuda;
  const std::size_t alignment = twin.alignment(problem, config);
  Array x(problem.dtype, input_elements(problem), alignment);
  Array weight(problem.dtype, weight_elements(problem), size_of(problem.dtype));
  Array bias(problem.dtype, problem.out_channels, size_of(problem.dtype));
  Array y(problem.dtype, output_elements(problem), alignment);
  fill(x, input_elements(problem), data, random);
  fill(weight, weight_elements(problem), data, random);
  fill(bias, problem.out_channels, data, random);
  for (int i = 0; data == Data::infinities && i < 3; ++i)
    x.set(static_cast<std::int64_t>(random()) % input_elements(problem),
          std::numeric_limits<float>::infinity());
  const void* bias_data = problem.has_bias ? bias.data() : nullptr;

  const auto packed_bytes = static_cast<std::int64_t>(twin.packed_bytes(problem, config));
  Array packed(DType::float32, packed_bytes / 4, 256);
  twin.pack(problem, config, weight.data(), bias_data, packed.data());
  const cuda::ConvArgs args = {
      .x = x.data(), .packed = packed.data(), .y = y.data(), .shape = conv_shape(problem)};
  const cuda::TensorMaps maps = make_maps(twin, problem, config, x.data(), packed.data());
  emulator::Report report =
      emulator::launch(twin.geometry(problem, config, device), [&] { kernel(args, maps); },
                       {.global = {x.array(), packed.array(), y.writable_array()}});
  EXPECT_EQ(report.error, "");
  EXPECT_EQ(2.0 * static_cast<double>(report.counts.multiply_adds),
            family.cost(problem, config, {}).flops);

  std::vector<std::int64_t> indices(static_cast<std::size_t>(output_elements(problem)));
  std::iota(indices.begin(), indices.end(), 0);
  const std::vector<ReferenceValue> expected =
      reference_at(problem, x.data(), weight.data(), bias_data, indices);
  const CheckResult result = compare(problem, y.data(), indices, expected);
  EXPECT_EQ(result.wrong, 0) << "worst at " << result.worst_index;
  const bool exact =
      problem.activation == Activation::none || problem.activation == Activation::relu;
  if (data == Data::integers && exact) expect_exact(problem, y, expected);
  return report;
}

}  // namespace

emulator::Report check_kernel(const Family& family, const Problem& problem, const Config& config,
                              HostThread thread, Data data, std::mt19937& random, int units) {
  return check(
      family, problem, config,
      [&](const cuda::ConvArgs& args, const cuda::TensorMaps&) { thread(args); }, data, random,
      units);
}

emulator::Report check_kernel(const Family& family, const Problem& problem, const Config& config,
                              MappedHostThread thread, Data data, std::mt19937& random, int units) {
  return check(family, problem, config, thread, data, random, units);
}

}  // namespace convtune
