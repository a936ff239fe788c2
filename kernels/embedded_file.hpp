#pragma once

#include <span>
#include <string_view>

namespace convtune {

/// A file that the build put into the binary (cmake/EmbedFiles.cmake).
struct EmbeddedFile {
  std::string_view name;   ///< path relative to its base directory, with '/'
  std::string_view bytes;  ///< a 0 byte follows the last
};

}  // namespace convtune
