#!/usr/bin/env bash
# Builds, where there is no GPU, all that scripts/gpu_proof.sh needs where there is one, into
# build/gpu: the portable program, a pack of compiled kernels, and the layers to begin with.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage="Usage: scripts/gpu_pack.sh [--arch LIST] [--shortlist N] [--first N]
  --arch LIST    architectures, separated by commas (sm_90a)
  --shortlist N  kernels of each core layer and family, the cost model's first; 0: all (0)
  --first N      problems of the stratified list that is measured first (100)
Exit codes: 0 done; 2 wrong usage; others as those of convtune compile."
arch=sm_90a shortlist=0 first=100
most_bytes=$((60 << 20)) # what travels easily

while (($#)); do
  case $1 in
    --arch) arch=${2:?$usage} && shift ;;
    --shortlist) shortlist=${2:?$usage} && shift ;;
    --first) first=${2:?$usage} && shift ;;
    --help | -h) echo "$usage" && exit ;;
    *) echo "$usage" >&2 && exit 2 ;;
  esac
  shift
done

target=build/gpu
scripts/setup.sh --portable
scripts/build.sh portable convtune
mkdir -p "$target"
strip -o "$target/convtune" build/portable/tuner/convtune
if [[ -d tests/emulator/conformance ]]; then
  cmake -DCONVTUNE_BUILD_TESTS=ON build/portable >/dev/null
  cmake --build build/portable --target emulator_conformance
  strip -o "$target/emulator_conformance" build/portable/tests/emulator/conformance/emulator_conformance
  # shellcheck disable=SC2086 # a list
  "$target/emulator_conformance" --pack "$target/conformance.pack" ${arch//,/ }
fi
/usr/bin/python3 -B scripts/stratified_layers.py "$first" >"$target/first.json"
rm -f "$target/kernels.pack"
"$target/convtune" compile --layers core --arch "$arch" --shortlist "$shortlist" --pack "$target/kernels.pack" \
  >"$target/kernels.txt"
tail -n 1 "$target/kernels.txt"

bytes=$(du -sb "$target" --exclude results | cut -f 1)
printf '%s holds %d MiB\n' "$target" $((bytes >> 20))
((bytes <= most_bytes)) || { echo "that is too much to send along: lower --shortlist" >&2 && exit 1; }
