#pragma once

#include "kernels/cuda/cuda_kernel.hpp"
#include "kernels/family.hpp"

namespace convtune {

// The constraints that CUDA families share.

inline constexpr Constraint ieee_math = {
    "ieee_math", "the products are float32",
    [](const Problem& p, const Config&, const DeviceProperties&) { return p.math == Math::ieee; }};

inline constexpr Constraint tensor_core_math = {
    "tensor_core_math", "16-bit types, or float32 with math tf32 or tf32x3",
    [](const Problem& p, const Config&, const DeviceProperties&) {
      return p.dtype != DType::float32 || p.math != Math::ieee;
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
