#!/usr/bin/env bash
# The tests with AddressSanitizer and UndefinedBehaviorSanitizer: of the CUDA kernels' emulated cases,
# which take most of the time, every fifth.
set -euo pipefail
scripts/build.sh asan
ctest --preset asan -j "$(nproc)" -E 'OnHost\.EqualsTheReference/[0-9]*[1-46-9]$'
