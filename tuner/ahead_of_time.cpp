#include "tuner/ahead_of_time.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <system_error>
#include <thread>

#include "generator/candidates.hpp"
#include "generator/cubin_cache.hpp"
#include "generator/cubin_pack.hpp"
#include "kernels/error.hpp"
#include "runtime/cost_model.hpp"
#include "runtime/device.hpp"

namespace convtune {
namespace {

/// Candidates of all layers on one architecture, with their place in their own layer's list.
struct Ranked {
  std::size_t rank = 0;
  const Problem* problem = nullptr;
  Candidate candidate;
};

/// Each family's default first, as enumerate() has it, then by the cost model.
std::vector<Ranked> ranked_candidates(std::span<const Layer> layers, const DeviceProperties& device,
                                      std::size_t shortlist) {
  std::vector<Ranked> ranked;
  for (const Layer& layer : layers) {
    for (const Family* family : all_families()) {
      if (family->cuda == nullptr) continue;
      std::vector<Candidate> candidates =
          enumerate(layer.problem, device, std::span(&family, 1)).candidates;
      if (candidates.empty()) continue;
      std::ranges::stable_sort(
          candidates.begin() + 1, candidates.end(), {},
          [&](const Candidate& each) { return estimated_seconds(layer.problem, each, device); });
      if (shortlist > 0) candidates.resize(std::min(candidates.size(), shortlist));
      for (std::size_t rank = 0; rank < candidates.size(); ++rank)
        ranked.push_back({rank, &layer.problem, std::move(candidates[rank])});
    }
  }
  std::ranges::stable_sort(ranked, {}, &Ranked::rank);
  return ranked;
}

/// Units without repetition, in the order in which they are added.
class Units {
 public:
  void add(const Candidate& candidate, const Problem& problem, const DeviceProperties& device) {
    const CudaKernel& kernel = *candidate.family->cuda;
    std::string instantiation = kernel.instantiation(problem, candidate.config);
    const auto [place, is_new] = places_.try_emplace({device.arch, instantiation}, units_.size());
    if (is_new) {
      units_.push_back({.arch = device.arch,
                        .kernel = std::move(instantiation),
                        .source = write_source(kernel, problem, candidate.config, device),
                        .launch = kernel.geometry(problem, candidate.config, device)});
    }
    ++units_[place->second].candidates;
  }
  std::vector<CompileUnit> take() { return std::move(units_); }

 private:
  std::vector<CompileUnit> units_;
  std::map<std::pair<std::string, std::string>, std::size_t> places_;  // by arch and instantiation
};

CompileResult compile_one(const CompileUnit& unit) {
  CompileResult result;
  try {
    const Compiled compiled = compile_cached(unit.source, unit.arch);
    result.state =
        compiled.seconds > 0 ? CompileResult::State::compiled : CompileResult::State::cached;
    result.resources = compiled.resources;
    result.seconds = compiled.seconds;
    result.occupancy = occupancy(compiled.resources, unit.launch, properties_of_arch(unit.arch));
  } catch (const Error& error) {
    result.state = CompileResult::State::failed;
    result.reason = error.what();
  }
  return result;
}

/// The pack that is there already, or null.
std::unique_ptr<const CubinPack> pack_to_extend(const std::filesystem::path& file) {
  if (!std::filesystem::exists(file)) return nullptr;
  auto present = std::make_unique<const CubinPack>(file);
  if (const std::string compiler = compiler_info().version; present->compiler() != compiler) {
    throw Error(Status::storage,
                fmt::format("the pack {} has kernels of NVRTC {}, this is {}: name another file",
                            file.string(), present->compiler(), compiler));
  }
  return present;
}

}  // namespace

std::vector<CompileUnit> compile_units(std::span<const Layer> layers,
                                       std::span<const std::string> archs, std::size_t shortlist) {
  Units units;
  for (const std::string& arch : archs) {
    const DeviceProperties device = properties_of_arch(arch);
    for (const Ranked& each : ranked_candidates(layers, device, shortlist)) {
      units.add(each.candidate, *each.problem, device);
    }
  }
  return units.take();
}

std::vector<CompileUnit> winning_units(const Store& store) {
  std::map<std::string, DeviceProperties> devices;
  for (const DeviceProperties& device : store.devices()) devices.emplace(identity(device), device);
  Units units;
  for (const Verdict& verdict : store.verdicts()) {
    const auto device = devices.find(verdict.device);
    if (device == devices.end()) continue;
    for (const std::string& config : std::set{verdict.winner, verdict.best_generated}) {
      try {
        const Candidate candidate =
            resolve(config, verdict.problem, device->second, generated_families());
        if (candidate.family->cuda != nullptr)
          units.add(candidate, verdict.problem, device->second);
      } catch (const Error&) {  // a vendor's, none, or of another version
      }
    }
  }
  return units.take();
}

std::vector<CompileResult> compile_ahead(std::span<const CompileUnit> units, unsigned jobs,
                                         double budget_seconds, const std::function<bool()>& stop,
                                         const std::function<void(const CompileResult&)>& done) {
  compiler_info();
  const auto start = std::chrono::steady_clock::now();
  const auto spent = [&] {
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    return budget_seconds > 0 && elapsed.count() >= budget_seconds;
  };
  std::vector<CompileResult> results(units.size());
  std::atomic<std::size_t> next = 0;
  std::mutex mutex;
  const auto work = [&] {
    for (std::size_t i = next++; i < units.size() && !spent() && !stop(); i = next++) {
      results[i] = compile_one(units[i]);
      const std::lock_guard lock(mutex);
      done(results[i]);
    }
  };
  {
    std::vector<std::jthread> threads;
    for (unsigned i = 0; i < std::max(jobs, 1U); ++i) threads.emplace_back(work);
  }
  return results;
}

void require_pack_can_grow(const std::filesystem::path& file) {
  pack_to_extend(file);
  const std::filesystem::path folder = file.has_parent_path() ? file.parent_path() : ".";
  if (access(folder.c_str(), W_OK) != 0) {
    throw Error(Status::storage,
                fmt::format("the pack {} cannot be written ({}): check its folder, or name another "
                            "file",
                            file.string(), std::generic_category().message(errno)));
  }
}

std::size_t add_to_pack(const std::filesystem::path& file, std::span<const CompileUnit> units,
                        std::span<const CompileResult> results) {
  std::map<std::string, Compiled> kernels;
  std::map<std::pair<std::string, std::string>, std::string> order;  // those alike, side by side
  for (std::size_t i = 0; i < units.size(); ++i) {
    const CompileUnit& unit = units[i];
    const bool compiled = results[i].state == CompileResult::State::compiled ||
                          results[i].state == CompileResult::State::cached;
    if (!compiled) continue;
    const std::string key = pack_key(unit.source, unit.arch);
    kernels.emplace(key, compile_cached(unit.source, unit.arch));
    order[{unit.arch, unit.source.text}] = key;
  }
  std::vector<std::pair<std::string, Compiled>> entries;
  if (const auto present = pack_to_extend(file)) {
    for (const std::string& key : present->keys()) {
      if (kernels.contains(key)) continue;
      if (auto kernel = present->find(key)) entries.emplace_back(key, *std::move(kernel));
    }
  }
  for (const auto& [likeness, key] : order) entries.emplace_back(key, std::move(kernels.at(key)));
  write_pack(file, compiler_info().version, entries);
  return entries.size();
}

}  // namespace convtune
