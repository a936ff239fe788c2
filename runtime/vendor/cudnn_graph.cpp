#include "runtime/vendor/cudnn_graph.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>

#include "kernels/error.hpp"

namespace convtune {
namespace {

cudnnDataType_t data_type(DType dtype) {
  switch (dtype) {
    case DType::float16:
      return CUDNN_DATA_HALF;
    case DType::bfloat16:
      return CUDNN_DATA_BFLOAT16;
    default:
      return CUDNN_DATA_FLOAT;
  }
}

cudnnPointwiseMode_t pointwise_mode(Activation activation) {
  switch (activation) {
    case Activation::relu:
      return CUDNN_POINTWISE_RELU_FWD;
    case Activation::gelu:
      return CUDNN_POINTWISE_GELU_FWD;
    case Activation::gelu_tanh:
      return CUDNN_POINTWISE_GELU_APPROX_TANH_FWD;
    case Activation::silu:
      return CUDNN_POINTWISE_SWISH_FWD;
    default:
      return CUDNN_POINTWISE_TANH_FWD;
  }
}

/// A tensor (a, b, 1, c) of the graph: x, y as (N, C, 1, L), weights as (Cout, Cin/G, 1, K), with b
/// the fastest in NLC and c in NCL.
CudnnDescriptor tensor(Layout layout, std::int64_t a, std::int64_t b, std::int64_t c,
                       std::int64_t uid, cudnnDataType_t type) {
  CudnnDescriptor made(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  made.set(CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, type)
      .set(CUDNN_ATTR_TENSOR_DIMENSIONS, {a, b, 1, c})
      .set(CUDNN_ATTR_TENSOR_UNIQUE_ID, {uid})
      .set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, {CudnnGraph::alignment});
  if (layout == Layout::NLC) {
    made.set(CUDNN_ATTR_TENSOR_STRIDES, {b * c, 1, b * c, b});
  } else {
    made.set(CUDNN_ATTR_TENSOR_STRIDES, {b * c, c, c, 1});
  }
  if (uid >= CudnnGraph::first_virtual_uid)
    made.set(CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, true);
  made.finalize();
  return made;
}

CudnnDescriptor convolution(const Problem& p) {
  CudnnDescriptor made(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
  made.set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, {2})
      .set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, CUDNN_DATA_FLOAT)
      .set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, CUDNN_CROSS_CORRELATION)
      .set(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, {0, p.padding.left})
      .set(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, {0, p.padding.right})
      .set(CUDNN_ATTR_CONVOLUTION_DILATIONS, {1, p.dilation})
      .set(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, {1, p.stride})
      .finalize();
  return made;
}

/// A GPU as the heuristics see it, here or not. What our properties lack is that of a data-centre
/// Hopper; it only bears on the ranking.
std::string json_of(const DeviceProperties& device) {
  return nlohmann::json{{"deviceVer", device.compute_major * 100 + device.compute_minor * 10},
                        {"driverVer", 13000},
                        {"cudaDeviceId", 0},
                        {"pciDeviceId", 0},
                        {"deviceName", device.name},
                        {"multiProcessorCount", device.units},
                        {"smClockRateKHz", 1980000},
                        {"memClockRateKHz", 3201000},
                        {"l2CacheSize", device.l2_bytes},
                        {"totalGlobalMem", std::max<std::int64_t>(device.memory_bytes, 1LL << 34)},
                        {"warpSize", 32},
                        {"maxGridSize", {2147483647, 65535, 65535}},
                        {"maxBlockSize", {1024, 1024, 64}},
                        {"regsPerBlock", device.registers_per_block},
                        {"maxRegistersPerSM", device.registers_per_sm},
                        {"maxSharedMemoryPerBlock", device.shared_per_block},
                        {"maxSharedMemoryPerBlockOptin", device.shared_per_block_optin},
                        {"reservedSharedMemoryPerBlock", device.reserved_shared_per_block},
                        {"maxCtasPerSM", device.max_blocks_per_sm},
                        {"maxThreadsPerBlock", device.max_threads_per_block},
                        {"maxThreadsPerSM", device.max_threads_per_sm},
                        {"isTccDriver", 0},
                        {"supportCoopLaunch", 1}}
      .dump();
}

