#!/usr/bin/env bash
# The programs of tests/install/consumer with convtune as a part of their build (add_subdirectory).
set -euo pipefail
sources=$PWD
build=$sources/build/subproject

if command -v ccache >/dev/null; then export CMAKE_CXX_COMPILER_LAUNCHER=ccache; fi
cmake -S tests/install/consumer -B "$build" -G Ninja -DCONVTUNE_SOURCE_DIR="$sources" \
  -DCMAKE_BUILD_TYPE=Release
cmake --build "$build" -- --quiet
ctest --test-dir "$build" --output-on-failure
