#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "kernels/checked.hpp"
#include "kernels/error.hpp"
#include "kernels/problem_json.hpp"
#include "kernels/strict_json.hpp"
#include "tuner/layer_json.hpp"

namespace convtune {
namespace {

using Json = nlohmann::json;

/// More than a sweep can measure in a year: a typing error rather than a wish.
constexpr std::size_t most_combinations = 1'000'000;

[[noreturn]] void refuse(std::string_view origin, const std::string& message) {
  throw Error(Status::invalid, fmt::format("{}: {}", origin, message));
}

bool is_depthwise(std::string_view key, const Json& value) {
  return key == "num_groups" && value == "depthwise";
}

/// Throws Error unless a problem exists in which `key` has this value.
void check_value(const std::string& key, const Json& value) {
  if (is_depthwise(key, value)) return;
  Json problem = {{"length", 1}, {"in_channels", 1}, {"out_channels", 1}, {"kernel_size", 1}};
  problem[key] = value;
  if (value.is_number_integer() && value > 0) {
    if (key == "kernel_size") problem["length"] = value;
    if (key == "num_groups") problem["in_channels"] = problem["out_channels"] = value;
  }
  problem_from_json(problem);
}

/// The lists of values, by key.
using Axes = std::vector<std::pair<std::string, Json>>;

Axes axes_of(const Json& grid, std::string_view origin) {
  Axes axes;
  for (const auto& [key, values] : grid.items()) {
    if (key == "base") continue;
    if (!values.is_array() || values.empty()) {
      refuse(origin, fmt::format("{} is {}; it must be a list of one or more values",
                                 quotation(key), quotation(values)));
    }
    for (const Json& value : values) {
      try {
        check_value(key, value);
      } catch (const Error& error) {
        refuse(origin, error.what());
      }
    }
    axes.emplace_back(key, values);
  }
  return axes;
}

std::vector<Layer> base_layers(const Json& base, std::string_view origin,
                               const std::filesystem::path& folder) {
  if (base.is_array()) return layers_from_json(base, fmt::format("{}, base", origin), "");
  if (!base.is_string()) {
    refuse(origin, fmt::format("base is {}; it must be a list of layers, or the name of a list or "
                               "file",
                               quotation(base)));
  }
  const std::string name = base.get<std::string>();
  const std::filesystem::path file = folder / name;
  return std::filesystem::is_regular_file(file) ? read_layers(file) : load_layers(name);
}

/// What a combination starts from.
struct Start {
  std::string model;
  std::string layer;
  Json problem;
};

std::vector<Start> starts_of(const Json& grid, std::string_view origin,
                             const std::filesystem::path& folder) {
  std::vector<Start> starts;
  if (grid.contains("base")) {
    for (const Layer& layer : base_layers(grid["base"], origin, folder)) {
      starts.push_back({layer.label.model, layer.label.layer, Json::parse(to_json(layer.problem))});
    }
    return starts;
  }
  for (const char* key : {"length", "in_channels", "out_channels", "kernel_size"}) {
    if (!grid.contains(key)) {
      refuse(origin, fmt::format("it has no {}; give its values, or layers as base", key));
    }
  }
  return {{"", "", Json::object()}};
}

std::size_t count_combinations(const Axes& axes, std::size_t starts, std::string_view origin) {
  std::size_t combinations = 1;
  for (const auto& [key, values] : axes) {
    combinations *= values.size();
    if (combinations * starts > most_combinations) {
      refuse(origin,
             fmt::format("it has more than {} combinations; give fewer values", most_combinations));
    }
  }
  return combinations;
}

/// Padding that leaves the length as it is at stride 1; none where that overflows, which no valid
/// problem can.
Json same_padding(const Json& problem) {
  const Checked kernel_size = problem["kernel_size"].get<std::int64_t>();
  const Checked dilation = problem.value("dilation", std::int64_t{1});
  const std::int64_t reach = (dilation * (kernel_size - 1)).value().value_or(0);
  return {reach / 2, reach - reach / 2};
}

/// One combination as a JSON problem, and what it is called.
struct Combination {
  Json problem;
  std::string name;
};

/// What describe() calls a parameter; empty for those whose values speak for themselves.
std::string short_name(const std::string& key) {
  static const std::map<std::string, std::string> names = {
      {"batch", "N"},      {"length", "L"},      {"in_channels", "Cin"}, {"out_channels", "Cout"},
      {"stride", "s"},     {"padding", "p"},     {"dilation", "d"},      {"kernel_size", "K"},
      {"num_groups", "g"}, {"has_bias", "bias "}};
  const auto found = names.find(key);
  return found == names.end() ? "" : found->second;
}

/// The value of each axis at position `index` of the product, the last axis changing fastest.
Combination combination(const Start& start, const Axes& axes, std::size_t index) {
  Combination made{.problem = start.problem, .name = ""};
  std::vector<std::string> words;
  bool padding_given = false;
  for (auto axis = axes.rbegin(); axis != axes.rend(); ++axis) {
    const auto& [key, values] = *axis;
    const Json& value = values[index % values.size()];
    index /= values.size();
    made.problem[key] = value;
    words.push_back(short_name(key) +
                    (value.is_string() ? value.get<std::string>() : value.dump()));
    padding_given |= key == "padding";
  }
  if (!start.layer.empty()) words.push_back(start.layer);
  std::reverse(words.begin(), words.end());
  made.name = fmt::format("{}", fmt::join(words, " "));

  Json& groups = made.problem["num_groups"];
  if (groups.is_null()) groups = 1;
  if (is_depthwise("num_groups", groups)) groups = made.problem["in_channels"];
  if (!padding_given) made.problem["padding"] = same_padding(made.problem);
  return made;
}

std::optional<Problem> valid_problem(const Json& object) {
  try {
    return problem_from_json(object);
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace

std::vector<Layer> layers_from_grid(const Json& grid, std::string_view origin,
                                    const std::string& list, const std::filesystem::path& folder) {
  if (!grid.is_object()) refuse(origin, "it is no JSON object");
  const Axes axes = axes_of(grid, origin);
  const std::vector<Start> starts = starts_of(grid, origin, folder);
  const std::size_t combinations = count_combinations(axes, starts.size(), origin);
  std::vector<Layer> layers;
  for (const Start& start : starts) {
    for (std::size_t index = 0; index < combinations; ++index) {
      const Combination made = combination(start, axes, index);
      const std::optional<Problem> problem = valid_problem(made.problem);
      if (!problem) continue;
      layers.push_back({.problem = *problem,
                        .label = {.problem = *problem,
                                  .model = start.model,
                                  .layer = made.name,
                                  .shape_class = "grid",
                                  .list = list}});
    }
  }
  if (layers.empty()) refuse(origin, "no combination of its values is a valid problem");
  remove_duplicates(layers);
  return layers;
}

}  // namespace convtune