// The JSON's keys are not documented, and another version may want others: then it is the first GPU
// of this machine that is described.
CudnnDescriptor described(const DeviceProperties& device) {
  const std::string json = json_of(device);
  CudnnDescriptor made(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
  made.set(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, CUDNN_TYPE_CHAR,
           static_cast<std::int64_t>(json.size() + 1), json.c_str());
  if (cudnn_api().finalize(made.get()) == CUDNN_STATUS_SUCCESS) return made;
  CudnnDescriptor first(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
  first.set(CUDNN_ATTR_DEVICEPROP_DEVICE_ID, CUDNN_TYPE_INT32, std::int32_t{0}).finalize();
  return first;
}

bool rounds_inputs(const CudnnDescriptor& engine) {
  const auto notes = engine.get_numerical_notes();
  return std::ranges::any_of(notes, [](cudnnBackendNumericalNote_t note) {
    return note == CUDNN_NUMERICAL_NOTE_TENSOR_CORE ||
           note == CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS;
  });
}

/// Nothing for an engine that the problem's math mode does not allow.
std::optional<CudnnEngine> described_engine(const Problem& p, const CudnnDescriptor& config) {
  const auto engines =
      config.get_descriptors(CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_BACKEND_ENGINE_DESCRIPTOR, 1);
  const CudnnDescriptor& engine = engines.at(0);
  if (p.dtype == DType::float32 && p.math != Math::tf32 && rounds_inputs(engine))
    return std::nullopt;
  CudnnEngine found{.index = engine.get_int(CUDNN_ATTR_ENGINE_GLOBAL_INDEX)};
  for (const CudnnDescriptor& knob :
       config.get_descriptors(CUDNN_ATTR_ENGINECFG_KNOB_CHOICES,
                              CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR, CUDNN_KNOB_TYPE_COUNTS)) {
    cudnnBackendKnobType_t type{};
    std::int64_t count = 0;
    check_cudnn(cudnn_api().get_attribute(knob.get(), CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE,
                                          CUDNN_TYPE_KNOB_TYPE, 1, &count, &type),
                "reading a knob");
    found.knobs.emplace_back(type, knob.get_int(CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE));
  }
  return found;
}

std::vector<CudnnEngine> asked_engines(const Problem& p, const DeviceProperties& device) {
  const CudnnGraph graph(p, nullptr);
  const CudnnDescriptor properties = described(device);
  std::vector<CudnnEngine> engines;
  for (const auto mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_B, CUDNN_HEUR_MODE_FALLBACK}) {
    CudnnDescriptor heuristics(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
    heuristics.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph.get())
        .set(CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, mode)
        .set(CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, properties);
    // A mode that has nothing to offer fails here.
    if (cudnn_api().finalize(heuristics.get()) != CUDNN_STATUS_SUCCESS) continue;
    for (const CudnnDescriptor& config : heuristics.get_descriptors(
             CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR,
             heuristics.count(CUDNN_ATTR_ENGINEHEUR_RESULTS))) {
      auto engine = described_engine(p, config);
      if (engine && std::ranges::find(engines, *engine) == engines.end())
        engines.push_back(*std::move(engine));
    }
  }
  return engines;
}

}  // namespace

std::string to_text(const CudnnEngine& engine) {
  std::string text = fmt::format("engine {}", engine.index);
  for (const auto& [type, value] : engine.knobs) text += fmt::format(" {}={}", type, value);
  return text;
}

std::vector<CudnnEngine> cudnn_engines(const Problem& problem, const DeviceProperties& device) {
  static std::mutex mutex;
  static std::map<std::pair<Problem, std::string>, std::vector<CudnnEngine>> known;
  const std::lock_guard lock(mutex);
  const auto [entry, is_new] = known.try_emplace({problem, identity(device)});
  if (is_new) {
    try {
      entry->second = asked_engines(problem, device);
    } catch (...) {
      known.erase(entry);
      throw;
    }
  }
  return entry->second;
}

CudnnGraph::CudnnGraph(const Problem& p, cudnnHandle_t handle) : problem_(p) {
  const std::int64_t last = (p.has_bias ? 1 : 0) + (p.activation != Activation::none ? 1 : 0);
  int step = 0;
  const auto output = [&] { return step++ == last ? &y() : &between(); };
  const CudnnDescriptor& x = add(p.batch, p.in_channels, p.length, x_uid);
  const CudnnDescriptor& weight =
      add(p.out_channels, in_channels_per_group(p), p.kernel_size, weight_uid);
  const CudnnDescriptor* value = output();
  const CudnnDescriptor conv = convolution(p);
  const float one = 1, zero = 0;
  operations_.emplace_back(CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, x)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, weight)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, *value)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, conv)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, CUDNN_TYPE_FLOAT, one)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA, CUDNN_TYPE_FLOAT, zero)
      .finalize();
  if (p.has_bias) {
    const CudnnDescriptor& bias = add(1, p.out_channels, 1, bias_uid);
    value = pointwise(CUDNN_POINTWISE_ADD, *value, &bias, output());
  }
  if (p.activation != Activation::none)
    pointwise(pointwise_mode(p.activation), *value, nullptr, output());
  graph_.set(CUDNN_ATTR_OPERATIONGRAPH_OPS, std::span<const CudnnDescriptor>(operations_));
  if (handle != nullptr) graph_.set(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, handle);
  graph_.finalize();
}

const CudnnDescriptor& CudnnGraph::add(std::int64_t a, std::int64_t b, std::int64_t c,
                                       std::int64_t uid) {
  const bool is_virtual = uid >= first_virtual_uid;
  return tensors_
      .emplace(uid, tensor(problem_.layout, a, b, c, uid,
                           is_virtual ? CUDNN_DATA_FLOAT : data_type(problem_.dtype)))
      .first->second;
}

const CudnnDescriptor& CudnnGraph::y() {
  return add(problem_.batch, problem_.out_channels, output_length(problem_), y_uid);
}

const CudnnDescriptor& CudnnGraph::between() {
  return add(problem_.batch, problem_.out_channels, output_length(problem_),
             first_virtual_uid + static_cast<std::int64_t>(operations_.size()));
}

const CudnnDescriptor* CudnnGraph::pointwise(cudnnPointwiseMode_t mode, const CudnnDescriptor& in,
                                             const CudnnDescriptor* added,
                                             const CudnnDescriptor* out) {
  CudnnDescriptor description(CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
  description.set(CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, mode)
      .set(CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_TYPE_DATA_TYPE, CUDNN_DATA_FLOAT)
      .finalize();
  CudnnDescriptor& operation =
      operations_.emplace_back(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
  operation.set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, description)
      .set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, in)
      .set(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, *out);
  if (added != nullptr) operation.set(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, *added);
  operation.finalize();
  return out;
}

}  // namespace convtune
