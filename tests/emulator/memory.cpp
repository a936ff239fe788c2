#include <fmt/format.h>

#include <cstring>

#include "tests/emulator/block.hpp"
#include "tests/emulator/primitives.hpp"

namespace convtune::emulator {
namespace {

void require_aligned(Block& block, const void* address, unsigned bytes) {
  if (reinterpret_cast<std::uintptr_t>(address) % bytes != 0)
    block.scheduler.fail(fmt::format("an access of {} bytes at {} is not aligned", bytes, address));
}

}  // namespace

void access_arrays(Block& block, const void* address, unsigned bytes, bool writes) {
  if (block.global.access(address, bytes, writes)) return;
  block.scheduler.fail(fmt::format("{} {} bytes of global memory at {} lies outside the arrays",
                                   writes ? "a store of" : "a load of", bytes, address));
}

void access_global(Block& block, const void* address, unsigned bytes, bool writes) {
  require_aligned(block, address, bytes);
  access_arrays(block, address, bytes, writes);
}

void load_global(void* to, const void* from, unsigned bytes) {
  access_global(*current_block, from, bytes, false);
  std::memcpy(to, from, bytes);
  counts.bytes_loaded += bytes;
}

void store_global(void* to, const void* from, unsigned bytes) {
  access_global(*current_block, to, bytes, true);
  std::memcpy(to, from, bytes);
  counts.bytes_stored += bytes;
}

void note_touch(Block& block) {
  if (block.races && running.rank != block.rank) block.races->note(running.agent, block.touched);
}

void fail_outside_shared(Block& block, const void* pointer, unsigned bytes) {
  block.scheduler.fail(fmt::format(
      "an access of {} bytes at byte {} lies outside the {} of shared "
      "memory",
      bytes, static_cast<const char*>(pointer) - block.shared.data(), block.shared.size()));
}

unsigned shared_offset(Block& block, const void* pointer, unsigned bytes) {
  const auto offset = block.shared.offset(pointer, bytes);
  if (!offset) fail_outside_shared(block, pointer, bytes);
  require_aligned(block, pointer, bytes);
  return *offset;
}

char* shared_bytes(Block& block, unsigned address, unsigned bytes) {
  char* const at = block.shared.data() + (std::ptrdiff_t{address} - SharedMemory::window);
  require_aligned(block, at, bytes);
  if (!block.shared.offset(at, bytes)) fail_outside_shared(block, at, bytes);
  return at;
}

char* shared_memory() { return current_block->shared.data(); }

unsigned shared_address(const void* pointer) {
  Block& block = *current_block;
  if (!block.shared.is_near(pointer))
    block.scheduler.fail("the shared address of a pointer to other memory");
  const auto offset = static_cast<const char*>(pointer) - block.shared.data();
  return SharedMemory::window + static_cast<unsigned>(offset);
}

void load_shared(void* to, const void* from, unsigned bytes) {
  Block& block = *current_block;
  const unsigned offset = shared_offset(block, from, bytes);
  if (block.races) block.races->read(running.agent, offset, bytes);
  std::memcpy(to, from, bytes);
}

void store_shared(void* to, const void* from, unsigned bytes) {
  Block& block = *current_block;
  const unsigned offset = shared_offset(block, to, bytes);
  if (block.races) block.races->write(running.agent, offset, bytes);
  std::memcpy(to, from, bytes);
}

}  // namespace convtune::emulator
