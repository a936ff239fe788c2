#include "runtime/say_once.hpp"

#include <mutex>
#include <set>

#include "kernels/say.hpp"

namespace convtune {

void say_once(const std::string& message) {
  static std::mutex mutex;
  static std::set<std::string> said;
  const std::lock_guard lock(mutex);
  if (said.insert(message).second) say("convtune: " + message);
}

}  // namespace convtune
