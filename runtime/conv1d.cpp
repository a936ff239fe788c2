#include <fmt/format.h>
#include <convtune/conv1d.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>

#include "kernels/error.hpp"
#include "kernels/problem.hpp"
#include "runtime/check_tensor.hpp"
#include "runtime/conv1d_options.hpp"
#include "runtime/listed.hpp"
#include "runtime/plan_buckets.hpp"
#include "runtime/say_once.hpp"
#include "runtime/serve.hpp"
#include "runtime/shape_cache.hpp"

namespace convtune {
namespace {

/// Of shapes that run() had to prepare itself.
constexpr ShapeCache::Limits cache_limits = {
    .always = 64, .shapes = 4096, .bytes = std::size_t{64} << 20};
/// What kernels that use vectors may ask of x and y; memory from any allocator has it.
constexpr std::size_t vector_alignment = 16;

Shape filter_shape(const Problem& p) {
  return p.layout == Layout::NCL ? Shape{p.out_channels, in_channels_per_group(p), p.kernel_size}
                                 : Shape{p.kernel_size, in_channels_per_group(p), p.out_channels};
}

Shape output_shape_of(const Problem& p) {
  return p.layout == Layout::NCL ? Shape{p.batch, p.out_channels, output_length(p)}
                                 : Shape{p.batch, output_length(p), p.out_channels};
}

std::string weight_name(const Conv1dOptions& options, std::string_view suffix) {
  return options.name.empty() ? std::string(suffix) : fmt::format("{}.{}", options.name, suffix);
}

TensorView read_only(const MutableTensorView& view) {
  return {.data = view.data,
          .dtype = view.dtype,
          .shape = view.shape,
          .strides = view.strides,
          .device = view.device};
}

/// `which` tells what there is, where that is known.
Error no_tensor(const std::string& name, const std::string& which) {
  return {Status::invalid,
          fmt::format("there is no tensor named {} among the weights{}", name, which)};
}

}  // namespace

struct Conv1d::Impl {
  Conv1dOptions options;
  Backend backend;
  Problem module;  ///< its batch and length stand in for those of x
  TensorRule x_rule;
  TensorRule y_rule;
  std::shared_ptr<const HostWeights> weights;
  std::atomic<bool> moved = false;  ///< the weights have been packed in the device's memory
  PlanBuckets plans;
  ShapeCache shapes{cache_limits};
  std::mutex background_mutex;
  std::vector<std::future<void>> background;  ///< last, so that destruction waits for it first

  Impl(Conv1dOptions options_, Backend backend_)
      : options(std::move(options_)),
        backend(std::move(backend_)),
        module(problem_of(options)),
        plans(backend, options.policy) {
    const bool ncl = options.permute;
    x_rule = {.what = "x",
              .names = {"N", ncl ? "Cin" : "L", ncl ? "L" : "Cin"},
              .rank = 3,
              .dtype = options.dtype,
              .device = backend.device_name};
    y_rule = x_rule;
    y_rule.what = "y";
    y_rule.names = {"N", ncl ? "Cout" : "L'", ncl ? "L'" : "Cout"};
  }

  Problem problem(std::int64_t batch, std::int64_t length) const {
    Problem result = module;
    result.batch = batch;
    result.length = length;
    validate(result);
    return result;
  }

  /// The problem that x belongs to, once x is known to be good.
  Problem problem(const TensorView& x) const {
    check_kind(x, x_rule);
    const std::size_t channels = options.permute ? 1 : 2;
    if (x.shape[channels] != options.in_channels) {
      throw Error(Status::invalid,
                  fmt::format("x has {} channels in its shape {}; in_channels is {}",
                              x.shape[channels], to_text(x.shape), options.in_channels));
    }
    const Problem result = problem(x.shape[0], x.shape[options.permute ? 2 : 1]);
    check_packed(x, x_rule);
    return result;
  }

  std::vector<std::byte> copy_weight(const std::optional<TensorView>& found,
                                     const std::string& name, const Shape& shape) const {
    if (!found) throw no_tensor(name, "");
    const TensorRule rule{.what = name,
                          .names = shape.rank() == 1 ? decltype(rule.names){"Cout"}
                                   : options.permute ? decltype(rule.names){"Cout", "Cin/G", "K"}
                                                     : decltype(rule.names){"K", "Cin/G", "Cout"},
                          .rank = shape.rank(),
                          .dtype = options.dtype,
                          .device = "cpu"};
    check_kind(*found, rule);
    check_shape(*found, rule, shape);
    check_packed(*found, rule);
    const auto* bytes = static_cast<const std::byte*>(found->data);
    return {bytes, bytes + static_cast<std::size_t>(shape.elements()) * size_of(options.dtype)};
  }

