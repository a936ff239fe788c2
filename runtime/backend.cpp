#include "runtime/backend.hpp"

#include <fmt/format.h>

#include "kernels/error.hpp"
#include "runtime/say_once.hpp"

namespace convtune {
namespace {

std::string canonical_name(const std::string& asked, const Device& device) {
  if (device.properties().kind == DeviceKind::cpu) return "cpu";
  return asked.starts_with("cuda:") ? asked : "cuda:0";
}

}  // namespace

Backend open_backend(const std::string& device, Policy policy) {
  Backend backend{.device = nullptr,
                  .device_name = "cpu",
                  .cpu = open_device("cpu"),
                  .families = all_families(),
                  .plans = default_plan_source,
                  .fallback_reason = {}};
  try {
    backend.device = open_device(device);
    backend.device_name = canonical_name(device, *backend.device);
  } catch (const Error& error) {
    if (error.status() != Status::unavailable || policy == Policy::error) throw;
    backend.device = backend.cpu;
    backend.fallback_reason = fmt::format("{} cannot be used: {}", device, error.what());
    say_once(fmt::format("the CPU stands in for {}: {}", device, error.what()));
  }
  return backend;
}

}  // namespace convtune
