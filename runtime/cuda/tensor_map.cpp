#include "runtime/cuda/tensor_map.hpp"

#include <fmt/format.h>

#include <cstring>

#include "kernels/error.hpp"

namespace convtune {
namespace {

CUtensorMapDataType type_of(DType dtype) {
  switch (dtype) {
    case DType::float16:
      return CU_TENSOR_MAP_DATA_TYPE_FLOAT16;
    case DType::bfloat16:
      return CU_TENSOR_MAP_DATA_TYPE_BFLOAT16;
    default:
      return CU_TENSOR_MAP_DATA_TYPE_FLOAT32;
  }
}

CUtensorMapSwizzle swizzle_of(cuda::Swizzle swizzle) {
  constexpr CUtensorMapSwizzle swizzles[] = {CU_TENSOR_MAP_SWIZZLE_NONE, CU_TENSOR_MAP_SWIZZLE_32B,
                                             CU_TENSOR_MAP_SWIZZLE_64B, CU_TENSOR_MAP_SWIZZLE_128B};
  return swizzles[static_cast<int>(swizzle)];
}

}  // namespace

cuda::TensorMap encode_tensor_map(const Driver& driver, const cuda::TensorMapArgs& args) {
  if (const char* rule = broken_rule(args))
    throw Error(Status::failed, fmt::format("a tensor map breaks a rule of the driver: {}", rule));
  cuuint64_t size[cuda::most_dimensions], stride[cuda::most_dimensions];
  cuuint32_t box[cuda::most_dimensions], step[cuda::most_dimensions];
  for (int d = 0; d < args.rank; ++d) {
    size[d] = static_cast<cuuint64_t>(args.size[d]);
    box[d] = static_cast<cuuint32_t>(args.box[d]);
    step[d] = static_cast<cuuint32_t>(args.step[d]);
    if (d > 0) stride[d - 1] = static_cast<cuuint64_t>(args.stride[d]);
  }
  CUtensorMap encoded;
  check(driver,
        driver.cuTensorMapEncodeTiled(
            &encoded, type_of(args.dtype), static_cast<cuuint32_t>(args.rank),
            const_cast<void*>(args.data), size, stride, box, step, CU_TENSOR_MAP_INTERLEAVE_NONE,
            swizzle_of(args.swizzle), CU_TENSOR_MAP_L2_PROMOTION_L2_128B,
            CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE),
        "cuTensorMapEncodeTiled");
  cuda::TensorMap map;
  static_assert(sizeof(encoded) == sizeof(map.opaque));
  std::memcpy(map.opaque, &encoded, sizeof(encoded));
  return map;
}

TensorMapsOf::TensorMapsOf(const Driver& driver, const cuda::TensorMapsArgs& args,
                           const void* packed)
    : driver_(driver), x_(args.x) {
  cuda::TensorMapArgs weights = args.weights;
  weights.data = packed;
  maps_.weights = encode_tensor_map(driver, weights);
}

cuda::TensorMaps TensorMapsOf::at(const void* x) const {
  const std::scoped_lock lock(mutex_);
  if (x != mapped_x_) {
    cuda::TensorMapArgs args = x_;
    args.data = x;
    maps_.x = encode_tensor_map(driver_, args);
    mapped_x_ = x;
  }
  return maps_;
}

}  // namespace convtune
