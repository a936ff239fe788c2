#include "kernels/cpu/targets.hpp"  // before all of Highway

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/direct_kernel.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>

#include "kernels/cpu/activation-inl.hpp"
#include "kernels/cpu/direct.hpp"
#include "kernels/cpu/simd-inl.hpp"
#include "kernels/cpu/window.hpp"

HWY_BEFORE_NAMESPACE();
namespace convtune::HWY_NAMESPACE {
namespace {

// Two nested loops over taps and input channels, in the order of the config. Row i begins with what
// is at start + i · start_step, and ends in y if that is not null, else in the sums.
template <class T>
struct Reduction {
  const T* x;  // what the tile's first row reads first
  const float* w;
  const float* start;
  std::int64_t start_step;
  float* sums;
  T* y;
  std::int64_t y_step;
  std::int64_t row_step;  // in x, from one output position to the next
  std::int64_t outer_count, outer_x_step, outer_w_step;
  std::int64_t inner_count, inner_x_step;
};

// start[row][co] + Σ x[row] · w[co]: the tile stays in registers over the whole reduction.
template <class T, std::size_t lanes, int vectors, int rows>
void reduce_tile(const Reduction<T>& r) {
  using V = hn::Vec<Floats<lanes>>;
  constexpr Floats<lanes> d;
  constexpr std::int64_t tile_c = vectors * lanes;
  V sums[rows][vectors];
  const float* start = r.start;
  for (int row = 0; row < rows; ++row, start += r.start_step) {
    for (int v = 0; v < vectors; ++v) sums[row][v] = hn::LoadU(d, start + v * lanes);
  }
  for (std::int64_t outer = 0; outer < r.outer_count; ++outer) {
    const T* x = r.x + outer * r.outer_x_step;
    const float* w = r.w + outer * r.outer_w_step;
    for (std::int64_t inner = 0; inner < r.inner_count; ++inner) {
      V weights[vectors];
      for (int v = 0; v < vectors; ++v) weights[v] = hn::LoadU(d, w + v * lanes);
      for (int row = 0; row < rows; ++row) {
        const V value = broadcast(d, x + row * r.row_step);
        for (int v = 0; v < vectors; ++v) {
          sums[row][v] = hn::MulAdd(value, weights[v], sums[row][v]);
        }
      }
      x += r.inner_x_step;
      w += tile_c;
    }
  }
  if (r.y != nullptr) {
    T* y = r.y;
    CONVTUNE_UNROLL
    for (int row = 0; row < rows; ++row, y += r.y_step) {
      CONVTUNE_UNROLL
      for (int v = 0; v < vectors; ++v) store(sums[row][v], d, y + v * lanes);
    }
    return;
  }
  for (int row = 0; row < rows; ++row) {
    for (int v = 0; v < vectors; ++v)
      hn::StoreU(sums[row][v], d, r.sums + row * tile_c + v * lanes);
  }
}

// The same with the number of rows, one of those below, known at run time only. Inlined into its
// callers it would be compiled for each.
template <class T, std::size_t lanes, int vectors>
HWY_NOINLINE void reduce(std::int64_t rows, const Reduction<T>& r) {
  switch (rows) {
    case 12:
      return reduce_tile<T, lanes, vectors, 12>(r);
    case 8:
      return reduce_tile<T, lanes, vectors, 8>(r);
    case 6:
      return reduce_tile<T, lanes, vectors, 6>(r);
    case 4:
      return reduce_tile<T, lanes, vectors, 4>(r);
    case 2:
      return reduce_tile<T, lanes, vectors, 2>(r);
    default:
      return reduce_tile<T, lanes, vectors, 1>(r);
  }
}

std::int64_t largest_tile(std::int64_t rows) {
  for (const std::int64_t tile : {12, 8, 6, 4, 2}) {
    if (rows >= tile) return tile;
  }
  return 1;
}

// What one task computes: `rows` output positions of one tile of output channels.
struct Block {
  std::int64_t n = 0, group = 0, tile = 0;
  std::int64_t first_l = 0, rows = 0;
  std::int64_t first_c = 0, channels = 0;  // in y
  std::int64_t width = 0;                  // of the tile
};

Block block_of(const DirectPlan& plan, std::int64_t task) {
  Block b;
  b.first_l = task % plan.blocks_l * plan.config.block_l;
  b.rows = std::min(plan.config.block_l, plan.length_out - b.first_l);
  task /= plan.blocks_l;
  b.tile = task % plan.tiles_c;
  task /= plan.tiles_c;
  b.group = task % plan.problem.num_groups;
  b.n = task / plan.problem.num_groups;
  const std::int64_t first = b.tile * plan.config.tile_c;
  b.first_c = b.group * plan.group_out + first;
  b.channels = std::min(plan.config.tile_c, plan.group_out - first);
  b.width = width_of(plan, b.tile);
  return b;
}

// One pass of a task: its share of input channels.
template <class T>
struct Pass {
  const T* x;
  const float* w;
  float* sums;
  std::int64_t channels;
};

template <class T>
Reduction<T> reduction_of(const DirectPlan& plan, const Block& block, const Pass<T>& pass,
                          std::int64_t row, TapRange taps) {
  const std::int64_t tile_c = block.width;
  const std::int64_t position =
      window_start(plan.problem, block.first_l + row) + taps.first * plan.problem.dilation;
  const std::int64_t tap_step = plan.problem.dilation * plan.position_step;
  const std::int64_t tap_count = taps.last - taps.first;
  Reduction<T> r = {};
  r.x = pass.x + position * plan.position_step;
  r.row_step = plan.problem.stride * plan.position_step;
  if (plan.config.taps_inside != 0) {
    r.w = pass.w + taps.first * tile_c;
    r.outer_count = pass.channels;
    r.outer_x_step = plan.channel_step;
    r.outer_w_step = plan.problem.kernel_size * tile_c;
    r.inner_count = tap_count;
    r.inner_x_step = tap_step;
  } else {
    r.w = pass.w + taps.first * pass.channels * tile_c;
    r.outer_count = tap_count;
    r.outer_x_step = tap_step;
    r.outer_w_step = pass.channels * tile_c;
    r.inner_count = pass.channels;
    r.inner_x_step = plan.channel_step;
  }
  return r;
}

// Taps that every row may read are summed for all rows together, the others row by row.
template <class T, std::size_t lanes, int vectors>
void sum_tile(const DirectPlan& plan, const Block& block, const Pass<T>& pass, std::int64_t row,
              std::int64_t rows) {
  const Problem& p = plan.problem;
  const auto taps_of = [&](std::int64_t i) {
    return valid_taps(p, window_start(p, block.first_l + row + i));
  };
  const auto sum = [&](std::int64_t first_row, std::int64_t count, TapRange taps) {
    if (taps.empty()) return;
    Reduction<T> r = reduction_of(plan, block, pass, first_row, taps);
    r.sums = pass.sums + first_row * block.width;
    r.start = r.sums;
    r.start_step = block.width;
    reduce<T, lanes, vectors>(count, r);
  };
  TapRange common = {taps_of(0).first, taps_of(rows - 1).last};
  sum(row, rows, common);
  if (common.first == 0 && common.last == p.kernel_size) return;
  if (common.empty()) common = {p.kernel_size, p.kernel_size};
  for (std::int64_t i = 0; i < rows; ++i) {
    const TapRange own = taps_of(i);
    sum(row + i, 1, {own.first, std::min(own.last, common.first)});
    sum(row + i, 1, {std::max(own.first, common.last), own.last});
  }
}

const float* weights_of(const DirectPlan& plan, const Block& block) {
  const std::int64_t index = block.group * plan.tiles_c + block.tile;
  return plan.weights.get() + index * plan.problem.kernel_size * plan.group_in * plan.config.tile_c;
}

// Rows [first, first + count) of a block; sums holds those and starts with the first.
template <class T, std::size_t lanes, int vectors>
void sum_rows(const DirectPlan& plan, const Block& block, const T* x, std::int64_t first,
              std::int64_t count, float* sums) {
  const Problem& p = plan.problem;
  const std::int64_t index = block.group * plan.tiles_c + block.tile;
  const std::int64_t step = plan.config.block_c == 0 ? plan.group_in : plan.config.block_c;
  const float* w = weights_of(plan, block);
  constexpr Floats<lanes> d;
  for (int v = 0; v < vectors; ++v) {
    const auto bias = hn::LoadU(d, plan.bias.get() + index * plan.config.tile_c + v * lanes);
    float* sum = sums + v * lanes;
    for (std::int64_t row = 0; row < count; ++row, sum += vectors * lanes) hn::StoreU(bias, d, sum);
  }
  for (std::int64_t c = 0; c < plan.group_in; c += step) {
    const Pass<T> pass = {x + c * plan.channel_step, w + c * p.kernel_size * block.width,
                          sums - first * block.width, std::min(step, plan.group_in - c)};
    for (std::int64_t row = 0; row < count;) {
      const std::int64_t rows = largest_tile(std::min(plan.config.tile_l, count - row));
      sum_tile<T, lanes, vectors>(plan, block, pass, first + row, rows);
      row += rows;
    }
  }
}

// NLC: rows of y are rows of sums.
template <class T, std::size_t lanes>
void store_rows(const DirectPlan& plan, const Block& block, std::int64_t first, std::int64_t count,
                const float* sums, T* y) {
  constexpr Floats<lanes> d;
  y += (block.n * plan.length_out + block.first_l + first) * plan.problem.out_channels +
       block.first_c;
  const Activation activation = plan.problem.activation;
  const bool plain = activation == Activation::none && block.channels == block.width;
  for (std::int64_t row = 0; row < count; ++row, y += plan.problem.out_channels) {
    const float* from = sums + row * block.width;
    for (std::int64_t c = 0; c < block.channels; c += lanes) {
      if (plain) {
        store(hn::LoadU(d, from + c), d, y + c);
      } else {
        store_up_to(activate(d, hn::LoadU(d, from + c), activation), d, y + c, block.channels - c);
      }
    }
  }
}

// NCL: rows of y are columns of sums.
template <class T, std::size_t lanes>
void store_columns(const DirectPlan& plan, const Block& block, const float* sums, T* y) {
  constexpr Floats<lanes> d;
  y += (block.n * plan.problem.out_channels + block.first_c) * plan.length_out + block.first_l;
  for (std::int64_t c = 0; c < block.channels; ++c, y += plan.length_out) {
    for (std::int64_t row = 0; row < block.rows; row += lanes) {
      HWY_ALIGN float column[lanes] = {};
      const std::int64_t count = std::min<std::int64_t>(lanes, block.rows - row);
      for (std::int64_t i = 0; i < count; ++i) column[i] = sums[(row + i) * block.width + c];
      store_up_to(activate(d, hn::Load(d, column), plan.problem.activation), d, y + row, count);
    }
  }
}

// Whether nothing is to be done to the sums of these rows but the sum over all taps.
bool is_plain(const DirectPlan& plan, const Block& block, std::int64_t row, std::int64_t rows) {
  const Problem& p = plan.problem;
  const std::int64_t first = block.first_l + row;
  return p.activation == Activation::none && block.channels == block.width &&
         valid_taps(p, window_start(p, first)).first == 0 &&
         valid_taps(p, window_start(p, first + rows - 1)).last == p.kernel_size;
}

// NLC in one pass: from the bias to y without sums in memory.
template <class T, std::size_t lanes, int vectors>
void run_tile(const DirectPlan& plan, const Block& block, const T* x, T* y, std::int64_t row,
              std::int64_t rows) {
  const std::int64_t index = block.group * plan.tiles_c + block.tile;
  const Pass<T> pass = {x, weights_of(plan, block), nullptr, plan.group_in};
  Reduction<T> r = reduction_of(plan, block, pass, row, {0, plan.problem.kernel_size});
  r.start = plan.bias.get() + index * plan.config.tile_c;
  r.start_step = 0;
  r.y_step = plan.problem.out_channels;
  r.y = y + (block.n * plan.length_out + block.first_l + row) * r.y_step + block.first_c;
  reduce<T, lanes, vectors>(rows, r);
}

// Sums are stored while they are in the nearest cache: in NLC a register tile at a time, unless
// later passes add to them.
template <class T, std::size_t lanes, int vectors>
void run_block(const DirectPlan& plan, const Block& block, const T* x, T* y) {
  alignas(64) float sums[direct_max_sums];
  x += block.n * plan.problem.length * plan.problem.in_channels +
       block.group * plan.group_in * plan.channel_step;
  if (plan.problem.layout == Layout::NCL) {
    sum_rows<T, lanes, vectors>(plan, block, x, 0, block.rows, sums);
    return store_columns<T, lanes>(plan, block, sums, y);
  }
  const bool one_pass = plan.config.block_c == 0;
  std::int64_t count = block.rows;
  for (std::int64_t row = 0; row < block.rows; row += count) {
    if (one_pass) count = largest_tile(std::min(plan.config.tile_l, block.rows - row));
    if (one_pass && is_plain(plan, block, row, count)) {
      run_tile<T, lanes, vectors>(plan, block, x, y, row, count);
      continue;
    }
    sum_rows<T, lanes, vectors>(plan, block, x, row, count, sums);
    store_rows<T, lanes>(plan, block, row, count, sums, y);
  }
}

// The last tile of a group may have fewer vectors.
template <class T, std::size_t lanes, int vectors>
void run_width(const DirectPlan& plan, const Block& block, const T* x, T* y) {
  if constexpr (vectors > 1) {
    if (block.width < static_cast<std::int64_t>(vectors * lanes)) {
      return run_width<T, lanes, vectors - 1>(plan, block, x, y);
    }
  }
  run_block<T, lanes, vectors>(plan, block, x, y);
}

template <class T, std::size_t lanes, int vectors>
void run_task(const DirectPlan& plan, const void* x, void* y, std::int64_t task) {
  run_width<T, lanes, vectors>(plan, block_of(plan, task), static_cast<const T*>(x),
                               static_cast<T*>(y));
}

template <class T>
DirectPlan::Task task_of(std::int64_t tile_c) {
  if constexpr (max_lanes > 4) {
    if (tile_c == 4) return run_task<T, 4, 1>;
  }
  if constexpr (max_lanes > 8) {
    if (tile_c == 8) return run_task<T, 8, 1>;
  }
  if (tile_c == max_lanes) return run_task<T, max_lanes, 1>;
  if (tile_c == 2 * max_lanes) return run_task<T, max_lanes, 2>;
  if (tile_c == 3 * max_lanes) return run_task<T, max_lanes, 3>;
  if (tile_c == 4 * max_lanes) return run_task<T, max_lanes, 4>;
  return nullptr;
}

}  // namespace

DirectPlan::Task find_task(DType dtype, std::int64_t tile_c) {
  switch (dtype) {
    case DType::float32:
      return task_of<float>(tile_c);
    case DType::float16:
      return task_of<hwy::float16_t>(tile_c);
    case DType::bfloat16:
      return task_of<hwy::bfloat16_t>(tile_c);
  }
  return nullptr;
}

}  // namespace convtune::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace convtune {

HWY_EXPORT(find_task);

DirectPlan::Task direct_task(DType dtype, std::int64_t tile_c) {
  return HWY_DYNAMIC_DISPATCH(find_task)(dtype, tile_c);
}

std::string direct_digest() { return CONVTUNE_SOURCE_DIGEST; }

}  // namespace convtune
#endif
