#!/usr/bin/env bash
# scripts/stages/compile_lists.sh [LAYERS]: compiles every CUDA candidate of these layers (quickstart)
# for Hopper, into an empty cache.
set -euo pipefail
CONVTUNE_CACHE_DIR=$(mktemp -d)
export CONVTUNE_CACHE_DIR
trap 'rm -rf "$CONVTUNE_CACHE_DIR"' EXIT
scripts/build.sh default convtune
build/default/tuner/convtune compile --layers "${1:-quickstart}" --arch sm_90a
