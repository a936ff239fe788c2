#pragma once

#include <filesystem>
#include <string_view>

namespace convtune {

/// Who may read a published file: this user alone, or whoever may read the one that it replaces
/// and, if there is none, whom the umask leaves.
enum class Readers { user, as_usual };

/// Writes a file that no reader ever sees in part: a temporary one beside it is written, synced and
/// renamed. Throws Error{storage} if that fails; `file` is then as it was.
void publish(const std::filesystem::path& file, std::string_view bytes, Readers readers);

}  // namespace convtune
