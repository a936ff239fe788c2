#include "tuner/cli/command_line.hpp"

#include <fstream>

namespace convtune::cli {

std::string shell_word(std::string_view word) {
  constexpr std::string_view plain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./-_";
  if (!word.empty() && word.find_first_not_of(plain) == std::string_view::npos) {
    return std::string(word);
  }
  std::string result = "'";
  for (const char c : word) result += c == '\'' ? R"('\'')" : std::string(1, c);
  return result + "'";
}

std::string own_command_line() {
  // CLI11 keeps no argv; the kernel does.
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::string line;
  for (std::string word; std::getline(file, word, '\0');) {
    line += (line.empty() ? "" : " ") + shell_word(word);
  }
  return line.empty() ? "convtune" : line;
}

}  // namespace convtune::cli
