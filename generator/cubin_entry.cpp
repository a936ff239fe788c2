#include "generator/cubin_entry.hpp"

#include <fmt/format.h>

#include <sstream>

#include "kernels/digest.hpp"

namespace convtune {
namespace {

constexpr std::string_view magic = "convtune-cubin-1";

}  // namespace

// One line that says whose entry this is and what follows, then log and cubin.
std::string entry_text(const std::string& key, const Compiled& compiled) {
  const std::string payload = compiled.log + compiled.cubin;
  return fmt::format("{} {} {} {} {}\n{}", magic, key, digest(payload), compiled.log.size(),
                     compiled.cubin.size(), payload);
}

std::optional<Compiled> parse_entry(std::string_view text, const std::string& key) {
  const std::size_t line_end = text.find('\n');
  if (line_end == std::string_view::npos) return std::nullopt;
  std::istringstream line(std::string(text.substr(0, line_end)));
  std::string found_magic, found_key, found_digest;
  std::size_t log_size = 0;
  std::size_t cubin_size = 0;
  line >> found_magic >> found_key >> found_digest >> log_size >> cubin_size;
  const std::string_view payload = text.substr(line_end + 1);
  if (!line || found_magic != magic || found_key != key || log_size > payload.size() ||
      cubin_size != payload.size() - log_size || digest(payload) != found_digest)
    return std::nullopt;
  Compiled compiled{.cubin = std::string(payload.substr(log_size)),
                    .log = std::string(payload.substr(0, log_size))};
  compiled.resources = resources_from_log(compiled.log);
  return compiled;
}

}  // namespace convtune
