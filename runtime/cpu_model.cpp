#include "runtime/cpu_model.hpp"

#include <sys/utsname.h>

#include <array>
#include <map>
#include <string_view>

namespace convtune {
namespace {

constexpr std::array<std::string_view, 8> number_keys = {
    "cpu family",       "model",       "stepping", "CPU implementer",
    "CPU architecture", "CPU variant", "CPU part", "CPU revision"};

std::string instruction_set() {
  utsname system = {};
  uname(&system);
  return system.machine;
}

/// Of the first CPU: an empty line ends it.
std::map<std::string, std::string, std::less<>> read_fields(std::istream& cpuinfo) {
  std::map<std::string, std::string, std::less<>> fields;
  for (std::string line; std::getline(cpuinfo, line) && !line.empty();) {
    const std::size_t colon = line.find(": ");
    const std::size_t key_end = line.find_last_not_of("\t ", line.find(':') - 1);
    if (colon != std::string::npos) fields[line.substr(0, key_end + 1)] = line.substr(colon + 2);
  }
  return fields;
}

}  // namespace

CpuModel read_cpu_model(std::istream& cpuinfo) {
  const auto fields = read_fields(cpuinfo);
  const auto name = fields.find("model name");
  CpuModel model{.name = name == fields.end() ? instruction_set() : name->second, .number = {}};
  for (const std::string_view key : number_keys) {
    if (const auto found = fields.find(key); found != fields.end()) {
      model.number += (model.number.empty() ? "" : ".") + found->second;
    }
  }
  return model;
}

}  // namespace convtune
