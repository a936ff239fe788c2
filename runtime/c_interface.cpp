#include "runtime/c_interface.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <exception>
#include <new>
#include <utility>

#include "kernels/dtype.hpp"
#include "kernels/error.hpp"

namespace {

using namespace convtune;

// A fixed array, for there may be no memory to say that there is no memory.
thread_local char last_error[2048] = "";

convtune_status fail(convtune_status status, const char* message) noexcept {
  const std::size_t length = std::min(std::strlen(message), sizeof last_error - 1);
  std::memmove(last_error, message, length);
  last_error[length] = '\0';
  return status;
}

convtune_status status_of(const Error& error) {
  switch (error.status()) {
    case Status::invalid:
      return CONVTUNE_INVALID;
    case Status::unavailable:
      return CONVTUNE_UNAVAILABLE;
    case Status::storage:
      return CONVTUNE_STORAGE;
    default:
      return CONVTUNE_FAILED;
  }
}

// The border that no exception crosses.
template <typename Action>
convtune_status guarded(Action&& action) noexcept {
  try {
    action();
    return CONVTUNE_OK;
  } catch (const Error& error) {
    return fail(status_of(error), error.what());
  } catch (const std::bad_alloc&) {
    return fail(CONVTUNE_FAILED, "there is not enough memory for what was asked");
  } catch (const std::exception& error) {
    return fail(CONVTUNE_FAILED, error.what());
  } catch (...) {
    return fail(CONVTUNE_FAILED, "an exception of an unknown type was thrown");
  }
}

template <typename T>
T& given(T* pointer, std::string_view what) {
  if (pointer == nullptr) throw Error(Status::invalid, fmt::format("{} is null", what));
  return *pointer;
}

const Conv1d& module_of(const convtune_conv1d* conv) { return given(conv, "conv").module; }

// Of the first version's struct, and more than any will ever have.
constexpr std::size_t least_options_size =
    offsetof(convtune_conv1d_options, name) + sizeof(convtune_conv1d_options::name);
constexpr std::size_t most_options_size = 4096;

void check_size(std::size_t size) {
  if (size < least_options_size || size > most_options_size) {
    throw Error(Status::invalid,
                fmt::format("the options' size is {}; it must be from {} to {}: set it with "
                            "convtune_conv1d_options_init",
                            size, least_options_size, most_options_size));
  }
}

// The options as this version knows them. What a newer caller has beyond them must be zero, for it
// would be ignored.
convtune_conv1d_options known_options(const convtune_conv1d_options& options) {
  check_size(options.size);
  convtune_conv1d_options known = {};
  const auto* bytes = reinterpret_cast<const std::byte*>(&options);
  for (std::size_t i = sizeof known; i < options.size; ++i) {
    if (bytes[i] != std::byte{0}) {
      throw Error(Status::invalid,
                  fmt::format("the options have a field that convtune {} does not know; leave it "
                              "0, or update convtune",
                              CONVTUNE_VERSION));
    }
  }
  std::memcpy(&known, bytes, std::min(options.size, sizeof known));
  return known;
}

// The C interface's numbers are for good; these are their names in C++.
template <typename Enum>
constexpr bool same(Enum ours, int theirs) {
  return static_cast<int>(ours) == theirs;
}
static_assert(same(DType::float32, CONVTUNE_FLOAT32) && same(DType::float16, CONVTUNE_FLOAT16) &&
              same(DType::bfloat16, CONVTUNE_BFLOAT16));
static_assert(same(Activation::none, CONVTUNE_ACTIVATION_NONE) &&
              same(Activation::relu, CONVTUNE_RELU) && same(Activation::gelu, CONVTUNE_GELU) &&
              same(Activation::gelu_tanh, CONVTUNE_GELU_TANH) &&
              same(Activation::silu, CONVTUNE_SILU) && same(Activation::tanh, CONVTUNE_TANH));
static_assert(same(Math::ieee, CONVTUNE_IEEE) && same(Math::tf32x3, CONVTUNE_TF32X3) &&
              same(Math::tf32, CONVTUNE_TF32) && same(Math::winograd, CONVTUNE_WINOGRAD));
static_assert(same(Policy::nearest_or_heuristic, CONVTUNE_NEAREST_OR_HEURISTIC) &&
              same(Policy::cpu, CONVTUNE_CPU) &&
              same(Policy::compile_and_wait, CONVTUNE_COMPILE_AND_WAIT) &&
              same(Policy::compile_in_background, CONVTUNE_COMPILE_IN_BACKGROUND) &&
              same(Policy::error, CONVTUNE_ERROR));

template <typename Enum>
Enum checked(std::int32_t value, Enum last, std::string_view what) {
  if (value < 0 || value > static_cast<std::int32_t>(last)) {
    throw Error(Status::invalid, fmt::format("{} is {}; it must be a number from 0 to {}", what,
                                             value, static_cast<std::int32_t>(last)));
  }
  return static_cast<Enum>(value);
}

bool checked_flag(std::int32_t value, std::string_view what) {
  if (value != 0 && value != 1) {
    throw Error(Status::invalid, fmt::format("{} is {}; it must be 0 or 1", what, value));
  }
  return value == 1;
}

Conv1dOptions module_options(const convtune_conv1d_options& asked) {
  const convtune_conv1d_options o = known_options(asked);
  return {.kernel_size = o.kernel_size,
          .in_channels = o.in_channels,
          .out_channels = o.out_channels,
          .dtype = checked(o.dtype, DType::bfloat16, "dtype"),
          .stride = o.stride,
          .padding = {o.padding_left, o.padding_right},
          .dilation = o.dilation,
          .num_groups = o.num_groups,
          .device = o.device == nullptr ? "cpu" : o.device,
          .has_bias = checked_flag(o.has_bias, "has_bias"),
          .permute = checked_flag(o.permute, "permute"),
          .name = o.name == nullptr ? "" : o.name,
          .activation = checked(o.activation, Activation::tanh, "activation"),
          .math = checked(o.math, Math::winograd, "math"),
          .policy = checked(o.policy, Policy::error, "policy")};
}

// Somebody else's array as the weight it is said to be; empty if there is none.
std::optional<TensorView> view_of(const Weight& weight, const void* data, std::size_t bytes) {
  if (data == nullptr) return std::nullopt;
  const std::size_t needed =
      static_cast<std::size_t>(weight.shape.elements()) * size_of(weight.dtype);
  if (bytes != needed) {
    throw Error(Status::invalid,
                fmt::format("{} has {} bytes; its shape {} of {} needs {}", weight.name, bytes,
                            to_text(weight.shape), name(weight.dtype), needed));
  }
  return TensorView{.data = data, .dtype = weight.dtype, .shape = weight.shape};
}

Shape array_shape(const Conv1d& conv, std::int64_t batch, std::int64_t length) {
  const std::int64_t channels = conv.options().in_channels;
  return conv.permute() ? Shape{batch, channels, length} : Shape{batch, length, channels};
}

void copy_text(const std::string& from, char* text, std::size_t size) {
  if (size == 0) return;
  const std::size_t length = std::min(from.size(), size - 1);
  std::memcpy(&given(text, "text"), from.data(), length);
  text[length] = '\0';
}

}  // namespace

