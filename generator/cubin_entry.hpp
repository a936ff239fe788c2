#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "generator/compiler.hpp"

namespace convtune {

/// A compiled kernel as the bytes that cache and packs keep: its key, a digest, log and cubin.
std::string entry_text(const std::string& key, const Compiled& compiled);

/// The inverse; nothing for bytes that are not an entry of `key`, whole and undamaged.
std::optional<Compiled> parse_entry(std::string_view text, const std::string& key);

}  // namespace convtune
