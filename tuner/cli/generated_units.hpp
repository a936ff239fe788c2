#pragma once

#include <string>

#include "results/store.hpp"

namespace convtune::cli {

/// The source of the best CUDA kernel of every layer that a database has a winner of, for the
/// report: a JSON object of generated units by Source::digest, which tells whether this build
/// generates what was measured. A config that this build does not know is left out.
std::string generated_units(const Store& store);

}  // namespace convtune::cli
