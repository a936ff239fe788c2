#include "tuner/layer_json.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <set>
#include <system_error>
#include <utility>

#include "kernels/error.hpp"
#include "kernels/problem_json.hpp"
#include "kernels/strict_json.hpp"

namespace convtune {
namespace {

using Json = nlohmann::json;

constexpr std::array text_keys = {"model", "layer", "source", "followed_by", "note", "shape_class"};
constexpr std::array flag_keys = {"core", "verified"};
constexpr std::array count_keys = {"calls_per_forward"};

[[noreturn]] void refuse(const std::string& message) { throw Error(Status::invalid, message); }

/// Removes `key` from the object and returns it, null if there is none.
Json take(Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end()) return nullptr;
  Json value = std::move(*found);
  object.erase(found);
  return value;
}

std::string take_text(Json& object, const char* key) {
  if (!object.contains(key)) return "";
  const Json value = take(object, key);
  if (!value.is_string()) refuse(fmt::format("{} is {}; it must be text", key, quotation(value)));
  return value.get<std::string>();
}

/// Whether UTF-8 text has one of Unicode's control characters, U+0000 to U+001F and U+007F to
/// U+009F.
bool has_control_character(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
    if (byte(i) < 0x20 || byte(i) == 0x7F) return true;
    if (byte(i) == 0xC2 && i + 1 < text.size() && byte(i + 1) < 0xA0) return true;
  }
  return false;
}

/// The text of a key that is shown in tables, which a newline breaks and a terminal may obey.
std::string take_name(Json& object, const char* key) {
  std::string name = take_text(object, key);
  if (has_control_character(name)) {
    refuse(fmt::format("{} is {}; it must have no control characters, such as a newline", key,
                       quotation(name)));
  }
  return name;
}

/// Removes the labels, checking their types, so that what is left is a problem.
Label take_labels(Json& object) {
  Label label;
  label.model = take_name(object, "model");
  label.layer = take_name(object, "layer");
  label.shape_class = take_name(object, "shape_class");
  for (const char* key : text_keys) take_text(object, key);
  for (const char* key : flag_keys) {
    if (!object.contains(key)) continue;
    const Json value = take(object, key);
    if (!value.is_boolean()) {
      refuse(fmt::format("{} is {}; it must be true or false", key, quotation(value)));
    }
  }
  for (const char* key : count_keys) {
    if (!object.contains(key)) continue;
    const Json value = take(object, key);
    if (!value.is_number_integer() || value < 0) {
      refuse(fmt::format("{} is {}; it must be an integer of 0 or more", key, quotation(value)));
    }
  }
  return label;
}

/// Throws Error{invalid} for a key that no entry has, once its labels and `dtypes` are taken.
void require_keys_of_problem(const Json& object) {
  static const auto known = nlohmann::ordered_json::parse(to_json(Problem{}));
  for (const auto& member : object.items()) {
    if (known.contains(member.key())) continue;
    std::string keys;
    for (const auto& each : known.items()) keys += each.key() + ", ";
    refuse(fmt::format("it has no key {}; its keys are {}dtypes, {}, {}, {}",
                       quotation(member.key()), keys, fmt::join(text_keys, ", "),
                       fmt::join(flag_keys, ", "), fmt::join(count_keys, ", ")));
  }
}

/// The values of `dtypes`; one null, meaning what `dtype` says, where it is left out.
Json take_dtypes(Json& object) {
  if (!object.contains("dtypes")) return Json::array({nullptr});
  if (object.contains("dtype")) refuse("it has both dtype and dtypes; give one of them");
  Json dtypes = take(object, "dtypes");
  if (!dtypes.is_array() || dtypes.empty()) {
    refuse(fmt::format("dtypes is {}; it must be a list of one or more names", quotation(dtypes)));
  }
  if (std::set<Json>(dtypes.begin(), dtypes.end()).size() != dtypes.size()) {
    refuse(fmt::format("dtypes is {}; each may be named once", quotation(dtypes)));
  }
  return dtypes;
}

void append_entry(const Json& entry, const std::string& list, std::vector<Layer>& layers) {
  if (!entry.is_object())
    refuse(fmt::format("it is {}; it must be a JSON object", quotation(entry)));
  Json object = entry;
  Label label = take_labels(object);
  label.list = list;
  const Json dtypes = take_dtypes(object);
  require_keys_of_problem(object);
  for (const Json& dtype : dtypes) {
    if (!dtype.is_null()) object["dtype"] = dtype;
    label.problem = problem_from_json(object);
    layers.push_back({.problem = label.problem, .label = label});
  }
}

/// How an entry is named in an error: its number, and model and layer where it has them and they
/// can be shown.
std::string entry_name(const Json& entry, std::size_t number) {
  std::vector<std::string> names;
  for (const char* key : {"model", "layer"}) {
    if (!entry.is_object() || !entry.contains(key) || !entry[key].is_string()) continue;
    const std::string name = entry[key].get<std::string>();
    if (!has_control_character(name)) names.push_back(name);
  }
  if (names.empty()) return fmt::format("entry {}", number);
  return fmt::format("entry {} ({})", number, fmt::join(names, " "));
}

}  // namespace

std::string read_text(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::error_code unreadable;
  if (!stream) unreadable.assign(errno, std::generic_category());
  std::error_code ignored;
  if (std::filesystem::is_directory(file, ignored)) {  // which a stream opens
    unreadable = std::make_error_code(std::errc::is_a_directory);
  }
  if (unreadable) {
    throw Error(Status::storage,
                fmt::format("{} cannot be read ({}); name a layers file or a grid file",
                            file.string(), unreadable.message()));
  }
  return {std::istreambuf_iterator<char>(stream), {}};
}

Json parse_json(std::string_view text, std::string_view origin) {
  try {
    return parse_strict_json(text);
  } catch (const Error& error) {
    refuse(fmt::format("{}: {}", origin, error.what()));
  }
}

std::vector<Layer> layers_from_json(const Json& entries, std::string_view origin,
                                    const std::string& list) {
  if (!entries.is_array()) refuse(fmt::format("{} is no JSON list of layers", origin));
  if (entries.empty()) refuse(fmt::format("{} lists no layer", origin));
  std::vector<Layer> layers;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    try {
      append_entry(entries[i], list, layers);
    } catch (const Error& error) {
      refuse(fmt::format("{}, {}: {}", origin, entry_name(entries[i], i + 1), error.what()));
    }
  }
  remove_duplicates(layers);
  return layers;
}

void remove_duplicates(std::vector<Layer>& layers) {
  std::set<Problem> seen;
  std::erase_if(layers, [&](const Layer& layer) { return !seen.insert(layer.problem).second; });
}

}  // namespace convtune