  std::shared_ptr<const Served> note_move(Served served) {
    if (served.plan.match != Match::cpu) moved = true;
    return std::make_shared<const Served>(std::move(served));
  }

  /// Compiles in another thread and then puts the result in the place of the CPU's.
  void improve_later(const ShapeKey& key, const Problem& asked, const Decision& decision) {
    const auto improve = [this, key, asked, decision] {
      try {
        shapes.replace(key, note_move(serve(backend, asked, options.policy, decision, *weights,
                                            key.alignment)));
      } catch (const std::exception& error) {
        say_once(fmt::format("{} stays on the CPU: {}", describe(asked), error.what()));
      }
    };
    const std::lock_guard lock(background_mutex);
    std::erase_if(background, [](const std::future<void>& each) {
      return each.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
    });
    background.push_back(std::async(std::launch::async, improve));
  }

  void wait_for_background() {
    const std::lock_guard lock(background_mutex);
    background.clear();
  }

  std::shared_ptr<const Served> prepare_shape(const ShapeKey& key, bool may_wait) {
    if (weights == nullptr) {
      throw Error(Status::invalid, fmt::format("the weights of this Conv1d have not been loaded; "
                                               "call load_state_dict with {} first",
                                               weight_name(options, "weight")));
    }
    const Problem asked = problem(key.batch, key.length);
    const Decision decision = plans.decide(asked);
    const bool later = options.policy == Policy::compile_in_background && !may_wait &&
                       backend.device != backend.cpu && decision.plan &&
                       decision.plan->match != Match::exact;
    if (!later) {
      return note_move(serve(backend, asked, options.policy, decision, *weights, key.alignment));
    }
    auto served = note_move(serve_on_cpu(backend, asked, "its kernel is being compiled", *weights));
    improve_later(key, asked, decision);
    return served;
  }

  /// A shape is prepared for kernels with vectors or for pointers to any element.
  ShapeKey key_for(std::int64_t batch, std::int64_t length, std::size_t alignment) const {
    return {batch, length,
            alignment >= vector_alignment ? vector_alignment : size_of(options.dtype)};
  }

  /// What serves pointers of this alignment: a kernel with vectors where it accepts them.
  std::shared_ptr<const Served> served(std::int64_t batch, std::int64_t length,
                                       std::size_t alignment) {
    using Ready = std::shared_ptr<const Served>;
    if (Ready ready = shapes.find(key_for(batch, length, vector_alignment));
        ready != nullptr && ready->executable->alignment() <= alignment) {
      return ready;
    }
    const ShapeKey key = key_for(batch, length, alignment);
    const ShapeKey any{batch, length, size_of(options.dtype)};
    // Only what was asked for: one stray slice must not cost aligned pointers their vectors.
    if (Ready ready = key == any ? shapes.find(any) : shapes.find_pinned(any)) return ready;
    return shapes.find_or_prepare(key, [&] { return prepare_shape(key, false); });
  }
};

Conv1d::Conv1d(const Conv1dOptions& options)
    : Conv1d(options, open_backend(options.device, options.policy)) {}

Conv1d::Conv1d(Conv1dOptions options, Backend backend)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(backend))) {}

Conv1d::~Conv1d() = default;
Conv1d::Conv1d(Conv1d&&) noexcept = default;
Conv1d& Conv1d::operator=(Conv1d&&) noexcept = default;

void Conv1d::load_state_dict(
    const std::function<std::optional<TensorView>(const std::string& name)>& find) {
  const auto copy = [&](std::string_view suffix, const Shape& shape) {
    const std::string name = weight_name(impl_->options, suffix);
    return impl_->copy_weight(find(name), name, shape);
  };
  auto weights = std::make_shared<HostWeights>();
  weights->filter = copy("weight", filter_shape(impl_->module));
  if (impl_->options.has_bias) weights->bias = copy("bias", {impl_->options.out_channels});
  // The CPU packs for each shape anew.
  if (impl_->backend.device != impl_->backend.cpu) {
    weights->contents = contents_name(impl_->module, weights->filter.data(), weights->bias_data());
  }
  impl_->wait_for_background();
  impl_->shapes.clear();
  impl_->moved = false;
  impl_->weights = std::move(weights);
}

