#include "tests/results/volatile_disk.hpp"

#include <algorithm>
#include <cstring>
#include <new>

namespace convtune {
namespace {

constexpr std::size_t sector = 512;

}  // namespace

/// SQLite's calls. Locks are not kept: one connection at a time uses the disk.
struct Calls {
  struct Handle {
    sqlite3_file base;
    VolatileDisk* disk;
    std::shared_ptr<VolatileDisk::File> file;
    std::string name;
    bool delete_on_close;
  };
  static Handle& of(sqlite3_file* file) { return *reinterpret_cast<Handle*>(file); }
  static VolatileDisk& of(sqlite3_vfs* vfs) { return *static_cast<VolatileDisk*>(vfs->pAppData); }

  static int close(sqlite3_file* file) {
    Handle& handle = of(file);
    if (handle.delete_on_close) handle.disk->files_.erase(handle.name);
    handle.~Handle();
    return SQLITE_OK;
  }

  static int read(sqlite3_file* file, void* to, int count, sqlite3_int64 at) {
    const Handle& handle = of(file);
    if (handle.disk->is_dead()) return SQLITE_IOERR_READ;
    const std::string& bytes = handle.file->now;
    std::memset(to, 0, static_cast<std::size_t>(count));
    if (at >= static_cast<sqlite3_int64>(bytes.size())) return SQLITE_IOERR_SHORT_READ;
    const std::size_t got = bytes.copy(static_cast<char*>(to), static_cast<std::size_t>(count),
                                       static_cast<std::size_t>(at));
    return got == static_cast<std::size_t>(count) ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
  }

  static int write(sqlite3_file* file, const void* from, int count, sqlite3_int64 at) {
    const Handle& handle = of(file);
    if (!handle.disk->may_change()) return SQLITE_IOERR_WRITE;
    std::string_view bytes(static_cast<const char*>(from), static_cast<std::size_t>(count));
    while (!bytes.empty()) {
      const std::size_t part =
          std::min(bytes.size(), sector - static_cast<std::size_t>(at) % sector);
      VolatileDisk::write(*handle.file, {.at = at, .bytes = std::string(bytes.substr(0, part))});
      bytes.remove_prefix(part);
      at += static_cast<sqlite3_int64>(part);
    }
    return SQLITE_OK;
  }

  static int truncate(sqlite3_file* file, sqlite3_int64 size) {
    const Handle& handle = of(file);
    if (!handle.disk->may_change()) return SQLITE_IOERR_TRUNCATE;
    VolatileDisk::write(*handle.file, {.at = size, .bytes = ""});
    return SQLITE_OK;
  }

  // The usual VFS syncs the folder of a file that it created with the file.
  static int sync(sqlite3_file* file, int) {
    const Handle& handle = of(file);
    if (!handle.disk->may_change()) return SQLITE_IOERR_FSYNC;
    handle.file->durable = handle.file->now;
    handle.file->unsynced.clear();
    handle.file->exists_durably = true;
    return SQLITE_OK;
  }

  static int size(sqlite3_file* file, sqlite3_int64* bytes) {
    *bytes = static_cast<sqlite3_int64>(of(file).file->now.size());
    return SQLITE_OK;
  }

  static int open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out) {
    static const sqlite3_io_methods methods = make_methods();
    VolatileDisk& disk = of(vfs);
    file->pMethods = nullptr;
    if (disk.is_dead()) return SQLITE_CANTOPEN;
    const std::string path = name == nullptr ? "(temporary)" : name;
    const auto found = disk.files_.find(path);
    const bool exists = found != disk.files_.end() && found->second->exists;
    if (!exists && (flags & SQLITE_OPEN_CREATE) == 0) return SQLITE_CANTOPEN;
    std::shared_ptr<VolatileDisk::File>& entry = disk.files_[path];
    if (!exists) {
      // Until it is synced, what a deletion left may come back in its place.
      auto created = std::make_shared<VolatileDisk::File>();
      if (entry != nullptr && entry->exists_durably) {
        created->durable = entry->durable;
        created->exists_durably = true;
      }
      created->exists = true;
      entry = created;
    }
    new (file) Handle{.base = {&methods},
                      .disk = &disk,
                      .file = entry,
                      .name = path,
                      .delete_on_close = (flags & SQLITE_OPEN_DELETEONCLOSE) != 0};
    if (out != nullptr) *out = flags;
    return SQLITE_OK;
  }

