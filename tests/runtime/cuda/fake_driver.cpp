#include "tests/runtime/cuda/fake_driver.hpp"

#include <elf.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>

#include "kernels/cuda/direct.hpp"
#include "kernels/cuda/warpgroup_gemm.hpp"
#include "tests/emulator/tensor_map.hpp"
#include "tests/kernels/cuda/direct_kernels.hpp"
#include "tests/kernels/cuda/warpgroup_gemm_kernels.hpp"
#include "tests/runtime/cuda/fake_streams.hpp"

namespace convtune::fake_driver {
namespace {

State current;

// Handles whose objects have no state.
int something = 0;
template <class Handle>
Handle some_handle() {
  return reinterpret_cast<Handle>(&something);
}

/// Of what a capture forbids: it waits, or changes what the whole context has.
CUresult outside_capture() {
  return allows_what_waits() ? with_context() : CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
}

CUresult get_attribute(int* value, CUdevice_attribute which, CUdevice) {
  static const DeviceProperties gpu = properties_of_arch("sm_90a");
  switch (which) {
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR:
      *value = gpu.compute_major;
      break;
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR:
      *value = gpu.compute_minor;
      break;
    case CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK:
      *value = gpu.max_threads_per_block;
      break;
    default:
      *value = gpu.units;
  }
  return CUDA_SUCCESS;
}

CUresult allocate(CUdeviceptr* pointer, std::size_t bytes) {
  if (outside_capture() != CUDA_SUCCESS) return outside_capture();
  if (bytes > current.memory_left) return CUDA_ERROR_OUT_OF_MEMORY;
  *pointer = reinterpret_cast<CUdeviceptr>(std::aligned_alloc(256, (bytes + 255) / 256 * 256));
  ++current.live_allocations;
  return CUDA_SUCCESS;
}

/// The text of the unit that an image was compiled from: the image itself, or what the entry point
/// of an ELF file leads to.
const char* unit_of(const void* image) {
  const auto* bytes = static_cast<const char*>(image);
  if (std::memcmp(bytes, ELFMAG, SELFMAG) != 0) return bytes;
  Elf64_Ehdr header;
  std::memcpy(&header, bytes, sizeof header);
  return bytes + header.e_entry;
}

/// What a thread of the unit's kernel does, with a copy of its parameters.
std::function<void()> thread_of(const std::string& unit, void** parameters) {
  const auto is_of = [&](const auto& kernel) {
    return unit.find(instantiation(kernel.config)) != std::string::npos;
  };
  const auto args = *static_cast<const cuda::ConvArgs*>(parameters[0]);
  for (const auto& kernel : direct_kernels()) {
    if (is_of(kernel)) return [&kernel, args] { kernel.thread(args); };
  }
  for (const auto& kernel : warpgroup_gemm_kernels()) {
    if (!is_of(kernel)) continue;
    const auto maps = *static_cast<const cuda::TensorMaps*>(parameters[1]);
    return [&kernel, args, maps] { kernel.thread(args, maps); };
  }
  return nullptr;
}

/// The blocks of a cluster, or 0 for attributes that convtune does not set.
unsigned cluster_of(const CUlaunchConfig& config) {
  if (config.numAttrs == 0) return 1;
  const CUlaunchAttribute& only = config.attrs[0];
  const auto& dim = only.value.clusterDim;
  const bool known = config.numAttrs == 1 && only.id == CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION &&
                     dim.y == 1 && dim.z == 1;
  return known ? dim.x : 0;
}

/// A function is its module, and that the text of its unit.
CUresult launch(const CUlaunchConfig* config, CUfunction function, void** args, void**) {
  if (with_context() != CUDA_SUCCESS) return with_context();
  ++current.launches;
  current.running = true;
  if (current.launch_result != CUDA_SUCCESS) return current.launch_result;
  const Launch launched = {
      .thread = thread_of(*reinterpret_cast<const std::string*>(function), args),
      .geometry = {.grid = {config->gridDimX, config->gridDimY, config->gridDimZ},
                   .block = {config->blockDimX, config->blockDimY, config->blockDimZ},
                   .shared_bytes = config->sharedMemBytes,
                   .cluster = cluster_of(*config)}};
  if (launched.thread == nullptr) return CUDA_ERROR_NOT_FOUND;
  current.largest_cluster = std::max(current.largest_cluster, launched.geometry.cluster);
  return run_or_capture(launched, config->hStream);
}

/// Keeps the arguments for the emulator, as far as convtune uses them.
CUresult encode_tensor_map(CUtensorMap* map, CUtensorMapDataType type, cuuint32_t rank, void* data,
                           const cuuint64_t* size, const cuuint64_t* stride, const cuuint32_t* box,
                           const cuuint32_t* step, CUtensorMapInterleave,
                           CUtensorMapSwizzle swizzle, CUtensorMapL2promotion,
                           CUtensorMapFloatOOBfill) {
  ++current.encoded_maps;
  cuda::TensorMapArgs args = {.dtype = DType::float32,
                              .rank = static_cast<int>(rank),
                              .data = data,
                              .swizzle = static_cast<cuda::Swizzle>(swizzle)};
  if (type == CU_TENSOR_MAP_DATA_TYPE_FLOAT16) args.dtype = DType::float16;
  if (type == CU_TENSOR_MAP_DATA_TYPE_BFLOAT16) args.dtype = DType::bfloat16;
  for (unsigned d = 0; d < rank; ++d) {
    args.size[d] = static_cast<cuda::Int64>(size[d]);
    args.box[d] = static_cast<int>(box[d]);
    args.step[d] = static_cast<int>(step[d]);
    if (d > 0) args.stride[d] = static_cast<cuda::Int64>(stride[d - 1]);
  }
  const cuda::TensorMap made = emulator::make_tensor_map(args);
  std::memcpy(map, &made, sizeof made);
  return CUDA_SUCCESS;
}

Driver make_table() {
  Driver driver;
  driver.cuInit = [](unsigned) { return CUDA_SUCCESS; };
  driver.cuDriverGetVersion = [](int* version) {
    *version = state().version;
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
  driver.cuDeviceGetPCIBusId = [](char* id, int size, CUdevice) {
    std::strncpy(id, "0000:0A:00.0", static_cast<std::size_t>(size));
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
    return outside_capture();
  };
  driver.cuModuleLoadData = [](CUmodule* module, const void* image) {
    *module = reinterpret_cast<CUmodule>(new std::string(unit_of(image)));
    ++current.live_modules;
    return outside_capture();
  };
  driver.cuModuleUnload = [](CUmodule module) {
    delete reinterpret_cast<std::string*>(module);
    current.freed_too_early += current.running ? 1 : 0;
    --current.live_modules;
    return CUDA_SUCCESS;
  };
  driver.cuModuleGetFunction = [](CUfunction* function, CUmodule module, const char* name) {
    *function = reinterpret_cast<CUfunction>(module);
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
    return outside_capture();
  };
  driver.cuMemcpyDtoH = [](void* to, CUdeviceptr from, std::size_t bytes) {
    std::memcpy(to, std::bit_cast<const void*>(from), bytes);
    return outside_capture();
  };
  driver.cuMemsetD8Async = [](CUdeviceptr to, unsigned char value, std::size_t bytes, CUstream) {
    std::memset(std::bit_cast<void*>(to), value, bytes);
    return with_context();
  };
  driver.cuLaunchKernelEx = launch;
  driver.cuTensorMapEncodeTiled = encode_tensor_map;
  add_streams(driver);
  return driver;
}

}  // namespace

CUresult with_context() {
  return current.context_depth > 0 ? current.context_result : CUDA_ERROR_INVALID_CONTEXT;
}

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
