#include "runtime/say_once.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <mutex>
#include <set>

namespace convtune {

void say_once(const std::string& message) {
  static std::mutex mutex;
  static std::set<std::string> said;
  const std::lock_guard lock(mutex);
  if (said.insert(message).second) fmt::print(stderr, "convtune: {}\n", message);
}

}  // namespace convtune
