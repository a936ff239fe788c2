#include "runtime/device.hpp"

#include "kernels/digest.hpp"

namespace convtune {

std::string contents_name(const Problem& problem, const void* weight, const void* bias) {
  const auto digest_of = [&](const void* data, std::int64_t elements) {
    const std::size_t bytes = static_cast<std::size_t>(elements) * size_of(problem.dtype);
    return data == nullptr ? "" : digest({static_cast<const char*>(data), bytes});
  };
  return digest_of(weight, weight_elements(problem)) + digest_of(bias, problem.out_channels);
}

}  // namespace convtune
