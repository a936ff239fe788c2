#include "runtime/vendor/cudnn.hpp"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <cstring>
#include <map>
#include <mutex>
#include <numeric>
#include <optional>

#include "kernels/error.hpp"
#include "runtime/cuda/cuda_vendor.hpp"
#include "runtime/cuda/scratch.hpp"
#include "runtime/vendor/cudnn_graph.hpp"

namespace convtune {
namespace {

constexpr std::int64_t most_choices = 96;

/// cuDNN's handle for a context; its calls take turns.
class Handle {
 public:
  explicit Handle(std::shared_ptr<const CudaContext> context) : context_(std::move(context)) {
    const CurrentContext current(*context_);
    check_cudnn(cudnn_api().create(&handle_), "opening the GPU");
  }
  ~Handle() {
    const CurrentContext current(*context_);
    cudnn_api().destroy(handle_);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  cudnnHandle_t get() const { return handle_; }
  std::mutex turn;

 private:
  std::shared_ptr<const CudaContext> context_;
  cudnnHandle_t handle_ = nullptr;
};

std::shared_ptr<Handle> handle_of(const std::shared_ptr<const CudaContext>& context) {
  static std::mutex mutex;
  static std::map<CUcontext, std::weak_ptr<Handle>> handles;
  const std::lock_guard lock(mutex);
  std::shared_ptr<Handle> handle = handles[context->handle()].lock();
  if (handle == nullptr) {
    handle = std::make_shared<Handle>(context);
    handles[context->handle()] = handle;
  }
  return handle;
}

CudnnDescriptor make_plan(const Problem& p, const CudnnEngine& choice, cudnnHandle_t handle) {
  const CudnnGraph graph(p, handle);
  CudnnDescriptor engine(CUDNN_BACKEND_ENGINE_DESCRIPTOR);
  engine.set(CUDNN_ATTR_ENGINE_OPERATION_GRAPH, graph.get())
      .set(CUDNN_ATTR_ENGINE_GLOBAL_INDEX, {choice.index})
      .finalize();
  std::vector<CudnnDescriptor> knobs;
  for (const auto& [type, value] : choice.knobs) {
    knobs.emplace_back(CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR)
        .set(CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE, CUDNN_TYPE_KNOB_TYPE,
             static_cast<cudnnBackendKnobType_t>(type))
        .set(CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE, {value})
        .finalize();
  }
  CudnnDescriptor config(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
  config.set(CUDNN_ATTR_ENGINECFG_ENGINE, engine);
  if (!knobs.empty())
    config.set(CUDNN_ATTR_ENGINECFG_KNOB_CHOICES, std::span<const CudnnDescriptor>(knobs));
  config.finalize();
  CudnnDescriptor plan(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
  plan.set(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, handle)
      .set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, config)
      .finalize();
  return plan;
}

/// Weights in the graph's order: (Cout, K, Cin/G) for NLC, as they are for NCL.
std::vector<std::byte> packed_weights(const Problem& p, const void* weight) {
  const auto* from = static_cast<const std::byte*>(weight);
  const std::size_t element = size_of(p.dtype);
  const auto count = static_cast<std::size_t>(weight_elements(p));
  std::vector<std::byte> packed(from, from + count * element);
  if (p.layout == Layout::NCL) return packed;
  const auto out = static_cast<std::size_t>(p.out_channels);
  const std::size_t depth = count / out;  // K · Cin/G, in the same order on both sides
  for (std::size_t c = 0; c < out; ++c) {
    for (std::size_t i = 0; i < depth; ++i)
      std::memcpy(&packed[(c * depth + i) * element], from + (i * out + c) * element, element);
  }
  return packed;
}

class CudnnExecutable final : public Executable {
 public:
  CudnnExecutable(std::shared_ptr<const CudaContext> context, const Problem& p,
                  const CudnnEngine& engine, const void* weight, const void* bias)
      : context_(std::move(context)), handle_(handle_of(context_)) {
    const CurrentContext current(*context_);
    plan_ = make_plan(p, engine, handle_->get());
    const std::vector<std::byte> packed = packed_weights(p, weight);
    weight_ = uploaded(packed.data(), packed.size());
    if (p.has_bias)
      bias_ = uploaded(bias, static_cast<std::size_t>(p.out_channels) * size_of(p.dtype));
    const auto scratch_bytes =
        static_cast<std::size_t>(plan_.get_int(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE));
    scratch_.emplace(context_, scratch_bytes);
    bytes_ = packed.size() + scratch_bytes;  // of one stream
  }

  // A kernel still running needs its weights.
  ~CudnnExecutable() override { context_->try_synchronize(); }

  void run(const void* x, void* y, Stream stream) const override {
    const CurrentContext current(*context_);
    const std::lock_guard lock(handle_->turn);
    const CudnnApi& api = cudnn_api();
    check_cudnn(api.set_stream(handle_->get(), static_cast<cudaStream_t>(stream)),
                "setting the stream");
    const Scratch::Loan scratch(*scratch_, static_cast<CUstream>(stream));
    const Arrays arrays = {.x = x, .y = y, .scratch = scratch.memory()};
    if (arrays != arrays_) {
      arguments_ = arguments(arrays);
      arrays_ = arrays;
    }
    check_cudnn(api.execute(handle_->get(), plan_.get(), arguments_->get()), "running a plan");
  }

  std::size_t alignment() const override { return CudnnGraph::alignment; }
  std::size_t bytes() const override { return bytes_; }

 private:
  struct Arrays {
    const void* x = nullptr;
    void* y = nullptr;
    CUdeviceptr scratch = 0;
    bool operator==(const Arrays&) const = default;
  };

  CudaMemory uploaded(const void* host, std::size_t bytes) const {
    CudaMemory memory = allocate_memory(context_, bytes);
    const Driver& driver = context_->driver;
    check(driver, driver.cuMemcpyHtoD(memory.get(), host, bytes), "cuMemcpyHtoD");
    return memory;
  }

  CudnnDescriptor arguments(const Arrays& arrays) const {
    const auto pointer = [](CUdeviceptr memory) { return std::bit_cast<void*>(memory); };
    const std::array<void*, 4> pointers = {const_cast<void*>(arrays.x), pointer(weight_.get()),
                                           arrays.y, pointer(bias_.get())};
    const std::array<std::int64_t, 4> uids = {CudnnGraph::x_uid, CudnnGraph::weight_uid,
                                              CudnnGraph::y_uid, CudnnGraph::bias_uid};
    const std::int64_t count = bias_.get() != 0 ? 4 : 3;
    CudnnDescriptor made(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
    made.set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, count, pointers.data())
        .set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, count, uids.data())
        .set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, pointer(arrays.scratch))
        .finalize();
    return made;
  }

