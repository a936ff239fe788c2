#include "generator/candidates.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "kernels/error.hpp"

namespace convtune {
namespace {

/// Calls visit(config) for every combination of the family's values, the last parameter fastest.
template <typename Visit>
void for_each_config(const Family& family, Visit&& visit) {
  std::vector<std::size_t> choice(family.parameters.size(), 0);
  for (;;) {
    Config config{.family = std::string(family.name), .settings = {}};
    for (std::size_t i = 0; i < choice.size(); ++i) {
      const Parameter& parameter = family.parameters[i];
      config.settings.push_back({std::string(parameter.name), parameter.values[choice[i]]});
    }
    visit(std::move(config));
    std::size_t i = choice.size();
    while (i > 0 && ++choice[i - 1] == family.parameters[i - 1].values.size()) choice[--i] = 0;
    if (i == 0) return;
  }
}

void count_exclusion(std::vector<Exclusion>& exclusions, const Family& family,
                     const Constraint& constraint) {
  const auto same = std::ranges::find_if(exclusions, [&](const Exclusion& exclusion) {
    return exclusion.family == &family && exclusion.constraint == constraint.name;
  });
  if (same != exclusions.end()) {
    ++same->configs;
    return;
  }
  exclusions.push_back({.family = &family,
                        .constraint = std::string(constraint.name),
                        .rule = std::string(constraint.rule),
                        .configs = 1});
}

void require_parameters(const Family& family, const Config& config, const std::string& text) {
  if (config.settings.size() != family.parameters.size()) {
    std::string names;
    for (const Parameter& each : family.parameters) {
      names += (names.empty() ? "" : ", ") + std::string(each.name);
    }
    throw Error(
        Status::invalid,
        fmt::format("config {} has {} parameters; {} has {}{}{}", text, config.settings.size(),
                    family.name, family.parameters.size(), names.empty() ? "" : ": ", names));
  }
  for (std::size_t i = 0; i < config.settings.size(); ++i) {
    const Parameter& parameter = family.parameters[i];
    const Setting& setting = config.settings[i];
    if (setting.name != parameter.name) {
      throw Error(Status::invalid, fmt::format("config {} has the parameter {} where {} has {}",
                                               text, setting.name, family.name, parameter.name));
    }
    if (std::ranges::find(parameter.values, setting.value) == parameter.values.end()) {
      throw Error(Status::invalid,
                  fmt::format("config {}: {} is {}; it must be one of {}", text, setting.name,
                              setting.value, fmt::join(parameter.values, ", ")));
    }
  }
}

}  // namespace

CandidateSpace enumerate(const Problem& problem, const DeviceProperties& device,
                         std::span<const Family* const> families) {
  CandidateSpace space;
  for (const Family* family : families) {
    if (family->device != device.kind) continue;
    const Config preferred = family->default_config(problem, device);
    const std::size_t first = space.candidates.size();
    for_each_config(*family, [&](Config config) {
      if (const Constraint* broken = broken_constraint(*family, problem, config, device)) {
        count_exclusion(space.exclusions, *family, *broken);
        return;
      }
      const bool is_default = config == preferred;
      space.candidates.push_back({family, std::move(config)});
      if (is_default) {
        std::rotate(space.candidates.begin() + static_cast<std::ptrdiff_t>(first),
                    space.candidates.end() - 1, space.candidates.end());
      }
    });
  }
  return space;
}

Candidate resolve(const std::string& text, const Problem& problem, const DeviceProperties& device,
                  std::span<const Family* const> families) {
  Config config = parse_config(text);
  const auto family = std::ranges::find_if(families, [&](const Family* each) {
    return each->device == device.kind && each->name == config.family;
  });
  if (family == families.end()) {
    throw Error(Status::invalid, fmt::format("config {} names the family {}, which this build does "
                                             "not have for device kind {}",
                                             text, config.family, name(device.kind)));
  }
  require_parameters(**family, config, text);
  if (const Constraint* broken = broken_constraint(**family, problem, config, device)) {
    throw Error(Status::invalid, fmt::format("config {} breaks the rule {} of {}: {}", text,
                                             broken->name, config.family, broken->rule));
  }
  return {*family, std::move(config)};
}

}  // namespace convtune
