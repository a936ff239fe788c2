#include "tests/emulator/warpgroups.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "kernels/cuda/device/registers.cuh"
#include "kernels/cuda/device/tma.cuh"
#include "kernels/dtype.hpp"
#include "tests/emulator/cases/wgmma.cuh"
#include "tests/emulator/emulated.hpp"
#include "tests/emulator/tensor_map.hpp"

namespace convtune::cuda {
namespace {

using namespace emulator;

/// An operand of small integers, and how it lies in shared memory. `width` is the bytes of a row of
/// the swizzle, 16 for none; the documentation's canonical layouts are in units of 16 bytes.
struct Matrix {
  Matrix(DType type, int row_count, Major order, Swizzle pattern, unsigned first_byte,
         std::mt19937& random)
      : dtype(type), rows(row_count), major(order), swizzle(pattern), first(first_byte) {
    for (int i = 0; i < rows * depth(); ++i)
      elements.push_back(static_cast<float>(random() % 9) - 4);
  }
  int depth() const { return mma_depth(dtype); }
  float at(int row, int k) const { return elements[static_cast<unsigned>(row * depth() + k)]; }
  int width() const { return swizzle_bytes(swizzle); }

  // Distances as a family would choose them: everything packed, k-major tiles `width` bytes deep.
  CaseOperand placed() const {
    const bool plain = swizzle == Swizzle::none;
    const int groups = major == Major::k ? rows / 8 : rows * 2 / width();  // of 8 rows; of columns
    unsigned leading = 0, stride = 0;
    if (major == Major::k) {
      stride = static_cast<unsigned>(8 * width());
      leading = plain ? static_cast<unsigned>(groups * 128) : 0;
    } else {
      const auto tile = static_cast<unsigned>(8 * width());  // 8 steps of the depth
      leading = plain ? static_cast<unsigned>(groups) * tile : 2 * tile;
      stride = tile;
    }
    return {first, leading, stride, static_cast<unsigned>(swizzle)};
  }

  /// The byte where an element lies, from the canonical layouts: k-major ((8, rows/8), 2) chunks
  /// with strides ((width, SBO), 16 or LBO), mn-major ((width/16, m), (8, k)) chunks with strides
  /// ((16, LBO), (width, SBO)), LBO and SBO exchanged without a swizzle.
  unsigned byte_of(int row, int k) const {
    const CaseOperand p = placed();
    const int element = dtype == DType::float32 ? 4 : 2;
    const bool plain = swizzle == Swizzle::none;
    int byte = 0;
    if (major == Major::k) {
      const int chunk = k * element / 16;
      byte = row % 8 * width() + row / 8 * static_cast<int>(p.stride_bytes) + k * element % 16 +
             chunk * (plain ? static_cast<int>(p.leading_bytes) : 16);
    } else {
      const int per_row = width() / 2;
      const int lbo = static_cast<int>(plain ? p.stride_bytes : p.leading_bytes);
      const int sbo = static_cast<int>(plain ? p.leading_bytes : p.stride_bytes);
      byte = row % per_row * 2 + row / per_row * lbo + k % 8 * width() + k / 8 * sbo;
    }
    byte += static_cast<int>(first);
    const int row_of_128 = byte / 128 % 8;  // the swizzle moves chunks by the 128-byte row
    return static_cast<unsigned>(byte ^ (row_of_128 * 16 & (width() - 16)));
  }
  void store(std::vector<unsigned>& words) const {
    for (int row = 0; row < rows; ++row) {
      for (int k = 0; k < depth(); ++k) {
        const unsigned byte = byte_of(row, k);
        const unsigned size = dtype == DType::float32 ? 4 : 2;
        store_element(reinterpret_cast<char*>(words.data()) + byte, dtype, 0, at(row, k));
        ASSERT_LE(byte + size, 4 * words.size());
      }
    }
  }

