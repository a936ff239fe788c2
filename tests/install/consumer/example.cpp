#include <convtune/conv1d.hpp>
#include <cstdio>
#include <vector>

int main() {
  convtune::Conv1d conv({.kernel_size = 3, .in_channels = 2, .out_channels = 4, .padding = 1});
  const std::vector<float> weight(3 * 2 * 4, 0.5F);  // (K, Cin/G, Cout)
  const std::vector<float> x(1 * 100 * 2, 1.0F);     // (N, L, Cin)
  conv.load_state_dict({{"weight", {.data = weight.data(), .shape = {3, 2, 4}}}});
  const convtune::Tensor y = conv.forward({.data = x.data(), .shape = {1, 100, 2}});
  std::printf("%s by %s\n", to_text(y.shape).c_str(), conv.plan(1, 100).config.c_str());
}
