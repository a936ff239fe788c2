#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "generator/compiler.hpp"
#include "runtime/device.hpp"

namespace convtune {

struct Driver;
class CudaContext;

/// How a device gets its kernels; compile_cached() unless a test says otherwise.
using CompileKernel = std::function<Compiled(const Source& source, std::string_view arch)>;

/// The GPU of that number. Throws Error{unavailable} saying what is missing.
std::shared_ptr<Device> make_cuda_device(int ordinal);

/// The same on a driver of the caller's, which must outlive the device. `compiler` is the version
/// of what compiles.
std::shared_ptr<Device> make_cuda_device(const Driver& driver, int ordinal, CompileKernel compile,
                                         std::string compiler);

/// The context of a device that make_cuda_device() made.
std::shared_ptr<const CudaContext> context_of(const Device& device);

/// "0000:3B:00.0": where a device that make_cuda_device() made is plugged in; empty if the driver
/// does not say.
std::string pci_bus_id(const Device& device);

/// The GPUs of this machine, or why there are none.
struct GpuList {
  std::vector<DeviceProperties> gpus;
  std::string driver_version;  ///< newest CUDA that the driver serves, "13.0"; empty without one
  std::string missing;         ///< one sentence, empty if there is a GPU
};
GpuList list_gpus();
GpuList list_gpus(const Driver& driver);

}  // namespace convtune
