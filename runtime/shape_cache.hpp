#pragma once

#include <atomic>
#include <compare>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <vector>

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
/// members may be called from any thread. What is dropped is destroyed with no lock held, for that
/// may wait for a GPU.
class ShapeCache {
 public:
  /// Of shapes that are not pinned: so many stay in any case, and more as long as all of them are
  /// at most `shapes` and hold at most `bytes` (Executable::bytes()).
  struct Limits {
    std::size_t always = 0;
    std::size_t shapes = 0;
    std::size_t bytes = 0;
  };
  explicit ShapeCache(const Limits& limits) : limits_(limits) {}

  using Prepare = std::function<std::shared_ptr<const Served>()>;

  /// The prepared shape or null; the second knows pinned ones only. Neither allocates.
  std::shared_ptr<const Served> find(const ShapeKey& key) const;
  std::shared_ptr<const Served> find_pinned(const ShapeKey& key) const;

  /// Calls prepare() unless the shape is there; of threads that ask for one shape at once a single
  /// one does, and the others wait. An exception of prepare() is passed on and leaves nothing
  /// behind.
  std::shared_ptr<const Served> find_or_prepare(const ShapeKey& key, const Prepare& prepare);

  /// The same, and keeps the shape for good.
  std::shared_ptr<const Served> pin(const ShapeKey& key, const Prepare& prepare);

  /// Puts another in a shape's place, after a prepare() of it that is under way; does nothing if
  /// the shape has been dropped.
  void replace(const ShapeKey& key, std::shared_ptr<const Served> served);

  void clear();

 private:
  struct Entry {
    std::shared_ptr<const Served> served;
    bool pinned = false;
    mutable std::atomic<std::uint64_t> last_used = 0;
  };
  using Lock = std::unique_lock<std::shared_mutex>;

  std::shared_ptr<const Served> use(const Entry& entry) const;
  std::shared_ptr<const Served> find_or_prepare(const ShapeKey& key, const Prepare& prepare,
                                                bool pinned);
  std::shared_ptr<const Served> prepare_unlocked(Lock& lock, const ShapeKey& key,
                                                 const Prepare& prepare);
  void wait_for_preparation(Lock& lock, const ShapeKey& key);
  std::vector<std::shared_ptr<const Served>> take_least_recent();
  bool has_too_many() const;

  Limits limits_;
  mutable std::shared_mutex mutex_;  ///< guards all that follows
  mutable std::atomic<std::uint64_t> clock_ = 0;
  std::map<ShapeKey, Entry> entries_;
  std::set<ShapeKey> preparing_;
  std::condition_variable_any prepared_;
};

}  // namespace convtune