const char* convtune_version(void) { return CONVTUNE_VERSION; }

const char* convtune_last_error(void) { return last_error; }

convtune_status convtune_conv1d_options_init(convtune_conv1d_options* options, size_t size) {
  return guarded([&] {
    check_size(size);
    std::memset(&given(options, "options"), 0, size);
    options->size = size;
    options->stride = 1;
    options->dilation = 1;
    options->num_groups = 1;
  });
}

convtune_status convtune_conv1d_create(const convtune_conv1d_options* options,
                                       convtune_conv1d** conv) {
  return guarded([&] {
    given(conv, "conv") = nullptr;
    *conv = new convtune_conv1d{Conv1d(module_options(given(options, "options")))};
  });
}

void convtune_conv1d_destroy(convtune_conv1d* conv) { delete conv; }

convtune_status convtune_conv1d_load_weights(convtune_conv1d* conv, const void* filter,
                                             size_t filter_bytes, const void* bias,
                                             size_t bias_bytes) {
  return guarded([&] {
    Conv1d& module = given(conv, "conv").module;
    const Weight wanted_filter = module.filter();
    const std::optional<Weight> wanted_bias = module.bias();
    if (bias != nullptr && !wanted_bias) {
      throw Error(Status::invalid,
                  "a bias was given to a module that was created without has_bias");
    }
    module.load_state_dict([&](const std::string& name) {
      return name == wanted_filter.name ? view_of(wanted_filter, filter, filter_bytes)
                                        : view_of(*wanted_bias, bias, bias_bytes);
    });
  });
}

convtune_status convtune_conv1d_load_safetensors(convtune_conv1d* conv, const char* path) {
  return guarded([&] {
    Conv1d& module = given(conv, "conv").module;
    module.load_state_dict(Safetensors(&given(path, "path")));
  });
}

convtune_status convtune_conv1d_prepare(const convtune_conv1d* conv, int64_t batch, int64_t length,
                                        size_t alignment) {
  return guarded([&] { module_of(conv).prepare(batch, length, alignment); });
}

convtune_status convtune_conv1d_output_length(const convtune_conv1d* conv, int64_t length,
                                              int64_t* output_length) {
  return guarded([&] {
    const Conv1d& module = module_of(conv);
    given(output_length, "output_length") =
        module.output_shape(1, length)[module.permute() ? 2 : 1];
  });
}

convtune_status convtune_conv1d_run(const convtune_conv1d* conv, int64_t batch, int64_t length,
                                    const void* x, void* y, void* stream) {
  return guarded([&] {
    const Conv1d& module = module_of(conv);
    const DType dtype = module.options().dtype;
    module.run({.data = x,
                .dtype = dtype,
                .shape = array_shape(module, batch, length),
                .strides = {},
                .device = module.device()},
               {.data = y,
                .dtype = dtype,
                .shape = module.output_shape(batch, length),
                .strides = {},
                .device = module.device()},
               stream);
  });
}

convtune_status convtune_conv1d_plan(const convtune_conv1d* conv, int64_t batch, int64_t length,
                                     char* text, size_t size, size_t* needed) {
  return guarded([&] {
    const PlanInfo plan = module_of(conv).plan(batch, length);
    const std::string whole =
        fmt::format("{} ({}): {}", plan.config, convtune::name(plan.match), plan.why);
    copy_text(whole, text, size);
    if (needed != nullptr) *needed = whole.size() + 1;
  });
}

const char* convtune_conv1d_device(const convtune_conv1d* conv) {
  return conv == nullptr ? "" : conv->module.device().c_str();
}

const char* convtune_conv1d_fallback_reason(const convtune_conv1d* conv) {
  return conv == nullptr ? "" : conv->module.fallback_reason().c_str();
}
