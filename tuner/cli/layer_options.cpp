#include "tuner/cli/layer_options.hpp"

#include <set>

#include "kernels/problem_json.hpp"

namespace convtune::cli {

void add_layer_options(CLI::App& command, LayerOptions& options) {
  command.add_option("--layers", options.layers,
                     "A shipped list (quickstart, core, all, or a model's name) or a layers file");
  command.add_option("--grid", options.grid, "A grid file, or `default`");
  command.add_option("--problem", options.problem, "One problem as JSON");
}

std::vector<Layer> selected_layers(const LayerOptions& options, const std::string& fallback) {
  std::vector<Layer> selected;
  std::set<Problem> seen;
  const auto add = [&](std::vector<Layer> layers) {
    for (Layer& layer : layers) {
      if (seen.insert(layer.problem).second) selected.push_back(std::move(layer));
    }
  };
  if (options.problem) {
    const Problem problem = parse_problem(*options.problem);
    add({{.problem = problem,
          .label = {.problem = problem, .model = "", .layer = "", .shape_class = "", .list = ""}}});
  }
  if (options.grid) add(load_grid(*options.grid));
  if (options.layers) add(load_layers(*options.layers));
  if (!options.problem && !options.grid && !options.layers) {
    add(load_layers(fallback));
  }
  return selected;
}

}  // namespace convtune::cli
