#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "tests/emulator/cluster.hpp"
#include "tests/emulator/primitives.hpp"
#include "tests/emulator/tensor_map.hpp"

namespace convtune::emulator {
namespace {

using cuda::TensorMapArgs;

using Coordinates = std::array<std::int64_t, cuda::most_dimensions>;

/// One row of a box: `elements` along dimension 0 from `first`. Elements outside the tensor are
/// left alone.
void copy_row(Block& block, const TensorMapArgs& map, const Coordinates& first, char* to) {
  const std::int64_t element = map.dtype == DType::float32 ? 4 : 2;
  const char* from = static_cast<const char*>(map.data);
  for (int d = 1; d < map.rank; ++d) {
    if (first[d] < 0 || first[d] >= map.size[d]) return;
    from += first[d] * map.stride[d];
  }
  const std::int64_t begin = std::max<std::int64_t>(first[0], 0);
  const std::int64_t end = std::min<std::int64_t>(first[0] + map.box[0], map.size[0]);
  if (begin >= end) return;
  const auto bytes = static_cast<unsigned>((end - begin) * element);
  access_arrays(block, from + begin * element, bytes, false);
  std::memcpy(to + (begin - first[0]) * element, from + begin * element, bytes);
  counts.bytes_loaded += bytes;
}

unsigned row_bytes(const TensorMapArgs& map) {
  return static_cast<unsigned>(map.box[0] * (map.dtype == DType::float32 ? 4 : 2));
}

/// The box in the order of its dimensions, 0 fastest.
std::vector<char> read_box(Block& block, const TensorMapArgs& map, const Coordinates& at) {
  std::vector<char> box(static_cast<std::size_t>(box_bytes(map)));
  for (unsigned row = 0; row < box.size() / row_bytes(map); ++row) {
    Coordinates first = at;
    unsigned rest = row;
    for (int d = 1; d < map.rank; ++d) {
      const auto elements = static_cast<unsigned>(box_elements(map, d));
      first[d] += std::int64_t{rest % elements} * map.step[d];
      rest /= elements;
    }
    copy_row(block, map, first, box.data() + std::size_t{row} * row_bytes(map));
  }
  return box;
}

/// Writes it to a block's shared memory, swizzled.
void write_box(Block& block, const TensorMapArgs& map, const std::vector<char>& box, unsigned to) {
  for (unsigned i = 0; i < box.size(); i += 16)
    std::memcpy(shared_bytes(block, cuda::swizzled(to + i, map.swizzle), 16), box.data() + i, 16);
}

void require_destination(Block& block, const TensorMapArgs& map, unsigned to) {
  const bool plain = map.swizzle == cuda::Swizzle::none;
  const auto width = static_cast<unsigned>(swizzle_bytes(map.swizzle));
  const unsigned alignment = plain ? 128 : 8 * width;
  if (to % alignment != 0)
    block.scheduler.fail(fmt::format("a tile at {} is not aligned to {} bytes", to, alignment));
  if (!plain && row_bytes(map) != width)
    block.scheduler.fail(
        fmt::format("rows of {} bytes in a swizzle of {} are not emulated", row_bytes(map), width));
}

/// A copy to one block: what lands there, and when it was started.
struct Destination {
  Block* block;
  RaceDetector::Clock moment;
};

Destination start_copy(Block& block, const TensorMapArgs& map, unsigned to, unsigned barrier) {
  const auto bytes = static_cast<unsigned>(box_bytes(map));
  char* const first = block.shared.data() + (to - SharedMemory::window);
  const auto offset = block.shared.offset(first, bytes);
  if (!offset) fail_outside_shared(block, first, bytes);
  return {&block, block.mbarriers.start_copy(block, barrier, *offset, bytes)};
}

}  // namespace

void load_tile_to_blocks(unsigned to, const void* map, unsigned barrier, unsigned blocks,
                         unsigned dimensions, const int* coordinates) {
  Block& block = *current_block;
  const auto args = read_tensor_map(*static_cast<const cuda::TensorMap*>(map));
  if (!args) block.scheduler.fail("a tile is loaded through what is no tensor map");
  if (args->rank != static_cast<int>(dimensions))
    block.scheduler.fail(
        fmt::format("{} coordinates for a tensor of {} dimensions", dimensions, args->rank));
  require_destination(block, *args, to);
  if (blocks == 0) block.scheduler.fail("a tile is loaded to no block");
  std::vector<Destination> destinations;
  for (unsigned rank = 0; blocks >> rank != 0; ++rank) {
    if ((blocks >> rank & 1) != 0)
      destinations.push_back(start_copy(block.cluster.peer(rank, "a copy to"), *args, to, barrier));
  }
  Coordinates at = {};
  std::copy_n(coordinates, dimensions, at.begin());
  block.scheduler.land_later(blocks, [&block, args = *args, at, to, barrier, destinations] {
    const std::vector<char> box = read_box(block, args, at);
    for (const auto& [each, moment] : destinations) {
      write_box(*each, args, box, to);
      each->mbarriers.complete_copy(*each, barrier, moment, static_cast<unsigned>(box.size()));
    }
  });
}

void load_tile(unsigned to, const void* map, unsigned barrier, unsigned dimensions,
               const int* coordinates) {
  load_tile_to_blocks(to, map, barrier, 1U << running.rank, dimensions, coordinates);
}

}  // namespace convtune::emulator
