#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/problem.hpp"

namespace convtune::golden {

/// A convolution that another project computed.
struct Case {
  std::string name;
  std::string source;
  bool in_float64 = false;  ///< how y was computed; otherwise in float32
  Problem problem;
  std::vector<std::byte> x, weight, bias;  ///< of the problem's dtype and layout; bias may be empty
  std::vector<double> y;                   ///< not rounded to the dtype

  const void* bias_or_null() const { return bias.empty() ? nullptr : bias.data(); }
};

/// All cases of tests/golden: PyTorch's and ONNX's. Format: golden_file.py.
std::vector<Case> all_cases();

}  // namespace convtune::golden
