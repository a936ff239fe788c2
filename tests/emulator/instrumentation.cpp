#include <cstddef>
#include <cstdint>

#include "tests/emulator/block.hpp"

// The interface of -fsanitize=thread, without its library: the compiler announces each plain access
// of a kernel here. Code outside kernels may be built the same way, and is ignored.

namespace convtune::emulator {
namespace {

template <bool writes>
void note_access(Block& block, const void* address, unsigned bytes) {
  const auto offset = block.shared.offset(address, bytes);
  if (!offset) fail_outside_shared(block, address, bytes);
  if constexpr (writes)
    block.races->write(running.agent, *offset, bytes);
  else
    block.races->read(running.agent, *offset, bytes);
}

// To the compiler these calls throw nothing, so no exception can pass the kernel from here.
template <bool writes>
void access(const void* address, unsigned bytes) {
  Block* const block = current_block;
  if (block == nullptr || !block->races || !block->shared.is_near(address)) return;
  try {
    note_access<writes>(*block, address, bytes);
    return;
  } catch (const Abandoned&) {  // and only behind the handler may another fiber run
  }
  block->scheduler.abandon();
}

}  // namespace
}  // namespace convtune::emulator

using convtune::emulator::access;

// NOLINTBEGIN: the names are the compiler's
extern "C" {
void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}

#define CONVTUNE_ACCESS(bytes)                                                        \
  void __tsan_read##bytes(void* address) { access<false>(address, bytes); }           \
  void __tsan_write##bytes(void* address) { access<true>(address, bytes); }           \
  void __tsan_unaligned_read##bytes(void* address) { access<false>(address, bytes); } \
  void __tsan_unaligned_write##bytes(void* address) { access<true>(address, bytes); }
CONVTUNE_ACCESS(1)
CONVTUNE_ACCESS(2)
CONVTUNE_ACCESS(4)
CONVTUNE_ACCESS(8)
CONVTUNE_ACCESS(16)
#undef CONVTUNE_ACCESS

void __tsan_read_range(void* address, std::size_t bytes) {
  access<false>(address, static_cast<unsigned>(bytes));
}
void __tsan_write_range(void* address, std::size_t bytes) {
  access<true>(address, static_cast<unsigned>(bytes));
}

// Atomics are replaced by calls: those of std::shared_ptr and of static variables' initialisation.
std::uint8_t __tsan_atomic8_load(const volatile std::uint8_t* from, int) {
  return __atomic_load_n(from, __ATOMIC_SEQ_CST);
}
int __tsan_atomic32_fetch_add(volatile int* to, int value, int) {
  return __atomic_fetch_add(to, value, __ATOMIC_SEQ_CST);
}
int __tsan_atomic32_fetch_sub(volatile int* to, int value, int) {
  return __atomic_fetch_sub(to, value, __ATOMIC_SEQ_CST);
}
}
// NOLINTEND
