#pragma once

#include <algorithm>

#include "kernels/cuda/cuda_kernel.hpp"
#include "kernels/family.hpp"

namespace convtune {

// The constraints that CUDA families share.

/// Whether a group has enough channels, in and out, to be a matrix product of channels.
inline bool has_wide_groups(const Problem& p) {
  return std::min(in_channels_per_group(p), out_channels_per_group(p)) >= 16;
}

/// How a kernel on tensor cores multiplies.
inline Math tensor_core_math_of(const Problem& p) { return is_tf32(p.math) ? p.math : Math::ieee; }

/// Of families that multiply in float32. That is more exact than tf32 and tf32x3 ask for, so that
/// these find a kernel everywhere; but where tensor cores serve them, too, they are what was meant.
inline constexpr Constraint float32_products = {
    "float32_products",
    "math is ieee or winograd, or TF32 may find no tensor cores: a group has fewer than 16 "
    "channels "
    "in or out, or the compute capability is below 8.0",
    [](const Problem& p, const Config&, const DeviceProperties& d) {
      return !is_tf32(p.math) || !has_wide_groups(p) || d.compute_major < 8;
    }};

inline constexpr Constraint tensor_core_math = {
    "tensor_core_math", "16-bit types, or float32 with math tf32 or tf32x3",
    [](const Problem& p, const Config&, const DeviceProperties&) {
      return p.dtype != DType::float32 || is_tf32(p.math);
    }};

inline constexpr Constraint below_2_to_40 = {
    "indices_fit_64_bits", "tensors, stride, dilation and paddings stay below 2^40",
    [](const Problem& p, const Config&, const DeviceProperties&) {
      return indices_fit_64_bits(p);
    }};

inline constexpr Constraint turing_or_later = {
    "device_is_turing_or_later", "compute capability 7.5 at least",
    [](const Problem&, const Config&, const DeviceProperties& d) {
      return d.compute_major * 10 + d.compute_minor >= 75;
    }};

inline constexpr Constraint ampere_or_later = {
    "device_is_ampere_or_later", "compute capability 8.0 at least",
    [](const Problem&, const Config&, const DeviceProperties& d) { return d.compute_major >= 8; }};

}  // namespace convtune
