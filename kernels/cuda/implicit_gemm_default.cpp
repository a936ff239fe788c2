#include <algorithm>
#include <limits>

#include "kernels/cuda/cuda_kernel.hpp"
#include "kernels/cuda/implicit_gemm.hpp"
#include "kernels/cuda/implicit_gemm_space.hpp"

namespace convtune::implicit_gemm {
namespace {

struct Tile {
  std::int64_t l = 32;
  std::int64_t c = 32;
};

Config config_of(Tile tile, std::int64_t row_bytes, std::int64_t stages, std::int64_t share,
                 std::int64_t split, std::int64_t cluster) {
  return {.family = std::string(cuda_implicit_gemm().name),
          .settings = {{"tile_l", tile.l},
                       {"tile_c", tile.c},
                       {"row_bytes", row_bytes},
                       {"stages", stages},
                       {"share", share},
                       {"split", split},
                       {"cluster", cluster}}};
}

bool is_candidate(const Problem& p, const Config& c, const DeviceProperties& device) {
  return broken_constraint(cuda_implicit_gemm(), p, c, device) == nullptr;
}

// For tiles of which an SM has room for two, what the busiest does, in products of a position and a
// channel: those of its tiles, and their loads, of which each costs as much as 32 products.
double busiest(const Problem& p, const Config& c, const DeviceProperties& device) {
  const std::int64_t l = c.at("tile_l"), n = c.at("tile_c");
  return busiest_tiles(with_narrow_indices(p, c), conv_shape(p), device) *
         static_cast<double>(l * n + 32 * (l + n));
}

// As many stages as leave room for another block, and more warps where there are few blocks.
Config completed(const Problem& p, const Config& config, const DeviceProperties& device) {
  const auto resident = [&](const Config& c) {
    const std::int64_t bytes = shared_bytes(p, c) + device.reserved_shared_per_block;
    return std::min<std::int64_t>(device.shared_per_sm / bytes, 2);
  };
  Config best = config;
  for (const std::int64_t split : {1, 2, 4}) {
    for (const std::int64_t stages : {2, 3, 4}) {
      const Config c = config_of({config.at("tile_l"), config.at("tile_c")}, config.at("row_bytes"),
                                 stages, config.at("share"), split, config.at("cluster"));
      if (is_candidate(p, c, device) && resident(c) >= resident(config)) best = c;
    }
  }
  return best;
}

}  // namespace

// The tile that keeps the busiest SM shortest, of those that leave room for two blocks: one
// multiplies while the other waits.
Config default_config(const Problem& p, const DeviceProperties& device) {
  Config best = config_of({}, 128, 2, 0, 1, 1);
  if (!indices_fit_64_bits(p)) return best;
  double least = std::numeric_limits<double>::infinity();
  const auto offer = [&](Tile tile, std::int64_t row_bytes, std::int64_t share,
                         std::int64_t cluster) {
    const auto with_stages = [&](std::int64_t stages) {
      return config_of(tile, row_bytes, stages, share, 1, cluster);
    };
    Config config = with_stages(3);
    if (steps(with_narrow_indices(p, config), conv_shape(p)) <= 2) config = with_stages(2);
    if (!is_candidate(p, config, device) || blocks_per_sm(p, config) < 2 ||
        busiest(p, config, device) >= least)
      return;
    least = busiest(p, config, device);
    best = config;
  };
  for (const std::int64_t row_bytes : {128, 64}) {
    for (const std::int64_t share : {1, 0}) {
      for (const std::int64_t l : {128, 64, 32}) {
        for (const std::int64_t c : {128, 64, 48, 32}) {
          for (const std::int64_t cluster : {1, 2, 4, 8}) offer({l, c}, row_bytes, share, cluster);
        }
      }
    }
  }
  return completed(p, best, device);
}

}  // namespace convtune::implicit_gemm
