#!/usr/bin/env bash
# Sets up, builds, tunes on whatever device there is and writes the report, all within ten minutes.
# Arguments go to `convtune tune`; without any, the quickstart layers are tuned.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

limit=570      # seconds for all of it, with a little to spare
finish=20      # of them for the report
ahead=90       # of them for compiling CUDA candidates, where there is no GPU
least_sweep=60 # a slow set-up does not starve the sweep

convtune=build/default/tuner/convtune
report=build/report.html
kernels=build/kernels-sm_90a.txt

say() { printf 'tune.sh: %s\n' "$*" >&2; }

scripts/setup.sh
say "building (a few minutes the first time)"
scripts/build.sh default convtune

gpu=false
[[ $("$convtune" devices) == *$'\n'cuda:0* ]] && gpu=true
$gpu || say "no GPU can be used here: the CPU is tuned"

budget=()
if [[ " $* " != *" --budget"* ]]; then
  sweep=$((limit - finish - SECONDS))
  $gpu || sweep=$((sweep - ahead))
  budget=(--budget $((sweep > least_sweep ? sweep : least_sweep)))
fi
outcome=0
"$convtune" tune "${budget[@]}" "$@" || outcome=$?
((outcome == 0 || outcome == 5)) || exit "$outcome" # 5: done in part, which is worth a report

left=$((limit - finish - SECONDS))
if ! $gpu && ((left > 0)); then
  say "CUDA candidates of the quickstart layers, compiled for sm_90a without a GPU"
  compiled=0
  "$convtune" compile --layers quickstart --arch sm_90a --budget "$left" >"$kernels" || compiled=$?
  [[ ! -s $kernels ]] || say "$(tail -n 1 "$kernels"); registers and occupancy: $PWD/$kernels"
  # 3: no NVRTC, which it has said; 5: the time did not suffice for all
  ((compiled == 0 || compiled == 3 || compiled == 5)) || outcome=$compiled
fi

"$convtune" report --output "$report" >/dev/null
say "the report is $PWD/$report (all of this took $SECONDS s)"
exit "$outcome"
