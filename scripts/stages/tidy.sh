#!/usr/bin/env bash
# clang-tidy over every source of the default build, with .clang-tidy's rules.
set -euo pipefail
scripts/build.sh default build.ninja  # no more than configures: no source includes a generated file
git ls-files -z '*.cpp' | sed -z "s|^|$PWD/|" |
  xargs -0 run-clang-tidy -quiet -p build/default -j "$(nproc)"
