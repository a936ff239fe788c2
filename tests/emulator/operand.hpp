#pragma once

#include <vector>

#include "tests/emulator/primitives.hpp"

namespace convtune::emulator {

struct Block;

/// An operand of wgmma in shared memory: `rows` (M or N) x depth(dtype) elements.
struct Operand {
  DType dtype;
  unsigned rows;
  bool mn_major;
  unsigned long long descriptor;
};

/// Addresses of the operand's 16-byte chunks. Chunk i of a k-major operand holds a part of row
/// i / chunks of a row; of an mn-major one 8 rows, from i % (rows / 8) * 8, of step i / (rows / 8).
/// Fails where the descriptor says what the emulator does not know.
std::vector<unsigned> chunk_addresses(Block& block, const Operand& operand);

/// Its elements, as [row][depth].
std::vector<float> load_operand(Block& block, const Operand& operand);

}  // namespace convtune::emulator
