#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace convtune {

/// The value of an environment variable; nothing if it is unset or empty.
std::optional<std::string> environment(const char* name);

/// This program's folder among the user's, by the XDG Base Directory Specification: "convtune" in
/// the folder that the variable `xdg` names, else in `below_home` of $HOME. Relative values are
/// ignored, as there. Empty if neither names a folder.
std::filesystem::path user_folder(const char* xdg, std::string_view below_home);

}  // namespace convtune
