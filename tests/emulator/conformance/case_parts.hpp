#pragma once

#include <cstddef>
#include <random>
#include <vector>

#include "tests/emulator/conformance/cases.hpp"

// What conformance cases are made from.

/// A kernel, as the text that NVRTC sees and as what the host's compiler built.
#define CONVTUNE_KERNEL(...) .kernel = #__VA_ARGS__, .emulated = __VA_ARGS__

namespace convtune {

inline LaunchGeometry one_block(unsigned threads, unsigned shared_bytes = 0) {
  return {.block = {threads, 1, 1}, .shared_bytes = shared_bytes};
}

inline std::vector<unsigned> random_words(std::size_t count) {
  std::mt19937 random(1);
  std::vector<unsigned> words(count);
  for (unsigned& word : words) word = static_cast<unsigned>(random());
  return words;
}

/// Bits of floats of all sizes below 2.
inline std::vector<unsigned> finite_words(std::size_t count) {
  std::vector<unsigned> words = random_words(count);
  for (unsigned& word : words) word &= ~0x40000000U;
  return words;
}

}  // namespace convtune
