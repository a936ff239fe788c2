#pragma once

#include <cstdint>
#include <vector>

#include "kernels/problem.hpp"

namespace convtune {

/// A check looks at every output of a problem with at most this many multiply-adds: 1 GFLOP.
inline constexpr std::int64_t most_multiply_adds_checked_whole = 500'000'000;
/// Of a larger one, at every output of a border with at most this many: 64 GFLOP.
inline constexpr std::int64_t most_multiply_adds_of_a_border = 32'000'000'000;
/// And of a tail over all batch rows or positions with at most this many: 0.1 GFLOP.
inline constexpr std::int64_t most_multiply_adds_of_a_tail = 50'000'000;
/// Random outputs of a larger border or tail, and of all of y.
inline constexpr std::int64_t outputs_drawn = 4096;

/// Which outputs a check looks at: all of them up to 1 GFLOP. Above, outputs_drawn random ones and
/// - two borders: windows that reach into the left padding, and into the right padding. All outputs
///   of one up to 64 GFLOP and 8,388,608 outputs. Of a larger one all outputs up to that in the
///   first and in the last batch row, and of the others outputs_drawn random ones or more, among
///   them each of its positions unless one output of each is more than that;
/// - the last 128 positions of the last batch row, like a border;
/// - three more tails: the last 128 positions of all batch rows, each as with borders, the last 128
///   channels, the last batch row. All outputs of one up to 0.1 GFLOP and 131,072 outputs, else
///   outputs_drawn.
/// Sorted, without repeats, the same for the same seed.
std::vector<std::int64_t> outputs_to_check(const Problem& problem, std::uint64_t seed);
/// At least as many as outputs_to_check() returns.
std::int64_t most_outputs_to_check(const Problem& problem);

}  // namespace convtune
