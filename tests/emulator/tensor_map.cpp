#include "tests/emulator/tensor_map.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <iterator>

#include "kernels/error.hpp"

namespace convtune::emulator {
namespace {

using cuda::TensorMap;
using cuda::TensorMapArgs;

// The arguments in the 128 bytes of a map.
struct Packed {
  char tag[8] = {'e', 'm', 'u', 'l', 'a', 't', 'e', 'd'};
  const void* data;
  std::int64_t stride[4];
  std::uint32_t last[5];  // of a dimension that has up to 2^32 elements
  std::uint16_t box[5];
  std::uint8_t step[5];
  std::uint8_t rank;
  std::uint8_t dtype;
  std::uint8_t swizzle;
};
static_assert(sizeof(Packed) <= sizeof(TensorMap));

}  // namespace

TensorMap make_tensor_map(const TensorMapArgs& args) {
  if (const char* rule = broken_rule(args)) throw Error(Status::invalid, rule);
  Packed packed = {.data = args.data,
                   .rank = static_cast<std::uint8_t>(args.rank),
                   .dtype = static_cast<std::uint8_t>(args.dtype),
                   .swizzle = static_cast<std::uint8_t>(args.swizzle)};
  for (int d = 0; d < args.rank; ++d) {
    packed.last[d] = static_cast<std::uint32_t>(args.size[d] - 1);
    packed.box[d] = static_cast<std::uint16_t>(args.box[d]);
    packed.step[d] = static_cast<std::uint8_t>(args.step[d]);
    if (d > 0) packed.stride[d - 1] = args.stride[d];
  }
  TensorMap map;
  std::memcpy(map.opaque, &packed, sizeof(packed));
  return map;
}

std::optional<TensorMapArgs> read_tensor_map(const TensorMap& map) {
  Packed packed;
  std::memcpy(&packed, map.opaque, sizeof(packed));
  if (!std::ranges::equal(packed.tag, Packed{}.tag)) return std::nullopt;
  TensorMapArgs args = {.dtype = static_cast<DType>(packed.dtype),
                        .rank = packed.rank,
                        .data = packed.data,
                        .swizzle = static_cast<cuda::Swizzle>(packed.swizzle)};
  for (int d = 0; d < args.rank; ++d) {
    args.size[d] = std::int64_t{packed.last[d]} + 1;
    args.box[d] = packed.box[d];
    args.step[d] = packed.step[d];
    if (d > 0) args.stride[d] = packed.stride[d - 1];
  }
  return args;
}

}  // namespace convtune::emulator
