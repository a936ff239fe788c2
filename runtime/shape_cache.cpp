#include "runtime/shape_cache.hpp"

#include <algorithm>

namespace convtune {

std::shared_ptr<const Served> ShapeCache::use(const Entry& entry) const {
  entry.last_used.store(clock_.fetch_add(1, std::memory_order_relaxed), std::memory_order_relaxed);
  return entry.served;
}

std::shared_ptr<const Served> ShapeCache::find(const ShapeKey& key) const {
  const std::shared_lock lock(mutex_);
  const auto found = entries_.find(key);
  return found == entries_.end() ? nullptr : use(*found->second);
}

std::shared_ptr<const Served> ShapeCache::find_or_prepare(const ShapeKey& key,
                                                          const Prepare& prepare) {
  std::shared_ptr<Entry> entry;
  {
    const std::unique_lock lock(mutex_);
    std::shared_ptr<Entry>& slot = entries_[key];
    if (slot == nullptr) slot = std::make_shared<Entry>();
    entry = slot;
  }
  const std::lock_guard preparing(entry->preparing);
  {
    const std::shared_lock lock(mutex_);
    if (entry->served != nullptr) return use(*entry);
  }
  std::shared_ptr<const Served> served = prepare();
  const std::unique_lock lock(mutex_);
  entry->served = std::move(served);
  std::shared_ptr<const Served> result = use(*entry);
  drop_least_recent();
  return result;
}

void ShapeCache::replace(const ShapeKey& key, std::shared_ptr<const Served> served) {
  std::shared_ptr<Entry> entry;
  {
    const std::shared_lock lock(mutex_);
    const auto found = entries_.find(key);
    if (found == entries_.end()) return;
    entry = found->second;
  }
  const std::lock_guard preparing(entry->preparing);
  const std::unique_lock lock(mutex_);
  entry->served = std::move(served);
}

void ShapeCache::pin(const ShapeKey& key) {
  const std::unique_lock lock(mutex_);
  const auto found = entries_.find(key);
  if (found != entries_.end()) found->second->pinned = true;
}

void ShapeCache::clear() {
  const std::unique_lock lock(mutex_);
  entries_.clear();
}

void ShapeCache::drop_least_recent() {
  const auto droppable = [](const auto& slot) {
    return !slot.second->pinned && slot.second->served != nullptr;
  };
  while (static_cast<std::size_t>(std::ranges::count_if(entries_, droppable)) > capacity_) {
    auto oldest = entries_.end();
    for (auto it = entries_.begin(); it != entries_.end(); ++it) {
      if (!droppable(*it)) continue;
      if (oldest == entries_.end() || it->second->last_used < oldest->second->last_used) {
        oldest = it;
      }
    }
    entries_.erase(oldest);
  }
}

}  // namespace convtune
