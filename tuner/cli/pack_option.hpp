#pragma once

#include <CLI/CLI.hpp>

namespace convtune::cli {

/// --pack: kernels that `convtune compile` packed, for this command and its workers; the same as
/// setting CONVTUNE_PACK. A file that is no pack is refused at once.
void add_pack_option(CLI::App& command);

}  // namespace convtune::cli
