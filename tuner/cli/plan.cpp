#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "generator/cubin_cache.hpp"
#include "kernels/counted.hpp"
#include "kernels/cuda/source.hpp"
#include "kernels/error.hpp"
#include "kernels/problem_json.hpp"
#include "runtime/serve.hpp"
#include "tuner/cli/command_line.hpp"
#include "tuner/cli/commands.hpp"
#include "tuner/cli/database_option.hpp"
#include "tuner/cli/pack_option.hpp"
#include "tuner/progress.hpp"

namespace convtune::cli {
namespace {

struct PlanOptions {
  std::string problem;
  std::string device = "auto";
  std::optional<std::string> arch;
  std::string database;
  bool why = false;
  bool json = false;
};

/// How much of a family's space is left for a problem, and what excluded the rest.
struct FamilySpace {
  const Family* family = nullptr;
  std::size_t candidates = 0;
  std::vector<Exclusion> exclusions;
};

std::vector<FamilySpace> spaces(const Problem& problem, const DeviceProperties& device,
                                std::span<const Family* const> families) {
  std::vector<FamilySpace> result;
  for (const Family* family : families) {
    if (family->device != device.kind) continue;
    const Family* const alone[] = {family};
    CandidateSpace space = enumerate(problem, device, alone);
    result.push_back({.family = family,
                      .candidates = space.candidates.size(),
                      .exclusions = std::move(space.exclusions)});
  }
  return result;
}

std::string expectation(const Plan& plan) {
  if (plan.expected_seconds <= 0) return "unknown";
  std::string text = format_seconds(plan.expected_seconds);
  if (plan.match == Match::heuristic) text += " at best (an estimate, not a measurement)";
  if (plan.match == Match::exact) text += " (measured)";
  if (plan.match == Match::nearest) text += " (scaled from what was measured)";
  return text;
}

struct Choice {
  Plan plan;
  DeviceProperties device;
  std::span<const Family* const> families;
  std::string obstacle;  ///< why the plan cannot be had on this machine as it is, or nothing
};

/// The command after which the plan is this problem's own.
std::string next_step(const PlanOptions& options, const DeviceProperties& device) {
  std::string command = "convtune tune --problem " + shell_word(options.problem);
  if (options.arch) return command + ", where there is such a GPU";
  const bool on_cpu = device.kind == DeviceKind::cpu;
  if (options.device != "auto") command += " --device " + (on_cpu ? "cpu" : options.device);
  if (!options.database.empty()) command += " --db " + shell_word(options.database);
  return command;
}

void print_text(const Choice& chosen, const std::vector<FamilySpace>& families,
                const PlanOptions& options) {
  const Plan& plan = chosen.plan;
  fmt::print("problem   {}\ndevice    {} ({})\nmatch     {}\nconfig    {} ({})\n",
             describe(plan.problem), chosen.device.name, chosen.device.arch, name(plan.match),
             to_text(plan.candidate.config), name(plan.candidate.family->origin));
  fmt::print("expected  {}\nwhy       {}\n", expectation(plan), plan.why);
  if (!chosen.obstacle.empty()) {
    fmt::print("obstacle  Another kernel or the CPU takes its place: {}\n", chosen.obstacle);
  }
  if (plan.match != Match::exact) fmt::print("next      {}\n", next_step(options, chosen.device));
  for (const Quarantined& each : plan.quarantine) {
    fmt::print("quarantine {}: {}\n", each.config, each.reason);
  }
  for (const FamilySpace& space : families) {
    fmt::print("\n{}: {} left\n", space.family->name, counted(space.candidates, "candidate"));
    for (const Exclusion& exclusion : space.exclusions) {
      fmt::print("  {:>6} excluded by {}: {}\n", exclusion.configs, exclusion.constraint,
                 exclusion.rule);
    }
  }
}

void print_json(const Choice& chosen, const std::vector<FamilySpace>& families) {
  const Plan& plan = chosen.plan;
  nlohmann::ordered_json out = {{"problem", nlohmann::ordered_json::parse(to_json(plan.problem))},
                                {"device", identity(chosen.device)},
                                {"match", name(plan.match)},
                                {"config", to_text(plan.candidate.config)},
                                {"origin", name(plan.candidate.family->origin)},
                                {"why", plan.why},
                                {"obstacle", nullptr},
                                {"expected_seconds", nullptr},
                                {"expected_loss", nullptr}};
  if (!chosen.obstacle.empty()) out["obstacle"] = chosen.obstacle;
  if (plan.expected_seconds > 0) out["expected_seconds"] = plan.expected_seconds;
  if (plan.expected_loss) out["expected_loss"] = *plan.expected_loss;
  out["quarantine"] = nlohmann::ordered_json::array();
  for (const Quarantined& each : plan.quarantine) {
    out["quarantine"].push_back({{"config", each.config}, {"reason", each.reason}});
  }
  for (const FamilySpace& space : families) {
    nlohmann::ordered_json excluded = nlohmann::ordered_json::array();
    for (const Exclusion& exclusion : space.exclusions) {
      excluded.push_back({{"constraint", exclusion.constraint},
                          {"rule", exclusion.rule},
                          {"configs", exclusion.configs}});
    }
    out["families"].push_back({{"family", space.family->name},
                               {"candidates", space.candidates},
                               {"excluded", std::move(excluded)}});
  }
  fmt::print("{}\n", out.dump(2));
}

std::string obstacle(const Plan& plan, const DeviceProperties& device) {
  const CudaKernel* kernel = plan.candidate.family->cuda;
  if (kernel == nullptr) return "";
  try {
    kernel_compiler();
  } catch (const Error& error) {
    return error.what();
  }
  const Source source = write_source(*kernel, plan.problem, plan.candidate.config, device);
  if (is_obtainable(source, device.arch)) return "";
  return "the pack lacks its kernel and there is no NVRTC: add it with convtune compile --pack";
}

/// For a device of this machine, or the CPU in its place.
Choice choose_here(const Problem& problem, const std::string& device,
                   const std::shared_ptr<const PlanSource>& tuned) {
  Backend backend = open_backend(device, Policy::nearest_or_heuristic);
  backend.plans = [&] { return tuned; };
  Plan plan = first_choice(backend, problem, Policy::nearest_or_heuristic);
  const bool on_cpu = plan.candidate.family->device == DeviceKind::cpu;
  const DeviceProperties& properties = (on_cpu ? backend.cpu : backend.device)->properties();
  std::string missing = obstacle(plan, properties);
  return {std::move(plan), properties, backend.families, std::move(missing)};
}

/// For a GPU that need not be here.
Choice choose_for_arch(const Problem& problem, const std::string& arch,
                       const std::shared_ptr<const PlanSource>& tuned) {
  const DeviceProperties device = properties_of_arch(arch);
  return {choose_plan(problem, device, tuned.get()), device, all_families(), ""};
}

int plan(const PlanOptions& options) {
  const Problem problem = parse_problem(options.problem);
  const std::shared_ptr<const PlanSource> tuned = plans_of(options.database);
  const Choice chosen = options.arch ? choose_for_arch(problem, *options.arch, tuned)
                                     : choose_here(problem, options.device, tuned);
  std::vector<FamilySpace> families;
  if (options.why) families = spaces(problem, chosen.device, chosen.families);
  if (options.json) {
    print_json(chosen, families);
  } else {
    print_text(chosen, families, options);
  }
  return 0;
}

}  // namespace

void add_plan(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("plan", "Tell what would run for a problem, and why");
  auto options = std::make_shared<PlanOptions>();
  command->add_option("--problem", options->problem, "The problem as JSON")->required();
  CLI::Option* device =
      command->add_option("--device", options->device, "auto, cpu, cuda or cuda:INDEX")
          ->capture_default_str();
  command
      ->add_option("--arch", options->arch,
                   "Plan for a GPU of this architecture, which need not be here, such as sm_90a")
      ->excludes(device);
  add_pack_option(*command);
  command->add_option("--db", options->database, database_help);
  command->add_flag("--why", options->why,
                    "Also what is left of each family's space, and which rule excluded how many");
  command->add_flag("--json", options->json, "Results as JSON on stdout");
  command->footer(
      "As in the library, the CPU takes the place of a GPU that cannot be used: match cpu, and "
      "why.\n\n"
      "Examples:\n"
      "  convtune plan --why --problem "
      "'{\"length\":3000,\"in_channels\":80,\"out_channels\":384,\"kernel_size\":3}'\n"
      "  convtune plan --why --arch sm_90a --problem "
      "'{\"length\":3000,\"in_channels\":80,\"out_channels\":384,\"kernel_size\":3,"
      "\"dtype\":\"bfloat16\"}'");
  command->callback([&action, options] { action = [options] { return plan(*options); }; });
}

}  // namespace convtune::cli
