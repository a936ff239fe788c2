#pragma once

namespace convtune {

/// Whether this process may use AMX on bfloat16: the CPU has the tiles, their bfloat16 products and
/// the vector conversions to bfloat16, and Linux granted the tiles' state. The first call asks for
/// it, for all threads and for good; from then on Linux refuses signal stacks too small for tiles.
bool amx_granted();

}  // namespace convtune
