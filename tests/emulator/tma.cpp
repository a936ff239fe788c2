#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "tests/emulator/block.hpp"
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

/// The box in the order of its dimensions, 0 fastest, each row then swizzled.
void copy_box(Block& block, const TensorMapArgs& map, const Coordinates& at, unsigned to) {
  const auto row_bytes = static_cast<unsigned>(map.box[0] * (map.dtype == DType::float32 ? 4 : 2));
  const auto rows = static_cast<unsigned>(box_bytes(map)) / row_bytes;
  for (unsigned row = 0; row < rows; ++row) {
    Coordinates first = at;
    unsigned rest = row;
    for (int d = 1; d < map.rank; ++d) {
      const auto elements = static_cast<unsigned>(box_elements(map, d));
      first[d] += std::int64_t{rest % elements} * map.step[d];
      rest /= elements;
    }
    char bytes[1024] = {};
    copy_row(block, map, first, bytes);
    for (unsigned i = 0; i < row_bytes; i += 16)
      std::memcpy(shared_bytes(block, cuda::swizzled(to + row * row_bytes + i, map.swizzle), 16),
                  bytes + i, 16);
  }
}

void require_destination(Block& block, const TensorMapArgs& map, unsigned to) {
  const bool plain = map.swizzle == cuda::Swizzle::none;
  const auto width = static_cast<unsigned>(swizzle_bytes(map.swizzle));
  const unsigned alignment = plain ? 128 : 8 * width;
  if (to % alignment != 0)
    block.scheduler.fail(fmt::format("a tile at {} is not aligned to {} bytes", to, alignment));
  const std::int64_t row = std::int64_t{map.box[0]} * (map.dtype == DType::float32 ? 4 : 2);
  if (!plain && row != width)
    block.scheduler.fail(
        fmt::format("rows of {} bytes in a swizzle of {} are not emulated", row, width));
}

}  // namespace

void load_tile(unsigned to, const void* map, unsigned barrier, unsigned rank,
               const int* coordinates) {
  Block& block = *current_block;
  const auto args = read_tensor_map(*static_cast<const cuda::TensorMap*>(map));
  if (!args) block.scheduler.fail("a tile is loaded through what is no tensor map");
  if (args->rank != static_cast<int>(rank))
    block.scheduler.fail(
        fmt::format("{} coordinates for a tensor of {} dimensions", rank, args->rank));
  require_destination(block, *args, to);
  const auto bytes = static_cast<unsigned>(box_bytes(*args));
  char* const first = block.shared.data() + (to - SharedMemory::window);
  if (!block.shared.offset(first, bytes)) fail_outside_shared(block, first, bytes);
  const auto offset = *block.shared.offset(first, bytes);
  Coordinates at = {};
  std::copy_n(coordinates, rank, at.begin());
  const auto moment = block.mbarriers.start_copy(block, barrier, offset, bytes);
  block.scheduler.land_later([&block, args = *args, at, to, barrier, moment, bytes] {
    copy_box(block, args, at, to);
    block.mbarriers.complete_copy(block, barrier, moment, bytes);
  });
}

}  // namespace convtune::emulator
