#pragma once

#include <string>
#include <string_view>

namespace convtune {

/// 128-bit XXH3 of the bytes, 32 hexadecimal digits. It detects damage and change, not an attacker.
std::string digest(std::string_view bytes);

}  // namespace convtune
