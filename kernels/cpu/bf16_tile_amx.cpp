#include "kernels/cpu/bf16_tile.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <type_traits>
#include <utility>

// The instructions are written as assembly: their intrinsics want the compiler to be told of AMX by
// attributes that g++ and clang understand differently, and neither uses the registers by itself.
namespace convtune {

#ifdef __x86_64__

namespace {

// Operand of ldtilecfg: Intel's manual, "TILECFG format".
struct alignas(64) TileShapes {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::array<std::uint8_t, 14> reserved = {};
  std::array<std::uint16_t, 16> row_bytes = {64, 64, 64, 64, 64, 64, 64, 64};
  std::array<std::uint8_t, 16> rows = {16, 16, 16, 16, 16, 16, 16, 16};
};
static_assert(sizeof(TileShapes) == 64);

constexpr TileShapes shapes;

template <int tile>
void load(const void* from, std::int64_t row) {
  asm volatile("tileloadd (%0,%1,1), %%tmm%c2" : : "r"(from), "r"(row), "i"(tile) : "memory");
}

template <int tile>
void store(void* to, std::int64_t row) {
  asm volatile("tilestored %%tmm%c2, (%0,%1,1)" : : "r"(to), "r"(row), "i"(tile) : "memory");
}

template <int sums, int left, int right>
void multiply() {
  asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(sums), "i"(left), "i"(right));
}

template <int... i, class Body>
void unrolled(std::integer_sequence<int, i...>, const Body& body) {
  (body(std::integral_constant<int, i>()), ...);
}

// body(0), body(1), …, each index a constant.
template <int count, class Body>
void unrolled(const Body& body) {
  unrolled(std::make_integer_sequence<int, count>(), body);
}

// Registers: a · b of sums, then the tiles of the operand with fewer, then one or two in which
// those of the other take turns.
template <int a, int b>
void reduce(const Bf16Tile& t) {
  constexpr bool left_held = a <= b;
  constexpr int held = std::min(a, b), passed = std::max(a, b);
  constexpr int first_held = a * b, first_passed = first_held + held;
  constexpr int turns = first_passed + 2 <= 8 ? 2 : 1;
  static_assert(first_passed + turns <= 8);
  const Bf16Tile::Operand& holding = left_held ? t.left : t.right;
  const Bf16Tile::Operand& passing = left_held ? t.right : t.left;
  unrolled<a * b>([&](auto i) {
    load<i>(bytes_behind(t.start, i / b * t.start_left + i % b * t.start_right), t.start_row);
  });
  for (std::int64_t chunk = 0; chunk < t.chunks; ++chunk) {
    const char* h = bytes_behind(holding.at, chunk * holding.chunk);
    const char* p = bytes_behind(passing.at, chunk * passing.chunk);
    for (std::int64_t tap = 0; tap < t.taps; ++tap, h += holding.tap, p += passing.tap) {
      for (std::int64_t part = 0; part < t.parts; ++part) {
        unrolled<held>([&](auto i) {
          load<first_held + i>(bytes_behind(h, part * holding.part + i * holding.tile),
                               holding.row);
        });
        const std::int64_t partners = std::min(t.parts, bf16_max_parts - part);
        const char* q = p;
        for (std::int64_t partner = 0; partner < partners; ++partner, q += passing.part) {
          unrolled<passed>([&](auto j) {
            constexpr int turn = first_passed + j % turns;
            load<turn>(q + j * passing.tile, passing.row);
            unrolled<held>([&](auto i) {
              if constexpr (left_held) {
                multiply<i * b + j, first_held + i, turn>();
              } else {
                multiply<j * b + i, turn, first_held + i>();
              }
            });
          });
        }
      }
    }
  }
  constexpr std::int64_t row_floats = std::int64_t{16} * b;
  unrolled<a * b>([&](auto i) {
    store<i>(t.sums + i / b * 16 * row_floats + i % b * 16,
             row_floats * static_cast<std::int64_t>(sizeof(float)));
  });
}

}  // namespace

void multiply_by_amx(const Bf16Tile& tile) {
  using Code = void (*)(const Bf16Tile&);
  constexpr std::array<std::array<Code, 4>, 4> codes = {{
      {reduce<1, 1>, reduce<1, 2>, reduce<1, 3>, reduce<1, 4>},
      {reduce<2, 1>, reduce<2, 2>, nullptr, nullptr},
      {reduce<3, 1>, nullptr, nullptr, nullptr},
      {reduce<4, 1>, nullptr, nullptr, nullptr},
  }};
  codes[static_cast<std::size_t>(tile.left_tiles - 1)]
       [static_cast<std::size_t>(tile.right_tiles - 1)](tile);
}

AmxShapes::AmxShapes(bool wanted) : set_(wanted) {
  if (set_) asm volatile("ldtilecfg %0" : : "m"(shapes));
}

AmxShapes::~AmxShapes() {
  if (set_) asm volatile("tilerelease");
}

#else

void multiply_by_amx(const Bf16Tile&) {}
AmxShapes::AmxShapes(bool wanted) : set_(wanted) {}
AmxShapes::~AmxShapes() = default;

#endif

}  // namespace convtune
