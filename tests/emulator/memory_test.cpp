#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <numeric>

#include "kernels/cuda/device/arithmetic.cuh"
#include "kernels/cuda/device/shared.cuh"
#include "tests/emulator/cases/vector.cuh"
#include "tests/emulator/emulated.hpp"

namespace convtune::cuda {
namespace {

using namespace emulator;

TEST(Memory, CountsBytesAndMultiplyAdds) {
  alignas(16) std::array<float, 256> x = {};
  alignas(16) std::array<float, 256> y = {};
  const Report report = launch({.grid = {2, 1, 1}, .block = {32, 1, 1}}, [&] {
    const unsigned at = 4 * (block_index() * 32 + thread_index());
    Vector<float, 4> values = load<4>(x.data() + at);
    for (float& value : values.at) value = multiply_add(value, 2.0F, 1.0F);
    if (thread_index() < 30) store(y.data() + at, values);
  });
  EXPECT_EQ(report.error, "");
  EXPECT_EQ(report.counts.bytes_loaded, 2 * 32 * 16U);
  EXPECT_EQ(report.counts.bytes_stored, 2 * 30 * 16U);
  EXPECT_EQ(report.counts.multiply_adds, 2 * 32 * 4U);
  EXPECT_EQ(y[0], 1.0F);
}

TEST(Memory, MovesVectorsOfEverySize) {
  std::vector<unsigned short> in(480), expected;
  std::iota(in.begin(), in.end(), 1);
  for (std::size_t first = 0, size = 8; size > 0; first += 32 * size, size /= 2) {
    for (std::size_t i = 0; i < 32 * size; ++i) {
      const std::size_t vector = i / size;
      expected.push_back(vector % 3 == 2 ? 0 : in[first + (31 - vector) * size + i % size]);
    }
  }
  const auto* const words = reinterpret_cast<const unsigned*>(in.data());
  const std::vector<unsigned> out = run_case(vector_case, one_block(32), {words, 240}, 240);
  EXPECT_EQ(std::memcmp(out.data(), expected.data(), 960), 0);
}

TEST(Memory, CountsEachSectorOnce) {
  alignas(32) std::array<float, 64> x = {};  // 8 sectors
  alignas(32) std::array<float, 64> y = {};
  const auto sector_bytes = [&](const std::function<void()>& thread) {
    return launch(one_block(4), thread,
                  {.global = {{x.data() + 4, 240, false}, {y.data(), 256, true}}})
        .sector_bytes;
  };
  EXPECT_EQ(sector_bytes([] {}), 0U);
  EXPECT_EQ(sector_bytes([&] { load<1>(x.data() + 9); }), 32U);
  EXPECT_EQ(sector_bytes([&] { load<1>(x.data() + 7 + thread_index()); }), 2 * 32U);
  EXPECT_EQ(sector_bytes([&] { load<4>(x.data() + 4 + 16 * thread_index()); }), 4 * 32U);
  EXPECT_EQ(sector_bytes([&] { store(y.data() + 60, load<4>(x.data() + 60)); }), 2 * 32U);
}

class GlobalMemory : public testing::Test {
 protected:
  void expect_caught_at(int offset, bool writes, const std::string& words) {
    Options options = {.global = {{x_.data() + 8, 32, false}, {x_.data() + 24, 32, true}}};
    const Report report = launch(
        one_block(1),
        [&] {
          if (writes)
            store(x_.data() + offset, Vector<float, 4>{});
          else
            load<4>(x_.data() + offset);
        },
        options);
    EXPECT_THAT(report.error, testing::HasSubstr(words)) << offset;
  }
  alignas(16) std::array<float, 64> x_ = {};
};

TEST_F(GlobalMemory, MayBeTouchedWhereTheArraysAre) {
  for (const int inside : {8, 12, 24, 28}) expect_caught_at(inside, false, "");
  for (const int writable : {24, 28}) expect_caught_at(writable, true, "");
}

TEST_F(GlobalMemory, CatchesLoadsOutside) {
  for (const int outside : {0, 4, 16, 20, 32})
    expect_caught_at(outside, false, "outside the arrays");
}

TEST_F(GlobalMemory, CatchesStoresOutside) {
  for (const int outside : {0, 8, 12, 20, 32})
    expect_caught_at(outside, true, "outside the arrays");
}

TEST_F(GlobalMemory, CatchesVectorsThatAreNotAligned) {
  expect_caught_at(9, false, "not aligned");
  expect_caught_at(26, true, "not aligned");
}

/// Expects that touching shared memory at `byte` of 64 is caught.
void expect_shared_caught(int byte, const std::string& words) {
  SCOPED_TRACE(byte);
  expect_caught(
      one_block(1, 64),
      [&] {
        auto* at = reinterpret_cast<float*>(shared_memory() + byte);
        store_shared(at, Vector<float, 2>{});
      },
      words);
  expect_caught(
      one_block(1, 64), [&] { load_shared<2>(reinterpret_cast<float*>(shared_memory() + byte)); },
      words);
}

TEST(SharedMemory, CatchesVectorsOutside) {
  for (const int byte : {-8, 64, 1024, 60000}) expect_shared_caught(byte, "outside the 64");
}

TEST(SharedMemory, CatchesVectorsThatAreNotAligned) { expect_shared_caught(4, "not aligned"); }

TEST(SharedMemory, CatchesTheAddressOfOtherMemory) {
  int local = 0;
  expect_caught(
      one_block(1, 64), [&] { shared_address(&local); }, "other memory");
}

TEST(SharedMemory, StartsAtAnAddressThatSwizzledTilesWant) {
  const Report report = launch(one_block(1, 64), [] {
    EXPECT_EQ(shared_address(shared_memory()) % 1024, 0U);
    EXPECT_EQ(shared_address(shared_memory() + 48) - shared_address(shared_memory()), 48U);
  });
  EXPECT_EQ(report.error, "");
}

}  // namespace
}  // namespace convtune::cuda
