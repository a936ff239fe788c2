#include "kernels/cuda/tensor_map.hpp"

#include <gmock/gmock.h>

#include <functional>

namespace convtune::cuda {
namespace {

alignas(64) char memory[64];

/// A (channels, length, batch) tensor of bfloat16 and a box of 64 channels by 128 positions.
TensorMapArgs good() {
  return {.dtype = DType::bfloat16,
          .rank = 3,
          .data = memory,
          .size = {200, 1000, 8},
          .stride = {2, 400, 400000},
          .box = {64, 128, 1},
          .swizzle = Swizzle::bytes_128};
}

std::string rule_broken_by(const std::function<void(TensorMapArgs&)>& change) {
  TensorMapArgs args = good();
  change(args);
  const char* rule = broken_rule(args);
  return rule == nullptr ? "" : rule;
}

TEST(TensorMap, RulesKeepWhatTheDriverTakes) {
  const auto kept = [](const std::function<void(TensorMapArgs&)>& change) {
    EXPECT_EQ(rule_broken_by(change), "");
  };
  kept([](TensorMapArgs&) {});
  kept([](TensorMapArgs& a) { a.data = memory + 16; });
  kept([](TensorMapArgs& a) { a.size[1] = Int64{1} << 32; });
  kept([](TensorMapArgs& a) { a.stride[2] = (Int64{1} << 40) - 16; });
  kept([](TensorMapArgs& a) { a.box[1] = 256; });
  kept([](TensorMapArgs& a) { a.step[1] = 8; });
  kept([](TensorMapArgs& a) { a.box[0] = 8; });
  kept([](TensorMapArgs& a) {
    a.swizzle = Swizzle::none;
    a.box[0] = 256;
  });
}

TEST(TensorMap, RulesRefuseWhatTheDriverRefuses) {
  const auto refused = [](const std::function<void(TensorMapArgs&)>& change, const char* words) {
    EXPECT_THAT(rule_broken_by(change), testing::HasSubstr(words));
  };
  refused([](TensorMapArgs& a) { a.rank = 0; }, "dimensions");
  refused([](TensorMapArgs& a) { a.rank = 6; }, "dimensions");
  refused([](TensorMapArgs& a) { a.data = memory + 8; }, "aligned");
  refused([](TensorMapArgs& a) { a.size[2] = 0; }, "2^32");
  refused([](TensorMapArgs& a) { a.size[1] = (Int64{1} << 32) + 1; }, "2^32");
  refused([](TensorMapArgs& a) { a.stride[1] = 402; }, "multiple of 16");
  refused([](TensorMapArgs& a) { a.stride[2] = Int64{1} << 40; }, "2^40");
  refused([](TensorMapArgs& a) { a.box[1] = 0; }, "1 to 256");
  refused([](TensorMapArgs& a) { a.box[1] = 257; }, "1 to 256");
  refused([](TensorMapArgs& a) { a.step[1] = 0; }, "1 to 8");
  refused([](TensorMapArgs& a) { a.step[2] = 9; }, "1 to 8");
  refused([](TensorMapArgs& a) { a.box[0] = 12; }, "row of a box is a multiple");
  refused([](TensorMapArgs& a) { a.box[0] = 72; }, "no longer than its swizzle");
  refused([](TensorMapArgs& a) { a.swizzle = Swizzle::bytes_64; }, "no longer than its swizzle");
}

TEST(TensorMap, BoxTakesEverySomeManiethElementOfAllButItsRows) {
  TensorMapArgs args = good();
  EXPECT_EQ(box_bytes(args), 64 * 128 * 2);
  args.step[1] = 3;  // 43 of 128 positions
  args.step[0] = 4;  // not looked at
  EXPECT_EQ(box_elements(args, 1), 43);
  EXPECT_EQ(box_bytes(args), 64 * 43 * 2);
}

TEST(TensorMap, SwizzleSpreadsAColumnOfChunks) {
  // Over 8 rows of 128 bytes, chunk 0 lies at chunk 0 to 7; 64 and 32 bytes have 2 and 4 rows in
  // 128.
  for (unsigned row = 0; row < 8; ++row) {
    EXPECT_EQ(swizzled(row * 128, Swizzle::bytes_128), row * 128 + 16 * row);
    EXPECT_EQ(swizzled(row * 64, Swizzle::bytes_64), row * 64 + 16 * (row / 2));
    EXPECT_EQ(swizzled(row * 32, Swizzle::bytes_32), row * 32 + 16 * (row / 4));
    EXPECT_EQ(swizzled(row * 16, Swizzle::none), row * 16);
  }
}

}  // namespace
}  // namespace convtune::cuda
