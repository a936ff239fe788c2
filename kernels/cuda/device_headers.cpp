#include "kernels/cuda/device_headers.hpp"

#include <algorithm>

namespace convtune {
namespace {

void add_includes(std::string_view text, std::vector<EmbeddedFile>& found) {
  constexpr std::string_view directive = "#include \"";
  for (auto at = text.find(directive); at != text.npos; at = text.find(directive, at)) {
    at += directive.size();
    const std::string_view name = text.substr(at, text.find('"', at) - at);
    const auto headers = device_headers();
    const auto header = std::ranges::find(headers, name, &EmbeddedFile::name);
    if (header == headers.end()) continue;
    if (std::ranges::find(found, name, &EmbeddedFile::name) != found.end()) continue;
    found.push_back(*header);
    add_includes(header->bytes, found);
  }
}

}  // namespace

std::vector<EmbeddedFile> included_headers(std::string_view text) {
  std::vector<EmbeddedFile> found;
  add_includes(text, found);
  std::ranges::sort(found, {}, &EmbeddedFile::name);
  return found;
}

}  // namespace convtune
