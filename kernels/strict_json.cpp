#include "kernels/strict_json.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "kernels/error.hpp"

namespace convtune {
namespace {

using Json = nlohmann::json;

constexpr int deepest = 64;
constexpr std::size_t longest_quote = 60;

[[noreturn]] void refuse(const std::string& message) { throw Error(Status::invalid, message); }

/// Refuses what the library would take; sees every value and key as it is parsed.
class Censor {
 public:
  bool operator()(int depth, Json::parse_event_t event, const Json& parsed) {
    using Event = Json::parse_event_t;
    if (depth > deepest) refuse(fmt::format("it is nested deeper than {}; flatten it", deepest));
    if (event == Event::object_start) keys_.emplace_back();
    if (event == Event::object_end) keys_.pop_back();
    if (event == Event::key && !keys_.back().insert(parsed.get<std::string>()).second) {
      refuse(fmt::format("the key {} stands twice in one object; give it once", quotation(parsed)));
    }
    return true;
  }

 private:
  std::vector<std::set<std::string>> keys_;  // of the objects that are open
};

}  // namespace

Json parse_strict_json(std::string_view text) {
  try {
    return Json::parse(text, Censor());
  } catch (const Json::parse_error& error) {
    const std::string_view before = text.substr(0, error.byte > 0 ? error.byte - 1 : 0);
    const auto line = 1 + std::count(before.begin(), before.end(), '\n');
    refuse(fmt::format("it is no valid JSON: line {}, column {}", line,
                       before.size() - (before.rfind('\n') + 1) + 1));
  } catch (const Json::out_of_range&) {
    refuse("a number in it is too large for JSON's float64");
  }
}

std::string quotation(const Json& value) {
  std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
  if (text.size() > longest_quote) text.replace(longest_quote, text.npos, "...");
  return text;
}

}  // namespace convtune
