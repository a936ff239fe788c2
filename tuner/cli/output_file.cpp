#include "tuner/cli/output_file.hpp"

#include <fmt/format.h>

#include <fstream>
#include <string>
#include <system_error>

#include "kernels/error.hpp"

namespace convtune::cli {

void require_no_database(const std::filesystem::path& path) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) return;  // to open a pipe is to wait
  const std::string magic = "SQLite format 3";
  std::string start(magic.size(), '\0');
  std::ifstream(path, std::ios::binary)
      .read(start.data(), static_cast<std::streamsize>(start.size()));
  if (start == magic) {
    throw Error(Status::invalid, fmt::format("{} is a database, which the output would replace; "
                                             "name another file",
                                             path.string()));
  }
}

void require_writable(const std::filesystem::path& path) {
  if (!std::ofstream(path, std::ios::app)) {
    throw Error(Status::storage,
                fmt::format("{} cannot be written; check its folder and rights", path.string()));
  }
}

}  // namespace convtune::cli
