#pragma once

#include <mutex>

#include "results/rows.hpp"
#include "results/sqlite.hpp"
#include "results/store.hpp"

namespace convtune {

/// What the sources of Store share. Every member of Store holds the mutex while it uses the rest.
struct Store::Impl {
  Impl(const std::filesystem::path& path, Access access);

  /// One transaction in which `action` writes.
  template <typename Action>
  void write(Action&& action) {
    const std::lock_guard lock(mutex);
    Transaction transaction(database, Database::Access::write);
    action();
    transaction.commit();
  }

  Database database;
  Rows rows{database};
  std::mutex mutex;
};

}  // namespace convtune
