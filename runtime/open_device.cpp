#include <fmt/format.h>

#include <charconv>
#include <map>
#include <mutex>

#include "kernels/error.hpp"
#include "runtime/cpu_device.hpp"
#include "runtime/cuda/cuda_device.hpp"
#include "runtime/device.hpp"

namespace convtune {
namespace {

/// The number of "cuda" (0) or "cuda:3"; throws for anything else.
int gpu_ordinal(std::string_view name) {
  int ordinal = 0;
  if (name == "cuda") return ordinal;
  const std::string_view digits = name.substr(std::min(name.size(), std::size_t{5}));
  const char* const end = digits.data() + digits.size();
  const auto [parsed_to, error] = std::from_chars(digits.data(), end, ordinal);
  if (!name.starts_with("cuda:") || error != std::errc() || parsed_to != end || ordinal < 0) {
    throw Error(Status::invalid,
                fmt::format("device is \"{}\"; it must be auto, cpu, cuda or cuda:NUMBER", name));
  }
  return ordinal;
}

/// The device of an ordinal, -1 for the CPU. It lives as long as anybody uses it.
std::shared_ptr<Device> shared_device(int ordinal) {
  static std::mutex mutex;
  static std::map<int, std::weak_ptr<Device>> devices;
  const std::lock_guard lock(mutex);
  std::shared_ptr<Device> device = devices[ordinal].lock();
  if (device == nullptr) {
    device = ordinal < 0 ? make_cpu_device() : make_cuda_device(ordinal);
    devices[ordinal] = device;
  }
  return device;
}

}  // namespace

std::shared_ptr<Device> open_device(std::string_view name) {
  constexpr int cpu = -1;
  if (name == "cpu") return shared_device(cpu);
  if (name != "auto") return shared_device(gpu_ordinal(name));
  try {
    return shared_device(0);
  } catch (const Error& error) {
    if (error.status() != Status::unavailable) throw;
    return shared_device(cpu);
  }
}

}  // namespace convtune
