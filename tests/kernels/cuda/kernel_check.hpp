#pragma once

#include <initializer_list>
#include <random>

#include "kernels/family.hpp"
#include "tests/emulator/launch.hpp"
#include "tests/kernels/cuda/host_kernel.hpp"

namespace convtune {

/// What x holds: integers that leave every sum exact, the same with a few infinities, or normally
/// distributed numbers.
enum class Data { integers, infinities, random };

/// Runs a candidate's kernel in the emulator, over poisoned memory on an H200's geometry but with
/// `units` SMs, so that a persistent grid may go round several times. Expects every output to equal
/// the float64 reference, and the multiply-adds executed to be those of the candidate's cost.
/// Returns what else the emulator counted.
emulator::Report check_kernel(const Family& family, const Problem& problem, const Config& config,
                              HostThread thread, Data data, std::mt19937& random, int units = 132);
emulator::Report check_kernel(const Family& family, const Problem& problem, const Config& config,
                              MappedHostThread thread, Data data, std::mt19937& random,
                              int units = 132);

template <class T>
T pick(std::mt19937& random, std::initializer_list<T> values) {
  return values.begin()[random() % values.size()];
}

}  // namespace convtune
