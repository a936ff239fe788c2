#pragma once

#include <span>
#include <string_view>
#include <vector>

namespace convtune {

/// A device header, as it was when this binary was built. The name is what #include says: its path
/// from the repository's root.
struct EmbeddedFile {
  std::string_view name;
  std::string_view text;
};

/// All device headers, sorted by name.
std::span<const EmbeddedFile> embedded_files();

/// Those that `text` includes, and those that they include in turn, sorted by name. Includes of
/// other files are the host's half and count for nothing.
std::vector<EmbeddedFile> embedded_closure(std::string_view text);

}  // namespace convtune
