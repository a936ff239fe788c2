#include "runtime/cuda/context.hpp"

#include "kernels/error.hpp"

namespace convtune {

CudaContext::CudaContext(const Driver& driver_table, int ordinal) : driver(driver_table) {
  check(driver, driver.cuDeviceGet(&device_, ordinal), "cuDeviceGet");
  check(driver, driver.cuDevicePrimaryCtxRetain(&handle_, device_), "cuDevicePrimaryCtxRetain");
}

void CudaContext::synchronize() const {
  const CurrentContext current(*this);
  check(driver, driver.cuCtxSynchronize(), "cuCtxSynchronize");
}

bool CudaContext::try_synchronize() const {
  try {
    synchronize();
    return true;
  } catch (const Error&) {
    return false;
  }
}

CudaMemory allocate_memory(const std::shared_ptr<const CudaContext>& context, std::size_t bytes) {
  const CurrentContext current(*context);
  CUdeviceptr memory = 0;
  const std::size_t at_least_one = bytes == 0 ? 1 : bytes;
  check(context->driver, context->driver.cuMemAlloc(&memory, at_least_one), "cuMemAlloc");
  return {context, memory};
}

CudaModule load_module(const std::shared_ptr<const CudaContext>& context, const void* cubin) {
  const CurrentContext current(*context);
  CUmodule module = nullptr;
  check(context->driver, context->driver.cuModuleLoadData(&module, cubin), "cuModuleLoadData");
  return {context, module};
}

CudaStream make_stream(const std::shared_ptr<const CudaContext>& context) {
  const CurrentContext current(*context);
  CUstream stream = nullptr;
  check(context->driver, context->driver.cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING),
        "cuStreamCreate");
  return {context, stream};
}

CudaEvent make_event(const std::shared_ptr<const CudaContext>& context, unsigned flags) {
  const CurrentContext current(*context);
  CUevent event = nullptr;
  check(context->driver, context->driver.cuEventCreate(&event, flags), "cuEventCreate");
  return {context, event};
}

}  // namespace convtune
