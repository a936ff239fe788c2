#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "kernels/counted.hpp"
#include "kernels/error.hpp"
#include "kernels/say.hpp"
#include "tuner/ahead_of_time.hpp"
#include "tuner/cli/checks.hpp"
#include "tuner/cli/commands.hpp"
#include "tuner/cli/layer_options.hpp"
#include "tuner/interrupt.hpp"

namespace convtune::cli {
namespace {

using State = CompileResult::State;

struct CompileOptions {
  LayerOptions layers;
  std::string database;
  std::string archs = "sm_90a";
  std::string pack;
  std::size_t shortlist = 0;
  double budget_seconds = 0;
  unsigned jobs = std::max(1U, std::thread::hardware_concurrency());
  bool quiet = false;
  bool json = false;
};

/// The items of a list, each once; throws Error{invalid} for one that is no architecture.
std::vector<std::string> split_archs(std::string_view list) {
  std::vector<std::string> archs;
  for (std::size_t start = 0, comma = 0; comma != list.npos; start = comma + 1) {
    comma = list.find(',', start);
    const std::string arch = properties_of_arch(list.substr(start, comma - start)).arch;
    if (std::ranges::find(archs, arch) == archs.end()) archs.push_back(arch);
  }
  return archs;
}

std::string_view name(State state) {
  switch (state) {
    case State::compiled:
      return "compiled";
    case State::cached:
      return "cached";
    case State::failed:
      return "failed";
    default:
      return "not reached";
  }
}

/// Counts of how units ended, and a line about them now and then.
class Tally {
 public:
  Tally(std::size_t units, bool quiet) : units_(units), quiet_(quiet) {}

  void add(const CompileResult& result) {
    ++counts_[static_cast<std::size_t>(result.state)];
    const auto now = std::chrono::steady_clock::now();
    const bool last = reached() == units_;
    if (quiet_ || (!last && now - told_ < std::chrono::seconds(2))) return;
    told_ = now;
    say(fmt::format("{} of {}: {} compiled, {} from the cache, {} failed", reached(),
                    counted(units_, "kernel"), count(State::compiled), count(State::cached),
                    count(State::failed)));
  }
  std::size_t count(State state) const { return counts_[static_cast<std::size_t>(state)]; }
  std::size_t reached() const {
    return count(State::compiled) + count(State::cached) + count(State::failed);
  }