  static int remove(sqlite3_vfs* vfs, const char* name, int sync_folder) {
    VolatileDisk& disk = of(vfs);
    if (!disk.may_change()) return SQLITE_IOERR_DELETE;
    const auto found = disk.files_.find(name);
    if (found == disk.files_.end() || !found->second->exists) return SQLITE_IOERR_DELETE_NOENT;
    found->second->exists = false;
    if (sync_folder != 0) disk.files_.erase(found);
    return SQLITE_OK;
  }

  static int access(sqlite3_vfs* vfs, const char* name, int, int* result) {
    const VolatileDisk& disk = of(vfs);
    const auto found = disk.files_.find(name);
    *result = found != disk.files_.end() && found->second->exists ? 1 : 0;
    return disk.is_dead() ? SQLITE_IOERR_ACCESS : SQLITE_OK;
  }

  static int full_path(sqlite3_vfs*, const char* name, int room, char* out) {
    sqlite3_snprintf(room, out, "%s", name);
    return SQLITE_OK;
  }

  static sqlite3_io_methods make_methods() {
    sqlite3_io_methods methods = {};
    methods.iVersion = 1;
    methods.xClose = close;
    methods.xRead = read;
    methods.xWrite = write;
    methods.xTruncate = truncate;
    methods.xSync = sync;
    methods.xFileSize = size;
    methods.xLock = [](sqlite3_file*, int) { return SQLITE_OK; };
    methods.xUnlock = [](sqlite3_file*, int) { return SQLITE_OK; };
    methods.xCheckReservedLock = [](sqlite3_file*, int* held) { return *held = 0, SQLITE_OK; };
    methods.xFileControl = [](sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; };
    methods.xSectorSize = [](sqlite3_file*) { return static_cast<int>(sector); };
    methods.xDeviceCharacteristics = [](sqlite3_file*) { return 0; };
    return methods;
  }
};

VolatileDisk::VolatileDisk() : usual_(sqlite3_vfs_find(nullptr)) {
  vfs_ = *usual_;  // its clock and its random numbers serve
  vfs_.iVersion = 1;
  vfs_.szOsFile = sizeof(Calls::Handle);
  vfs_.zName = "volatile";
  vfs_.pAppData = this;
  vfs_.xOpen = Calls::open;
  vfs_.xDelete = Calls::remove;
  vfs_.xAccess = Calls::access;
  vfs_.xFullPathname = Calls::full_path;
  sqlite3_vfs_register(&vfs_, 1);
}

VolatileDisk::~VolatileDisk() {
  sqlite3_vfs_unregister(&vfs_);
  sqlite3_vfs_register(usual_, 1);
}

bool VolatileDisk::may_change() {
  if (is_dead()) return false;
  if (changes_left_ > 0 && --changes_left_ == 0) return false;
  ++changes_;
  return true;
}

void VolatileDisk::apply(const Change& change, std::string& bytes) {
  const auto at = static_cast<std::size_t>(change.at);
  if (change.bytes.empty()) {
    bytes.resize(std::min(at, bytes.size()));
    return;
  }
  if (bytes.size() < at + change.bytes.size()) bytes.resize(at + change.bytes.size());
  bytes.replace(at, change.bytes.size(), change.bytes);
}

void VolatileDisk::write(File& file, Change change) {
  apply(change, file.now);
  file.unsynced.push_back(std::move(change));
}

void VolatileDisk::restart(unsigned seed) {
  std::mt19937 random(seed);
  const auto survives = [&] { return random() % 2 == 0; };
  changes_left_ = -1;
  for (auto it = files_.begin(); it != files_.end();) {
    File& file = *it->second;
    const bool stays =
        file.exists == file.exists_durably || survives() ? file.exists : file.exists_durably;
    for (const Change& change : file.unsynced) {
      if (survives()) apply(change, file.durable);
    }
    file = {.durable = file.durable,
            .now = file.durable,
            .unsynced = {},
            .exists = true,
            .exists_durably = true};
    it = stays ? std::next(it) : files_.erase(it);
  }
}

}  // namespace convtune
