#pragma once

#include "kernels/cuda/device/vector.cuh"
#include "tests/emulator/cases/case_args.hpp"

namespace convtune::cuda {

/// Stores 32 vectors of `size` 16-bit elements in the opposite order, with zeros for every third,
/// and moves both pointers behind them.
template <int size>
void reverse_vectors(const unsigned short*& in, unsigned short*& out) {
  const auto thread = static_cast<int>(thread_index());
  const unsigned short* const from = in + (31 - thread) * size;
  store(out + thread * size,
        thread % 3 == 0 ? load<size>(from) : load_if<size>(thread % 3 == 1, from));
  in += 32 * size;
  out += 32 * size;
}

/// in, for a warp: vectors of 16 bytes, of 8, of 4 and of 2. out: those of each kind reversed.
inline void vector_case(const CaseArgs& args) {
  const auto* in = reinterpret_cast<const unsigned short*>(args.in);
  auto* out = reinterpret_cast<unsigned short*>(args.out);
  reverse_vectors<8>(in, out);
  reverse_vectors<4>(in, out);
  reverse_vectors<2>(in, out);
  reverse_vectors<1>(in, out);
}

}  // namespace convtune::cuda