 private:
  std::size_t units_;
  bool quiet_;
  std::size_t counts_[4] = {};
  std::chrono::steady_clock::time_point told_ = std::chrono::steady_clock::now();
};

void print_table(const std::vector<CompileUnit>& units, const std::vector<CompileResult>& results) {
  fmt::print("{:<8} {:>9} {:>6} {:>6} {:>7} {:>5} {:<13} {:>7} {:>5}  {}\n", "arch", "registers",
             "spills", "shared", "blocks", "occ.", "limit", "seconds", "used", "kernel");
  for (std::size_t i = 0; i < units.size(); ++i) {
    const CompileUnit& unit = units[i];
    const CompileResult& result = results[i];
    if (result.state == State::not_reached) continue;
    if (result.state == State::failed) {
      fmt::print("{:<8} failed: {} {}\n", unit.arch, unit.kernel, result.reason);
      continue;
    }
    const std::string seconds =
        result.state == State::cached ? "cached" : fmt::format("{:.3f}", result.seconds);
    fmt::print("{:<8} {:>9} {:>6} {:>6} {:>7} {:>4.0f}% {:<13} {:>7} {:>5}  {}\n", unit.arch,
               result.resources.registers, result.resources.spill_bytes,
               result.resources.shared_bytes + static_cast<int>(unit.launch.shared_bytes),
               result.occupancy.blocks_per_sm, 100 * result.occupancy.fraction,
               result.occupancy.limit, seconds, unit.candidates, unit.kernel);
  }
}

void print_json(const std::vector<CompileUnit>& units, const std::vector<CompileResult>& results) {
  nlohmann::ordered_json out = nlohmann::ordered_json::array();
  for (std::size_t i = 0; i < units.size(); ++i) {
    const CompileUnit& unit = units[i];
    const CompileResult& result = results[i];
    out.push_back({{"arch", unit.arch},
                   {"kernel", unit.kernel},
                   {"source_digest", unit.source.digest},
                   {"candidates", unit.candidates},
                   {"state", name(result.state)},
                   {"reason", result.reason},
                   {"registers", result.resources.registers},
                   {"spill_bytes", result.resources.spill_bytes},
                   {"stack_bytes", result.resources.stack_bytes},
                   {"static_shared_bytes", result.resources.shared_bytes},
                   {"dynamic_shared_bytes", unit.launch.shared_bytes},
                   {"blocks_per_sm", result.occupancy.blocks_per_sm},
                   {"occupancy", result.occupancy.fraction},
                   {"limit", result.occupancy.limit},
                   {"seconds", result.seconds}});
  }
  fmt::print("{}\n", out.dump(2));
}

struct Work {
  std::vector<CompileUnit> units;
  std::string of;  ///< "42 problems, "
};

Work work_of(const CompileOptions& options) {
  if (options.database.empty()) {
    const std::vector<std::string> archs = split_archs(options.archs);
    const std::vector<Layer> layers = selected_layers(options.layers, "quickstart");
    compiler_info();  // before the work of enumerating, so that its absence is said at once
    return {.units = compile_units(layers, archs, options.shortlist),
            .of = counted(layers.size(), "problem") + ", "};
  }
  Work work{.units = winning_units(Store(options.database, Store::Access::read)), .of = ""};
  if (work.units.empty()) {
    throw Error(Status::invalid,
                fmt::format("the database {} has no CUDA kernel that won: tune on a GPU first, or "
                            "name layers instead",
                            options.database));
  }
  return work;
}

int compile(const CompileOptions& options) {
  if (!options.pack.empty()) require_pack_can_grow(options.pack);  // known now, not in an hour
  const auto [units, of] = work_of(options);
  note_interrupts();
  Tally tally(units.size(), options.quiet || !progress_is_read());
  const std::vector<CompileResult> results = compile_ahead(
      units, options.jobs, options.budget_seconds, [] { return interrupted() != 0; },
      [&](const CompileResult& result) { tally.add(result); });
  options.json ? print_json(units, results) : print_table(units, results);
  if (!options.json) {
    fmt::print("{}{}: {} compiled, {} from the cache, {} failed, {} not reached\n", of,
               counted(units.size(), "kernel"), tally.count(State::compiled),
               tally.count(State::cached), tally.count(State::failed),
               units.size() - tally.reached());
  }
  if (!options.pack.empty()) {
    const std::size_t kernels = add_to_pack(options.pack, units, results);
    say(fmt::format("{} holds {} in {:.1f} MiB", options.pack, counted(kernels, "kernel"),
                    static_cast<double>(std::filesystem::file_size(options.pack)) / (1 << 20)));
  }
  if (interrupted() != 0) return 128 + interrupted();
  if (tally.count(State::failed) > 0) return static_cast<int>(Status::check_failed);
  return static_cast<int>(tally.reached() == units.size() ? Status::ok : Status::partial);
}

}  // namespace

void add_compile(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand(
      "compile", "Compile CUDA candidates ahead of time, without a GPU, into the cache");
  auto options = std::make_shared<CompileOptions>();
  add_layer_options(*command, options->layers);
  command->add_option("--arch", options->archs, "Architectures, separated by commas")
      ->capture_default_str();
  CLI::Option* database = command->add_option(
      "--db", options->database, "Instead of layers: what won in this database, for its GPUs");
  command->add_option("--budget", options->budget_seconds, "Seconds in all; 0: no limit")
      ->check(number_from(0.0))
      ->capture_default_str();
  command->add_option("--jobs", options->jobs, "Threads that compile")
      ->check(number_from(1U, 1024U))
      ->capture_default_str();
  command
      ->add_option("--shortlist", options->shortlist,
                   "Candidates of each layer and family, the cost model's first; 0: all")
      ->check(number_from(std::size_t{0}))
      ->capture_default_str();
  for (const char* other : {"--layers", "--grid", "--problem", "--arch", "--shortlist"}) {
    database->excludes(command->get_option(other));
  }
  command->add_option("--pack", options->pack,
                      "Also add them to this file, for machines without a compiler");
  command->add_flag("--quiet", options->quiet,
                    "No progress on stderr, as where that is no terminal");
  command->add_flag("--json", options->json, "Results as JSON on stdout");
  command->footer(
      "Without layers, those of the quickstart list. Every layer's default comes first. Exit code\n"
      "1 if a kernel failed, 5 if the budget did not reach one.\n\n"
      "Examples:\n"
      "  convtune compile --layers 'mamba-2.8b decode step' --arch sm_80,sm_90a");
  command->callback([&action, options] { action = [options] { return compile(*options); }; });
}

}  // namespace convtune::cli
