#pragma once

#include <initializer_list>
#include <random>

#include "kernels/cuda/conv_args.hpp"
#include "kernels/cuda/tensor_map.hpp"
#include "kernels/family.hpp"

namespace convtune {

/// What one thread of a kernel does. Most take no maps.
using HostThread = void (*)(const cuda::ConvArgs&);
using MappedHostThread = void (*)(const cuda::ConvArgs&, const cuda::TensorMaps&);

/// An instantiation of a family's kernel that the host's compiler built.
template <class FamilyConfig, class Thread = HostThread>
struct HostKernel {
  FamilyConfig config;
  Thread thread;
};

/// What x holds: integers that leave every sum exact, the same with a few infinities, or normally
/// distributed numbers.
enum class Data { integers, infinities, random };

/// Runs a candidate's kernel in the emulator, over poisoned memory on an H200's geometry, and
/// expects every output to equal the float64 reference, and the multiply-adds executed to be those
/// of the candidate's cost.
void check_kernel(const Family& family, const Problem& problem, const Config& config,
                  HostThread thread, Data data, std::mt19937& random);
/// Likewise on a GPU of `units` SMs, so that a persistent grid goes round several times.
void check_kernel(const Family& family, const Problem& problem, const Config& config,
                  MappedHostThread thread, Data data, std::mt19937& random, int units);

template <class T>
T pick(std::mt19937& random, std::initializer_list<T> values) {
  return values.begin()[random() % values.size()];
}

}  // namespace convtune
