#include <fmt/format.h>

#include <memory>

#include "generator/candidates.hpp"
#include "kernels/cuda/source.hpp"
#include "kernels/error.hpp"
#include "kernels/problem_json.hpp"
#include "runtime/plan.hpp"
#include "tuner/cli/commands.hpp"

namespace convtune::cli {
namespace {

struct SourceOptions {
  std::string problem;
  std::string config;
  std::string arch = "sm_90a";
  bool headers = false;
};

Candidate asked_for(const SourceOptions& options, const Problem& problem,
                    const DeviceProperties& device) {
  if (!options.config.empty()) return resolve(options.config, problem, device, all_families());
  return heuristic_plan(problem, device, generated_families()).candidate;
}

int source(const SourceOptions& options) {
  const Problem problem = parse_problem(options.problem);
  const DeviceProperties device = properties_of_arch(options.arch);
  const Candidate candidate = asked_for(options, problem, device);
  if (candidate.family->cuda == nullptr)
    throw Error(Status::invalid, fmt::format("{} has no source: it is no generated CUDA family",
                                             candidate.family->name));
  const Source generated = write_source(*candidate.family->cuda, problem, candidate.config, device);
  if (options.headers) {
    for (const EmbeddedFile& header : generated.headers)
      fmt::print("// ==== {}\n{}\n", header.name, header.bytes);
    fmt::print("// ==== the generated unit\n");
  }
  fmt::print("// {}\n// {}, digest {}\n{}", describe(problem), to_text(candidate.config),
             generated.digest, generated.text);
  return static_cast<int>(Status::ok);
}

}  // namespace

void add_source(CLI::App& app, Action& action) {
  CLI::App* command =
      app.add_subcommand("source", "Print the generated CUDA source of one candidate");
  auto options = std::make_shared<SourceOptions>();
  command->add_option("--problem", options->problem, "The problem as JSON")->required();
  command->add_option("--config", options->config,
                      "Config, as `tune` and `plan` print it; without, the cost model's choice");
  command->add_option("--arch", options->arch, "Architecture the candidate is for")
      ->capture_default_str();
  command->add_flag("--headers", options->headers, "Print the headers that it includes, too");
  command->footer(
      "Examples:\n"
      "  convtune source --problem "
      "'{\"length\":3000,\"in_channels\":80,\"out_channels\":384,\"kernel_size\":3}'");
  command->callback([&action, options] { action = [options] { return source(*options); }; });
}

}  // namespace convtune::cli
