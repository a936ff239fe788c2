#pragma once

#include <string>
#include <string_view>

namespace convtune::cli {

/// The word as a shell reads it: in quotes where it needs them.
std::string shell_word(std::string_view word);

/// What this process was started with, as it can be given to a shell again.
std::string own_command_line();

}  // namespace convtune::cli
