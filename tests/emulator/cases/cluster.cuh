#pragma once

#include "kernels/cuda/device/barrier.cuh"
#include "kernels/cuda/device/cluster.cuh"
#include "kernels/cuda/device/mbarrier.cuh"
#include "kernels/cuda/device/shared.cuh"
#include "kernels/cuda/device/tma.cuh"
#include "tests/emulator/cases/case_args.hpp"

namespace convtune::cuda {

/// out, by block: its index and its rank.
inline void cluster_rank_case(const CaseArgs& args) {
  if (thread_index() == 0) {
    args.out[2 * block_index()] = block_index();
    args.out[2 * block_index() + 1] = cluster_rank();
  }
  cluster_barrier();
}

/// Clusters of blocks of a warp. in: 128 words a block. out, by block: what lies in the shared
/// memory of the block of the next rank, by vectors of four, of two and of one word.
inline void cluster_load_case(const CaseArgs& args) {
  constexpr unsigned cluster = 4, words = 128;
  const unsigned rank = cluster_rank(), thread = thread_index();
  auto* mine = reinterpret_cast<unsigned*>(shared_memory());
  for (unsigned w = thread; w < words; w += 32) mine[w] = args.in[block_index() * words + w];
  cluster_barrier();
  const unsigned next = cluster_address(shared_address(mine), (rank + 1) % cluster);
  unsigned* out = args.out + block_index() * 3 * words;
  const auto read = [&](auto vector) {
    constexpr unsigned size = sizeof(vector) / 4;
    for (unsigned v = thread; v < words / size; v += 32) {
      vector = cluster_load<unsigned, size>(next + 4 * size * v);
      for (unsigned i = 0; i < size; ++i) out[size * v + i] = vector.at[i];
    }
    out += words;
  };
  read(Vector<unsigned, 4>{});
  read(Vector<unsigned, 2>{});
  read(Vector<unsigned, 1>{});
  cluster_barrier();
}

/// Clusters of two blocks of a warp. in: how many rounds, 32-bit words of a box, then the
/// coordinates of two boxes a round, of which each block loads one for both. out, by block: the
/// boxes of each round as they lie in its shared memory.
inline void multicast_case(const CaseArgs& args) {
  const int rounds = static_cast<int>(args.in[0]), words = static_cast<int>(args.in[1]);
  const auto rank = static_cast<int>(cluster_rank());
  auto* tiles = reinterpret_cast<unsigned*>(shared_memory());
  const unsigned to = shared_address(tiles), full = to + 8 * static_cast<unsigned>(words);
  const unsigned empty = full + 8;
  if (thread_index() == 0) {
    mbarrier_init(full, 1);
    mbarrier_init(empty, 2);
    mbarrier_init_fence();
  }
  cluster_barrier();
  unsigned* out = args.out + static_cast<int>(block_index()) * rounds * 2 * words;
  for (int round = 0; round < rounds; ++round, out += 2 * words) {
    if (thread_index() == 0) {
      const unsigned* const corner = args.in + 2 + (2 * round + rank) * 3;
      cluster_mbarrier_wait(empty, round % 2 ^ 1);
      mbarrier_arrive_expect(full, 8 * words);
      tma_multicast(to + static_cast<unsigned>(4 * words * rank), args.map, full, 3,
                    static_cast<int>(corner[0]), static_cast<int>(corner[1]),
                    static_cast<int>(corner[2]));
    }
    cluster_mbarrier_wait(full, round % 2);
    for (int w = static_cast<int>(thread_index()); w < 2 * words; w += 32) out[w] = tiles[w];
    warp_barrier();
    if (thread_index() < 2) cluster_mbarrier_arrive(cluster_address(empty, thread_index()));
  }
  cluster_barrier();
}

}  // namespace convtune::cuda
