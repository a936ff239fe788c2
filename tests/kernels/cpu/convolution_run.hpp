#pragma once

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <random>
#include <utility>
#include <vector>

#include "kernels/cpu/thread_pool.hpp"
#include "kernels/family.hpp"
#include "kernels/problem.hpp"
#include "kernels/reference.hpp"
#include "kernels/tolerance.hpp"
#include "kernels/winograd_magnitudes.hpp"

namespace convtune {

/// What x, weight and bias hold: small integers, whose sums are exact, or numbers in [-1, 1].
enum class Data { integers, random };

/// Arrays for one problem, aligned to their element only, and what they must give.
class ConvolutionRun {
 public:
  ConvolutionRun(const Problem& problem, std::uint64_t seed, Data data) : problem_(problem) {
    std::mt19937_64 random(seed);
    x_ = make(input_elements(problem), random, data);
    weight_ = make(weight_elements(problem), random, data);
    bias_ = make(problem.out_channels, random, data);
  }

  void set_x(std::int64_t index, float value) { set(x_, index, value); }
  void set_weight(std::int64_t index, float value) { set(weight_, index, value); }

  /// y's bytes. The weights are overwritten between prepare and run, y starts as NaN, and nothing
  /// around it may change.
  std::vector<std::byte> run(const Family& family, const Config& config, ThreadPool& pool) const {
    std::vector<std::byte> weight = weight_;
    std::vector<std::byte> bias = bias_;
    const auto prepared = family.cpu->prepare(problem_, config, data(weight),
                                              problem_.has_bias ? data(bias) : nullptr);
    std::fill(weight.begin(), weight.end(), poison);
    std::fill(bias.begin(), bias.end(), poison);

    const auto guard = static_cast<std::ptrdiff_t>(64 + element());
    const auto bytes = output_elements(problem_) * static_cast<std::ptrdiff_t>(element());
    std::vector<std::byte> y(static_cast<std::size_t>(bytes + 2 * guard), poison);
    family.cpu->run(prepared.get(), data(x_), y.data() + guard, pool);
    const auto untouched = [](std::byte b) { return b == poison; };
    EXPECT_TRUE(std::all_of(y.begin(), y.begin() + guard, untouched)) << "wrote before y";
    EXPECT_TRUE(std::all_of(y.end() - guard, y.end(), untouched)) << "wrote behind y";
    return {y.begin() + guard, y.end() - guard};
  }

  /// y against the float64 reference.
  CheckResult check(const std::vector<std::byte>& y) {
    return compare(problem_, y.data(), indices(), expected());
  }

  /// The root mean square of y's errors, over that of the reference.
  double relative_error(const std::vector<std::byte>& y) {
    double errors = 0, values = 0;
    for (const std::int64_t i : indices()) {
      const double value = expected()[static_cast<std::size_t>(i)].value;
      errors += std::pow(load_element(y.data(), problem_.dtype, i) - value, 2);
      values += value * value;
    }
    return std::sqrt(errors / values);
  }

  /// How many outputs differ from the reference rounded to the dtype. For integers without a curved
  /// activation none may.
  std::int64_t inexact(const std::vector<std::byte>& y) {
    std::vector<std::byte> rounded(element());
    std::int64_t count = 0;
    for (const std::int64_t i : indices()) {
      store_element(rounded.data(), problem_.dtype, 0, static_cast<float>(expected()[i].value));
      count += load_element(y.data(), problem_.dtype, i) !=
               load_element(rounded.data(), problem_.dtype, 0);
    }
    return count;
  }

 private:
  static constexpr std::byte poison = std::byte{0xFF};  // NaN in every dtype

  std::size_t element() const { return size_of(problem_.dtype); }

  // Arrays start one element into their allocation and end with it.
  const void* data(const std::vector<std::byte>& array) const { return array.data() + element(); }

  std::vector<std::byte> make(std::int64_t count, std::mt19937_64& random, Data kind) const {
    std::vector<std::byte> array((static_cast<std::size_t>(count) + 1) * element());
    std::uniform_int_distribution<int> integer(-3, 3);
    std::uniform_real_distribution<float> real(-1, 1);
    for (std::int64_t i = 0; i < count; ++i) {
      set(array, i, kind == Data::integers ? static_cast<float>(integer(random)) : real(random));
    }
    return array;
  }

  void set(std::vector<std::byte>& array, std::int64_t index, float value) const {
    store_element(array.data() + element(), problem_.dtype, index, value);
  }

  const std::vector<std::int64_t>& indices() {
    if (indices_.empty()) {
      indices_.resize(static_cast<std::size_t>(output_elements(problem_)));
      std::iota(indices_.begin(), indices_.end(), 0);
    }
    return indices_;
  }

  const std::vector<ReferenceValue>& expected() {
    if (expected_.empty()) {
      const void* const bias = problem_.has_bias ? data(bias_) : nullptr;
      expected_ = reference_at(problem_, data(x_), data(weight_), bias, indices());
      if (serves_winograd(problem_)) {
        expected_ = with_winograd_magnitudes(problem_, data(x_), data(weight_), bias, indices(),
                                             std::move(expected_));
      }
    }
    return expected_;
  }

  Problem problem_;
  std::vector<std::byte> x_, weight_, bias_;
  std::vector<std::int64_t> indices_;
  std::vector<ReferenceValue> expected_;
};

/// A small problem with any combination of parameters, the shapes that kernels treat apart among
/// them: depthwise, grouped, one channel, one position, windows that lie wholly in the padding.
inline Problem random_problem(std::mt19937_64& random) {
  const auto pick = [&](std::initializer_list<std::int64_t> values) {
    return *(values.begin() + static_cast<std::ptrdiff_t>(random() % values.size()));
  };
  Problem p;
  p.batch = pick({1, 1, 2, 3});
  p.length = pick({1, 2, 5, 16, 17, 31, 50, 64, 97, 200, 300});
  p.kernel_size = pick({1, 1, 2, 3, 3, 4, 5, 7, 10, 16, 25});
  p.stride = pick({1, 1, 1, 2, 3, 4, 7});
  p.dilation = pick({1, 1, 1, 2, 3, 8, 40});
  p.padding = {pick({0, 0, 1, 2, 5, 12, 70}), pick({0, 0, 1, 3, 5, 12, 70})};
  p.num_groups = pick({1, 1, 2, 3, 4, 16, 33});
  const std::int64_t group_in = pick({1, 1, 2, 3, 4, 8, 17, 64, 70});
  const std::int64_t group_out = pick({1, 1, 2, 3, 4, 8, 16, 17, 24, 33, 48, 64, 100});
  p.in_channels = p.num_groups * group_in;
  p.out_channels = p.num_groups * group_out;
  p.has_bias = random() % 2 == 0;
  p.dtype = static_cast<DType>(random() % 3);
  p.layout = static_cast<Layout>(random() % 2);
  p.activation = static_cast<Activation>(random() % 6);
  const std::int64_t reach = p.dilation * (p.kernel_size - 1) + 1;
  p.length = std::max(p.length, reach - p.padding.left - p.padding.right);
  return p;
}

}  // namespace convtune
