// A project of its own that knows only the public headers: one padded convolution whose result is
// known by hand, and a refusal.
#include <convtune/conv1d.hpp>
#include <cstdio>
#include <vector>

namespace {

bool refuses_no_channels() {
  try {
    const convtune::Conv1d conv({.kernel_size = 3});
  } catch (const convtune::Error& error) {
    return error.status() == convtune::Status::invalid;
  }
  return false;
}

}  // namespace

int main() {
  convtune::Conv1d conv({.kernel_size = 3,
                         .in_channels = 1,
                         .out_channels = 1,
                         .padding = {2, 0},
                         .has_bias = true,
                         .permute = true});
  const std::vector<float> weight = {1, 10, 100};
  const std::vector<float> bias = {0.5F};
  conv.load_state_dict({{"weight", {.data = weight.data(), .shape = {1, 1, 3}}},
                        {"bias", {.data = bias.data(), .shape = {1}}}});

  const std::vector<float> x = {1, 2, 3, 4};
  const convtune::Tensor y = conv.forward({.data = x.data(), .shape = {1, 1, 4}});

  const std::vector<float> expected = {100.5F, 210.5F, 321.5F, 432.5F};
  const auto* values = static_cast<const float*>(y.data.get());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (values[i] != expected[i]) {
      std::fprintf(stderr, "y[%zu] is %g, not %g\n", i, values[i], expected[i]);
      return 1;
    }
  }
  if (y.shape != convtune::Shape{1, 1, 4} || !refuses_no_channels()) return 1;
  std::puts("as expected");
}
