#!/usr/bin/env bash
# scripts/stages/preset.sh PRESET: builds one preset and runs its tests.
set -euo pipefail
scripts/build.sh "$1"
ctest --preset "$1" -j "$(nproc)"
