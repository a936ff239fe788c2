#pragma once

#include <cudnn_backend.h>

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <vector>

namespace convtune {

/// cuDNN's functions, loaded at run time.
struct CudnnApi {
  decltype(&cudnnGetVersion) get_version = nullptr;
  decltype(&cudnnGetErrorString) get_error_string = nullptr;
  decltype(&cudnnGetLastErrorString) get_last_error_string = nullptr;
  decltype(&cudnnCreate) create = nullptr;
  decltype(&cudnnDestroy) destroy = nullptr;
  decltype(&cudnnSetStream) set_stream = nullptr;
  decltype(&cudnnBackendCreateDescriptor) create_descriptor = nullptr;
  decltype(&cudnnBackendDestroyDescriptor) destroy_descriptor = nullptr;
  decltype(&cudnnBackendSetAttribute) set_attribute = nullptr;
  decltype(&cudnnBackendGetAttribute) get_attribute = nullptr;
  decltype(&cudnnBackendFinalize) finalize = nullptr;
  decltype(&cudnnBackendExecute) execute = nullptr;

  std::string path;     ///< of the library
  std::string version;  ///< "9.19.0"
};

/// Loads cuDNN 9: the file $CONVTUNE_CUDNN and nothing else if that is set, else what the system's
/// loader finds, then the lib and lib64 folders of $CUDA_HOME and /usr/local/cuda. Needs no GPU.
/// Throws Error{unavailable} with what was tried; a failure is tried again on the next call.
const CudnnApi& cudnn_api();

/// Throws Error{failed} unless `status` is success; the message has what was asked and cuDNN's
/// words.
void check_cudnn(cudnnStatus_t status, const char* what);

/// A descriptor of the graph API. All setters throw as check_cudnn() does, and return *this.
class CudnnDescriptor {
 public:
  explicit CudnnDescriptor(cudnnBackendDescriptorType_t type);
  ~CudnnDescriptor();
  CudnnDescriptor(CudnnDescriptor&& other) noexcept;
  CudnnDescriptor& operator=(CudnnDescriptor&& other) noexcept;

  cudnnBackendDescriptor_t get() const { return handle_; }

  CudnnDescriptor& set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                       std::int64_t count, const void* values);
  template <class T>
  CudnnDescriptor& set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                       const T& value) {
    return set(name, type, 1, &value);
  }
  CudnnDescriptor& set(cudnnBackendAttributeName_t name,
                       std::initializer_list<std::int64_t> values);
  CudnnDescriptor& set(cudnnBackendAttributeName_t name, const CudnnDescriptor& descriptor);
  CudnnDescriptor& set(cudnnBackendAttributeName_t name,
                       std::span<const CudnnDescriptor> descriptors);
  CudnnDescriptor& finalize();

  std::int64_t get_int(cudnnBackendAttributeName_t name) const;
  /// How many descriptors the attribute has. An engine config's knobs are not counted so: that
  /// answers 0.
  std::int64_t count(cudnnBackendAttributeName_t name) const;
  /// The attribute's descriptors, each of `type` and at most `most`.
  std::vector<CudnnDescriptor> get_descriptors(cudnnBackendAttributeName_t name,
                                               cudnnBackendDescriptorType_t type,
                                               std::int64_t most) const;
  std::vector<cudnnBackendNumericalNote_t> get_numerical_notes() const;

 private:
  cudnnBackendDescriptor_t handle_ = nullptr;
};

}  // namespace convtune
