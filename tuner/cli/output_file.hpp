#pragma once

#include <filesystem>

namespace convtune::cli {

/// Throws Error{invalid} if `path` is a database, which an output would replace.
void require_no_database(const std::filesystem::path& path);

/// Throws Error{storage} unless `path` can be opened for writing; leaves what it holds.
void require_writable(const std::filesystem::path& path);

}  // namespace convtune::cli
