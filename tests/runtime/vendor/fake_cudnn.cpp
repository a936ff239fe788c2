#include "tests/runtime/vendor/fake_cudnn.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <map>
#include <utility>

using convtune::fake_cudnn::State;

namespace {

State state;

/// The last element of each attribute that was set.
using Attributes = std::map<int, std::vector<std::byte>>;

std::size_t size_of(cudnnBackendAttributeType_t type) {
  return type == CUDNN_TYPE_BACKEND_DESCRIPTOR || type == CUDNN_TYPE_HANDLE ||
                 type == CUDNN_TYPE_VOID_PTR || type == CUDNN_TYPE_INT64
             ? 8
             : 0;
}

template <class Value>
cudnnStatus_t give(const Value& value, std::int64_t* count, void* to) {
  *count = 1;
  if (to != nullptr) std::memcpy(to, &value, sizeof value);
  return CUDNN_STATUS_SUCCESS;
}

}  // namespace

extern "C" {

State* fake_cudnn_state() { return &state; }

std::size_t cudnnGetVersion() { return 90000; }
const char* cudnnGetErrorString(cudnnStatus_t) { return "an imaginary error"; }
void cudnnGetLastErrorString(char* words, std::size_t size) { std::memset(words, 0, size); }

cudnnStatus_t cudnnCreate(cudnnHandle_t* handle) {
  *handle = reinterpret_cast<cudnnHandle_t>(new cudaStream_t{});
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnDestroy(cudnnHandle_t handle) {
  delete reinterpret_cast<cudaStream_t*>(handle);
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream) {
  *reinterpret_cast<cudaStream_t*>(handle) = stream;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendCreateDescriptor(cudnnBackendDescriptorType_t,
                                           cudnnBackendDescriptor_t* descriptor) {
  *descriptor = new Attributes;
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnBackendDestroyDescriptor(cudnnBackendDescriptor_t descriptor) {
  delete static_cast<Attributes*>(descriptor);
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnBackendFinalize(cudnnBackendDescriptor_t) { return CUDNN_STATUS_SUCCESS; }

cudnnStatus_t cudnnBackendSetAttribute(cudnnBackendDescriptor_t descriptor,
                                       cudnnBackendAttributeName_t name,
                                       cudnnBackendAttributeType_t type, std::int64_t count,
                                       const void* values) {
  const auto* bytes = static_cast<const std::byte*>(values);
  const std::size_t size = static_cast<std::size_t>(count) * size_of(type);
  (*static_cast<Attributes*>(descriptor))[name].assign(bytes, bytes + size);
  return CUDNN_STATUS_SUCCESS;
}

// One config of one engine, which has number 0, no knobs and nothing to note.
cudnnStatus_t cudnnBackendGetAttribute(cudnnBackendDescriptor_t, cudnnBackendAttributeName_t name,
                                       cudnnBackendAttributeType_t, std::int64_t,
                                       std::int64_t* count, void* values) {
  switch (name) {
    case CUDNN_ATTR_ENGINEHEUR_RESULTS:
    case CUDNN_ATTR_ENGINECFG_ENGINE:
      *count = 1;
      return CUDNN_STATUS_SUCCESS;
    case CUDNN_ATTR_ENGINE_GLOBAL_INDEX:
      return give(std::int64_t{0}, count, values);
    case CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE:
      return give(state.scratch_bytes, count, values);
    default:
      *count = 0;
      return CUDNN_STATUS_SUCCESS;
  }
}

cudnnStatus_t cudnnBackendExecute(cudnnHandle_t handle, cudnnBackendDescriptor_t,
                                  cudnnBackendDescriptor_t arguments) {
  const auto& scratch =
      static_cast<const Attributes*>(arguments)->at(CUDNN_ATTR_VARIANT_PACK_WORKSPACE);
  convtune::fake_cudnn::Run run{.stream = *reinterpret_cast<cudaStream_t*>(handle)};
  std::memcpy(&run.scratch, scratch.data(), sizeof run.scratch);
  state.runs.push_back(run);
  return std::exchange(state.answer, CUDNN_STATUS_SUCCESS);
}

}  // extern "C"
