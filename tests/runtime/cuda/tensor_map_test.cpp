#include "runtime/cuda/tensor_map.hpp"

#include <gmock/gmock.h>

#include <vector>

#include "tests/refusal.hpp"

namespace convtune {
namespace {

/// What the driver was asked for.
struct Asked {
  CUtensorMapDataType type;
  std::vector<cuuint64_t> size, stride;
  std::vector<cuuint32_t> box, step;
  void* data;
  CUtensorMapSwizzle swizzle;
  CUtensorMapFloatOOBfill fill;
} asked;

CUresult encode(CUtensorMap* map, CUtensorMapDataType type, cuuint32_t rank, void* data,
                const cuuint64_t* size, const cuuint64_t* stride, const cuuint32_t* box,
                const cuuint32_t* step, CUtensorMapInterleave, CUtensorMapSwizzle swizzle,
                CUtensorMapL2promotion, CUtensorMapFloatOOBfill fill) {
  asked = {type,
           {size, size + rank},
           {stride, stride + rank - 1},
           {box, box + rank},
           {step, step + rank},
           data,
           swizzle,
           fill};
  map->opaque[15] = 42;
  return CUDA_SUCCESS;
}

Driver driver() {
  Driver table;
  table.cuTensorMapEncodeTiled = encode;
  return table;
}

TEST(EncodeTensorMap, PassesTheArgumentsOn) {
  alignas(16) static char memory[16];
  cuda::TensorMapArgs args = {.dtype = DType::float16,
                              .rank = 3,
                              .data = memory,
                              .size = {200, 1000, 8},
                              .stride = {2, 400, 400000},
                              .box = {32, 128, 1},
                              .step = {1, 2, 1},
                              .swizzle = cuda::Swizzle::bytes_64};
  EXPECT_EQ(encode_tensor_map(driver(), args).opaque[15], 42U);
  EXPECT_EQ(asked.type, CU_TENSOR_MAP_DATA_TYPE_FLOAT16);
  EXPECT_THAT(asked.size, testing::ElementsAre(200, 1000, 8));
  EXPECT_THAT(asked.stride, testing::ElementsAre(400, 400000));
  EXPECT_THAT(asked.box, testing::ElementsAre(32, 128, 1));
  EXPECT_THAT(asked.step, testing::ElementsAre(1, 2, 1));
  EXPECT_EQ(asked.data, memory);
  EXPECT_EQ(asked.swizzle, CU_TENSOR_MAP_SWIZZLE_64B);
  EXPECT_EQ(asked.fill, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);  // zeros are the padding

  args.swizzle = cuda::Swizzle::bytes_32;
  EXPECT_THAT(refusal([&] { encode_tensor_map(driver(), args); }, Status::failed),
              testing::HasSubstr("no longer than its swizzle"));
}

}  // namespace
}  // namespace convtune
