#pragma once

#include <string_view>

namespace convtune {

/// Writes a line to standard error. That nobody can read it is no failure: the error is ignored.
void say(std::string_view line);

/// Whether progress has a reader: it is for people, so standard error must be a terminal.
bool progress_is_read();

}  // namespace convtune
