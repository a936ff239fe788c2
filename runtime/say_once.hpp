#pragma once

#include <string>

namespace convtune {

/// Prints "convtune: message" to stderr the first time this process says it.
void say_once(const std::string& message);

}  // namespace convtune
