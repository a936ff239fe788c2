#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "runtime/device.hpp"

namespace convtune {

/// Tells how fast a device is clocked at the moment of the call, in MHz; 0 where that cannot be
/// read.
using ClockReader = std::function<double()>;

/// The fastest of the CPUs that this process may use, as Linux's cpufreq tells it in
/// `folder`/cpuN/cpufreq/scaling_cur_freq, in kHz. Virtual machines often have none.
ClockReader cpu_clock(const std::filesystem::path& folder = "/sys/devices/system/cpu");

/// The SM clock of the GPU with that PCI bus id, as the driver's NVML library tells it.
ClockReader gpu_clock(const std::string& pci_bus_id, const char* library = "libnvidia-ml.so.1");

/// The one that fits the device.
ClockReader clock_of(const Device& device);

}  // namespace convtune
