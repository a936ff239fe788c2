#pragma once

#include <initializer_list>
#include <random>

#include "kernels/cuda/conv_args.hpp"
#include "kernels/family.hpp"

namespace convtune {

/// An instantiation of a family's kernel that the host's compiler built.
template <class FamilyConfig>
struct HostKernel {
  FamilyConfig config;
  void (*thread)(const cuda::ConvArgs&);  ///< what one thread does
};

/// What x holds: integers that leave every sum exact, the same with a few infinities, or normally
/// distributed numbers.
enum class Data { integers, infinities, random };

/// Runs a candidate's kernel in the emulator, over poisoned memory on an H200's geometry, and
/// expects every output to equal the float64 reference, and the multiply-adds executed to be those
/// of the candidate's cost.
void check_kernel(const Family& family, const Problem& problem, const Config& config,
                  void (*thread)(const cuda::ConvArgs&), Data data, std::mt19937& random);

template <class T>
T pick(std::mt19937& random, std::initializer_list<T> values) {
  return values.begin()[random() % values.size()];
}

}  // namespace convtune
