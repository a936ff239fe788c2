#!/usr/bin/env bash
# Builds the portable binary and the wheel for other distributions and checks that they need nothing
# but glibc, and that they run. Where setup could fetch auditwheel, it judges the wheel as well.
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
/usr/bin/python3 -B tests/install/notices_test.py build/portable build/portable/THIRD_PARTY_NOTICES \
  cmake ninja

PYTHONPATH=build/auditwheel /usr/bin/python3 -B tests/python/wheel_test.py build/portable cmake -v
wheel=$(echo build/portable/python/*.whl)
[[ $wheel == *-manylinux_* ]] || { echo "$wheel is for this distribution only" >&2 && exit 1; }
echo "$wheel: $(du -k "$wheel" | cut -f 1) KiB"
