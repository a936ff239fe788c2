#include "runtime/cuda/driver.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

#include "kernels/error.hpp"

namespace convtune {
namespace {

// The version whose form of each function is asked for; every later driver still has it.
constexpr int abi_version = 12000;

[[noreturn]] void no_gpu(const std::string& why) {
  throw Error(Status::unavailable, "no GPU can be used: " + why);
}

std::string error_name(const Driver& driver, CUresult result) {
  const char* name = nullptr;
  if (driver.cuGetErrorName != nullptr) driver.cuGetErrorName(result, &name);
  return fmt::format("{} ({})", name != nullptr ? name : "unknown error", static_cast<int>(result));
}

bool means_no_gpu(CUresult result) {
  switch (static_cast<int>(result)) {
    case CUDA_ERROR_STUB_LIBRARY:
    case 35:  // the runtime's "driver too old"
    case CUDA_ERROR_DEVICE_UNAVAILABLE:
    case CUDA_ERROR_NO_DEVICE:
    case CUDA_ERROR_INVALID_DEVICE:
    case CUDA_ERROR_DEVICE_NOT_LICENSED:
    case CUDA_ERROR_SYSTEM_NOT_READY:
    case CUDA_ERROR_SYSTEM_DRIVER_MISMATCH:
    case CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE:
      return true;
    default:
      return false;
  }
}

bool means_broken_gpu(CUresult result) {
  return result == CUDA_ERROR_ECC_UNCORRECTABLE || result == CUDA_ERROR_NVLINK_UNCORRECTABLE;
}

// Those of which cuda.h says that the process must be started again, or its context be made anew:
// whatever this process calls next fails likewise.
bool spoils_the_process(CUresult result) {
  switch (static_cast<int>(result)) {
    case 226:  // CUDA_ERROR_CONTAINED, which older headers lack
    case CUDA_ERROR_ILLEGAL_ADDRESS:
    case CUDA_ERROR_LAUNCH_TIMEOUT:
    case CUDA_ERROR_CONTEXT_IS_DESTROYED:
    case CUDA_ERROR_ASSERT:
    case CUDA_ERROR_HARDWARE_STACK_ERROR:
    case CUDA_ERROR_ILLEGAL_INSTRUCTION:
    case CUDA_ERROR_MISALIGNED_ADDRESS:
    case CUDA_ERROR_INVALID_ADDRESS_SPACE:
    case CUDA_ERROR_INVALID_PC:
    case CUDA_ERROR_LAUNCH_FAILED:
    case 721:  // CUDA_ERROR_TENSOR_MEMORY_LEAK, likewise
    case CUDA_ERROR_MPS_CLIENT_TERMINATED:
      return true;
    default:
      return false;
  }
}

template <class Function>
void bind(decltype(&cuGetProcAddress) get, const char* name, Function& function) {
  void* address = nullptr;
  CUdriverProcAddressQueryResult found = CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND;
  const CUresult result = get(name, &address, abi_version, CU_GET_PROC_ADDRESS_DEFAULT, &found);
  if (result == CUDA_ERROR_STUB_LIBRARY)
    no_gpu(
        "the CUDA driver found is the toolkit's stub; install NVIDIA's driver, or take the stubs "
        "folder off the library path");
  if (result != CUDA_SUCCESS || found != CU_GET_PROC_ADDRESS_SUCCESS || address == nullptr)
    no_gpu(fmt::format("the CUDA driver has no {} (error {}); one for CUDA {} or later is needed",
                       name, static_cast<int>(result), abi_version / 1000));
  function = reinterpret_cast<Function>(address);
}

}  // namespace

Driver load_driver(const char* name) {
  void* library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) no_gpu(fmt::format("the CUDA driver is not installed ({})", dlerror()));
  const auto get =
      reinterpret_cast<decltype(&cuGetProcAddress)>(dlsym(library, "cuGetProcAddress_v2"));
  if (get == nullptr)
    no_gpu(fmt::format("the CUDA driver is older than CUDA {}; update it", abi_version / 1000));
  Driver driver;
#define CONVTUNE_BIND(function) bind(get, #function, driver.function);
  CONVTUNE_DRIVER_FUNCTIONS(CONVTUNE_BIND)
#undef CONVTUNE_BIND
  check(driver, driver.cuInit(0), "cuInit");
  return driver;
}

const Driver& cuda_driver() {
  static const Driver driver = load_driver("libcuda.so.1");
  return driver;
}

void check(const Driver& driver, CUresult result, const char* call) {
  if (result == CUDA_SUCCESS) return;
  const std::string what = fmt::format("{} failed with {}", call, error_name(driver, result));
  if (means_no_gpu(result)) no_gpu(what);
  if (means_broken_gpu(result))
    throw Error(Status::unavailable, what + ": the GPU is at fault; have it reset or replaced");
  if (result == CUDA_ERROR_OUT_OF_MEMORY) throw Error(Status::no_memory, what);
  if (spoils_the_process(result))
    throw Error(Status::failed, what + "; this process can use the GPU no more, a new one can");
  throw Error(Status::failed, what);
}

std::string driver_version(const Driver& driver) {
  int version = 0;
  check(driver, driver.cuDriverGetVersion(&version), "cuDriverGetVersion");
  return fmt::format("{}.{}", version / 1000, version % 1000 / 10);
}

}  // namespace convtune
