#pragma once

#include <fmt/format.h>

#include <concepts>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "kernels/error.hpp"
#include "results/fields.hpp"

namespace convtune {

template <typename T>
concept Enumeration = std::is_enum_v<T>;

/// A value as JSON text. Doubles are written shortest, so that they are read back exactly; JSON has
/// no infinity, null stands for it (and for NaN). Throws Error{invalid} for text that is no UTF-8.
std::string json_text(double value);
std::string json_text(const std::string& value);
std::string json_text(bool value);
std::string json_text(const Problem& value);
std::string json_text(const std::vector<double>& values);
std::string json_text(const std::vector<std::string>& values);
template <std::integral T>
std::string json_text(T value) {
  return fmt::format("{}", value);
}
template <Enumeration T>
std::string json_text(T value) {
  return fmt::format("\"{}\"", name(value));
}

/// The inverse. Each throws Error{invalid} for a value of another type or out of range.
void read_json(const nlohmann::json& json, double& value);
void read_json(const nlohmann::json& json, std::string& value);
void read_json(const nlohmann::json& json, bool& value);
void read_json(const nlohmann::json& json, Problem& value);
void read_json(const nlohmann::json& json, std::vector<double>& values);
void read_json(const nlohmann::json& json, std::vector<std::string>& values);

/// Replaces what is no UTF-8: messages of drivers and compilers need not be.
void make_utf8(std::string& text);
template <typename T>
void make_utf8(const T& /*no text*/) {}

[[noreturn]] void refuse_json(const nlohmann::json& json, std::string_view rule);

template <Enumeration T>
void read_name(std::string_view text, T& value) {
  const std::optional<T> named = value_named<T>(text);
  if (!named) refuse_json(text, "one of the names that the format lists");
  value = *named;
}

template <std::integral T>
void read_json(const nlohmann::json& json, T& value) {
  const bool fits = json.is_number_unsigned()  ? std::in_range<T>(json.get<std::uint64_t>())
                    : json.is_number_integer() ? std::in_range<T>(json.get<std::int64_t>())
                                               : false;
  if (!fits) refuse_json(json, "an integer in range");
  value = json.get<T>();
}

template <Enumeration T>
void read_json(const nlohmann::json& json, T& value) {
  std::string text;
  read_json(json, text);
  read_name(text, value);
}

/// A record as one line of JSON with all its fields in order: a line of the export, and what a
/// row's digest is taken of.
template <typename Record>
std::string to_line(const Record& record) {
  std::string line;
  for_each_field(record, [&](std::string_view name, const auto& field) {
    line += fmt::format("{}\"{}\":{}", line.empty() ? "{" : ",", name, json_text(field));
  });
  return line + "}";
}

/// The inverse, from parsed JSON. Throws Error{invalid} unless it has all fields and no other.
template <typename Record>
Record from_json(const nlohmann::json& object) {
  if (!object.is_object()) refuse_json(object, "an object");
  Record record;
  std::size_t fields = 0;
  for_each_field(record, [&](const char* name, auto& field) {
    const auto found = object.find(name);
    if (found == object.end()) {
      throw Error(Status::invalid, fmt::format("{} is missing; write every field", name));
    }
    try {
      read_json(*found, field);
    } catch (const Error& error) {
      throw Error(Status::invalid, fmt::format("{}: {}", name, error.what()));
    }
    ++fields;
  });
  if (fields != object.size()) refuse_json(object, "an object without unknown fields");
  return record;
}

}  // namespace convtune
