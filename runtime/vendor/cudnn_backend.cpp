#include "runtime/vendor/cudnn_backend.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

#include <array>
#include <utility>

#include "kernels/environment.hpp"
#include "kernels/error.hpp"

namespace convtune {
namespace {

constexpr const char* soname = "libcudnn.so.9";

std::vector<std::string> places() {
  if (const auto only = environment("CONVTUNE_CUDNN")) return {*only};
  std::vector<std::string> found = {soname};
  for (const std::string& root :
       {environment("CUDA_HOME").value_or(""), std::string("/usr/local/cuda")}) {
    if (root.empty()) continue;
    for (const char* folder : {"lib64", "lib"})
      found.push_back(fmt::format("{}/{}/{}", root, folder, soname));
  }
  return found;
}

template <class Function>
void bind(void* library, const char* symbol, const std::string& path, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, symbol));
  if (function == nullptr)
    throw Error(Status::unavailable, fmt::format("{} has no {}: it is no cuDNN 9", path, symbol));
}

CudnnApi bound(void* library, const std::string& path) {
  CudnnApi api;
  bind(library, "cudnnGetVersion", path, api.get_version);
  bind(library, "cudnnGetErrorString", path, api.get_error_string);
  bind(library, "cudnnGetLastErrorString", path, api.get_last_error_string);
  bind(library, "cudnnCreate", path, api.create);
  bind(library, "cudnnDestroy", path, api.destroy);
  bind(library, "cudnnSetStream", path, api.set_stream);
  bind(library, "cudnnBackendCreateDescriptor", path, api.create_descriptor);
  bind(library, "cudnnBackendDestroyDescriptor", path, api.destroy_descriptor);
  bind(library, "cudnnBackendSetAttribute", path, api.set_attribute);
  bind(library, "cudnnBackendGetAttribute", path, api.get_attribute);
  bind(library, "cudnnBackendFinalize", path, api.finalize);
  bind(library, "cudnnBackendExecute", path, api.execute);
  api.path = path;
  const std::size_t version = api.get_version();
  api.version = fmt::format("{}.{}.{}", version / 10000, version / 100 % 100, version % 100);
  return api;
}

CudnnApi loaded() {
  std::string first_reason;
  for (const std::string& path : places()) {
    if (void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) return bound(library, path);
    if (first_reason.empty()) first_reason = dlerror();
  }
  throw Error(Status::unavailable,
              fmt::format("cuDNN 9 was not found ({}): install it, or set CONVTUNE_CUDNN to the "
                          "library's path",
                          first_reason));
}

}  // namespace

const CudnnApi& cudnn_api() {
  static const CudnnApi api = loaded();
  return api;
}

void check_cudnn(cudnnStatus_t status, const char* what) {
  if (status == CUDNN_STATUS_SUCCESS) return;
  std::array<char, 512> words{};
  cudnn_api().get_last_error_string(words.data(), words.size());
  throw Error(Status::failed, fmt::format("cuDNN: {} failed with {} {}", what,
                                          cudnn_api().get_error_string(status), words.data()));
}

CudnnDescriptor::CudnnDescriptor(cudnnBackendDescriptorType_t type) {
  check_cudnn(cudnn_api().create_descriptor(type, &handle_), "creating a descriptor");
}

CudnnDescriptor::~CudnnDescriptor() {
  if (handle_ != nullptr) cudnn_api().destroy_descriptor(handle_);
}

CudnnDescriptor::CudnnDescriptor(CudnnDescriptor&& other) noexcept
    : handle_(std::exchange(other.handle_, nullptr)) {}

CudnnDescriptor& CudnnDescriptor::operator=(CudnnDescriptor&& other) noexcept {
  std::swap(handle_, other.handle_);
  return *this;
}

CudnnDescriptor& CudnnDescriptor::set(cudnnBackendAttributeName_t name,
                                      cudnnBackendAttributeType_t type, std::int64_t count,
                                      const void* values) {
  check_cudnn(cudnn_api().set_attribute(handle_, name, type, count, values),
              "setting an attribute");
  return *this;
}

CudnnDescriptor& CudnnDescriptor::set(cudnnBackendAttributeName_t name,
                                      std::initializer_list<std::int64_t> values) {
  return set(name, CUDNN_TYPE_INT64, static_cast<std::int64_t>(values.size()), values.begin());
}

CudnnDescriptor& CudnnDescriptor::set(cudnnBackendAttributeName_t name,
                                      const CudnnDescriptor& descriptor) {
  return set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &descriptor.handle_);
}

CudnnDescriptor& CudnnDescriptor::set(cudnnBackendAttributeName_t name,
                                      std::span<const CudnnDescriptor> descriptors) {
  std::vector<cudnnBackendDescriptor_t> handles;
  for (const CudnnDescriptor& each : descriptors) handles.push_back(each.handle_);
  return set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, static_cast<std::int64_t>(handles.size()),
             handles.data());
}

CudnnDescriptor& CudnnDescriptor::finalize() {
  check_cudnn(cudnn_api().finalize(handle_), "finalising a descriptor");
  return *this;
}

std::int64_t CudnnDescriptor::get_int(cudnnBackendAttributeName_t name) const {
  std::int64_t value = 0;
  std::int64_t count = 0;
  check_cudnn(cudnn_api().get_attribute(handle_, name, CUDNN_TYPE_INT64, 1, &count, &value),
              "reading an attribute");
  return value;
}

std::int64_t CudnnDescriptor::count(cudnnBackendAttributeName_t name) const {
  std::int64_t count = 0;
  check_cudnn(
      cudnn_api().get_attribute(handle_, name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, &count, nullptr),
      "counting descriptors");
  return count;
}

std::vector<CudnnDescriptor> CudnnDescriptor::get_descriptors(cudnnBackendAttributeName_t name,
                                                              cudnnBackendDescriptorType_t type,
                                                              std::int64_t most) const {
  std::vector<CudnnDescriptor> descriptors;
  std::vector<cudnnBackendDescriptor_t> handles;
  for (std::int64_t i = 0; i < most; ++i) handles.push_back(descriptors.emplace_back(type).get());
  std::int64_t found = 0;
  check_cudnn(cudnn_api().get_attribute(handle_, name, CUDNN_TYPE_BACKEND_DESCRIPTOR, most, &found,
                                        handles.data()),
              "reading descriptors");
  descriptors.erase(descriptors.begin() + found, descriptors.end());
  return descriptors;
}

std::vector<cudnnBackendNumericalNote_t> CudnnDescriptor::get_numerical_notes() const {
  std::vector<cudnnBackendNumericalNote_t> notes(CUDNN_NUMERICAL_NOTE_TYPE_COUNT);
  std::int64_t found = 0;
  check_cudnn(cudnn_api().get_attribute(handle_, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE,
                                        CUDNN_TYPE_NUMERICAL_NOTE, CUDNN_NUMERICAL_NOTE_TYPE_COUNT,
                                        &found, notes.data()),
              "reading numerical notes");
  notes.resize(static_cast<std::size_t>(found));
  return notes;
}

}  // namespace convtune
