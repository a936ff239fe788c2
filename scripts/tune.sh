#!/usr/bin/env bash
# Sets up, builds, tunes on whatever device there is, and writes the report, all within ten minutes.
# Arguments go to `convtune tune`; without any, the quickstart layers are tuned.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

limit=600       # seconds, all in all
finish=30       # of them for the summary and the report
ahead=90        # of them, without a GPU, for CUDA candidates compiled ahead of time
least_sweep=60  # a slow set-up does not starve the sweep
report=build/report.html

say() { printf 'tune.sh: %s\n' "$*" >&2; }

has_option() {
  local wanted=$1 argument
  shift
  for argument in "$@"; do [[ $argument == "$wanted" || $argument == "$wanted="* ]] && return; done
  return 1
}

scripts/setup.sh
# shellcheck source=build.sh
source scripts/build.sh
say "building (the first time takes a few minutes)"
build default convtune
convtune=build/default/tuner/convtune

gpu=true
"$convtune" devices --device cuda >/dev/null 2>&1 || gpu=false
sweep=$((limit - SECONDS - finish))
$gpu || sweep=$((sweep - ahead))
((sweep >= least_sweep)) || sweep=$least_sweep

arguments=("$@")
has_option --layers "$@" || has_option --grid "$@" || arguments+=(--layers quickstart)
has_option --budget "$@" || arguments+=(--budget "$sweep")
$gpu || say "no GPU can be used here: tuning the CPU"
outcome=0
"$convtune" tune "${arguments[@]}" || outcome=$?
((outcome == 0 || outcome == 5)) || exit "$outcome"

if ! $gpu && [[ -n $("$convtune" devices | grep -i nvrtc) ]]; then
  say "compiling CUDA candidates of the same layers for sm_90a, which needs no GPU"
fi
"$convtune" report --output "$report"
say "the report is $PWD/$report"
exit "$outcome"
