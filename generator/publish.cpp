#include "generator/publish.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "kernels/error.hpp"

namespace convtune {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const fs::path& path, const char* doing) {
  throw Error(Status::storage, fmt::format("{} cannot be written: {}: {}", path.string(), doing,
                                           std::strerror(errno)));
}

class File {
 public:
  File(const fs::path& path, int flags, mode_t mode = 0)
      : path_(path), descriptor_(open(path.c_str(), flags | O_CLOEXEC, mode)) {
    if (descriptor_ < 0) fail(path, "open");
  }
  ~File() { close(descriptor_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  void write_all(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t written = write(descriptor_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) fail(path_, "write");
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
  }
  void sync() {
    if (fsync(descriptor_) != 0) fail(path_, "fsync");
  }

 private:
  fs::path path_;
  int descriptor_;
};

}  // namespace

void publish(const fs::path& file, std::string_view bytes) {
  static std::atomic<unsigned> counter = 0;
  const fs::path temporary = fmt::format("{}.{}.{}.tmp", file.string(), getpid(), counter++);
  const fs::path folder = file.has_parent_path() ? file.parent_path() : ".";
  try {
    File written(temporary, O_WRONLY | O_CREAT | O_EXCL, S_IRUSR | S_IWUSR);
    written.write_all(bytes);
    written.sync();
    if (std::rename(temporary.c_str(), file.c_str()) != 0) fail(file, "rename");
    File(folder, O_RDONLY | O_DIRECTORY).sync();
  } catch (const Error&) {
    unlink(temporary.c_str());
    throw;
  }
}

}  // namespace convtune
