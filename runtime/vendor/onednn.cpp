#include "runtime/vendor/onednn.hpp"

#include <fmt/format.h>
#include <omp.h>

#include <algorithm>
#include <cstring>
#include <mutex>
#include <oneapi/dnnl/dnnl.hpp>
#include <unordered_map>
#include <utility>
#include <vector>

#include "kernels/cpu/thread_pool.hpp"
#include "kernels/error.hpp"

namespace convtune {
namespace {

using Dims = dnnl::memory::dims;
using Tag = dnnl::memory::format_tag;

dnnl::memory::data_type data_type(DType dtype) {
  return dtype == DType::float32 ? dnnl::memory::data_type::f32 : dnnl::memory::data_type::bf16;
}

dnnl::engine& engine() {
  static dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
  return cpu;
}

// The forms of one problem: 1-D as it is, or 2-D with a height of 1.
struct Form {
  bool two_d = false;

  Dims spatial(std::int64_t length) const { return two_d ? Dims{1, length} : Dims{length}; }
  Dims dims(Dims leading, std::int64_t length) const {
    for (const std::int64_t size : spatial(length)) leading.push_back(size);
    return leading;
  }
  Dims steps(std::int64_t step, std::int64_t unit) const {
    return two_d ? Dims{unit, step} : Dims{step};
  }
};

// x and y as (N, C, L) in oneDNN's order of dimensions, which is not that of the memory.
dnnl::memory::desc tensor(const Problem& p, const Form& form, std::int64_t channels,
                          std::int64_t length) {
  const Tag nlc = form.two_d ? Tag::nhwc : Tag::nwc;
  const Tag ncl = form.two_d ? Tag::nchw : Tag::ncw;
  return {form.dims({p.batch, channels}, length), data_type(p.dtype),
          p.layout == Layout::NLC ? nlc : ncl};
}

Dims weight_dims(const Problem& p, const Form& form) {
  if (p.num_groups == 1) return form.dims({p.out_channels, p.in_channels}, p.kernel_size);
  return form.dims({p.num_groups, out_channels_per_group(p), in_channels_per_group(p)},
                   p.kernel_size);
}

// The caller's weights: (K, Cin/G, Cout) or (Cout, Cin/G, K), groups being the slow part of Cout.
dnnl::memory::desc given_weights(const Problem& p, const Form& form) {
  const std::int64_t k_step =
      p.layout == Layout::NLC ? in_channels_per_group(p) * p.out_channels : 1;
  const std::int64_t in_step = p.layout == Layout::NLC ? p.out_channels : p.kernel_size;
  const std::int64_t out_step =
      p.layout == Layout::NLC ? 1 : in_channels_per_group(p) * p.kernel_size;
  Dims strides = {out_step, in_step};
  if (p.num_groups > 1) strides.insert(strides.begin(), out_step * out_channels_per_group(p));
  if (form.two_d) strides.push_back(k_step * p.kernel_size);
  strides.push_back(k_step);
  return {weight_dims(p, form), data_type(p.dtype), strides};
}

using ConvolutionDesc = dnnl::convolution_forward::primitive_desc;

// What oneDNN 2 and 3 spell differently.
#if DNNL_VERSION_MAJOR >= 3
template <class... Arguments>
ConvolutionDesc convolution_desc(const dnnl::primitive_attr& attr, const Arguments&... arguments) {
  return {engine(), arguments..., attr};
}

void append_relu(dnnl::post_ops& ops) {
  ops.append_eltwise(dnnl::algorithm::eltwise_relu, 0.0F, 0.0F);
}

struct Blocking {
  explicit Blocking(const dnnl::memory::desc& desc)
      : strides(desc.get_strides()),
        inner_blocks(desc.get_inner_blks()),
        inner_dims(desc.get_inner_idxs()) {}
  Dims strides, inner_blocks, inner_dims;
};
#else
template <class... Arguments>
ConvolutionDesc convolution_desc(const dnnl::primitive_attr& attr, const Arguments&... arguments) {
  return {dnnl::convolution_forward::desc(arguments...), attr, engine()};
}

void append_relu(dnnl::post_ops& ops) {
  ops.append_eltwise(1.0F, dnnl::algorithm::eltwise_relu, 0.0F, 0.0F);
}

struct Blocking {
  explicit Blocking(const dnnl::memory::desc& desc) {
    const dnnl_blocking_desc_t& from = desc.data.format_desc.blocking;
    strides.assign(from.strides, from.strides + desc.data.ndims);
    inner_blocks.assign(from.inner_blks, from.inner_blks + from.inner_nblks);
    inner_dims.assign(from.inner_idxs, from.inner_idxs + from.inner_nblks);
  }
  Dims strides, inner_blocks, inner_dims;
};
#endif

dnnl::primitive_attr attributes(const Problem& p) {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  if (p.activation == Activation::relu) {
    dnnl::post_ops ops;
    append_relu(ops);
    attr.set_post_ops(ops);
  }
  return attr;
}

// Weights are left to oneDNN's choice, x and y too if they are `reordered`.
ConvolutionDesc describe_convolution(const Problem& p, const Form& form, bool reordered) {
  const auto left_to_choice = [&](const Dims& dims) {
    return dnnl::memory::desc(dims, data_type(p.dtype), Tag::any);
  };
  dnnl::memory::desc x = tensor(p, form, p.in_channels, p.length);
  dnnl::memory::desc y = tensor(p, form, p.out_channels, output_length(p));
  if (reordered) {
    x = left_to_choice(form.dims({p.batch, p.in_channels}, p.length));
    y = left_to_choice(form.dims({p.batch, p.out_channels}, output_length(p)));
  }
  const dnnl::memory::desc bias =
      p.has_bias ? dnnl::memory::desc({p.out_channels}, data_type(p.dtype), Tag::x)
                 : dnnl::memory::desc();
  return convolution_desc(
      attributes(p), dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct, x,
      left_to_choice(weight_dims(p, form)), bias, y, form.steps(p.stride, 1),
      form.steps(p.dilation - 1, 0), form.steps(p.padding.left, 0), form.steps(p.padding.right, 0));
}

// oneDNN takes its number of threads from OpenMP, which keeps one for each calling thread: ours
// during a call, the caller's after it.
class OpenMpThreads {
 public:
  explicit OpenMpThreads(int threads) : before_(omp_get_max_threads()) {
    omp_set_num_threads(threads);
  }
  ~OpenMpThreads() { omp_set_num_threads(before_); }
  OpenMpThreads(const OpenMpThreads&) = delete;
  OpenMpThreads& operator=(const OpenMpThreads&) = delete;

