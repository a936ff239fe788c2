#pragma once

#include <cuda.h>

#include <string>

namespace convtune {

// Every function of the CUDA driver that convtune calls.
#define CONVTUNE_DRIVER_FUNCTIONS(X)   \
  X(cuInit)                            \
  X(cuDriverGetVersion)                \
  X(cuGetErrorName)                    \
  X(cuDeviceGet)                       \
  X(cuDeviceGetCount)                  \
  X(cuDeviceGetName)                   \
  X(cuDeviceGetPCIBusId)               \
  X(cuDeviceGetAttribute)              \
  X(cuDeviceTotalMem)                  \
  X(cuDevicePrimaryCtxRetain)          \
  X(cuDevicePrimaryCtxRelease)         \
  X(cuCtxPushCurrent)                  \
  X(cuCtxPopCurrent)                   \
  X(cuCtxSynchronize)                  \
  X(cuModuleLoadData)                  \
  X(cuModuleUnload)                    \
  X(cuModuleGetFunction)               \
  X(cuFuncSetAttribute)                \
  X(cuMemAlloc)                        \
  X(cuMemFree)                         \
  X(cuMemcpyHtoD)                      \
  X(cuMemcpyDtoH)                      \
  X(cuMemsetD8Async)                   \
  X(cuLaunchKernelEx)                  \
  X(cuStreamCreate)                    \
  X(cuStreamDestroy)                   \
  X(cuStreamBeginCapture)              \
  X(cuStreamEndCapture)                \
  X(cuStreamGetCaptureInfo)            \
  X(cuStreamGetId)                     \
  X(cuStreamWaitEvent)                 \
  X(cuThreadExchangeStreamCaptureMode) \
  X(cuUserObjectCreate)                \
  X(cuUserObjectRelease)               \
  X(cuGraphRetainUserObject)           \
  X(cuGraphInstantiate)                \
  X(cuGraphUpload)                     \
  X(cuGraphLaunch)                     \
  X(cuGraphDestroy)                    \
  X(cuGraphExecDestroy)                \
  X(cuEventCreate)                     \
  X(cuEventDestroy)                    \
  X(cuEventRecord)                     \
  X(cuEventSynchronize)                \
  X(cuEventElapsedTime)                \
  X(cuTensorMapEncodeTiled)

/// A function's type in CUDA 12.0, which is what drivers are asked for, whatever the headers
/// declare.
template <class Function>
struct TypeInCuda12 {
  using type = Function;
};
template <class EdgeData>  // of cuStreamGetCaptureInfo in CUDA 13
struct TypeInCuda12<CUresult (*)(CUstream, CUstreamCaptureStatus*, cuuint64_t*, CUgraph*,
                                 const CUgraphNode**, const EdgeData**, std::size_t*)> {
  using type = CUresult (*)(CUstream, CUstreamCaptureStatus*, cuuint64_t*, CUgraph*,
                            const CUgraphNode**, std::size_t*);
};

/// The driver's functions, by their own names. Tests fill it with functions of their own.
struct Driver {
// NOLINTNEXTLINE(bugprone-macro-parentheses): a name that is declared cannot have them
#define CONVTUNE_MEMBER(function) TypeInCuda12<decltype(&::function)>::type function = nullptr;
  CONVTUNE_DRIVER_FUNCTIONS(CONVTUNE_MEMBER)
#undef CONVTUNE_MEMBER
};

/// Loads a driver library and initialises it. Throws Error{unavailable}, in plain words, where
/// there is none, an old one, the toolkit's stub, or no GPU.
Driver load_driver(const char* library);

/// load_driver("libcuda.so.1"), once; a failure is tried again on the next call.
const Driver& cuda_driver();

/// Throws unless `result` is CUDA_SUCCESS; the message has the call and CUDA's name for the error.
/// Error{unavailable} if there is no GPU or its hardware failed; Error{no_memory}; Error{failed}
/// for all else, say a fault of a kernel, after which only a new process can use the GPU.
void check(const Driver& driver, CUresult result, const char* call);

/// "13.0": the newest CUDA that the driver serves.
std::string driver_version(const Driver& driver);

}  // namespace convtune
