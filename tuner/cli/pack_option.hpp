#pragma once

#include <CLI/CLI.hpp>

namespace convtune::cli {

/// --pack, else CONVTUNE_PACK: kernels that `convtune compile` packed, for this command and its
/// workers. A file that is no pack is refused at once.
void add_pack_option(CLI::App& command);

}  // namespace convtune::cli
