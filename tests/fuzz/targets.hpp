#pragma once

#include <span>
#include <string_view>

namespace convtune::fuzz {

/// Something that reads what strangers write. read() may refuse the bytes with a convtune::Error
/// and in no other way; std::abort() says that what it accepted is not what it should be.
struct Target {
  std::string_view name;  ///< also of its folder in tests/fuzz/corpus
  void (*read)(std::string_view bytes);
};

std::span<const Target> targets();

/// Throws std::out_of_range for a name that no target has.
const Target& target(std::string_view name);

/// Lets the target read the bytes. Whatever it throws, but a convtune::Error, is passed on.
void feed(const Target& target, std::string_view bytes);

}  // namespace convtune::fuzz
