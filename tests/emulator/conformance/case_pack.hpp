#pragma once

#include <filesystem>
#include <span>
#include <string>

namespace convtune {

/// Compiles the cases that each of `archs` can have into a pack, from which a machine without a
/// compiler takes them (CONVTUNE_PACK).
void write_case_pack(const std::filesystem::path& file, std::span<const std::string> archs);

}  // namespace convtune
