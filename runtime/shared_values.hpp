#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace convtune {

/// Values that are made once for a key and shared by all who ask for it, as long as one of them
/// lives. May be used by several threads; of those that make one value at once, one's is kept.
template <class Value>
class SharedValues {
 public:
  std::shared_ptr<Value> get(const std::string& key, const std::function<Value()>& make) {
    if (auto known = find(key)) return known;
    auto made = std::make_shared<Value>(make());  // outlives the lock
    const std::lock_guard lock(mutex_);
    std::erase_if(values_, [](const auto& each) { return each.second.expired(); });
    const auto [slot, is_new] = values_.try_emplace(key, made);
    const auto kept = slot->second.lock();
    return kept != nullptr ? kept : made;
  }

 private:
  std::shared_ptr<Value> find(const std::string& key) {
    const std::lock_guard lock(mutex_);
    const auto found = values_.find(key);
    return found == values_.end() ? nullptr : found->second.lock();
  }

  std::mutex mutex_;
  std::map<std::string, std::weak_ptr<Value>> values_;
};

}  // namespace convtune
