#pragma once

#include <atomic>
#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>

#include "runtime/serve.hpp"

namespace convtune {

/// What a module prepares for.
struct ShapeKey {
  std::int64_t batch = 0;
  std::int64_t length = 0;
  std::size_t alignment = 0;  ///< of x and y, in bytes
  auto operator<=>(const ShapeKey&) const = default;
};

/// The prepared shapes of one module: pinned ones for good, of the others those used last. All
/// members may be called from any thread.
class ShapeCache {
 public:
  explicit ShapeCache(std::size_t capacity) : capacity_(capacity) {}

  using Prepare = std::function<std::shared_ptr<const Served>()>;

  /// The prepared shape or null. Allocates nothing.
  std::shared_ptr<const Served> find(const ShapeKey& key) const;

  /// Calls prepare() unless the shape is there; of threads that ask for one shape at once a single
  /// one does, and the others wait. An exception of prepare() is passed on and leaves the shape
  /// unprepared.
  std::shared_ptr<const Served> find_or_prepare(const ShapeKey& key, const Prepare& prepare);

  /// Puts another in a shape's place, after a prepare() of it that is under way; does nothing if
  /// the shape has been dropped.
  void replace(const ShapeKey& key, std::shared_ptr<const Served> served);

  /// Keeps a shape that is there for good.
  void pin(const ShapeKey& key);

  void clear();

 private:
  struct Entry {
    std::mutex preparing;
    std::shared_ptr<const Served> served;  ///< guarded by the cache's mutex, as is pinned
    bool pinned = false;
    mutable std::atomic<std::uint64_t> last_used = 0;
  };

  std::shared_ptr<const Served> use(const Entry& entry) const;
  void drop_least_recent();

  std::size_t capacity_;
  mutable std::shared_mutex mutex_;
  mutable std::atomic<std::uint64_t> clock_ = 0;
  std::map<ShapeKey, std::shared_ptr<Entry>> entries_;
};

}  // namespace convtune