  std::shared_ptr<const CudaContext> context_;
  std::shared_ptr<Handle> handle_;
  CudnnDescriptor plan_{CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR};
  CudaMemory weight_, bias_;
  std::size_t bytes_ = 0;
  mutable std::optional<Scratch> scratch_;
  // Of the last run, kept so that the next with the same arrays makes nothing anew.
  mutable Arrays arrays_;
  mutable std::optional<CudnnDescriptor> arguments_;
};

const CudnnEngine& chosen_engine(const std::vector<CudnnEngine>& engines, const Problem& problem,
                                 const Config& config) {
  const auto choice = static_cast<std::size_t>(config.at("choice"));
  if (choice < engines.size()) return engines[choice];
  throw Error(Status::failed, fmt::format("cuDNN offers {} engines for {}, {} asks for another",
                                          engines.size(), describe(problem), to_text(config)));
}

std::unique_ptr<Executable> prepare(const std::shared_ptr<const CudaContext>& context,
                                    const DeviceProperties& device, const Problem& problem,
                                    const Config& config, const void* weight, const void* bias) {
  const std::vector<CudnnEngine> engines = cudnn_engines(problem, device);
  return std::make_unique<CudnnExecutable>(context, problem,
                                           chosen_engine(engines, problem, config), weight, bias);
}

bool is_installed(const Problem&, const Config&, const DeviceProperties&) {
  try {
    cudnn_api();
    return true;
  } catch (const Error&) {
    return false;
  }
}

// Whether there is a first engine is left to prepare(): asking loads hundreds of megabytes, and the
// default config is looked at whenever an untuned shape is planned.
bool is_offered(const Problem& problem, const Config& config, const DeviceProperties& device) {
  if (config.at("choice") == 0) return true;
  try {
    return config.at("choice") < static_cast<std::int64_t>(cudnn_engines(problem, device).size());
  } catch (const Error&) {
    return false;
  }
}

Config default_config(const Problem&, const DeviceProperties&) {
  return {.family = "cudnn", .settings = {{"choice", 0}}};
}

Cost cost(const Problem& problem, const Config&, const DeviceProperties&) {
  return {.bytes = static_cast<double>(compulsory_bytes(problem)),
          .flops = 2 * static_cast<double>(multiply_adds(problem))};
}

std::string source_digest(const Problem& problem, const Config& config,
                          const DeviceProperties& device) {
  std::string engine = "no engine";
  try {
    const std::vector<CudnnEngine> engines = cudnn_engines(problem, device);
    engine = to_text(chosen_engine(engines, problem, config));
  } catch (const Error& error) {
    if (error.status() != Status::failed) throw;
  }
  return fmt::format("cuDNN {} {}", cudnn_api().version, engine);
}

constexpr CudaVendor vendor = {.prepare = prepare};

std::vector<std::int64_t> all_choices() {
  std::vector<std::int64_t> choices(most_choices);
  std::iota(choices.begin(), choices.end(), 0);
  return choices;
}

std::string library() { return fmt::format("cuDNN {}, {}", cudnn_api().version, cudnn_api().path); }

}  // namespace

const Family& cudnn() {
  static const Family family = {
      .name = "cudnn",
      .device = DeviceKind::cuda,
      .origin = Origin::vendor,
      .summary = "cuDNN's forward convolution, bias and activation fused",
      .parameters = {{"choice", all_choices(), "place in the list that cuDNN's heuristics give"}},
      .constraints = {{"is_installed", "cuDNN 9 is installed", is_installed},
                      {"is_offered", "cuDNN's heuristics offer that many engines", is_offered}},
      .default_config = default_config,
      .cost = cost,
      .source_digest = source_digest,
      .library = library,
      .vendor = &vendor};
  return family;
}

}  // namespace convtune
