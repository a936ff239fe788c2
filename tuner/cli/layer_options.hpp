#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "tuner/layers.hpp"

namespace convtune::cli {

/// --layers, --grid and --problem: how commands are told what to work on.
struct LayerOptions {
  std::optional<std::string> layers;
  std::optional<std::string> grid;
  std::optional<std::string> problem;
};
void add_layer_options(CLI::App& command, LayerOptions& options);

/// What the options name, in their order, repeats left out; `fallback` (a list's name) if none was
/// given. Throws Error{invalid}.
std::vector<Layer> selected_layers(const LayerOptions& options, const std::string& fallback);

}  // namespace convtune::cli
