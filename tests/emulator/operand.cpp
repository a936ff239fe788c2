#include "tests/emulator/operand.hpp"

#include <fmt/format.h>

#include "kernels/cuda/matrix_descriptor.hpp"
#include "tests/emulator/block.hpp"
#include "tests/emulator/matrix.hpp"

namespace convtune::emulator {
namespace {

struct Layout {
  unsigned start, leading, stride;  // bytes
  cuda::Swizzle swizzle;
  unsigned width;  // bytes of a row of the swizzle
};

Layout layout_of(Block& block, const Operand& operand) {
  const auto field = [&](int shift) {
    return static_cast<unsigned>(operand.descriptor >> shift & 0x3fff) << 4;
  };
  constexpr cuda::Swizzle modes[] = {cuda::Swizzle::none, cuda::Swizzle::bytes_128,
                                     cuda::Swizzle::bytes_64, cuda::Swizzle::bytes_32};
  Layout layout = {field(0), field(16), field(32), modes[operand.descriptor >> 62], 0};
  layout.width = static_cast<unsigned>(swizzle_bytes(layout.swizzle));
  const bool inside_a_pattern =
      layout.width > 16 && layout.start % (8 * layout.width) >= layout.width;
  if (inside_a_pattern || (operand.descriptor >> 49 & 7) != 0)
    block.scheduler.fail(fmt::format(
        "an operand at {} starts inside the pattern of its swizzle, which is not emulated",
        layout.start));
  return layout;
}

}  // namespace

std::vector<unsigned> chunk_addresses(Block& block, const Operand& operand) {
  const Layout layout = layout_of(block, operand);
  const bool plain = layout.swizzle == cuda::Swizzle::none;
  std::vector<unsigned> addresses;
  const auto add = [&](unsigned offset) {
    addresses.push_back(cuda::swizzled(layout.start + offset, layout.swizzle));
  };
  if (!operand.mn_major) {
    for (unsigned row = 0; row < operand.rows; ++row) {
      for (unsigned chunk = 0; chunk < 2; ++chunk)
        add(row / 8 * layout.stride + row % 8 * layout.width +
            chunk * (plain ? layout.leading : 16));
    }
    return addresses;
  }
  const unsigned along = plain ? layout.stride : layout.leading;
  const unsigned across = plain ? layout.leading : layout.stride;
  const unsigned row_chunks = layout.width / 16;
  for (unsigned k = 0; k < depth(operand.dtype); ++k) {
    for (unsigned chunk = 0; chunk < operand.rows / 8; ++chunk)
      add(chunk / row_chunks * along + chunk % row_chunks * 16 + k / 8 * across +
          k % 8 * layout.width);
  }
  return addresses;
}

std::vector<float> load_operand(Block& block, const Operand& operand) {
  const std::vector<unsigned> addresses = chunk_addresses(block, operand);
  const unsigned k = depth(operand.dtype);
  const unsigned element = operand.dtype == DType::float32 ? 4 : 2;
  const unsigned in_chunk = 16 / element;
  std::vector<float> elements(operand.rows * k);
  for (unsigned i = 0; i < addresses.size(); ++i) {
    const char* const chunk = shared_bytes(block, addresses[i], 16);
    for (unsigned j = 0; j < in_chunk; ++j) {
      const unsigned row = operand.mn_major ? i % (operand.rows / 8) * 8 + j : i / 2;
      const unsigned column = operand.mn_major ? i / (operand.rows / 8) : i % 2 * in_chunk + j;
      elements[row * k + column] = matrix_element(operand.dtype, chunk + j * element);
    }
  }
  return elements;
}

}  // namespace convtune::emulator
