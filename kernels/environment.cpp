#include "kernels/environment.hpp"

#include <cstdlib>

namespace convtune {
namespace {

std::filesystem::path absolute_folder(const char* name) {
  std::filesystem::path folder = environment(name).value_or("");
  return folder.is_absolute() ? folder : std::filesystem::path();
}

}  // namespace

std::optional<std::string> environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr || *value == '\0' ? std::nullopt : std::optional<std::string>(value);
}

std::filesystem::path user_folder(const char* xdg, std::string_view below_home) {
  if (const auto folder = absolute_folder(xdg); !folder.empty()) return folder / "convtune";
  const auto home = absolute_folder("HOME");
  return home.empty() ? home : home / below_home / "convtune";
}

}  // namespace convtune
