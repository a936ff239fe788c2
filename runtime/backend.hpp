#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>

#include "runtime/device.hpp"
#include "runtime/plan.hpp"

namespace convtune {

/// What a module runs with.
struct Backend {
  std::shared_ptr<Device> device;  ///< where x and y lie
  std::string device_name;         ///< "cpu", "cuda:0"
  std::shared_ptr<Device> cpu;     ///< serves what `device` cannot; may be the same
  std::span<const Family* const> families;
  std::function<std::shared_ptr<const PlanSource>()> plans;  ///< asked whenever a shape is prepared
  std::string fallback_reason;  ///< why `device` is not what was asked for, or empty
};

/// The backend of open_device(device), all families and the user's database. Where that device is
/// unavailable it is the CPU's, with the reason; with Policy::error the Error{unavailable} is
/// passed on.
Backend open_backend(const std::string& device, Policy policy);

}  // namespace convtune
