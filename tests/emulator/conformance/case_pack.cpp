#include "tests/emulator/conformance/case_pack.hpp"

#include <map>
#include <utility>
#include <vector>

#include "generator/cubin_pack.hpp"
#include "tests/emulator/conformance/cases.hpp"

namespace convtune {

void write_case_pack(const std::filesystem::path& file, std::span<const std::string> archs) {
  std::map<std::string, Compiled> kernels;  // of which some serve several cases
  for (const std::string& arch : archs) {
    for (const ConformanceCase& test : conformance_cases()) {
      if (!exists_on(test, arch)) continue;
      const Source source = source_of(test);
      const std::string key = pack_key(source, arch);
      if (!kernels.contains(key)) kernels.emplace(key, compile(source, arch));
    }
  }
  write_pack(file, compiler_info().version, {kernels.begin(), kernels.end()});
}

}  // namespace convtune
