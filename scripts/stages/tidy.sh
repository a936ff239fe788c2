#!/usr/bin/env bash
# clang-tidy over every source of the default build, with .clang-tidy's rules. clang cannot read the
# headers that g++ has precompiled.
set -euo pipefail
cmake --preset default -B build/tidy -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON >/dev/null
git ls-files -z '*.cpp' | sed -z "s|^|$PWD/|" |
  xargs -0 run-clang-tidy -quiet -p build/tidy -j "$(nproc)"
