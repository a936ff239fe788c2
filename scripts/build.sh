#!/usr/bin/env bash
# scripts/build.sh PRESET [TARGET...]: configures and builds one preset of CMakePresets.json.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

preset=${1:?usage: scripts/build.sh PRESET [TARGET...]}
targets=("${@:2}")

if command -v ccache >/dev/null; then export CMAKE_CXX_COMPILER_LAUNCHER=ccache; fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
cmake --preset "$preset" >"$log" 2>&1 || { cat "$log" >&2; exit 1; }

terse=()
[[ -t 1 ]] || terse=(-- --quiet)
cmake --build --preset "$preset" ${targets:+--target "${targets[@]}"} "${terse[@]}"
