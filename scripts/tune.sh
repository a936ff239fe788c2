#!/usr/bin/env bash
# Sets up, builds, tunes on whatever device there is and writes the report, all within ten minutes.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd) # options name files from where the user is

usage="Usage: scripts/tune.sh [OPTIONS of convtune tune]
Sets up, builds, tunes on whatever device there is and writes build/report.html, all within ten
minutes unless --budget says otherwise. Without options it tunes the quickstart layers; --help of
build/default/tuner/convtune tune lists the options, once it is built.
Exit codes: those of convtune tune; 1 also if a CUDA kernel does not compile."

limit=570 # seconds for all of it, with a little to spare
finish=20 # of them for the report
ahead=90  # of them for compiling CUDA candidates, where there is no GPU

convtune=$root/build/default/tuner/convtune
report=$root/build/report.html
kernels=$root/build/kernels-sm_90a.txt

say() { printf 'tune.sh: %s\n' "$*" >&2; }

# What the later steps must know of the options.
layers=() database=() budget=true previous=
for argument in "$@"; do
  case $argument in
    --help | -h) echo "$usage" && exit ;;
    --budget*) budget=false ;;
    --layers=* | --grid=* | --problem=*) layers+=("$argument") ;;
    --db=*) database=("$argument") ;;
  esac
  case $previous in
    --layers | --grid | --problem) layers+=("$previous" "$argument") ;;
    --db) database=(--db "$argument") ;;
  esac
  previous=$argument
done

"$root/scripts/setup.sh"
say "building (a few minutes the first time)"
"$root/scripts/build.sh" default convtune

gpu=false
[[ $("$convtune" devices) == *$'\n'cuda:0* ]] && gpu=true
$gpu || say "no GPU can be used here: the CPU is tuned"

left() { echo $((limit - finish - SECONDS)); }
options=("$@")
if $budget; then
  $gpu && ahead=0
  sweep=$(($(left) - ahead))
  # A slow set-up leaves less for compiling than for the sweep.
  ((sweep >= $(left) / 2)) || sweep=$(($(left) / 2))
  options+=(--budget "$((sweep > 1 ? sweep : 1))")
fi
outcome=0
"$convtune" tune "${options[@]}" || outcome=$?
((outcome == 0 || outcome == 5)) || exit "$outcome" # 5: done in part, which is worth a report

if ! $gpu && (($(left) > 0)); then
  say "CUDA candidates of the same layers, compiled for sm_90a without a GPU"
  compiled=0
  "$convtune" compile "${layers[@]}" --arch sm_90a --budget "$(left)" >"$kernels" || compiled=$?
  [[ ! -s $kernels ]] || say "$(tail -n 1 "$kernels"); registers and occupancy: $kernels"
  # 3: no NVRTC, which it has said; 5: the time did not suffice for all
  ((compiled == 0 || compiled == 3 || compiled == 5)) || outcome=$compiled
fi

"$convtune" report "${database[@]}" --output "$report" >/dev/null
say "the report is $report (all of this took $SECONDS s)"
exit "$outcome"
