#pragma once

#include <filesystem>
#include <string_view>

namespace convtune {

/// Writes a file that no reader ever sees in part: a temporary one beside it, for this user alone,
/// is written, synced and renamed. Throws Error{storage} if that fails; `file` is then as it was.
void publish(const std::filesystem::path& file, std::string_view bytes);

}  // namespace convtune
