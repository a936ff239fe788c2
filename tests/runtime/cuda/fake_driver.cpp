#include "tests/runtime/cuda/fake_driver.hpp"

#include <bit>
#include <cstdlib>
#include <cstring>
#include <string>

#include "kernels/cuda/direct.hpp"
#include "tests/emulator/launch.hpp"
#include "tests/kernels/cuda/direct_kernels.hpp"

namespace convtune::fake_driver {
namespace {

State current;
std::string unit_of_module;

// Handles are never looked into.
int something = 0;
template <class Handle>
Handle some_handle() {
  return reinterpret_cast<Handle>(&something);
}

CUresult with_context() {
  return current.context_depth > 0 ? current.context_result : CUDA_ERROR_INVALID_CONTEXT;
}

CUresult get_attribute(int* value, CUdevice_attribute which, CUdevice) {
  switch (which) {
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR:
      *value = 9;
      break;
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR:
      *value = 0;
      break;
    default:
      *value = 132;
  }
  return CUDA_SUCCESS;
}

CUresult allocate(CUdeviceptr* pointer, std::size_t bytes) {
  if (with_context() != CUDA_SUCCESS) return with_context();
  if (bytes > current.memory_left) return CUDA_ERROR_OUT_OF_MEMORY;
  *pointer = reinterpret_cast<CUdeviceptr>(std::aligned_alloc(256, (bytes + 255) / 256 * 256));
  ++current.live_allocations;
  return CUDA_SUCCESS;
}

CUresult launch(CUfunction, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                unsigned block_y, unsigned block_z, unsigned shared_bytes, CUstream, void** args,
                void**) {
  if (with_context() != CUDA_SUCCESS) return with_context();
  ++current.launches;
  current.running = true;
  if (current.launch_result != CUDA_SUCCESS) return current.launch_result;
  for (const HostKernel<cuda::DirectConfig>& kernel : direct_kernels()) {
    if (unit_of_module.find(instantiation(kernel.config)) == std::string::npos) continue;
    const emulator::Report report =
        emulator::launch({.grid = {grid_x, grid_y, grid_z},
                          .block = {block_x, block_y, block_z},
                          .shared_bytes = shared_bytes},
                         [&] { kernel.thread(*static_cast<const cuda::ConvArgs*>(args[0])); });
    return report.error.empty() ? CUDA_SUCCESS : CUDA_ERROR_LAUNCH_FAILED;
  }
  return CUDA_ERROR_NOT_FOUND;
}

Driver make_table() {
  Driver driver;
  driver.cuInit = [](unsigned) { return CUDA_SUCCESS; };
  driver.cuDriverGetVersion = [](int* version) {
    *version = 12040;
    return CUDA_SUCCESS;
  };
  driver.cuGetErrorName = [](CUresult result, const char** name) {
    *name = result == CUDA_ERROR_OUT_OF_MEMORY ? "CUDA_ERROR_OUT_OF_MEMORY" : "CUDA_ERROR_OTHER";
    return CUDA_SUCCESS;
  };
  driver.cuDeviceGet = [](CUdevice* device, int ordinal) {
    *device = ordinal;
    return CUDA_SUCCESS;
  };
  driver.cuDeviceGetCount = [](int* count) {
    *count = current.gpus;
    return CUDA_SUCCESS;
  };
  driver.cuDeviceGetName = [](char* name, int size, CUdevice) {
    std::strncpy(name, "Imaginary GPU", static_cast<std::size_t>(size));
    return CUDA_SUCCESS;
  };
  driver.cuDeviceGetAttribute = get_attribute;
  driver.cuDeviceTotalMem = [](std::size_t* bytes, CUdevice) {
    *bytes = std::size_t{1} << 30;
    return CUDA_SUCCESS;
  };
  driver.cuDevicePrimaryCtxRetain = [](CUcontext* context, CUdevice) {
    *context = some_handle<CUcontext>();
    ++current.contexts_retained;
    return CUDA_SUCCESS;
  };
  driver.cuDevicePrimaryCtxRelease = [](CUdevice) {
    --current.contexts_retained;
    return CUDA_SUCCESS;
  };
  driver.cuCtxPushCurrent = [](CUcontext) {
    ++current.context_depth;
    return CUDA_SUCCESS;
  };
  driver.cuCtxPopCurrent = [](CUcontext*) {
    --current.context_depth;
    return CUDA_SUCCESS;
  };
  driver.cuCtxSynchronize = [] {
    current.running = false;
    return with_context();
  };
  driver.cuModuleLoadData = [](CUmodule* module, const void* image) {
    unit_of_module = static_cast<const char*>(image);
    *module = some_handle<CUmodule>();
    ++current.live_modules;
    return with_context();
  };
  driver.cuModuleUnload = [](CUmodule) {
    current.freed_too_early += current.running ? 1 : 0;
    --current.live_modules;
    return CUDA_SUCCESS;
  };
  driver.cuModuleGetFunction = [](CUfunction* function, CUmodule, const char* name) {
    *function = some_handle<CUfunction>();
    return std::strcmp(name, kernel_symbol) == 0 ? CUDA_SUCCESS : CUDA_ERROR_NOT_FOUND;
  };
  driver.cuFuncSetAttribute = [](CUfunction, CUfunction_attribute, int) { return with_context(); };
  driver.cuMemAlloc = allocate;
  driver.cuMemFree = [](CUdeviceptr pointer) {
    current.freed_too_early += current.running ? 1 : 0;
    std::free(std::bit_cast<void*>(pointer));
    --current.live_allocations;
    return with_context();
  };
  driver.cuMemcpyHtoD = [](CUdeviceptr to, const void* from, std::size_t bytes) {
    std::memcpy(std::bit_cast<void*>(to), from, bytes);
    return with_context();
  };
  driver.cuMemcpyDtoH = [](void* to, CUdeviceptr from, std::size_t bytes) {
    std::memcpy(to, std::bit_cast<const void*>(from), bytes);
    return with_context();
  };
  driver.cuLaunchKernel = launch;
  return driver;
}

}  // namespace

State& state() { return current; }
void reset() { current = {}; }

const Driver& table() {
  static const Driver driver = make_table();
  return driver;
}

Compiled compile(const Source& source, std::string_view) {
  ++current.compiled;
  return {.cubin = source.text};
}

}  // namespace convtune::fake_driver
