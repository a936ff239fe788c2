#include "generator/publish.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <system_error>

#include "kernels/error.hpp"

namespace convtune {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const char* doing) {
  throw std::system_error(errno, std::generic_category(), doing);
}

class File {
 public:
  File(const fs::path& path, int flags, mode_t mode = 0)
      : descriptor_(open(path.c_str(), flags | O_CLOEXEC, mode)) {
    if (descriptor_ < 0) fail("open");
  }
  ~File() { close(descriptor_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  void write_all(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t written = write(descriptor_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) fail("write");
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
  }
  /// Gives it the mode of the file at `path`, if there is one.
  void take_mode_of(const fs::path& path) {
    struct stat present = {};
    if (stat(path.c_str(), &present) != 0) return;
    if (fchmod(descriptor_, present.st_mode & 0777) != 0) fail("fchmod");
  }
  void sync() {
    if (fsync(descriptor_) != 0) fail("fsync");
  }

 private:
  int descriptor_;
};

}  // namespace

void publish(const fs::path& file, std::string_view bytes, Readers readers) {
  static std::atomic<unsigned> counter = 0;
  const fs::path temporary = fmt::format("{}.{}.{}.tmp", file.string(), getpid(), counter++);
  const fs::path folder = file.has_parent_path() ? file.parent_path() : ".";
  try {
    const mode_t mode = readers == Readers::user ? 0600 : 0666;
    File written(temporary, O_WRONLY | O_CREAT | O_EXCL, mode);
    written.write_all(bytes);
    if (readers == Readers::as_usual) written.take_mode_of(file);
    written.sync();
    if (std::rename(temporary.c_str(), file.c_str()) != 0) fail("rename");
    File(folder, O_RDONLY | O_DIRECTORY).sync();
  } catch (const std::system_error& error) {
    unlink(temporary.c_str());
    throw Error(Status::storage,
                fmt::format("{} cannot be written ({}); check its folder and the free space",
                            file.string(), error.what()));
  }
}

}  // namespace convtune
