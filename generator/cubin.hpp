#pragma once

#include <string_view>

namespace convtune {

/// What a kernel takes of a GPU, as far as the compiler knows.
struct Resources {
  int registers = 0;     ///< a thread
  int spill_bytes = 0;   ///< stores and loads together
  int stack_bytes = 0;   ///< a thread
  int shared_bytes = 0;  ///< a block, static; what the driver reserves is left out
  bool operator==(const Resources&) const = default;
};

/// From the log of `--ptxas-options=-v` of a unit with one kernel; the only source of spills.
/// Throws Error{failed} if the log has no such lines.
Resources resources_from_log(std::string_view log);

/// What the cubin says of itself.
struct CubinInfo {
  int registers = 0;
  int frame_bytes = 0;
};

/// Reads the entries of `symbol` in the ELF section .nv.info. Throws Error{failed} for bytes that
/// are no cubin, or have no such kernel.
CubinInfo read_cubin(std::string_view cubin, std::string_view symbol);

}  // namespace convtune
