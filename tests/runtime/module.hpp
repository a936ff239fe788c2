#pragma once

#include <convtune/conv1d.hpp>

#include "tests/runtime/fakes.hpp"

namespace convtune {

/// Conv1dOptions as a Problem, spelt out here so that the module's own reading of them is tested.
inline Problem problem_for(const Conv1dOptions& o, std::int64_t batch, std::int64_t length) {
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

inline Shape x_shape(const Problem& p) {
  return p.layout == Layout::NCL ? Shape{p.batch, p.in_channels, p.length}
                                 : Shape{p.batch, p.length, p.in_channels};
}
inline Shape y_shape(const Problem& p) {
  return p.layout == Layout::NCL ? Shape{p.batch, p.out_channels, output_length(p)}
                                 : Shape{p.batch, output_length(p), p.out_channels};
}
inline Shape weight_shape(const Problem& p) {
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

}  // namespace convtune
