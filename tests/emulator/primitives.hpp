#pragma once

#include <cstddef>
#include <initializer_list>

#include "kernels/enums.hpp"
#include "tests/emulator/running.hpp"

// What the host halves of kernels/cuda/device call, for the running thread. Whatever a GPU would
// answer with a fault or with nonsense ends the launch with an error.

namespace convtune::emulator {

// Global memory. The address is aligned to the access.
void load_global(void* to, const void* from, unsigned bytes);
void store_global(void* to, const void* from, unsigned bytes);

// Shared memory.
char* shared_memory();
/// The address that instructions take.
unsigned shared_address(const void* pointer);
void load_shared(void* to, const void* from, unsigned bytes);
void store_shared(void* to, const void* from, unsigned bytes);

// Barriers. A warp reaches them as a whole, from one place in the source.
void sync_block(Location at);
/// Barrier 1 to 15 for `threads`, whole warps, of which some wait and others only arrive.
void sync_named(unsigned barrier, unsigned threads, Location at);
void arrive_named(unsigned barrier, unsigned threads, Location at);

// Operations of a whole warp.
void sync_warp(Location at);
/// The value of lane `from`, each lane naming its own source.
unsigned shuffle(unsigned value, unsigned from, Location at);

/// Loads `count` 8x8 matrices of 16-bit elements; lane i names row i % 8 of matrix i / 8.
void load_matrix(unsigned* registers, unsigned count, bool transposed, unsigned row, Location at);
/// d += a * b, 16x8 from 16xk and kx8, in the fragments of mma.sync.
void multiply_matrices(DType dtype, float* d, const unsigned* a, const unsigned* b, Location at);

// Copies from global to shared memory that their thread waits for, by groups. Behind `valid` bytes
// of `bytes` there are zeros.
void copy_async(unsigned to, const void* from, unsigned bytes, unsigned valid);
void commit_copies();
/// Waits until at most `pending` of the groups are in flight.
void wait_for_copies(unsigned pending);

// Barriers in shared memory, and the fences of the asynchronous proxy.
void init_mbarrier(unsigned barrier, unsigned arrivals);
void fence_mbarrier_init();
void arrive_at_mbarrier(unsigned barrier, unsigned expected_bytes);
void wait_for_mbarrier(unsigned barrier, unsigned parity, Location at);
/// Likewise, and it sees what the cluster's other blocks did before they arrived.
void wait_for_cluster_mbarrier(unsigned barrier, unsigned parity, Location at);
void fence_async_proxy();

/// Copies a box of a tensor; `map` is a cuda::TensorMap.
void load_tile(unsigned to, const void* map, unsigned barrier, unsigned dimensions,
               const int* coordinates);
/// Copies it to all blocks of the cluster whose rank's bit is set in `blocks`, each of which has a
/// barrier of its own at this address.
void load_tile_to_blocks(unsigned to, const void* map, unsigned barrier, unsigned blocks,
                         unsigned dimensions, const int* coordinates);

// Clusters of blocks.
/// The address of what has `address` in the block of that rank.
unsigned cluster_address(unsigned address, unsigned rank);
void load_cluster_shared(void* to, unsigned cluster_address, unsigned bytes);
void arrive_at_cluster_mbarrier(unsigned cluster_address);
/// The barrier of all its threads. A warp arrives, and later waits, as a whole.
void arrive_at_cluster(Location at);
void wait_for_cluster(Location at);

// Operations of a whole warpgroup.
struct WarpgroupProduct {
  DType dtype = DType::float32;
  unsigned n = 0;
  unsigned long long a = 0;  ///< descriptor; not looked at if A is in registers
  unsigned long long b = 0;  ///< descriptor
  bool a_mn_major = false;
  bool b_mn_major = false;

  bool operator==(const WarpgroupProduct&) const = default;
};
struct Registers {
  const void* data;
  std::size_t bytes;
};
/// The calling thread's registers that products may use from now on, as they are.
void fence_warpgroup(std::initializer_list<Registers> registers, Location at);
/// The calling thread's n/2 sums, and its 4 registers of A, or null if A is in shared memory.
void multiply_warpgroup(const WarpgroupProduct& product, float* sums, const unsigned* a_registers,
                        Location at);
void commit_products(Location at);
void wait_for_products(unsigned pending, Location at);
void change_registers(Location at);

}  // namespace convtune::emulator
