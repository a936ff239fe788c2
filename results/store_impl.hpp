#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>

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
    runs.clear();
    action();
    transaction.commit();
  }

  /// A run's row, read once: many plans share one, and no other process rewrites it. A run that is
  /// not here has empty fields.
  const Run& run(const std::string& id) {
    static const Run unknown;
    const auto known = runs.find(id);
    if (known != runs.end()) return known->second;
    std::optional<Run> found = rows.get(Run{.id = id});
    return found ? runs.emplace(id, *std::move(found)).first->second : unknown;
  }

  Database database;
  Rows rows{database};
  std::map<std::string, Run> runs;
  std::mutex mutex;
};

}  // namespace convtune
