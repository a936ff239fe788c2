#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "generator/compiler.hpp"
#include "generator/cubin_cache.hpp"
#include "generator/cubin_pack.hpp"
#include "kernels/counted.hpp"
#include "kernels/error.hpp"
#include "results/store.hpp"
#include "runtime/cuda/cuda_device.hpp"
#include "runtime/device.hpp"
#include "tuner/cli/commands.hpp"

namespace convtune::cli {
namespace {

namespace fs = std::filesystem;

/// One thing that this machine has or lacks.
struct Finding {
  std::string what;  ///< "gpu"
  bool found = false;
  std::string text;  ///< what it is, or what is missing and what to do
};

std::string gibibytes(std::int64_t bytes) {
  return fmt::format("{:.1f} GiB", static_cast<double>(bytes) / (1 << 30));
}

Finding describe_cpu() {
  const std::shared_ptr<Device> device = open_device("cpu");
  const DeviceProperties& cpu = device->properties();
  return {.what = "cpu",
          .found = true,
          .text = fmt::format(
              "{} ({}), {}, {}, L1 {} KiB, L2 {} KiB, L3 {} KiB, memory {}", cpu.name, cpu.model,
              cpu.arch, counted(static_cast<std::size_t>(cpu.units), "thread"), cpu.l1_bytes / 1024,
              cpu.l2_bytes / 1024, cpu.l3_bytes / 1024, gibibytes(cpu.memory_bytes))};
}

std::vector<Finding> describe_gpus() {
  const GpuList list = list_gpus();
  std::vector<Finding> found;
  for (const DeviceProperties& gpu : list.gpus) {
    found.push_back(
        {.what = fmt::format("cuda:{}", found.size()),
         .found = true,
         .text = fmt::format("{}, {}, {} SMs, L2 {} MiB, memory {}", gpu.name, gpu.arch, gpu.units,
                             gpu.l2_bytes >> 20, gibibytes(gpu.memory_bytes))});
  }
  if (found.empty()) found.push_back({.what = "gpu", .found = false, .text = list.missing});
  const bool has_driver = !list.driver_version.empty();
  found.push_back({.what = "driver",
                   .found = has_driver,
                   .text = has_driver
                               ? fmt::format("serves CUDA up to {}", list.driver_version)
                               : "no CUDA driver was loaded; it comes with NVIDIA's GPU driver"});
  return found;
}

Finding describe_nvrtc() {
  try {
    const CompilerInfo info = compiler_info();
    return {.what = "nvrtc", .found = true, .text = fmt::format("{}, {}", info.version, info.path)};
  } catch (const Error& error) {
    return {.what = "nvrtc", .found = false, .text = error.what()};
  }
}

Finding describe_pack() {
  try {
    const CubinPack* pack = default_pack();
    if (pack == nullptr)
      return {.what = "pack", .found = true, .text = "none is used; CONVTUNE_PACK would name one"};
    return {.what = "pack",
            .found = true,
            .text = fmt::format("{}, {} of NVRTC {}", pack->file().string(),
                                counted(pack->keys().size(), "kernel"), pack->compiler())};
  } catch (const Error& error) {
    return {.what = "pack", .found = false, .text = error.what()};
  }
}

/// A vendor's library, if this build knows it at all.
Finding describe_vendor(std::string_view family_name, const std::string& advice) {
  for (const Family* family : all_families()) {
    if (family->name != family_name) continue;
    try {
      return {.what = std::string(family_name), .found = true, .text = family->library()};
    } catch (const Error& error) {
      return {.what = std::string(family_name), .found = false, .text = error.what()};
    }
  }
  return {.what = std::string(family_name), .found = false, .text = advice};
}

Finding describe_families() {
  std::vector<std::string> names;
  for (const Family* family : all_families()) {
    names.push_back(
        fmt::format("{} ({}, {})", family->name, name(family->device), name(family->origin)));
  }
  return {.what = "families",
          .found = !names.empty(),
          .text = fmt::format("{}", fmt::join(names, ", "))};
}

/// Whether a file is there that may be written, or can be made: the nearest that exists above it
/// decides, which must be a folder.
bool can_be_written(fs::path file) {
  std::error_code ignored;
  if (fs::exists(file, ignored)) return access(file.c_str(), W_OK) == 0;
  while (!file.empty() && !fs::exists(file, ignored) && file != file.parent_path()) {
    file = file.parent_path();
  }
  if (file.empty()) file = ".";
  return fs::is_directory(file, ignored) && access(file.c_str(), W_OK) == 0;
}

/// Where `file` will be written is `path` itself or in there.
Finding describe_place(const std::string& what, const fs::path& path, const fs::path& file,
                       const std::string& variable) {
  if (path.empty()) {
    return {
        .what = what, .found = false, .text = fmt::format("no folder: set HOME or {}", variable)};
  }
  std::error_code ignored;
  const bool exists = fs::exists(path, ignored);
  const bool writable = can_be_written(file);
  const std::string state = exists && writable ? "" : exists ? " (read-only)" : " (not there yet)";
  if (!writable) {
    return {.what = what,
            .found = exists,
            .text = fmt::format("{}{}: nothing can be written there; set {} to another place",
                                path.string(), state, variable)};
  }
  return {.what = what, .found = true, .text = path.string() + state};
}

/// identity() of all that this machine has: plans of others are not used.
std::set<std::string> identities_here() {
  std::set<std::string> here = {identity(open_device("cpu")->properties())};
  for (const DeviceProperties& gpu : list_gpus().gpus) here.insert(identity(gpu));
  return here;
}

Finding describe_database() {
  const fs::path path = default_database();
  Finding found = describe_place("database", path, path, "CONVTUNE_DB");
  std::error_code ignored;
  if (path.empty() || !fs::exists(path, ignored)) return found;
  try {
    const std::vector<Verdict> verdicts = Store(path, Store::Access::read).verdicts();
    const std::set<std::string> here = identities_here();
    const auto usable = std::ranges::count_if(
        verdicts, [&](const Verdict& verdict) { return here.contains(verdict.device); });
    found.text += fmt::format(", layers tuned on these devices: {}, on others: {}", usable,
                              static_cast<std::ptrdiff_t>(verdicts.size()) - usable);
  } catch (const Error& error) {
    found = {.what = found.what, .found = false, .text = error.what()};
  }
  return found;
}

std::vector<Finding> findings() {
  std::vector<Finding> all = {describe_cpu()};
  for (Finding& gpu : describe_gpus()) all.push_back(std::move(gpu));
  all.push_back(describe_nvrtc());
  all.push_back(describe_pack());
  all.push_back(describe_vendor("cudnn",
                                "not in this build: it was made without cuDNN's headers; build "
                                "again where they are; nothing else needs it"));
  all.push_back(describe_vendor("onednn",
                                "not in this build: install libdnnl-dev and build again with "
                                "CONVTUNE_WITH_ONEDNN=ON; nothing else needs it"));
  all.push_back(describe_families());
  all.push_back(describe_database());
  const fs::path cache = default_cache_folder();
  all.push_back(describe_place("cache", cache, cache / "kernel", "CONVTUNE_CACHE_DIR"));
  return all;
}

int devices(bool json) {
  const std::vector<Finding> all = findings();
  if (!json) {
    for (const Finding& finding : all) {
      fmt::print("{:<10}{}{}\n", finding.what, finding.found ? "" : "missing: ", finding.text);
    }
    return 0;
  }
  nlohmann::ordered_json out = nlohmann::ordered_json::object();
  for (const Finding& finding : all) {
    out[finding.what] = {{"found", finding.found}, {"text", finding.text}};
  }
  fmt::print("{}\n", out.dump(2));
  return 0;
}

}  // namespace

void add_devices(CLI::App& app, Action& action) {
  CLI::App* command =
      app.add_subcommand("devices", "List what this machine offers and what is missing");
  auto json = std::make_shared<bool>(false);
  command->add_flag("--json", *json, "Results as JSON on stdout");
  command->footer(
      "The first thing to run when something is wrong: what is missing says what to do.\n\n"
      "Examples:\n"
      "  convtune devices\n"
      "  convtune devices --json");
  command->callback([&action, json] { action = [json] { return devices(*json); }; });
}

}  // namespace convtune::cli
