#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "generator/compiler.hpp"

namespace convtune {

/// Compiled kernels on disk, one file each, shared by all processes of a user. Content-keyed: an
/// entry can be missing or damaged, never out of date.
class CubinCache {
 public:
  /// Creates the folder if there is none. Throws Error{storage} unless it can be written and
  /// belongs to this user alone: what lies there will run. A symbolic link is refused, for it can
  /// be turned elsewhere later.
  explicit CubinCache(std::filesystem::path folder);

  /// The entry of `key`, or nothing if there is none or it is not what was written under this key:
  /// damaged, cut short, or another entry's file.
  std::optional<Compiled> find(const std::string& key) const;

  /// No reader sees half an entry. Throws Error{storage} if it cannot be written; it is then as it
  /// was.
  void insert(const std::string& key, const Compiled& compiled) const;

 private:
  std::filesystem::path path_of(const std::string& key) const;
  std::filesystem::path folder_;
};

/// $CONVTUNE_CACHE_DIR, else $XDG_CACHE_HOME/convtune, else ~/.cache/convtune; empty if none of
/// them names a folder.
std::filesystem::path default_cache_folder();

/// What decides a cubin: unit and headers, architecture, compiler and options.
std::string cubin_key(const Source& source, std::string_view arch);

/// From `cache`, else compiled and inserted there. An entry that cannot be written costs a line on
/// stderr, no more. `cache` may be null. Throws as compile() does.
Compiled compile_cached(const Source& source, std::string_view arch, const CubinCache* cache);

/// From the default pack, if there is one; else with the cache in the default folder, and without,
/// with one line on stderr saying why, if that folder cannot be used. With a pack, a kernel that it
/// lacks and that cannot be compiled here is Error{failed}: others can be had.
Compiled compile_cached(const Source& source, std::string_view arch);

/// Version of the compiler behind what compile_cached() gives: the default pack's, else NVRTC's.
/// Throws Error{unavailable} without both.
std::string kernel_compiler();

/// False for a unit that compile_cached() cannot give: the default pack lacks it, and there is no
/// NVRTC. Without a pack it is for the compiler to say what is missing.
bool is_obtainable(const Source& source, std::string_view arch);

}  // namespace convtune
