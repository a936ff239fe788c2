#!/usr/bin/env bash
# Formats every C, C++ and CUDA file in place, as .clang-format says; --check only names what differs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

mode=(-i)
case ${1:-} in
  '') ;;
  --check) mode=(--dry-run -Werror) ;;
  *) echo "Usage: scripts/format.sh [--check]" >&2 && exit 2 ;;
esac
command -v clang-format >/dev/null || { echo "format.sh: clang-format is missing: run scripts/setup.sh --long" >&2; exit 3; }
git ls-files -z --cached --others --exclude-standard '*.c' '*.cpp' '*.h' '*.hpp' '*.cuh' |
  xargs -0 --no-run-if-empty clang-format "${mode[@]}"
