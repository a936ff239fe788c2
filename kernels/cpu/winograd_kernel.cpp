#include "kernels/cpu/targets.hpp"  // before all of Highway

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/winograd_kernel.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>

#include "kernels/cpu/activation-inl.hpp"
#include "kernels/cpu/direct_tile-inl.hpp"
#include "kernels/cpu/simd-inl.hpp"
#include "kernels/cpu/window.hpp"
#include "kernels/cpu/winograd.hpp"
#include "kernels/cpu/winograd_columns-inl.hpp"
#include "kernels/cpu/winograd_transform-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace convtune::HWY_NAMESPACE {
namespace {

// Patches of one group, and tiles of its output channels.
template <class T>
struct Block {
  const T* x;  // the batch row's group
  T* y;        // likewise
  std::int64_t group = 0;
  std::int64_t first_patch = 0, patches = 0;
  std::int64_t first_tile = 0, last_tile = 0;
};

template <class T>
Block<T> block_of(const WinogradPlan& plan, const void* x, void* y, std::int64_t task) {
  const Problem& p = plan.problem;
  Block<T> b = {};
  b.first_tile = task % plan.blocks_c * plan.task_tiles;
  b.last_tile = std::min(b.first_tile + plan.task_tiles, plan.tiles_c);
  task /= plan.blocks_c;
  b.first_patch = task % plan.blocks_l * plan.patches;
  b.patches = std::min(plan.patches, plan.all_patches - b.first_patch);
  task /= plan.blocks_l;
  b.group = task % p.num_groups;
  const std::int64_t n = task / p.num_groups;
  const bool nlc = p.layout == Layout::NLC;
  b.x = static_cast<const T*>(x) + n * p.length * p.in_channels +
        b.group * plan.group_in * (nlc ? 1 : p.length);
  b.y = static_cast<T*>(y) + n * plan.length_out * p.out_channels +
        b.group * plan.group_out * (nlc ? 1 : plan.length_out);
  return b;
}

// Input channels of one pass.
struct Pass {
  std::int64_t first = 0, channels = 0;
};

// NLC: lanes along the input channels.
template <std::size_t m, class T>
void transform_rows(const WinogradPlan& plan, const Block<T>& block, Pass pass, float* to) {
  constexpr Lanes d;
  constexpr std::int64_t lanes = max_lanes;
  const Problem& p = plan.problem;
  for (std::int64_t i = 0; i < block.patches; ++i, to += plan.row_step) {
    const std::int64_t start = window_start(p, first_output<m>(p, block.first_patch + i));
    const T* row = block.x + start * p.in_channels + pass.first;
    for (std::int64_t c = 0; c < pass.channels; c += lanes) {
      LaneVec patch[m + 2];
      for (std::int64_t k = 0; k < static_cast<std::int64_t>(m + 2); ++k) {
        const T* from = row + k * p.dilation * p.in_channels + c;
        patch[k] = is_inside(p, start + k * p.dilation) ? load_up_to(d, from, pass.channels - c)
                                                        : hn::Zero(d);
      }
      each_row_times<Patch<m>::input>(patch, [&](std::size_t j, LaneVec sum) HWY_ATTR {
        hn::StoreU(sum, d, to + static_cast<std::int64_t>(j) * plan.patches * plan.row_step + c);
      });
    }
  }
}

// NCL: lanes along the patches.
template <std::size_t m, class T>
void transform_columns(const WinogradPlan& plan, const Block<T>& block, Pass pass, float* to) {
  constexpr Lanes d;
  const Problem& p = plan.problem;
  const std::int64_t columns = plan.config.columns;
  const std::int64_t panel = plan.pass_channels * columns;
  for (std::int64_t i = 0; i < round_up(block.patches, columns); i += max_lanes) {
    const PatchLanes<m> patches(p, block.first_patch + i);
    const bool inside = patches.are_inside(p);
    float* column = to + i / columns * panel + i % columns;
    for (std::int64_t c = 0; c < pass.channels; ++c, column += columns) {
      LaneVec patch[m + 2];
      load_patches<m>(p, patches, inside, block.x + (pass.first + c) * p.length, patch);
      each_row_times<Patch<m>::input>(patch, [&](std::size_t j, LaneVec sum) HWY_ATTR {
        const std::int64_t product = static_cast<std::int64_t>(j) * plan.patches;
        hn::StoreU(sum, d, column + product * plan.pass_channels);
      });
    }
  }
}

constexpr float zeros[4 * max_lanes] = {};

// Rows [0, count) of a register tile's columns, which read from x on and are left from `to` on.
// Sums begin with 0 in the first pass. `r` has the rest; a copy of it for each tile would read by
// vectors what was just stored by words, which waits for all stores before it.
void multiply_rows(const WinogradConfig& config, DirectReduction& r, const float* x, float* to,
                   std::int64_t count, bool first) {
  r.start_step = first ? 0 : r.to_step;
  std::int64_t rows = 0;
  for (std::int64_t row = 0; row < count; row += rows) {
    rows = largest_tile(std::min(config.rows, count - row));
    r.x = x + row * r.row_step;
    r.to = to + row * r.to_step;
    r.start = first ? zeros : r.to;
    switch (config.columns / static_cast<std::int64_t>(max_lanes)) {
      case 1:
        reduce<max_lanes, 1>(rows, r);
        break;
      case 2:
        reduce<max_lanes, 2>(rows, r);
        break;
      case 3:
        reduce<max_lanes, 3>(rows, r);
        break;
      default:
        reduce<max_lanes, 4>(rows, r);
    }
  }
}

// The products of a tile of output channels over one pass.
void multiply(const WinogradPlan& plan, std::int64_t patches, std::int64_t group, std::int64_t tile,
              Pass pass, const float* input, float* products) {
  const WinogradConfig& config = plan.config;
  const float* w =
      plan.weights.get() +
      ((group * plan.tiles_c + tile) * plan.products() * plan.group_in + pass.first) * plan.tile_c;
  DirectReduction r = {};
  r.outer_count = 1;
  r.inner_count = pass.channels;
  for (std::int64_t j = 0; j < plan.products(); ++j, w += plan.group_in * plan.tile_c) {
    if (plan.problem.layout == Layout::NLC) {
      r.w = w;
      r.row_step = plan.row_step;
      r.inner_x_step = 1;
      r.to_step = config.columns;
      multiply_rows(config, r, input + j * plan.patches * plan.row_step,
                    products + j * plan.patches * config.columns, patches, pass.first == 0);
      continue;
    }
    r.row_step = 1;
    r.inner_x_step = plan.tile_c;
    r.to_step = plan.patches;
    for (std::int64_t i = 0; i < patches; i += config.columns) {
      r.w = input + (j * plan.patches + i) * plan.pass_channels;
      multiply_rows(config, r, w, products + j * plan.tile_c * plan.patches + i,
                    channels_of(plan, tile), pass.first == 0);
    }
  }
}

// NLC: a patch's outputs are rows of y.
template <std::size_t m, class T>
void finish_rows(const WinogradPlan& plan, const Block<T>& block, std::int64_t tile,
                 const float* products) {
  constexpr Lanes d;
  const Problem& p = plan.problem;
  const std::int64_t channels = channels_of(plan, tile);
  const float* bias = plan.bias.get() + (block.group * plan.tiles_c + tile) * plan.tile_c;
  for (std::int64_t i = 0; i < block.patches; ++i, products += plan.tile_c) {
    const std::int64_t first = first_output<m>(p, block.first_patch + i);
    T* y = block.y + first * p.out_channels + tile * plan.tile_c;
    for (std::int64_t c = 0; c < channels; c += max_lanes) {
      LaneVec product[m + 2];
      for (std::size_t j = 0; j < m + 2; ++j) {
        const std::int64_t row = static_cast<std::int64_t>(j) * plan.patches;
        product[j] = hn::LoadU(d, products + row * plan.tile_c + c);
      }
      each_row_times<Patch<m>::output>(product, [&](std::size_t k, LaneVec sum) HWY_ATTR {
        const std::int64_t behind = static_cast<std::int64_t>(k) * p.dilation;
        if (first + behind >= plan.length_out) return;
        sum = activate(d, hn::Add(sum, hn::LoadU(d, bias + c)), p.activation);
        store_up_to(sum, d, y + behind * p.out_channels + c, channels - c);
      });
    }
  }
}

// NCL: a patch's outputs lie in one row of y.
template <std::size_t m, class T>
void finish_columns(const WinogradPlan& plan, const Block<T>& block, std::int64_t tile,
                    const float* products) {
  constexpr Lanes d;
  const Problem& p = plan.problem;
  const float* bias = plan.bias.get() + (block.group * plan.tiles_c + tile) * plan.tile_c;
  for (std::int64_t i = 0; i < block.patches; i += max_lanes, products += max_lanes) {
    const PatchLanes<m> patches(p, block.first_patch + i);
    for (std::int64_t c = 0; c < channels_of(plan, tile); ++c) {
      T* row = block.y + (tile * plan.tile_c + c) * plan.length_out;
      const LaneVec start = hn::Set(d, bias[c]);
      LaneVec product[m + 2];
      for (std::size_t j = 0; j < m + 2; ++j) {
        const std::int64_t row_of_j = static_cast<std::int64_t>(j) * plan.tile_c + c;
        product[j] = hn::LoadU(d, products + row_of_j * plan.patches);
      }
      LaneVec y[m];
      each_row_times<Patch<m>::output>(product, [&](std::size_t k, LaneVec sum) HWY_ATTR {
        y[k] = activate(d, hn::Add(sum, start), p.activation);
      });
      store_patches<m>(p, patches, y, plan.length_out, row);
    }
  }
}

template <class T, Layout layout, std::size_t m>
void run_task(const WinogradPlan& plan, const void* x, void* y, std::int64_t task) {
  const Block<T> block = block_of<T>(plan, x, y, task);
  HWY_ALIGN float input[winograd_max_input];
  HWY_ALIGN float products[winograd_task_products * winograd_task_channels];
  // Those of one pass are done with when they are summed.
  const std::int64_t tile_step = plan.one_pass() ? 0 : plan.products() * plan.patches * plan.tile_c;
  for (std::int64_t c = 0; c < plan.group_in; c += plan.pass_channels) {
    const Pass pass = {c, std::min(plan.pass_channels, plan.group_in - c)};
    if constexpr (layout == Layout::NLC) {
      transform_rows<m>(plan, block, pass, input);
    } else {
      transform_columns<m>(plan, block, pass, input);
    }
    float* of_tile = products;
    for (std::int64_t tile = block.first_tile; tile < block.last_tile; ++tile) {
      multiply(plan, block.patches, block.group, tile, pass, input, of_tile);
      if (c + pass.channels == plan.group_in) {
        if constexpr (layout == Layout::NLC) {
          finish_rows<m>(plan, block, tile, of_tile);
        } else {
          finish_columns<m>(plan, block, tile, of_tile);
        }
      }
      of_tile += tile_step;
    }
  }
}

template <class T, Layout layout>
WinogradPlan::Task task_of(std::int64_t outputs) {
  if (outputs == 2) return run_task<T, layout, 2>;
  if (outputs == 4) return run_task<T, layout, 4>;
  return nullptr;
}

}  // namespace

WinogradPlan::Task find_winograd_task(const Problem& problem, const WinogradConfig& config) {
  constexpr std::int64_t lanes = max_lanes;
  if (lanes == 1 || config.columns % lanes != 0 || config.columns / lanes > 4) return nullptr;
  return by_dtype(problem.dtype, [&](auto zero) -> WinogradPlan::Task {
    using T = decltype(zero);
    return problem.layout == Layout::NLC ? task_of<T, Layout::NLC>(config.outputs)
                                         : task_of<T, Layout::NCL>(config.outputs);
  });
}

}  // namespace convtune::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace convtune {

HWY_EXPORT(find_winograd_task);

WinogradPlan::Task winograd_task(const Problem& problem, const WinogradConfig& config) {
  return HWY_DYNAMIC_DISPATCH(find_winograd_task)(problem, config);
}

std::string winograd_digest() { return CONVTUNE_SOURCE_DIGEST; }

}  // namespace convtune
#endif
