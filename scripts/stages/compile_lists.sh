#!/usr/bin/env bash
# Compiles every CUDA candidate of the quickstart layers for Hopper, into an empty cache.
set -euo pipefail
CONVTUNE_CACHE_DIR=$(mktemp -d)
export CONVTUNE_CACHE_DIR
trap 'rm -rf "$CONVTUNE_CACHE_DIR"' EXIT
scripts/build.sh default convtune
build/default/tuner/convtune compile --layers quickstart --arch sm_90a