  DType dtype;
  int rows;
  Major major;
  Swizzle swizzle;
  unsigned first;
  std::vector<float> elements;
};

/// The fragment of A: that of mma for each warp's 16 rows, as in the PTX documentation.
std::vector<unsigned> a_registers(const Matrix& a) {
  std::vector<unsigned> all;
  for (int thread = 0; thread < 128; ++thread) {
    const int g = thread % 32 / 4 + thread / 32 * 16, t = thread % 4;
    for (int i = 0; i < 4; ++i) {
      const int row = g + i % 2 * 8;
      unsigned word = 0;
      if (a.dtype == DType::float32) {
        store_element(&word, a.dtype, 0, a.at(row, t + i / 2 * 4));
      } else {
        store_element(&word, a.dtype, 0, a.at(row, 2 * t + i / 2 * 8));
        store_element(&word, a.dtype, 1, a.at(row, 2 * t + 1 + i / 2 * 8));
      }
      all.push_back(word);
    }
  }
  return all;
}

template <DType dtype, int n, Major b_major, Major a_major, bool a_in_registers>
void expect_product(Swizzle a_swizzle, Swizzle b_swizzle, unsigned k_advance = 0) {
  std::mt19937 random(n);
  const unsigned b_first = 16384 + k_advance;
  const Matrix a(dtype, 64, a_major, a_swizzle, k_advance, random);
  const Matrix b(dtype, n, b_major, b_swizzle, b_first, random);
  std::vector<unsigned> words((16384 + 64 * 1024) / 4);
  a.store(words);
  b.store(words);
  std::vector<unsigned> in;
  for (const CaseOperand& p : {a.placed(), b.placed()})
    in.insert(in.end(), {p.offset, p.leading_bytes, p.stride_bytes, p.swizzle});
  in.push_back(static_cast<unsigned>(words.size()));
  const std::vector<unsigned> registers = a_registers(a);
  in.insert(in.end(), registers.begin(), registers.end());
  in.insert(in.end(), words.begin(), words.end());

  std::vector<unsigned> expected;
  for (int thread = 0; thread < 128; ++thread) {
    for (int i = 0; i < n / 2; ++i) {
      const int row = thread / 32 * 16 + thread % 32 / 4 + i / 2 % 2 * 8;
      const int column = i / 4 * 8 + thread % 4 * 2 + i % 2;
      auto sum = static_cast<float>(thread);
      for (int k = 0; k < a.depth(); ++k) sum += 2 * a.at(row, k) * b.at(column, k);
      expected.push_back(__builtin_bit_cast(unsigned, sum));
    }
  }
  const LaunchGeometry block = one_block(128, static_cast<unsigned>(4 * words.size()));
  EXPECT_EQ((run_case(wgmma_case<dtype, n, b_major, a_major, a_in_registers>, block, in,
                      expected.size())),
            expected);
}

constexpr Swizzle all_swizzles[] = {Swizzle::none, Swizzle::bytes_32, Swizzle::bytes_64,
                                    Swizzle::bytes_128};

TEST(Wgmma, MultipliesKMajorOperands) {
  for (const Swizzle swizzle : all_swizzles) {
    expect_product<DType::bfloat16, 64, Major::k, Major::k, false>(swizzle, Swizzle::bytes_128);
    expect_product<DType::float32, 16, Major::k, Major::k, false>(Swizzle::bytes_128, swizzle);
  }
}

TEST(Wgmma, MultipliesMnMajorOperands) {
  for (const Swizzle swizzle : all_swizzles) {
    expect_product<DType::float16, 128, Major::mn, Major::k, false>(Swizzle::bytes_64, swizzle);
    expect_product<DType::bfloat16, 64, Major::mn, Major::mn, false>(swizzle, swizzle);
    expect_product<DType::bfloat16, 8, Major::k, Major::mn, false>(swizzle, swizzle);
  }
}

TEST(Wgmma, TakesAFromRegisters) {
  expect_product<DType::float16, 8, Major::k, Major::k, true>(Swizzle::none, Swizzle::none);
  expect_product<DType::float32, 96, Major::k, Major::k, true>(Swizzle::none, Swizzle::bytes_64);
  expect_product<DType::bfloat16, 256, Major::mn, Major::k, true>(Swizzle::none,
                                                                  Swizzle::bytes_128);
}

TEST(Wgmma, AdvancesAlongTheDepthWithinASwizzledRow) {
  for (const unsigned bytes : {32U, 64U, 96U})
    expect_product<DType::bfloat16, 64, Major::k, Major::k, false>(Swizzle::bytes_128,
                                                                   Swizzle::bytes_128, bytes);
  expect_product<DType::float32, 64, Major::k, Major::k, false>(Swizzle::bytes_64,
                                                                Swizzle::bytes_64, 32);
}

/// A pipeline of two stages over seven steps: a producer warp loads 64 x 64 tiles by TMA, a
/// warpgroup multiplies each with itself transposed.
enum class Bug {
  none,
  no_empty_wait,
  no_full_wait,
  early_release,
  no_fence,
  no_commit,
  no_wait,
  half_the_group,
  descriptors_differ,
  inside_the_pattern,
  outside,
};

void multiply_tiles(Bug bug, const TensorMap& map, float* out) {
  constexpr int stages = 2, steps = 7, tile_bytes = 64 * 64 * 2;
  const unsigned tiles = shared_address(shared_memory());
  const unsigned full = tiles + stages * tile_bytes, empty = full + 8 * stages;
  const unsigned thread = thread_index();
  if (thread == 0) {
    for (int i = 0; i < stages; ++i) {
      mbarrier_init(full + 8 * i, 1);
      mbarrier_init(empty + 8 * i, 1);
    }
    mbarrier_init_fence();
  }
  block_barrier();
  if (thread >= 128) {
    give_registers<24>();
    if (thread != 128) return;
    for (int step = 0; step < steps; ++step) {
      const unsigned stage = step % stages;
      if (bug != Bug::no_empty_wait) mbarrier_wait(empty + 8 * stage, step / stages % 2 ^ 1);
      mbarrier_arrive_expect(full + 8 * stage, tile_bytes);
      tma_load(tiles + stage * tile_bytes, map, full + 8 * stage, 0, 0, step);
    }
    return;
  }
  take_registers<240>();
  float sums[32] = {};
  for (int step = 0; step < steps; ++step) {
    const unsigned stage = step % stages;
    if (bug != Bug::no_full_wait) mbarrier_wait(full + 8 * stage, step / stages % 2);
    if (bug == Bug::half_the_group && thread >= 64) continue;
    if (bug != Bug::no_fence) wgmma_fence(sums);
    if (bug == Bug::early_release && thread == 0) mbarrier_arrive(empty + 8 * stage);
    for (unsigned k = 0; k < 4; ++k) {
      unsigned at = tiles + stage * tile_bytes + 32 * k;
      if (bug == Bug::inside_the_pattern) at += 128;
      if (bug == Bug::descriptors_differ) at += thread == 77 ? 16 : 0;
      if (bug == Bug::outside) at += 2 * stages * tile_bytes;
      const auto tile = matrix_descriptor(at, 0, 1024, Swizzle::bytes_128);
      wgmma<DType::bfloat16, 64>(sums, tile, tile);
    }
    if (bug != Bug::no_commit) wgmma_commit();
    if (bug != Bug::no_wait) wgmma_wait<0>(sums);
    if (bug != Bug::early_release && thread == 0) mbarrier_arrive(empty + 8 * stage);
  }
  for (int i = 0; i < 32; ++i) out[thread * 32 + i] = sums[i];
}

class WgmmaPipeline : public testing::Test {
 protected:
  WgmmaPipeline() : x_(7 * 64 * 64), out_(128 * 32) {
    std::mt19937 random(5);
    for (auto& element : x_) element = bfloat16_from_float(static_cast<float>(random() % 5) - 2);
    map_ = make_tensor_map({.dtype = DType::bfloat16,
                            .rank = 3,
                            .data = x_.data(),
                            .size = {64, 64, 7},
                            .stride = {2, 128, 8192},
                            .box = {64, 64, 1},
                            .swizzle = Swizzle::bytes_128});
  }
  auto run(Bug bug) {
    return [this, bug] { multiply_tiles(bug, map_, out_.data()); };
  }
  float x(int step, int row, int k) const {
    const unsigned bits = x_[static_cast<unsigned>((step * 64 + row) * 64 + k)];
    return __builtin_bit_cast(float, bits << 16);
  }
  void expect_bug_caught(Bug bug, const std::string& words) {
    SCOPED_TRACE(static_cast<int>(bug));
    expect_caught(block_, run(bug), words);
  }

