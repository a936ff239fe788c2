#include "tuner/cli/generated_units.hpp"

#include <map>
#include <nlohmann/json.hpp>

#include "generator/candidates.hpp"
#include "kernels/cuda/source.hpp"
#include "kernels/error.hpp"

namespace convtune::cli {

std::string generated_units(const Store& store) {
  std::map<std::string, DeviceProperties> devices;
  for (const DeviceProperties& device : store.devices()) devices.emplace(identity(device), device);
  nlohmann::json units = nlohmann::json::object();
  for (const Verdict& verdict : store.verdicts()) {
    const auto device = devices.find(verdict.device);
    if (verdict.best_generated.empty() || device == devices.end()) continue;
    try {
      const Candidate best =
          resolve(verdict.best_generated, verdict.problem, device->second, generated_families());
      if (best.family->cuda == nullptr) continue;
      const Source source =
          write_source(*best.family->cuda, verdict.problem, best.config, device->second);
      units[source.digest] = source.text;
    } catch (const Error&) {  // of another version
    }
  }
  return units.dump();
}

}  // namespace convtune::cli
