#include "tuner/clock.hpp"

#include <dlfcn.h>
#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <fstream>
#include <vector>

#include "runtime/cuda/cuda_device.hpp"

namespace convtune {
namespace {

double unreadable() { return 0; }

std::vector<std::filesystem::path> frequency_files(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  sched_getaffinity(0, sizeof allowed, &allowed);
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed)) continue;
    auto file = folder / fmt::format("cpu{}", cpu) / "cpufreq/scaling_cur_freq";
    if (exists(file)) files.push_back(std::move(file));
  }
  return files;
}

template <typename Function>
Function* symbol(void* library, const char* name) {
  return reinterpret_cast<Function*>(dlsym(library, name));
}

}  // namespace

ClockReader cpu_clock(const std::filesystem::path& folder) {
  return [files = frequency_files(folder)] {
    double fastest = 0;
    for (const std::filesystem::path& file : files) {
      double kilohertz = 0;
      std::ifstream(file) >> kilohertz;
      fastest = std::max(fastest, kilohertz);
    }
    return fastest / 1000;
  };
}

// As nvml.h declares them, which does not come with the headers that the build needs.
ClockReader gpu_clock(const std::string& pci_bus_id, const char* library) {
  constexpr int success = 0;
  constexpr int sm_clock = 1;  // NVML_CLOCK_SM
  void* nvml = dlopen(library, RTLD_NOW | RTLD_LOCAL);
  if (nvml == nullptr) return unreadable;
  auto* const start = symbol<int()>(nvml, "nvmlInit_v2");
  auto* const find = symbol<int(const char*, void**)>(nvml, "nvmlDeviceGetHandleByPciBusId_v2");
  auto* const read = symbol<int(void*, int, unsigned*)>(nvml, "nvmlDeviceGetClockInfo");
  if (start == nullptr || find == nullptr || read == nullptr) return unreadable;
  void* gpu = nullptr;
  if (start() != success || find(pci_bus_id.c_str(), &gpu) != success) return unreadable;
  return [read, gpu] {
    unsigned megahertz = 0;
    return read(gpu, sm_clock, &megahertz) == success ? static_cast<double>(megahertz) : 0;
  };
}

ClockReader clock_of(const Device& device) {
  return device.properties().kind == DeviceKind::cuda ? gpu_clock(pci_bus_id(device)) : cpu_clock();
}

}  // namespace convtune