void Conv1d::load_state_dict(const std::map<std::string, TensorView>& tensors) {
  load_state_dict([&](const std::string& name) -> std::optional<TensorView> {
    const auto found = tensors.find(name);
    if (found != tensors.end()) return found->second;
    std::vector<std::string> names;
    for (const auto& [each, tensor] : tensors) names.push_back(each);
    throw no_tensor(name, ", which are: " + listed(std::move(names)));
  });
}

void Conv1d::load_state_dict(const Safetensors& file) {
  Tensor tensor;  // each is copied before the next is asked for
  load_state_dict([&](const std::string& name) -> std::optional<TensorView> {
    tensor = file.read(name);
    return tensor.view();
  });
}

void Conv1d::prepare(std::int64_t batch, std::int64_t length, std::size_t alignment) const {
  const ShapeKey key = impl_->key_for(batch, length, alignment);
  impl_->shapes.pin(key, [&] { return impl_->prepare_shape(key, true); });
  impl_->wait_for_background();
}

void Conv1d::run(const TensorView& x, const MutableTensorView& y, Stream stream) const {
  const Problem problem = impl_->problem(x);
  const TensorView y_view = read_only(y);
  check_kind(y_view, impl_->y_rule);
  check_shape(y_view, impl_->y_rule, output_shape_of(problem));
  check_packed(y_view, impl_->y_rule);
  check_apart(x, y_view);
  const std::size_t alignment = std::min(alignment_of(x.data), alignment_of(y.data));
  impl_->served(problem.batch, problem.length, alignment)->executable->run(x.data, y.data, stream);
}

Tensor Conv1d::forward(const TensorView& x, Stream stream) const {
  const Problem problem = impl_->problem(x);
  const auto bytes = static_cast<std::size_t>(output_elements(problem)) * size_of(problem.dtype);
  Tensor y{.data = impl_->backend.device->allocate(bytes),
           .dtype = problem.dtype,
           .shape = output_shape_of(problem),
           .device = impl_->backend.device_name};
  run(x,
      {.data = y.data.get(), .dtype = y.dtype, .shape = y.shape, .strides = {}, .device = y.device},
      stream);
  return y;
}

Shape Conv1d::output_shape(std::int64_t batch, std::int64_t length) const {
  return output_shape_of(impl_->problem(batch, length));
}

PlanInfo Conv1d::plan(std::int64_t batch, std::int64_t length) const {
  const std::shared_ptr<const Served> served = impl_->served(batch, length, vector_alignment);
  const Plan& plan = served->plan;
  return {.config = to_text(plan.candidate.config),
          .match = plan.match,
          .why = plan.why,
          .expected_seconds = plan.expected_seconds,
          .expected_loss = plan.expected_loss};
}

Weight Conv1d::filter() const {
  return {.name = weight_name(impl_->options, "weight"),
          .dtype = impl_->options.dtype,
          .shape = filter_shape(impl_->module),
          .device = impl_->moved ? impl_->backend.device_name : "cpu",
          .data = impl_->weights == nullptr ? nullptr : impl_->weights->filter.data()};
}

std::optional<Weight> Conv1d::bias() const {
  if (!impl_->options.has_bias) return std::nullopt;
  Weight bias = filter();
  bias.name = weight_name(impl_->options, "bias");
  bias.shape = {impl_->options.out_channels};
  bias.data = impl_->weights == nullptr ? nullptr : impl_->weights->bias.data();
  return bias;
}

std::int64_t Conv1d::stride() const { return impl_->options.stride; }
SidePadding Conv1d::padding() const { return impl_->options.padding; }
std::int64_t Conv1d::dilation() const { return impl_->options.dilation; }
std::int64_t Conv1d::num_groups() const { return impl_->options.num_groups; }
bool Conv1d::permute() const { return impl_->options.permute; }
const std::string& Conv1d::device() const { return impl_->backend.device_name; }
const Conv1dOptions& Conv1d::options() const { return impl_->options; }
const std::string& Conv1d::fallback_reason() const { return impl_->backend.fallback_reason; }

}  // namespace convtune
