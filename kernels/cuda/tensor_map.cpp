#include "kernels/cuda/tensor_map.hpp"

#include <cstdint>

namespace convtune::cuda {
namespace {

bool rank_broken(const TensorMapArgs& a) { return a.rank < 1 || a.rank > most_dimensions; }

template <class Rule>
bool broken_in_some_dimension(const TensorMapArgs& a, int first, Rule kept) {
  for (int d = first; d < a.rank; ++d) {
    if (!kept(d)) return true;
  }
  return false;
}

}  // namespace

// The requirements of cuTensorMapEncodeTiled, without interleaving.
const char* broken_rule(const TensorMapArgs& a) {
  const Int64 element = a.dtype == DType::float32 ? 4 : 2;
  if (rank_broken(a)) return "a tensor has 1 to 5 dimensions";
  if (reinterpret_cast<std::uintptr_t>(a.data) % 16 != 0) return "a tensor is aligned to 16 bytes";
  if (broken_in_some_dimension(
          a, 0, [&](int d) { return a.size[d] >= 1 && a.size[d] <= Int64{1} << 32; }))
    return "a dimension has 1 to 2^32 elements";
  if (broken_in_some_dimension(a, 1, [&](int d) {
        return a.stride[d] >= 0 && a.stride[d] % 16 == 0 && a.stride[d] < Int64{1} << 40;
      }))
    return "a stride is a multiple of 16 bytes below 2^40";
  if (broken_in_some_dimension(a, 0, [&](int d) { return a.box[d] >= 1 && a.box[d] <= 256; }))
    return "a box spans 1 to 256 elements";
  if (broken_in_some_dimension(a, 0, [&](int d) { return a.step[d] >= 1 && a.step[d] <= 8; }))
    return "a step is 1 to 8 elements";
  if (a.box[0] * element % 16 != 0) return "a row of a box is a multiple of 16 bytes";
  if (a.swizzle != Swizzle::none && a.box[0] * element > swizzle_bytes(a.swizzle))
    return "a row of a box is no longer than its swizzle";
  return nullptr;
}

}  // namespace convtune::cuda