 private:
  int before_;
};

// An argument of the convolution, and the caller's array if it has another order in memory.
struct Tensor {
  dnnl::memory given;     // handle set by each run
  dnnl::memory used;      // the same object, or our own
  dnnl::reorder reorder;  // between the two; empty if they are the same
};

struct OnednnPlan {
  int threads = 1;
  std::string implementation;
  dnnl::stream stream;
  dnnl::convolution_forward convolution;
  Tensor x, y;
  std::unordered_map<int, dnnl::memory> arguments;
  std::mutex turn;  // the handles and scratch memory serve one run at a time
};

dnnl::memory without_data(const dnnl::memory::desc& desc) {
  return {desc, engine(), DNNL_MEMORY_NONE};
}

Tensor make_tensor(const dnnl::memory::desc& given, const dnnl::memory::desc& used, bool is_input) {
  Tensor tensor;
  tensor.given = without_data(given);
  tensor.used = given == used ? tensor.given : dnnl::memory(used, engine());
  if (given != used) {
    tensor.reorder = is_input ? dnnl::reorder(tensor.given, tensor.used)
                              : dnnl::reorder(tensor.used, tensor.given);
  }
  return tensor;
}

dnnl::memory pack_weights(const Problem& p, const Form& form, const dnnl::memory::desc& wanted,
                          const void* weight, dnnl::stream& stream) {
  dnnl::memory given = without_data(given_weights(p, form));
  given.set_data_handle(const_cast<void*>(weight));
  dnnl::memory packed(wanted, engine());
  dnnl::reorder(given, packed).execute(stream, given, packed);
  stream.wait();
  return packed;
}

// Strides and blocks of a tensor in memory, but for a height of 1, which is nowhere in memory. The
// direct convolutions have no other layouts than blocked ones, and their blocks are of channels.
std::string layout(const dnnl::memory::desc& desc, const Form& form) {
  const Blocking blocking(desc);
  const std::size_t height = form.two_d ? blocking.strides.size() - 2 : blocking.strides.size();
  std::string text;
  for (std::size_t i = 0; i < blocking.strides.size(); ++i) {
    if (i != height) text += fmt::format("{}{}", text.empty() ? "" : ":", blocking.strides[i]);
  }
  for (std::size_t i = 0; i < blocking.inner_blocks.size(); ++i) {
    const auto dimension = static_cast<char>('a' + blocking.inner_dims[i]);
    text += fmt::format(" {}{}", blocking.inner_blocks[i], dimension);
  }
  return text;
}

// The kernel's name and the layouts that it works on, which tell too whether ours are copied; and
// its scratch memory, which follows from how it divides the work.
std::string describe_implementation(const ConvolutionDesc& desc, const Form& form) {
  return fmt::format("{}; x {}; weight {}; y {}; scratch {} B", desc.impl_info_str(),
                     layout(desc.src_desc(), form), layout(desc.weights_desc(), form),
                     layout(desc.dst_desc(), form), desc.scratchpad_desc().get_size());
}

std::shared_ptr<OnednnPlan> make_plan(const Problem& p, const Config& config, const void* weight,
                                      const void* bias) {
  auto plan = std::make_shared<OnednnPlan>();
  plan->threads = default_threads();
  const OpenMpThreads threads(plan->threads);
  const Form form = {.two_d = config.at("dimensions") == 2};
  const ConvolutionDesc desc = describe_convolution(p, form, config.at("reordered") != 0);
  plan->stream = dnnl::stream(engine());
  plan->convolution = dnnl::convolution_forward(desc);
  plan->x = make_tensor(tensor(p, form, p.in_channels, p.length), desc.src_desc(), true);
  plan->y = make_tensor(tensor(p, form, p.out_channels, output_length(p)), desc.dst_desc(), false);
  plan->arguments = {
      {DNNL_ARG_SRC, plan->x.used},
      {DNNL_ARG_DST, plan->y.used},
      {DNNL_ARG_WEIGHTS, pack_weights(p, form, desc.weights_desc(), weight, plan->stream)},
      {DNNL_ARG_SCRATCHPAD, dnnl::memory(desc.scratchpad_desc(), engine())}};
  if (p.has_bias) {
    dnnl::memory own(desc.bias_desc(), engine());
    std::memcpy(own.get_data_handle(), bias, desc.bias_desc().get_size());
    plan->arguments.emplace(DNNL_ARG_BIAS, own);
  }
  plan->implementation = describe_implementation(desc, form);
  return plan;
}

std::shared_ptr<const void> prepare(const Problem& problem, const Config& config,
                                    const void* weight, const void* bias) {
  try {
    return make_plan(problem, config, weight, bias);
  } catch (const dnnl::error& error) {
    throw Error(Status::failed, fmt::format("oneDNN refused {} with {}: {}", describe(problem),
                                            to_text(config), error.what()));
  }
}

void run(const void* prepared, const void* x, void* y, ThreadPool& /*pool*/) {
  auto& plan = *static_cast<OnednnPlan*>(const_cast<void*>(prepared));
  const std::lock_guard lock(plan.turn);
  const OpenMpThreads threads(plan.threads);
  plan.x.given.set_data_handle(const_cast<void*>(x));
  plan.y.given.set_data_handle(y);
  if (plan.x.reorder) plan.x.reorder.execute(plan.stream, plan.x.given, plan.x.used);
  plan.convolution.execute(plan.stream, plan.arguments);
  if (plan.y.reorder) plan.y.reorder.execute(plan.stream, plan.y.used, plan.y.given);
  plan.stream.wait();
}

std::string implementation(const void* prepared) {
  return static_cast<const OnednnPlan*>(prepared)->implementation;
}

bool dtype_supported(const Problem& problem, const Config&, const DeviceProperties&) {
  return problem.dtype != DType::float16;
}

// oneDNN counts in 32 bits and ends the process on some sizes beyond.
bool sizes_fit(const Problem& p, const Config&, const DeviceProperties&) {
  constexpr std::int64_t too_large = std::int64_t{1} << 31;
  const std::int64_t largest = std::max({input_elements(p), weight_elements(p), output_elements(p),
                                         p.length + p.padding.left + p.padding.right});
  return largest < too_large && std::max(p.stride, p.dilation) < too_large / 2;
}

bool exact_post_op(const Problem& problem, const Config&, const DeviceProperties&) {
  return problem.activation == Activation::none || problem.activation == Activation::relu;
}

Config default_config(const Problem&, const DeviceProperties&) {
  return {.family = "onednn", .settings = {{"dimensions", 1}, {"reordered", 0}}};
}

Cost cost(const Problem& problem, const Config& config, const DeviceProperties&) {
  const double reordered =
      config.at("reordered") == 0
          ? 0.0
          : 2.0 * static_cast<double>(size_of(problem.dtype)) *
                static_cast<double>(input_elements(problem) + output_elements(problem));
  return {.bytes = static_cast<double>(compulsory_bytes(problem)) + reordered,
          .flops = 2 * static_cast<double>(multiply_adds(problem))};
}

std::string library() {
  const dnnl_version_t* version = dnnl_version();
  return fmt::format("oneDNN {}.{}.{}", version->major, version->minor, version->patch);
}

std::string source_digest(const Problem&, const Config&, const DeviceProperties&) {
  return library();
}

constexpr CpuKernel kernel = {.prepare = prepare, .run = run, .implementation = implementation};

}  // namespace

const Family& onednn() {
  static const Family family = {
      .name = "onednn",
      .device = DeviceKind::cpu,
      .origin = Origin::vendor,
      .summary = "oneDNN's direct convolution, float32 and bfloat16",
      .parameters = {{"dimensions",
                      {1, 2},
                      "1: a 1-D convolution; 2: a 2-D one with a height of 1"},
                     {"reordered",
                      {0, 1},
                      "0: x and y as they lie; 1: copied to and from the order oneDNN prefers"}},
      .constraints = {{"dtype", "float32 or bfloat16", dtype_supported},
                      {"sizes_fit",
                       "x, weight, y and the length with its padding are below 2^31 elements, "
                       "stride and dilation below 2^30",
                       sizes_fit},
                      {"exact_post_op", "no activation, or relu", exact_post_op}},
      .default_config = default_config,
      .cost = cost,
      .source_digest = source_digest,
      .library = library,
      .cpu = &kernel};
  return family;
}

}  // namespace convtune
