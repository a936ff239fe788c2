#include "kernels/problem_json.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "kernels/all_values.hpp"
#include "kernels/error.hpp"
#include "kernels/strict_json.hpp"

namespace convtune {
namespace {

using Json = nlohmann::json;

[[noreturn]] void refuse(std::string_view key, std::string_view found, std::string_view rule) {
  throw Error(Status::invalid, fmt::format("{} is {}; it must be {}", key, found, rule));
}

void read(const Json& value, std::string_view key, std::int64_t& out) {
  // Unsigned values above 2⁶³−1 are integers to JSON, but no size of ours.
  if (!value.is_number_integer() ||
      (value.is_number_unsigned() && value.get<std::uint64_t>() > INT64_MAX)) {
    refuse(key, quotation(value), "an integer that fits 64 bits");
  }
  out = value.get<std::int64_t>();
}

void read(const Json& value, std::string_view key, bool& out) {
  if (!value.is_boolean()) refuse(key, quotation(value), "true or false");
  out = value.get<bool>();
}

void read(const Json& value, std::string_view key, Padding& out) {
  if (value.is_array() && value.size() == 2) {
    read(value[0], key, out.left);
    read(value[1], key, out.right);
  } else if (value.is_number_integer()) {
    read(value, key, out.left);
    out.right = out.left;
  } else {
    refuse(key, quotation(value), "an integer or a pair [left, right]");
  }
}

template <typename Enum>
void read(const Json& value, std::string_view key, Enum& out) {
  std::optional<Enum> named;
  if (value.is_string()) named = value_named<Enum>(value.get_ref<const std::string&>());
  if (!named) {
    std::string names;
    for (const Enum each : all_values(Enum{})) {
      names += (names.empty() ? "" : ", ") + std::string(name(each));
    }
    refuse(key, quotation(value), "one of " + names);
  }
  out = *named;
}

void append(std::string& text, std::int64_t value) { text += std::to_string(value); }
void append(std::string& text, bool value) { text += value ? "true" : "false"; }
void append(std::string& text, const Padding& padding) {
  text += fmt::format("[{},{}]", padding.left, padding.right);
}
/// Names need no escapes.
template <typename Enum>
void append(std::string& text, Enum value) {
  text += fmt::format("\"{}\"", name(value));
}

/// The one list of keys: visit(key, field, required) in canonical order.
template <typename P, typename Visit>
void for_each_field(P& p, Visit&& visit) {
  visit("batch", p.batch, false);
  visit("length", p.length, true);
  visit("in_channels", p.in_channels, true);
  visit("out_channels", p.out_channels, true);
  visit("kernel_size", p.kernel_size, true);
  visit("stride", p.stride, false);
  visit("padding", p.padding, false);
  visit("dilation", p.dilation, false);
  visit("num_groups", p.num_groups, false);
  visit("has_bias", p.has_bias, false);
  visit("dtype", p.dtype, false);
  visit("math", p.math, false);
  visit("layout", p.layout, false);
  visit("activation", p.activation, false);
}

void require_known_keys(const Json& object) {
  const Problem any;
  for (const auto& member : object.items()) {
    bool is_known = false;
    for_each_field(any,
                   [&](const char* key, const auto&, bool) { is_known |= member.key() == key; });
    if (is_known) continue;
    std::string keys;
    for_each_field(any, [&](const char* key, const auto&, bool) {
      keys += (keys.empty() ? "" : ", ") + std::string(key);
    });
    throw Error(Status::invalid, fmt::format("a problem has no key {}; its keys are {}",
                                             quotation(member.key()), keys));
  }
}

}  // namespace

Problem problem_from_json(const Json& object) {
  if (!object.is_object()) {
    throw Error(Status::invalid,
                fmt::format("a problem is a JSON object, not {}", quotation(object)));
  }
  require_known_keys(object);
  Problem problem;
  for_each_field(problem, [&](const char* key, auto& field, bool required) {
    if (const auto found = object.find(key); found != object.end()) {
      read(*found, key, field);
    } else if (required) {
      throw Error(Status::invalid,
                  fmt::format("the problem has no {}; give it as an integer", key));
    }
  });
  validate(problem);
  return canonical(problem);
}

Problem parse_problem(std::string_view text) {
  Json object;
  try {
    object = parse_strict_json(text);
  } catch (const Error& error) {
    throw Error(error.status(), fmt::format("the problem: {}", error.what()));
  }
  return problem_from_json(object);
}

// By hand, not by the library: each look-up in the store needs it, and a tree of JSON values takes
// as long as the rest of the look-up.
std::string to_json(const Problem& problem) {
  std::string text;
  for_each_field(problem, [&](const char* key, const auto& field, bool) {
    text += fmt::format("{}\"{}\":", text.empty() ? '{' : ',', key);
    append(text, field);
  });
  return text + '}';
}

}  // namespace convtune
