#include "runtime/cost_model.hpp"

#include <algorithm>

#include "kernels/cpu/targets.hpp"

namespace convtune {
namespace {

struct Rates {
  double flops;  ///< a second
  double bytes;  ///< to and from main memory, a second
};

Rates cpu_rates(Arithmetic arithmetic, const DeviceProperties& device) {
  constexpr double clock = 3e9;
  constexpr double bytes_per_thread = 10e9;
  constexpr double bytes_per_socket = 200e9;
  // Two multiply-adds of a full vector each cycle.
  double flops_per_cycle = 16;
  if (device.arch.starts_with("AVX2")) flops_per_cycle = 32;
  if (device.arch.starts_with("AVX3")) flops_per_cycle = 64;
  if (arithmetic == Arithmetic::cpu_bf16) {
    const bool by_tiles = bf16_unit_of(device.arch) == Bf16Unit::tiles;
    flops_per_cycle = by_tiles ? 1024 : 128;  // a tile each 16 cycles, or twice the lanes
  }
  const double threads = std::max(device.units, 1);
  return {.flops = clock * flops_per_cycle * threads,
          .bytes = std::min(bytes_per_thread * threads, bytes_per_socket)};
}

/// Multiply-adds an SM executes each cycle.
double multiply_adds_per_cycle(Arithmetic arithmetic, int capability) {
  const bool datacentre = capability == 80 || capability == 90 || capability / 10 == 10;
  const double mma_of_16_bits = datacentre ? 1024 : 512;
  switch (arithmetic) {
    case Arithmetic::mma_16_bits:
      return mma_of_16_bits;
    case Arithmetic::mma_tf32:
      return mma_of_16_bits / 2;
    case Arithmetic::wgmma_16_bits:
      return 2048;
    case Arithmetic::wgmma_tf32:
      return 1024;
    default:
      return capability <= 80 ? 64 : 128;
  }
}

Rates cuda_rates(Arithmetic arithmetic, const DeviceProperties& device) {
  constexpr double clock = 1.7e9;
  const int capability = device.compute_major * 10 + device.compute_minor;
  double bytes_per_unit = 10e9;  // GDDR: 40 to 140 SMs share 0.3 to 1.8 TB/s
  if (capability == 80) bytes_per_unit = 18e9;
  if (capability == 90) bytes_per_unit = 30e9;
  if (capability == 100 || capability == 103) bytes_per_unit = 54e9;
  const double units = std::max(device.units, 1);
  return {.flops = clock * 2 * multiply_adds_per_cycle(arithmetic, capability) * units,
          .bytes = bytes_per_unit * units};
}

Rates rates_of(Arithmetic arithmetic, const DeviceProperties& device) {
  return device.kind == DeviceKind::cpu ? cpu_rates(arithmetic, device)
                                        : cuda_rates(arithmetic, device);
}

}  // namespace

double estimated_seconds(const Cost& cost, const DeviceProperties& device) {
  const Rates rates = rates_of(cost.arithmetic, device);
  return std::max(cost.flops / rates.flops, cost.bytes / rates.bytes);
}

double estimated_seconds(const Problem& problem, const Candidate& candidate,
                         const DeviceProperties& device) {
  return estimated_seconds(candidate.family->cost(problem, candidate.config, device), device);
}

double least_seconds(const Cost& cost, const DeviceProperties& device) {
  constexpr double flops_margin = 4;  // clocks, and vectors wider than the rates know of
  const bool on_cpu = device.kind == DeviceKind::cpu;
  const double memory_margin = on_cpu ? 10 : 3;  // HBM beside CPUs, the best GDDR of few SMs
  const double cache_bytes_a_second_per_unit = on_cpu ? 192 * 6e9 : 64 * 3e9;  // L1; L2
  const double units = std::max(device.units, 1);
  const double caches = on_cpu ? units * static_cast<double>(device.l2_bytes + device.l3_bytes)
                               : static_cast<double>(device.l2_bytes);
  const Rates rates = rates_of(cost.arithmetic, device);
  return std::max({cost.flops / (flops_margin * rates.flops),
                   cost.bytes / (cache_bytes_a_second_per_unit * units),
                   (cost.bytes - caches) / (memory_margin * rates.bytes)});
}

}  // namespace convtune
