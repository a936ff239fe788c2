#include "tuner/cli/pack_option.hpp"

#include <cstdlib>

#include "generator/cubin_pack.hpp"

namespace convtune::cli {

void add_pack_option(CLI::App& command) {
  command.add_option_function<std::string>(
      "--pack", [](const std::string& file) { setenv("CONVTUNE_PACK", file.c_str(), 1); },
      "Compiled kernels from `convtune compile --pack`, used before the cache");
  command.parse_complete_callback([] { default_pack(); });
}

}  // namespace convtune::cli
