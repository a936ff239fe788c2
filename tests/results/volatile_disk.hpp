#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace convtune {

/// A disk in memory that SQLite uses in place of the real one as long as this lives, and that loses
/// what was not synced when its power fails. It promises no more than POSIX does: of the writes,
/// truncations, creations and deletions since the last sync any may be lost, each 512 bytes of a
/// write for themselves.
class VolatileDisk {
 public:
  VolatileDisk();
  ~VolatileDisk();
  VolatileDisk(const VolatileDisk&) = delete;
  VolatileDisk& operator=(const VolatileDisk&) = delete;

  /// After that many changes (writes, truncations, syncs, deletions) all calls fail.
  void fail_after(int changes) { changes_left_ = changes; }

  /// Power returns: the disk is as whatever survived, by chance of `seed`.
  void restart(unsigned seed);

  /// Changes so far.
  int changes() const { return changes_; }

 private:
  friend struct Calls;

  struct Change {
    std::int64_t at = 0;
    std::string bytes;  ///< empty: the file is cut at `at`
  };
  struct File {
    std::string durable;
    std::string now;
    std::vector<Change> unsynced;
    bool exists = false;          ///< now
    bool exists_durably = false;  ///< after a loss of power
  };

  static void apply(const Change& change, std::string& bytes);
  static void write(File& file, Change change);
  bool may_change();
  bool is_dead() const { return changes_left_ == 0; }

  std::map<std::string, std::shared_ptr<File>> files_;
  int changes_ = 0;
  int changes_left_ = -1;
  sqlite3_vfs vfs_ = {};
  sqlite3_vfs* usual_ = nullptr;
};

}  // namespace convtune