  const LaunchGeometry block_ = one_block(256, 2 * 8192 + 32);
  std::vector<std::uint16_t> x_;
  std::vector<float> out_;
  TensorMap map_;
};

TEST_F(WgmmaPipeline, MultipliesWhatItLoads) {
  for (const Options& options : all_options()) {
    const Report report = launch(block_, run(Bug::none), options);
    EXPECT_EQ(report.error, "");
    EXPECT_EQ(report.counts.multiply_adds, 7 * 64 * 64 * 64U);
    EXPECT_EQ(report.counts.bytes_loaded, 7 * 8192U);
  }
  for (int thread = 0; thread < 128; ++thread) {
    for (int i = 0; i < 32; ++i) {
      const int row = thread / 32 * 16 + thread % 32 / 4 + i / 2 % 2 * 8;
      const int column = i / 4 * 8 + thread % 4 * 2 + i % 2;
      float sum = 0;
      for (int step = 0; step < 7; ++step)
        for (int k = 0; k < 64; ++k) sum += x(step, row, k) * x(step, column, k);
      ASSERT_EQ(out_[static_cast<std::size_t>(thread * 32 + i)], sum) << thread << " " << i;
    }
  }
}

TEST_F(WgmmaPipeline, CatchesPlantedBugs) {
  expect_bug_caught(Bug::no_empty_wait, "block 0");
  expect_bug_caught(Bug::no_fence, "without a wgmma_fence");
  expect_bug_caught(Bug::half_the_group, "deadlock");
  expect_bug_caught(Bug::descriptors_differ, "different operands");
  expect_bug_caught(Bug::inside_the_pattern, "starts inside the pattern");
  expect_bug_caught(Bug::outside, "outside the 16416");
}

TEST_F(WgmmaPipeline, CatchesPlantedRaces) {
  if (!detects_races()) GTEST_SKIP() << "races are not detected in this build";
  expect_bug_caught(Bug::no_full_wait, "shared byte");
  expect_bug_caught(Bug::early_release, "race");
  expect_bug_caught(Bug::no_wait, "race");
  expect_bug_caught(Bug::no_commit, "race");
}

enum class RegisterBug { none, a_not_fenced, a_written_behind_fence, sums_not_fenced };

/// Multiplies A, ones in registers, by zeros.
void multiply_registers(RegisterBug bug) {
  auto* words = reinterpret_cast<unsigned*>(shared_memory());
  for (unsigned i = thread_index(); i < 1024; i += 128) words[i] = 0;
  async_proxy_fence();
  block_barrier();
  const auto tile = matrix_descriptor(shared_address(words), 1024, 128, Swizzle::none);
  float sums[32] = {}, others[32] = {};
  unsigned a[2][4] = {{1, 1, 1, 1}, {1, 1, 1, 1}};
  if (bug == RegisterBug::a_not_fenced)
    wgmma_fence(sums, a[0]);
  else if (bug == RegisterBug::sums_not_fenced)
    wgmma_fence(others, a);
  else
    wgmma_fence(sums, a);
  if (bug == RegisterBug::a_written_behind_fence && thread_index() == 77) a[1][3] = 2;
  wgmma<DType::float32, 64>(sums, a[1], tile);
  wgmma_commit();
  wgmma_wait<0>(sums);
}

TEST(Wgmma, CatchesRegistersWithoutAFence) {
  const LaunchGeometry block = one_block(128, 4096);
  const auto run = [](RegisterBug bug) { return [bug] { multiply_registers(bug); }; };
  EXPECT_EQ(launch(block, run(RegisterBug::none)).error, "");
  expect_caught(block, run(RegisterBug::a_not_fenced), "reads registers of A that");
  expect_caught(block, run(RegisterBug::a_written_behind_fence), "written behind its wgmma_fence");
  expect_caught(block, run(RegisterBug::sums_not_fenced), "sums that its wgmma_fence");
}

enum class ZerosBug { none, no_commit, no_wait, no_fence, fence_too_early, fences_but_one };

/// Multiplies zeros that the threads wrote.
void multiply_zeros(ZerosBug bug) {
  auto* words = reinterpret_cast<unsigned*>(shared_memory());
  if (bug == ZerosBug::fence_too_early) async_proxy_fence();
  for (unsigned i = thread_index(); i < 1024; i += 128) words[i] = 0;
  const bool fences = bug < ZerosBug::no_fence;
  if (fences || (bug == ZerosBug::fences_but_one && thread_index() != 77)) async_proxy_fence();
  block_barrier();
  const auto tile = matrix_descriptor(shared_address(words), 1024, 128, Swizzle::none);
  float sums[32] = {};
  wgmma_fence(sums);
  wgmma<DType::bfloat16, 64>(sums, tile, tile);
  if (bug != ZerosBug::no_commit) wgmma_commit();
  if (bug != ZerosBug::no_wait) wgmma_wait<0>(sums);
}

void expect_caught_bug(ZerosBug bug, const std::string& words) {
  SCOPED_TRACE(static_cast<int>(bug));
  expect_caught(
      one_block(128, 4096), [bug] { multiply_zeros(bug); }, words);
}

TEST(Wgmma, CatchesProductsThatNobodyWaitsFor) {
  EXPECT_EQ(launch(one_block(128, 4096), [] { multiply_zeros(ZerosBug::none); }).error, "");
  expect_caught_bug(ZerosBug::no_wait, "without waiting");
  expect_caught_bug(ZerosBug::no_commit, "without waiting");
}

TEST(Wgmma, CatchesOperandsWrittenWithoutAFence) {
  if (!detects_races()) GTEST_SKIP() << "races are not detected in this build";
  for (const ZerosBug bug :
       {ZerosBug::no_fence, ZerosBug::fence_too_early, ZerosBug::fences_but_one})
    expect_caught_bug(bug, "without a fence");
}

}  // namespace
}  // namespace convtune::cuda
