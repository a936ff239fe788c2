#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "kernels/environment.hpp"
#include "kernels/error.hpp"
#include "results/store.hpp"
#include "runtime/say_once.hpp"

namespace convtune {
namespace {

namespace fs = std::filesystem;

/// A damaged database must not stop a convolution that the CPU or an untuned plan can serve.
void warn(const std::exception& error) {
  say_once(fmt::format("tuned plans are not used: {}", error.what()));
}

/// Databases in the order in which they are asked. One that fails has no plans.
class DatabasePlans final : public PlanSource {
 public:
  void add(const fs::path& path) {
    try {
      if (fs::exists(path)) stores_.push_back(std::make_unique<Store>(path, Store::Access::read));
    } catch (const std::exception& error) {
      warn(error);
    }
  }

  bool empty() const { return stores_.empty(); }

  std::optional<TunedPlan> find(const Problem& problem,
                                const DeviceProperties& device) const override {
    for (const auto& store : stores_) {
      try {
        if (auto plan = store->find(problem, device)) return plan;
      } catch (const Error& error) {
        warn(error);
      }
    }
    return std::nullopt;
  }

  std::vector<TunedPlan> near(const Problem& problem, const DeviceProperties& device,
                              std::size_t limit) const override {
    std::vector<TunedPlan> plans;
    for (const auto& store : stores_) {
      try {
        for (TunedPlan& plan : store->near(problem, device, limit)) {
          if (std::ranges::find(plans, plan.problem, &TunedPlan::problem) == plans.end()) {
            plans.push_back(std::move(plan));
          }
        }
      } catch (const Error& error) {
        warn(error);
      }
    }
    std::ranges::stable_sort(
        plans, {}, [&](const TunedPlan& plan) { return distance(problem, plan.problem); });
    if (plans.size() > limit) plans.resize(limit);
    return plans;
  }

  std::vector<Quarantined> quarantine(const Problem& problem,
                                      const DeviceProperties& device) const override {
    std::vector<Quarantined> all;
    for (const auto& store : stores_) {
      try {
        for (Quarantined& each : store->quarantine(problem, device)) all.push_back(std::move(each));
      } catch (const Error& error) {
        warn(error);
      }
    }
    return all;
  }

 private:
  std::vector<std::unique_ptr<const Store>> stores_;
};

/// $XDG_DATA_DIRS, split at colons; an empty or unset one, and a relative folder, mean what its
/// standard says.
std::vector<fs::path> system_folders() {
  const std::string variable = environment("XDG_DATA_DIRS").value_or("/usr/local/share:/usr/share");
  std::string_view rest = variable;
  std::vector<fs::path> folders;
  while (!rest.empty()) {
    const std::size_t colon = std::min(rest.find(':'), rest.size());
    const fs::path folder = rest.substr(0, colon);
    if (folder.is_absolute()) folders.push_back(folder);
    rest.remove_prefix(std::min(colon + 1, rest.size()));
  }
  return folders;
}

}  // namespace

std::shared_ptr<const PlanSource> default_plan_source() {
  auto plans = std::make_shared<DatabasePlans>();
  plans->add(default_database());
  for (const fs::path& folder : system_folders()) plans->add(folder / "convtune/convtune.db");
  return plans->empty() ? nullptr : plans;
}

}  // namespace convtune
