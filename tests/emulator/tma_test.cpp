#include <gtest/gtest.h>

#include <array>
#include <cstring>

#include "tests/emulator/cases/tma.cuh"
#include "tests/emulator/emulated.hpp"
#include "tests/emulator/tensor_map.hpp"

namespace convtune::cuda {
namespace {

using namespace emulator;

/// A tensor of 16-bit elements, all different, with a gap behind each row.
struct Tensor {
  explicit Tensor(std::vector<int> sizes) : size(std::move(sizes)) {
    const int row = (size[0] * 2 + 31) / 16 * 16;
    stride = {2, row};
    for (std::size_t d = 1; d + 1 < size.size(); ++d) stride.push_back(stride[d] * size[d]);
    elements.resize(static_cast<std::size_t>(stride.back()) * size.back() / 2 + 8);
    for (std::size_t i = 0; i < elements.size(); ++i)
      elements[i] = static_cast<unsigned short>(i * 7 + 1);
    data = elements.data() + (16 - reinterpret_cast<std::uintptr_t>(elements.data()) % 16) % 16 / 2;
  }
  TensorMapArgs args(const std::vector<int>& box, Swizzle swizzle) const {
    TensorMapArgs a = {.dtype = DType::bfloat16,
                       .rank = static_cast<int>(size.size()),
                       .data = data,
                       .swizzle = swizzle};
    for (std::size_t d = 0; d < size.size(); ++d) {
      a.size[d] = size[d];
      a.stride[d] = stride[d];
      a.box[d] = box[d];
    }
    return a;
  }
  /// The element at these coordinates, 0 outside.
  unsigned short at(const std::vector<int>& c) const {
    std::int64_t offset = 0;
    for (std::size_t d = 0; d < size.size(); ++d) {
      if (c[d] < 0 || c[d] >= size[d]) return 0;
      offset += std::int64_t{c[d]} * stride[d];
    }
    return data[offset / 2];
  }
  std::vector<int> size, stride;
  std::vector<unsigned short> elements;
  const unsigned short* data = nullptr;
};

/// Chunk `chunk` of row `row` moves within the row: over 8 rows of 128 bytes every chunk takes
/// every place; 64 and 32 bytes have 2 and 4 rows in 128 bytes.
int swizzled_chunk(Swizzle swizzle, int row, int chunk) {
  switch (swizzle) {
    case Swizzle::bytes_128:
      return chunk ^ row % 8;
    case Swizzle::bytes_64:
      return chunk ^ row / 2 % 4;
    case Swizzle::bytes_32:
      return chunk ^ row / 4 % 2;
    default:
      return chunk;
  }
}

template <int rank>
void expect_boxes(const Tensor& tensor, const TensorMapArgs& args,
                  const std::vector<std::vector<int>>& corners) {
  const int row_elements = args.box[0];
  const int rows = static_cast<int>(box_bytes(args)) / (2 * row_elements);
  const int words = rows * row_elements / 2;
  std::vector<unsigned> in = {static_cast<unsigned>(corners.size()), static_cast<unsigned>(words)};
  std::vector<unsigned short> expected;
  for (const std::vector<int>& corner : corners) {
    for (const int c : corner) in.push_back(static_cast<unsigned>(c));
    std::vector<unsigned short> box(static_cast<std::size_t>(2 * words));
    for (int i = 0; i < rows * row_elements; ++i) {
      const int row = i / row_elements, column = i % row_elements;
      std::vector<int> c = corner;
      c[0] += column;
      for (int d = 1, rest = row; d < rank; ++d) {
        const int count = (args.box[d] + args.step[d] - 1) / args.step[d];
        c[d] += rest % count * args.step[d];
        rest /= count;
      }
      const int place = swizzled_chunk(args.swizzle, row, column / 8) * 8 + column % 8;
      box[row * row_elements + place] = tensor.at(c);
    }
    expected.insert(expected.end(), box.begin(), box.end());
  }
  const auto out = run_case(tma_case<rank>, one_block(32, static_cast<unsigned>(4 * words + 8)), in,
                            corners.size() * words, make_tensor_map(args));
  EXPECT_EQ(std::memcmp(out.data(), expected.data(), expected.size() * 2), 0);
}

TEST(Tma, LoadsBoxesWithZerosOutside) {
  const Tensor tensor({72, 37, 3});
  const std::vector<std::vector<int>> corners = {{0, 0, 0},    {8, 5, 1},   {0, -3, 1},
                                                 {-8, -20, 0}, {64, 30, 2}, {70, 36, 2},
                                                 {200, 0, 0},  {0, 0, -1}};
  expect_boxes<3>(tensor, tensor.args({64, 16, 1}, Swizzle::bytes_128), corners);
  expect_boxes<3>(tensor, tensor.args({32, 16, 2}, Swizzle::bytes_64), corners);
  expect_boxes<3>(tensor, tensor.args({16, 8, 3}, Swizzle::bytes_32), corners);
  expect_boxes<3>(tensor, tensor.args({24, 16, 1}, Swizzle::none), corners);
}

TEST(Tma, TakesEverySomeManiethElement) {
  const Tensor tensor({64, 40, 2});
  for (const int step : {2, 3, 8}) {
    TensorMapArgs args = tensor.args({64, 8 * step, 1}, Swizzle::bytes_128);
    args.step[1] = step;
    expect_boxes<3>(tensor, args, {{0, 0, 0}, {0, -step, 1}, {0, 31, 0}});
  }
}

TEST(Tma, LoadsFourAndFiveDimensions) {
  const Tensor four({16, 5, 4, 3});
  expect_boxes<4>(four, four.args({16, 4, 2, 2}, Swizzle::bytes_32), {{0, 0, 0, 0}, {0, -1, 3, 2}});
  const Tensor five({8, 3, 4, 2, 3});
  expect_boxes<5>(five, five.args({8, 2, 4, 2, 2}, Swizzle::none),
                  {{0, 0, 0, 0, 0}, {0, 2, -1, 1, 2}});
}

TEST(Tma, CountsWhatItLoadsButNotZeros) {
  const Tensor tensor({64, 10, 1});
  const TensorMap map = make_tensor_map(tensor.args({64, 16, 1}, Swizzle::bytes_128));
  const std::vector<unsigned> in = {1, 512, 0, static_cast<unsigned>(-3), 0};
  std::vector<unsigned> out(512);
  const CaseArgs args = {.in = in.data(), .out = out.data(), .map = map};
  const auto report = launch(one_block(32, 2056), [&] { tma_case<3>(args); });
  EXPECT_EQ(report.error, "");
  EXPECT_EQ(report.counts.bytes_loaded, 10 * 64 * 2U);
}

/// Loads one box into a tile of 1,024 bytes; each bug changes one step.
enum class Bug {
  none,
  no_wait,
  no_init_fence,
  init_fence_too_early,
  init_fence_of_another,
  few_bytes,
  many_bytes,
  alignment,
  outside,
  rank,
  no_map,
  end
};

void load_once(Bug bug, const TensorMap& map, const TensorMap& four) {
  auto* words = reinterpret_cast<unsigned*>(shared_memory());
  const unsigned tile = shared_address(words), barrier = tile + 2048;
  const bool fences = bug != Bug::no_init_fence && bug != Bug::init_fence_of_another &&
                      bug != Bug::init_fence_too_early;
  if (thread_index() == 0) {
    if (bug == Bug::init_fence_too_early) mbarrier_init_fence();
    mbarrier_init(barrier, 1);
    if (fences) mbarrier_init_fence();
  }
  block_barrier();
  if (bug == Bug::init_fence_of_another && thread_index() == 1) mbarrier_init_fence();
  warp_barrier();
  if (thread_index() == 0) {
    const int bytes = bug == Bug::few_bytes ? 1008 : bug == Bug::many_bytes ? 1040 : 1024;
    mbarrier_arrive_expect(barrier, bytes);
    const unsigned to = tile + (bug == Bug::alignment ? 512 : bug == Bug::outside ? 4096 : 0);
    tma_load(to,
             bug == Bug::rank     ? four
             : bug == Bug::no_map ? TensorMap{}
                                  : map,
             barrier, 0, 0, 0);
  }
  if (bug == Bug::end) return;
  if (bug != Bug::no_wait) mbarrier_wait(barrier, 0);
  load_shared<1>(words + thread_index());
}

TEST(Tma, CatchesPlantedBugs) {
  const Tensor tensor({64, 8, 1}), tensor_four({64, 8, 1, 1});
  const TensorMap map = make_tensor_map(tensor.args({64, 8, 1}, Swizzle::bytes_128));
  const TensorMap four = make_tensor_map(tensor_four.args({64, 8, 1, 1}, Swizzle::bytes_128));
  const auto run = [&](Bug bug) { return [&map, &four, bug] { load_once(bug, map, four); }; };
  for (const Options& options : all_options())
    EXPECT_EQ(launch(one_block(32, 2056), run(Bug::none), options).error, "");
  expect_caught(one_block(32, 2056), run(Bug::no_init_fence), "not fenced");
  expect_caught(one_block(32, 2056), run(Bug::init_fence_too_early), "not fenced");
  expect_caught(one_block(32, 2056), run(Bug::init_fence_of_another), "not fenced");
  expect_caught(one_block(32, 2056), run(Bug::outside), "outside the 2056");
  expect_caught(one_block(32, 2056), run(Bug::few_bytes), "more than expected");
  expect_caught(one_block(32, 2056), run(Bug::many_bytes), "16 bytes");
  expect_caught(one_block(32, 2056), run(Bug::alignment), "not aligned to 1024");
  expect_caught(one_block(32, 2056), run(Bug::rank), "3 coordinates for a tensor of 4");
  expect_caught(one_block(32, 2056), run(Bug::no_map), "no tensor map");
  const Report left = launch(one_block(32, 2056), run(Bug::end));
  EXPECT_THAT(left.error, testing::HasSubstr("ends while copies"));
  const Options outside = {.global = {{tensor.data, 1000}}};
  EXPECT_THAT(launch(one_block(32, 2056), run(Bug::none), outside).error,
              testing::HasSubstr("outside the arrays"));
  if (!detects_races()) return;
  expect_caught(one_block(32, 2056), run(Bug::no_wait), "shared byte");
}

TEST(Tma, CatchesFewerExpectedBytesThanCopies) {
  const Tensor tensor({64, 8, 1});
  const TensorMap map = make_tensor_map(tensor.args({64, 8, 1}, Swizzle::bytes_128));
  const auto kernel = [&] {
    const unsigned tile = shared_address(shared_memory()), barrier = tile + 2048;
    mbarrier_init(barrier, 1);
    mbarrier_init_fence();
    mbarrier_arrive_expect(barrier, 1024);
    for (unsigned i = 0; i < 2; ++i) tma_load(tile + 1024 * i, map, barrier, 0, 0, 0);
    mbarrier_wait(barrier, 0);
  };
  EXPECT_THAT(launch(one_block(1, 2056), kernel).error,
              testing::HasSubstr("1024 bytes less than are copied"));
}

TEST(Tma, CatchesWhatTheThreadWroteWithoutAFence) {
  if (!detects_races()) GTEST_SKIP() << "races are not detected in this build";
  const Tensor tensor({64, 8, 1});
  const TensorMap map = make_tensor_map(tensor.args({64, 8, 1}, Swizzle::bytes_128));
  const auto clear_then_load = [&](int fenced_rounds) {
    return [&map, fenced_rounds] {
      const unsigned tile = shared_address(shared_memory()), barrier = tile + 1024;
      mbarrier_init(barrier, 1);
      mbarrier_init_fence();
      for (int round = 0; round < 2; ++round) {
        *reinterpret_cast<unsigned*>(shared_memory()) = 0;
        if (round < fenced_rounds) async_proxy_fence();
        mbarrier_arrive_expect(barrier, 1024);
        tma_load(tile, map, barrier, 0, 0, 0);
        mbarrier_wait(barrier, round);
      }
    };
  };
  EXPECT_EQ(launch(one_block(1, 1032), clear_then_load(2)).error, "");
  expect_caught(one_block(1, 1032), clear_then_load(0), "without a fence");
  expect_caught(one_block(1, 1032), clear_then_load(1), "without a fence");
}

}  // namespace
}  // namespace convtune::cuda
