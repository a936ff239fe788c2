#include "kernels/cuda/embedded.hpp"

#include <algorithm>

namespace convtune {
namespace {

void add_includes(std::string_view text, std::vector<EmbeddedFile>& found) {
  constexpr std::string_view directive = "#include \"";
  for (auto at = text.find(directive); at != text.npos; at = text.find(directive, at)) {
    at += directive.size();
    const std::string_view name = text.substr(at, text.find('"', at) - at);
    const auto files = embedded_files();
    const auto file = std::ranges::find(files, name, &EmbeddedFile::name);
    if (file == files.end()) continue;
    if (std::ranges::find(found, name, &EmbeddedFile::name) != found.end()) continue;
    found.push_back(*file);
    add_includes(file->text, found);
  }
}

}  // namespace

std::vector<EmbeddedFile> embedded_closure(std::string_view text) {
  std::vector<EmbeddedFile> found;
  add_includes(text, found);
  std::ranges::sort(found, {}, &EmbeddedFile::name);
  return found;
}

}  // namespace convtune
