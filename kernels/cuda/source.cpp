#include "kernels/cuda/source.hpp"

#include <fmt/format.h>

#include "kernels/digest.hpp"

namespace convtune {
namespace {

// Lengths keep the boundary between two parts unambiguous.
std::string digest_of(const std::string& text, const std::vector<EmbeddedFile>& headers) {
  std::string all = fmt::format("{} {}", text.size(), text);
  for (const EmbeddedFile& header : headers)
    all += fmt::format("{} {} {}", header.name, header.bytes.size(), header.bytes);
  return digest(all);
}

std::string launch_bounds(const CudaKernel& kernel, const Problem& problem, const Config& config,
                          const LaunchGeometry& launch) {
  const unsigned threads = launch.block[0] * launch.block[1] * launch.block[2];
  if (kernel.blocks_per_sm == nullptr) return fmt::format("{}", threads);
  return fmt::format("{}, {}", threads, kernel.blocks_per_sm(problem, config));
}

}  // namespace

Source write_source(const CudaKernel& kernel, const Problem& problem, const Config& config,
                    const DeviceProperties& device) {
  const LaunchGeometry launch = kernel.geometry(problem, config, device);
  const bool takes_maps = kernel.tensor_maps != nullptr;
  Source source;
  source.text =
      fmt::format(R"(#include "kernels/cuda/{}"

using namespace convtune;
using namespace convtune::cuda;

extern "C" __global__ void __launch_bounds__({})
{}(const __grid_constant__ ConvArgs args{}) {{
  {}(args{});
}}
)",
                  kernel.header, launch_bounds(kernel, problem, config, launch), kernel_symbol,
                  takes_maps ? ", const __grid_constant__ TensorMaps maps" : "",
                  kernel.instantiation(problem, config), takes_maps ? ", maps" : "");
  source.headers = included_headers(source.text);
  source.digest = digest_of(source.text, source.headers);
  return source;
}

}  // namespace convtune
