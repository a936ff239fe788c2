#include "generator/cubin_cache.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

#include "kernels/digest.hpp"
#include "kernels/error.hpp"

namespace convtune {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view magic = "convtune-cubin-1";

[[noreturn]] void fail(const fs::path& path, const std::string& why) {
  throw Error(Status::storage, fmt::format("the cubin cache {}: {}", path.string(), why));
}

[[noreturn]] void fail_errno(const fs::path& path, const char* doing) {
  fail(path, fmt::format("{}: {}", doing, std::strerror(errno)));
}

// One line that says whose entry this is and what follows, then log and cubin.
std::string entry_text(const std::string& key, const Compiled& compiled) {
  const std::string payload = compiled.log + compiled.cubin;
  return fmt::format("{} {} {} {} {}\n{}", magic, key, digest(payload), compiled.log.size(),
                     compiled.cubin.size(), payload);
}

std::optional<Compiled> parse_entry(const std::string& text, const std::string& key) {
  const std::size_t line_end = text.find('\n');
  if (line_end == std::string::npos) return std::nullopt;
  std::istringstream line(text.substr(0, line_end));
  std::string found_magic, found_key, found_digest;
  std::size_t log_size = 0;
  std::size_t cubin_size = 0;
  line >> found_magic >> found_key >> found_digest >> log_size >> cubin_size;
  const std::string_view payload = std::string_view(text).substr(line_end + 1);
  if (!line || found_magic != magic || found_key != key || log_size > payload.size() ||
      cubin_size != payload.size() - log_size || digest(payload) != found_digest)
    return std::nullopt;
  Compiled compiled{.cubin = std::string(payload.substr(log_size)),
                    .log = std::string(payload.substr(0, log_size))};
  compiled.resources = resources_from_log(compiled.log);
  return compiled;
}

class File {
 public:
  File(const fs::path& path, int flags, mode_t mode = 0)
      : path_(path), descriptor_(open(path.c_str(), flags | O_CLOEXEC, mode)) {
    if (descriptor_ < 0) fail_errno(path, "open");
  }
  ~File() { close(descriptor_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  void write_all(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t written = write(descriptor_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) fail_errno(path_, "write");
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
  }
  void sync() {
    if (fsync(descriptor_) != 0) fail_errno(path_, "fsync");
  }

 private:
  fs::path path_;
  int descriptor_;
};

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
  static std::atomic<unsigned> counter = 0;
  const fs::path temporary = folder_ / fmt::format("{}.{}.{}.tmp", key, getpid(), counter++);
  try {
    File file(temporary, O_WRONLY | O_CREAT | O_EXCL, S_IRUSR | S_IWUSR);
    file.write_all(entry_text(key, compiled));
    file.sync();
    if (std::rename(temporary.c_str(), path_of(key).c_str()) != 0) fail_errno(folder_, "rename");
    File(folder_, O_RDONLY | O_DIRECTORY).sync();
  } catch (const Error&) {
    unlink(temporary.c_str());
    throw;
  }
}

fs::path default_cache_folder() {
  const auto variable = [](const char* name) -> fs::path {
    const char* value = std::getenv(name);
    return value != nullptr ? value : "";
  };
  if (fs::path chosen = variable("CONVTUNE_CACHE_DIR"); !chosen.empty()) return chosen;
  if (const fs::path xdg = variable("XDG_CACHE_HOME"); !xdg.empty()) return xdg / "convtune";
  if (const fs::path home = variable("HOME"); !home.empty()) return home / ".cache" / "convtune";
  return {};
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
  return compile_cached(source, arch, default_cache());
}

}  // namespace convtune
