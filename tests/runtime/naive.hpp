#pragma once

#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "kernels/dtype.hpp"
#include "kernels/problem.hpp"

namespace convtune {

/// An array of a dtype, from values that it rounds.
struct Elements {
  DType dtype = DType::float32;
  std::vector<std::byte> bytes;

  explicit Elements(DType dtype_, std::size_t count)
      : dtype(dtype_), bytes(count * size_of(dtype_)) {}
  const void* data() const { return bytes.data(); }
  void* data() { return bytes.data(); }
  std::size_t size() const { return bytes.size() / size_of(dtype); }
  float at(std::int64_t i) const { return load_element(data(), dtype, i); }
};

/// Multiples of 1/8 in [-1, 1]: exact in every dtype, and so are their products and small sums.
inline Elements random_elements(DType dtype, std::int64_t count, unsigned seed) {
  std::mt19937 random(seed);
  Elements elements(dtype, static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) {
    store_element(elements.data(), dtype, i, static_cast<float>(random() % 17) / 8 - 1);
  }
  return elements;
}

/// The definition of max.nn.Conv1D in float64, one output at a time, without activation.
inline double naive_output(const Problem& p, const void* x, const void* w, const void* bias,
                           std::int64_t n, std::int64_t t, std::int64_t co) {
  const bool ncl = p.layout == Layout::NCL;
  const std::int64_t cin = p.in_channels / p.num_groups;
  const std::int64_t group = co / (p.out_channels / p.num_groups);
  double sum = bias != nullptr ? load_element(bias, p.dtype, co) : 0.0;
  for (std::int64_t k = 0; k < p.kernel_size; ++k) {
    const std::int64_t position = t * p.stride + k * p.dilation - p.padding.left;
    if (position < 0 || position >= p.length) continue;
    for (std::int64_t i = 0; i < cin; ++i) {
      const std::int64_t c = group * cin + i;
      const std::int64_t at_x = ncl ? (n * p.in_channels + c) * p.length + position
                                    : (n * p.length + position) * p.in_channels + c;
      const std::int64_t at_w =
          ncl ? (co * cin + i) * p.kernel_size + k : (k * cin + i) * p.out_channels + co;
      sum += static_cast<double>(load_element(x, p.dtype, at_x)) *
             static_cast<double>(load_element(w, p.dtype, at_w));
    }
  }
  return sum;
}

inline std::vector<double> naive_conv1d(const Problem& p, const void* x, const void* w,
                                        const void* bias) {
  const std::int64_t outputs = output_length(p);
  std::vector<double> y;
  for (std::int64_t n = 0; n < p.batch; ++n) {
    const bool ncl = p.layout == Layout::NCL;
    for (std::int64_t i = 0; i < (ncl ? p.out_channels : outputs); ++i) {
      for (std::int64_t j = 0; j < (ncl ? outputs : p.out_channels); ++j) {
        y.push_back(naive_output(p, x, w, bias, n, ncl ? j : i, ncl ? i : j));
      }
    }
  }
  return y;
}

}  // namespace convtune
