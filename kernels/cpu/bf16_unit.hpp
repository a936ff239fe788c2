#pragma once

namespace convtune {

/// What multiplies pairs of bfloat16 in a CPU: nothing, vectors (AVX512-BF16) or tiles (AMX).
enum class Bf16Unit { none, vectors, tiles };

/// The fastest that this process may use. Tiles need AVX512-BF16 too, for its conversions, and that
/// Linux grants their state. The first call asks for it, for all threads and for good; from then on
/// Linux refuses signal stacks too small for tiles.
Bf16Unit bf16_unit();

}  // namespace convtune
