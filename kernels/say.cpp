#include "kernels/say.hpp"

#include <unistd.h>

#include <cstdio>
#include <string>

namespace convtune {

void say(std::string_view line) {
  // In one piece, so that lines of several processes do not mix.
  const std::string text = std::string(line) + "\n";
  std::fwrite(text.data(), 1, text.size(), stderr);
}

bool progress_is_read() { return isatty(STDERR_FILENO) != 0; }

}  // namespace convtune
