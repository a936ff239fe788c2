#include "kernels/config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>

#include "kernels/error.hpp"

namespace convtune {
namespace {

bool is_identifier(std::string_view text) {
  return !text.empty() && !std::isdigit(static_cast<unsigned char>(text.front())) &&
         std::ranges::all_of(text, [](unsigned char c) { return std::isalnum(c) || c == '_'; });
}

[[noreturn]] void refuse(std::string_view text) {
  throw Error(Status::invalid,
              fmt::format("'{}' is no config; it must look like family{{name=1,other=2}}", text));
}

Setting parse_setting(std::string_view setting, std::string_view whole) {
  const std::size_t equals = setting.find('=');
  if (equals == std::string_view::npos || !is_identifier(setting.substr(0, equals))) refuse(whole);
  const std::string_view digits = setting.substr(equals + 1);
  Setting parsed{.name = std::string(setting.substr(0, equals))};
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), parsed.value);
  if (error != std::errc() || end != digits.data() + digits.size()) refuse(whole);
  return parsed;
}

}  // namespace

std::int64_t Config::at(std::string_view name) const {
  const auto found = std::ranges::find(settings, name, &Setting::name);
  if (found == settings.end()) {
    throw Error(Status::invalid, fmt::format("{} has no parameter {}", to_text(*this), name));
  }
  return found->value;
}

std::string to_text(const Config& config) {
  std::string text = config.family + "{";
  for (const Setting& setting : config.settings) {
    if (text.back() != '{') text += ',';
    text += fmt::format("{}={}", setting.name, setting.value);
  }
  return text + "}";
}

Config parse_config(std::string_view text) {
  const std::size_t brace = text.find('{');
  if (brace == std::string_view::npos || text.back() != '}' ||
      !is_identifier(text.substr(0, brace))) {
    refuse(text);
  }
  Config config{.family = std::string(text.substr(0, brace)), .settings = {}};
  std::string_view rest = text.substr(brace + 1, text.size() - brace - 2);
  while (!rest.empty()) {
    const std::size_t comma = std::min(rest.find(','), rest.size());
    config.settings.push_back(parse_setting(rest.substr(0, comma), text));
    if (comma + 1 == rest.size()) refuse(text);  // a trailing comma
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  if (to_text(config) != text) refuse(text);
  return config;
}

}  // namespace convtune
