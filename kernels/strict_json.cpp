#include "kernels/strict_json.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "kernels/error.hpp"

namespace convtune {

using Json = nlohmann::json;

Json parse_strict_json(std::string_view text) {
  std::vector<std::set<std::string>> keys;  // of the objects that are open
  return Json::parse(text, [&](int, Json::parse_event_t event, Json& parsed) {
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::object_end) keys.pop_back();
    if (event == Json::parse_event_t::key &&
        !keys.back().insert(parsed.get<std::string>()).second) {
      throw Error(
          Status::invalid,
          fmt::format("the key {} stands twice in one object; give it once", parsed.dump()));
    }
    return true;
  });
}

}  // namespace convtune
