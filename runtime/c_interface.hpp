#pragma once

#include <convtune/convtune.h>

#include <convtune/conv1d.hpp>

/// What the handle of the C interface is.
struct convtune_conv1d {
  convtune::Conv1d module;
};
