#include "results/record_json.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/problem_json.hpp"

namespace convtune {
namespace {

using Json = nlohmann::json;

/// Whether the text stands in JSON as it is.
bool is_plain(std::string_view text) {
  return std::ranges::all_of(text,
                             [](char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; });
}

template <typename T>
std::string list_text(const std::vector<T>& values) {
  std::string text;
  for (const T& value : values) {
    if (!text.empty()) text += ',';
    text += json_text(value);
  }
  return fmt::format("[{}]", text);
}

template <typename T>
void read_list(const Json& json, std::vector<T>& values) {
  if (!json.is_array()) refuse_json(json, "a list");
  values.clear();
  for (const Json& element : json) read_json(element, values.emplace_back());
}

}  // namespace

std::string json_text(double value) {
  // -0 would be read back as the integer 0.
  return std::isfinite(value) ? fmt::format("{}", value == 0 ? 0.0 : value) : "null";
}

std::string json_text(bool value) { return value ? "true" : "false"; }

std::string json_text(const std::string& value) {
  if (is_plain(value)) return fmt::format("\"{}\"", value);
  try {
    return Json(value).dump();
  } catch (const Json::exception&) {
    refuse_json(value, "UTF-8");
  }
}

std::string json_text(const Problem& value) { return to_json(value); }
std::string json_text(const std::vector<double>& values) { return list_text(values); }
std::string json_text(const std::vector<std::string>& values) { return list_text(values); }

void make_utf8(std::string& text) {
  if (is_plain(text)) return;
  text = Json::parse(Json(text).dump(-1, ' ', false, Json::error_handler_t::replace));
}

void refuse_json(const Json& json, std::string_view rule) {
  constexpr std::size_t shown = 80;
  std::string found = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (found.size() > shown) found = found.substr(0, shown) + "…";
  throw Error(Status::invalid, fmt::format("found {}; it must be {}", found, rule));
}

void read_json(const Json& json, double& value) {
  if (!json.is_number() && !json.is_null()) refuse_json(json, "a number");
  value = json.is_null() ? std::numeric_limits<double>::infinity() : json.get<double>();
}

void read_json(const nlohmann::json& json, bool& value) {
  if (!json.is_boolean()) refuse_json(json, "true or false");
  value = json.get<bool>();
}

void read_json(const Json& json, std::string& value) {
  if (!json.is_string()) refuse_json(json, "a text");
  value = json.get<std::string>();
}

void read_json(const Json& json, Problem& value) { value = problem_from_json(json); }
void read_json(const Json& json, std::vector<double>& values) { read_list(json, values); }
void read_json(const Json& json, std::vector<std::string>& values) { read_list(json, values); }

}  // namespace convtune
