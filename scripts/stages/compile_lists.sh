#!/usr/bin/env bash
# scripts/stages/compile_lists.sh [LAYERS]: compiles every CUDA candidate of these layers (quickstart)
# for Hopper, into an empty cache, and says what each family's defaults need: none may spill.
set -euo pipefail
CONVTUNE_CACHE_DIR=$(mktemp -d)
export CONVTUNE_CACHE_DIR
trap 'rm -rf "$CONVTUNE_CACHE_DIR"' EXIT
layers=${1:-quickstart}
scripts/build.sh default convtune
build/default/tuner/convtune compile --layers "$layers" --arch sm_90a
/usr/bin/python3 -B tests/benchmarks/resources.py build/default/tuner/convtune --layers "$layers"
