#!/usr/bin/env bash
# Builds the portable binary and checks that it needs nothing but glibc, and that it runs.
set -euo pipefail
scripts/build.sh portable
binary=build/portable/tuner/convtune
needed=$(readelf -d "$binary" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
echo "needs: ${needed//$'\n'/ }"
others=$(grep -vE '^(libc|libm|libdl|libpthread|librt|ld-linux-[a-z0-9_-]+)\.so\.[0-9]+$' <<<"$needed" || true)
if [[ -n $others ]]; then
  echo "the portable binary needs more than glibc: ${others//$'\n'/ }" >&2
  exit 1
fi
env -i "$binary" devices
