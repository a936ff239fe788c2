#include "runtime/shape_cache.hpp"

#include <exception>
#include <utility>

namespace convtune {

std::shared_ptr<const Served> ShapeCache::use(const Entry& entry) const {
  entry.last_used.store(clock_.fetch_add(1, std::memory_order_relaxed), std::memory_order_relaxed);
  return entry.served;
}

std::shared_ptr<const Served> ShapeCache::find(const ShapeKey& key) const {
  const std::shared_lock lock(mutex_);
  const auto found = entries_.find(key);
  return found == entries_.end() ? nullptr : use(found->second);
}

std::shared_ptr<const Served> ShapeCache::find_pinned(const ShapeKey& key) const {
  const std::shared_lock lock(mutex_);
  const auto found = entries_.find(key);
  return found == entries_.end() || !found->second.pinned ? nullptr : use(found->second);
}

std::shared_ptr<const Served> ShapeCache::find_or_prepare(const ShapeKey& key,
                                                          const Prepare& prepare) {
  return find_or_prepare(key, prepare, false);
}

std::shared_ptr<const Served> ShapeCache::pin(const ShapeKey& key, const Prepare& prepare) {
  return find_or_prepare(key, prepare, true);
}

std::shared_ptr<const Served> ShapeCache::find_or_prepare(const ShapeKey& key,
                                                          const Prepare& prepare, bool pinned) {
  std::vector<std::shared_ptr<const Served>> dropped;  // outlives the lock
  Lock lock(mutex_);
  wait_for_preparation(lock, key);
  auto found = entries_.find(key);
  if (found == entries_.end()) {
    std::shared_ptr<const Served> served = prepare_unlocked(lock, key, prepare);
    found = entries_.try_emplace(key).first;
    found->second.served = std::move(served);
  }
  Entry& entry = found->second;
  entry.pinned = entry.pinned || pinned;
  std::shared_ptr<const Served> result = use(entry);
  dropped = take_least_recent();
  return result;
}

std::shared_ptr<const Served> ShapeCache::prepare_unlocked(Lock& lock, const ShapeKey& key,
                                                           const Prepare& prepare) {
  preparing_.insert(key);
  lock.unlock();
  std::shared_ptr<const Served> served;
  std::exception_ptr failure;
  try {
    served = prepare();
  } catch (...) {
    failure = std::current_exception();
  }
  lock.lock();
  preparing_.erase(key);
  prepared_.notify_all();
  if (failure) std::rethrow_exception(failure);
  return served;
}

void ShapeCache::wait_for_preparation(Lock& lock, const ShapeKey& key) {
  prepared_.wait(lock, [&] { return !preparing_.contains(key); });
}

void ShapeCache::replace(const ShapeKey& key, std::shared_ptr<const Served> served) {
  Lock lock(mutex_);
  wait_for_preparation(lock, key);
  const auto found = entries_.find(key);
  if (found == entries_.end()) return;
  found->second.served.swap(served);
  lock.unlock();  // before the one replaced is destroyed
}

void ShapeCache::clear() {
  std::map<ShapeKey, Entry> dropped;  // outlives the lock
  const Lock lock(mutex_);
  entries_.swap(dropped);
}

bool ShapeCache::has_too_many() const {
  std::size_t shapes = 0;
  std::size_t bytes = 0;
  for (const auto& [key, entry] : entries_) {
    if (entry.pinned) continue;
    ++shapes;
    bytes += entry.served->executable->bytes();
  }
  if (shapes <= limits_.always) return false;
  return shapes > limits_.shapes || bytes > limits_.bytes;
}

std::vector<std::shared_ptr<const Served>> ShapeCache::take_least_recent() {
  std::vector<std::shared_ptr<const Served>> taken;
  while (has_too_many()) {
    auto oldest = entries_.end();
    for (auto it = entries_.begin(); it != entries_.end(); ++it) {
      if (it->second.pinned) continue;
      if (oldest == entries_.end() || it->second.last_used < oldest->second.last_used) {
        oldest = it;
      }
    }
    taken.push_back(std::move(oldest->second.served));
    entries_.erase(oldest);
  }
  return taken;
}

}  // namespace convtune
