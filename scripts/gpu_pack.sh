#!/usr/bin/env bash
# Builds, where there is no GPU, all that scripts/gpu_proof.sh needs where there is one, as a kit:
# the portable program, a pack of compiled kernels, and the layers to begin with.
set -euo pipefail
here=$PWD # options name files from where the user is
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage="Usage: scripts/gpu_pack.sh [--arch LIST] [--layers FILE] [--shortlist N] [--first N] [--kit DIR]
  --arch LIST    architectures, separated by commas (sm_90a)
  --layers FILE  a layers file (the list core)
  --shortlist N  kernels of each layer and family, the cost model's first; 0: all (0)
  --first N      problems of the stratified list that is measured first (100)
  --kit DIR      where all of it goes (build/gpu)
Exit codes: 0 done; 2 wrong usage; others as those of convtune compile."
arch=sm_90a layers='' shortlist=0 first=100 kit=''
most_bytes=$((60 << 20)) # what travels easily

while (($#)); do
  case $1 in
    --arch) arch=${2:?$usage} && shift ;;
    --layers) layers=${2:?$usage} && shift ;;
    --shortlist) shortlist=${2:?$usage} && shift ;;
    --first) first=${2:?$usage} && shift ;;
    --kit) kit=${2:?$usage} && shift ;;
    --help | -h) echo "$usage" && exit ;;
    *) echo "$usage" >&2 && exit 2 ;;
  esac
  shift
done

from_here() { (cd "$here" && realpath -m -- "$1"); }
layers=${layers:+$(from_here "$layers")} kit=${kit:+$(from_here "$kit")}
kit=${kit:-build/gpu}

scripts/setup.sh --portable
scripts/build.sh portable convtune convtune_notices
mkdir -p "$kit"
rm -f "$kit/layers.json" "$kit/kernels.pack"
strip -o "$kit/convtune" build/portable/tuner/convtune
cp build/portable/THIRD_PARTY_NOTICES LICENSE "$kit"
if [[ -d tests/emulator/conformance ]]; then
  cmake -DCONVTUNE_BUILD_TESTS=ON build/portable >/dev/null
  cmake --build build/portable --target emulator_conformance
  strip -o "$kit/emulator_conformance" build/portable/tests/emulator/conformance/emulator_conformance
  # shellcheck disable=SC2086 # a list
  "$kit/emulator_conformance" --pack "$kit/conformance.pack" ${arch//,/ }
fi
[[ -z $layers ]] || cp "$layers" "$kit/layers.json"
/usr/bin/python3 -B scripts/stratified_layers.py "$first" ${layers:+"$layers"} >"$kit/first.json"
"$kit/convtune" compile --layers "${layers:-core}" --arch "$arch" --shortlist "$shortlist" \
  --pack "$kit/kernels.pack" >"$kit/kernels.txt"
tail -n 1 "$kit/kernels.txt"

bytes=$(du -sb "$kit" --exclude results | cut -f 1)
printf '%s holds %d MiB\n' "$kit" $((bytes >> 20))
((bytes <= most_bytes)) || { echo "that is too much to send along: lower --shortlist" >&2 && exit 1; }
