#pragma once

#include <memory>
#include <utility>

#include "runtime/cuda/driver.hpp"

namespace convtune {

/// The primary context of a GPU, shared with all others in the process that use it.
class CudaContext {
 public:
  CudaContext(const Driver& driver, int ordinal);
  ~CudaContext() { driver.cuDevicePrimaryCtxRelease(device_); }
  CudaContext(const CudaContext&) = delete;
  CudaContext& operator=(const CudaContext&) = delete;

  const Driver& driver;
  CUdevice device() const { return device_; }
  CUcontext handle() const { return handle_; }

  /// Waits for all that was started. Throws as check() does.
  void synchronize() const;

  /// Likewise; false after a fault: nothing runs then, and whoever calls next is told of it.
  bool try_synchronize() const;

 private:
  CUdevice device_ = 0;
  CUcontext handle_ = nullptr;
};

/// Makes a context current on this thread as long as it lives; the caller's own is restored.
class CurrentContext {
 public:
  explicit CurrentContext(const CudaContext& context) : driver_(context.driver) {
    check(driver_, driver_.cuCtxPushCurrent(context.handle()), "cuCtxPushCurrent");
  }
  ~CurrentContext() {
    CUcontext popped = nullptr;
    driver_.cuCtxPopCurrent(&popped);
  }
  CurrentContext(const CurrentContext&) = delete;
  CurrentContext& operator=(const CurrentContext&) = delete;

 private:
  const Driver& driver_;
};

/// Something of a context that is released with this object, on whatever thread that happens. Moved
/// from, it holds nothing.
template <class Handle, auto release>
class CudaResource {
 public:
  CudaResource() = default;
  CudaResource(std::shared_ptr<const CudaContext> context, Handle handle)
      : context_(std::move(context)), handle_(handle) {}
  CudaResource(CudaResource&& other) noexcept
      : context_(std::move(other.context_)), handle_(std::exchange(other.handle_, {})) {}
  CudaResource& operator=(CudaResource&& other) noexcept {
    std::swap(context_, other.context_);
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~CudaResource() {
    if (context_ == nullptr) return;
    const Driver& driver = context_->driver;
    CUcontext popped = nullptr;
    if (driver.cuCtxPushCurrent(context_->handle()) != CUDA_SUCCESS) return;  // the GPU is lost
    (driver.*release)(handle_);
    driver.cuCtxPopCurrent(&popped);
  }

  Handle get() const { return handle_; }

 private:
  std::shared_ptr<const CudaContext> context_;
  Handle handle_ = {};
};

using CudaMemory = CudaResource<CUdeviceptr, &Driver::cuMemFree>;
using CudaModule = CudaResource<CUmodule, &Driver::cuModuleUnload>;
using CudaStream = CudaResource<CUstream, &Driver::cuStreamDestroy>;
using CudaEvent = CudaResource<CUevent, &Driver::cuEventDestroy>;
using CudaGraph = CudaResource<CUgraph, &Driver::cuGraphDestroy>;
using CudaGraphExec = CudaResource<CUgraphExec, &Driver::cuGraphExecDestroy>;

/// Each throws as check() does.
CudaMemory allocate_memory(const std::shared_ptr<const CudaContext>& context, std::size_t bytes);
CudaModule load_module(const std::shared_ptr<const CudaContext>& context, const void* cubin);
CudaStream make_stream(const std::shared_ptr<const CudaContext>& context);
CudaEvent make_event(const std::shared_ptr<const CudaContext>& context,
                     unsigned flags = CU_EVENT_DEFAULT);

}  // namespace convtune
