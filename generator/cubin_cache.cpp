#include "generator/cubin_cache.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>

#include "generator/cubin_entry.hpp"
#include "generator/cubin_pack.hpp"
#include "generator/publish.hpp"
#include "kernels/digest.hpp"
#include "kernels/environment.hpp"
#include "kernels/error.hpp"

namespace convtune {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const fs::path& path, const std::string& why) {
  throw Error(Status::storage, fmt::format("the cubin cache {}: {}", path.string(), why));
}

[[noreturn]] void fail_errno(const fs::path& path, const char* doing) {
  fail(path, fmt::format("{}: {}", doing, std::strerror(errno)));
}

const CubinCache* default_cache() {
  static const std::optional<CubinCache> cache = []() -> std::optional<CubinCache> {
    try {
      const fs::path folder = default_cache_folder();
      if (folder.empty()) fail("(no folder)", "set HOME or CONVTUNE_CACHE_DIR");
      return CubinCache(folder);
    } catch (const Error& error) {
      std::fprintf(stderr, "convtune: %s; kernels are compiled anew each time\n", error.what());
      return std::nullopt;
    }
  }();
  return cache ? &*cache : nullptr;
}

bool can_compile() {
  try {
    compiler_info();
    return true;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

// A path that ends with a slash would name what a link leads to.
CubinCache::CubinCache(fs::path folder)
    : folder_(folder.has_filename() ? std::move(folder) : folder.parent_path()) {
  std::error_code error;
  const bool existed = fs::exists(fs::symlink_status(folder_, error));
  if (!existed) fs::create_directories(folder_, error);
  if (error) fail(folder_, error.message());
  if (!existed) fs::permissions(folder_, fs::perms::owner_all, error);
  struct stat status = {};
  if (lstat(folder_.c_str(), &status) != 0) fail_errno(folder_, "lstat");
  if (S_ISLNK(status.st_mode)) fail(folder_, "it is a symbolic link; name the folder it leads to");
  if (!S_ISDIR(status.st_mode)) fail(folder_, "it is no folder");
  if (status.st_uid != geteuid()) fail(folder_, "it belongs to another user");
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    fail(folder_, "others may write to it; chmod go-w it");
  if (access(folder_.c_str(), R_OK | W_OK | X_OK) != 0) fail_errno(folder_, "access");
}

fs::path CubinCache::path_of(const std::string& key) const { return folder_ / (key + ".cubin"); }

std::optional<Compiled> CubinCache::find(const std::string& key) const {
  std::ifstream file(path_of(key), std::ios::binary);
  if (!file) return std::nullopt;
  std::ostringstream text;
  text << file.rdbuf();
  return parse_entry(text.str(), key);
}

void CubinCache::insert(const std::string& key, const Compiled& compiled) const {
  publish(path_of(key), entry_text(key, compiled), Readers::user);
}

fs::path default_cache_folder() {
  if (const auto chosen = environment("CONVTUNE_CACHE_DIR")) return *chosen;
  return user_folder("XDG_CACHE_HOME", ".cache");
}

std::string cubin_key(const Source& source, std::string_view arch) {
  const CompilerInfo compiler = compiler_info();
  return digest(fmt::format("{}\n{}\n{}\n{}", source.digest, arch, compiler.version,
                            fmt::join(compile_options(arch), "\n")));
}

Compiled compile_cached(const Source& source, std::string_view arch, const CubinCache* cache) {
  if (cache == nullptr) return compile(source, arch);
  const std::string key = cubin_key(source, arch);
  if (std::optional<Compiled> found = cache->find(key)) return *std::move(found);
  Compiled compiled = compile(source, arch);
  try {
    cache->insert(key, compiled);
  } catch (const Error& error) {
    std::fprintf(stderr, "convtune: %s\n", error.what());
  }
  return compiled;
}

Compiled compile_cached(const Source& source, std::string_view arch) {
  const CubinPack* pack = default_pack();
  if (pack == nullptr) return compile_cached(source, arch, default_cache());
  if (std::optional<Compiled> found = pack->find(pack_key(source, arch))) return *std::move(found);
  try {
    return compile_cached(source, arch, default_cache());
  } catch (const Error& error) {
    if (error.status() != Status::unavailable) throw;
    throw Error(Status::failed, fmt::format("the pack {} has no whole kernel of this candidate, "
                                            "and it cannot be compiled: {}",
                                            pack->file().string(), error.what()));
  }
}

std::string kernel_compiler() {
  if (const CubinPack* pack = default_pack()) return pack->compiler();
  return compiler_info().version;
}

bool is_obtainable(const Source& source, std::string_view arch) {
  const CubinPack* pack = default_pack();
  return pack == nullptr || pack->contains(pack_key(source, arch)) || can_compile();
}

}  // namespace convtune
