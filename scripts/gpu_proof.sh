#!/usr/bin/env bash
# Measures the product on this machine's GPU, stage after stage, in as many runs as it takes: every
# stage writes as it goes, so that a run may be cut off at any second, and the next goes on there.
# Needs the driver and what scripts/gpu_pack.sh made, no network and no compiler; uses PyTorch,
# compute-sanitizer and matplotlib where they are.
set -uo pipefail
here=$PWD # options name folders from where the user is
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 2

stages=(devices conformance check sanitizer ceilings sweep peers report)
usage="Usage: scripts/gpu_proof.sh [--budget SECONDS] [--results DIR] [--kit DIR] [STAGE...]
  --budget SECONDS  in all; a stage gets its share of what is left (540)
  --results DIR     database, exports and logs; what a former run left there is gone on with
                    (build/gpu/results)
  --kit DIR         what scripts/gpu_pack.sh made (build/gpu)
  STAGE...          only these, even if done before: ${stages[*]}
Exit codes: 0 all done; 1 something is wrong; 2 wrong usage; 3 no GPU, or no kit; 5 not done yet:
run it again; 128+n ended by signal n, not done yet."
budget=540 kit='' results='' wanted=()
reserve=25 # seconds for the report

while (($#)); do
  case $1 in
    --budget) budget=${2:?$usage} && shift ;;
    --results) results=${2:?$usage} && shift ;;
    --kit) kit=${2:?$usage} && shift ;;
    --help | -h) echo "$usage" && exit ;;
    -*) echo "$usage" >&2 && exit 2 ;;
    *)
      [[ " ${stages[*]} " == *" $1 "* ]] ||
        { echo "gpu_proof: there is no stage '$1': name any of ${stages[*]}" >&2 && exit 2; }
      wanted+=("$1")
      ;;
  esac
  shift
done
[[ $budget =~ ^[0-9]+$ ]] || { echo "$usage" >&2 && exit 2; }
from_here() { (cd "$here" && realpath -m -- "$1"); }
kit=${kit:+$(from_here "$kit")} results=${results:+$(from_here "$results")}
kit=${kit:-build/gpu}
results=${results:-$kit/results}
convtune=$kit/convtune
[[ -x $convtune && -f $kit/kernels.pack ]] ||
  { echo "gpu_proof: $kit has no program and pack: run scripts/gpu_pack.sh first" >&2 && exit 3; }
mkdir -p "$results"
results=$(cd "$results" && pwd)

export CONVTUNE_DB=$results/convtune.db CONVTUNE_PACK=$kit/kernels.pack
export CONVTUNE_REPORT_DIR=$PWD/results/report
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export CONVTUNE_CACHE_DIR=${CONVTUNE_CACHE_DIR:-$scratch/cache}
log=$results/log.txt done_file=$results/done.txt check_file=$results/check.txt
touch "$done_file" "$check_file"
wrong=false child=

exec 3>&2 # for people, whatever runs when a signal comes writes its errors to
say() { printf '%4d s  %s\n' "$SECONDS" "$*" | tee -a "$log" >&3; }
is_done() { grep -qx "$1" "$done_file"; }
set_done() { is_done "$1" || echo "$1" >>"$done_file"; }

# seconds_for PERCENT: that part of what is left before the report.
seconds_for() {
  local left=$(((budget - reserve - SECONDS) * $1 / 100))
  echo $((left > 0 ? left : 0))
}

# limited SECONDS COMMAND...: interrupted when they are over. Exit code 130 then, as after Ctrl-C. In
# the background, because a signal would not be heard here before a command in front has ended.
limited() {
  local limit=$1 code
  shift
  ((limit > 0)) || return 130
  timeout --signal=INT --kill-after=10 --preserve-status "$limit" "$@" </dev/null &
  child=$!
  wait "$child"
  code=$?
  child=
  return "$code"
}
within() { limited "$@" >>"$log" 2>&1; } # with its output in the log

# cut_off NUMBER: what runs, which has a process group of its own, is ended by the same signal.
cut_off() {
  trap '' INT TERM HUP
  [[ -z $child ]] || { kill "-$1" "$child" && wait "$child"; } 2>/dev/null
  say "cut off by signal $1: run it again to go on"
  exit $((128 + $1))
}
trap 'cut_off 1' HUP
trap 'cut_off 2' INT
trap 'cut_off 15' TERM

# not_here REASON: of a stage that this machine cannot run.
not_here() { reason=$* && return 77; }
needs_real_gpu() { ! $imaginary || not_here "it needs a real GPU"; }
needs_pytorch() { [[ -n $python ]] || not_here "it needs PyTorch that sees the GPU"; }

# The Python whose PyTorch sees the GPU, or nothing.
find_python() {
  local each
  for each in python3 /usr/bin/python3; do
    timeout 60 "$each" -c 'import torch; assert torch.cuda.is_available()' >/dev/null 2>&1 || continue
    echo "$each"
    return
  done
}

# PyTorch brings a cuDNN of its own.
use_cudnn_of() {
  local folder
  folder=$("$1" -c 'import nvidia.cudnn, os; print(os.path.join(list(nvidia.cudnn.__path__)[0], "lib"))' 2>/dev/null) || return 0
  [[ -e $folder/libcudnn.so.9 ]] || return 0
  export CONVTUNE_CUDNN=${CONVTUNE_CUDNN:-$folder/libcudnn.so.9}
  export LD_LIBRARY_PATH=$folder${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
}

# one_of FILE LINE: a layers file with only that problem of the stratified list.
one_of() {
  sed -n "$2{s/^\[//;s/[],]*\$//;p}" "$1" | sed 's/.*/[&]/' >"$scratch/one.json"
  echo "$scratch/one.json"
}

# check_problems NAME COUNT SECONDS COMMAND...: runs the command with a layers file of each of the
# first problems that check.txt does not have under NAME yet; a line each.
check_problems() {
  local name=$1 count=$2 until=$((SECONDS + $3)) i code there outcome=$scratch/outcome.txt
  shift 3
  there=$(grep -c . "$kit/first.json")
  for ((i = 1; i <= count && i <= there; ++i)); do
    grep -q "^$name $i " "$check_file" && continue
    limited $((until - SECONDS)) "$@" --layers "$(one_of "$kit/first.json" "$i")" \
      >"$outcome" 2>>"$log"
    code=$?
    ((code < 128)) || return 130
    cat "$outcome" >>"$log"
    printf '%s %d exit code %d: %s\n' "$name" "$i" "$code" "$(tail -n 1 "$outcome")" >>"$check_file"
  done
  ! grep -q "^$name [0-9]* exit code [1-46-9]" "$check_file"
}

run_devices() {
  within 60 "$convtune" devices
  ! command -v nvidia-smi >/dev/null || within 20 nvidia-smi
}
run_conformance() {
  needs_real_gpu || return
  [[ -x $kit/emulator_conformance ]] || not_here "$kit has no emulator_conformance" || return
  within "$(seconds_for 15)" env CONVTUNE_PACK="$kit/conformance.pack" "$kit/emulator_conformance"
}
run_check() { check_problems check 24 "$(seconds_for 25)" "$convtune" check --device cuda; }
run_sanitizer() {
  needs_real_gpu || return
  command -v compute-sanitizer >/dev/null || not_here "there is no compute-sanitizer" || return
  check_problems sanitizer 6 "$(seconds_for 15)" compute-sanitizer --target-processes all \
    --error-exitcode 9 "$convtune" check --device cuda --chosen
}
run_ceilings() {
  needs_real_gpu && needs_pytorch || return
  within "$(seconds_for 20)" "$python" -B tests/peers/ceilings.py "$results/ceilings.json"
}
run_sweep() {
  local code list limit began rest=core
  [[ ! -f $kit/layers.json ]] || rest=$kit/layers.json
  for list in "$kit/first.json" "$rest"; do
    is_done "sweep $list" && continue
    limit=$(seconds_for 75) began=$SECONDS
    ((limit > 15)) || return 130
    within "$limit" "$convtune" tune --device cuda --layers "$list" --budget $((limit - 10)) --quiet
    code=$?
    # 5 before the time was over: all that can be tuned is tuned, and the log says what cannot.
    ((code == 0 || (code == 5 && SECONDS - began < limit - 12))) || return "$code"
    set_done "sweep $list"
  done
}
run_peers() {
  needs_real_gpu && needs_pytorch || return
  within "$(seconds_for 100)" "$python" -B tests/peers/torch_peers.py "$convtune" \
    --results "$results" --layers "$kit/first.json"
}
run_report() {
  [[ -f $CONVTUNE_DB ]] || not_here "nothing is tuned yet" || return
  "$convtune" db export --output "$results/export.json" 2>>"$log" || return 1
  gzip -9nf "$results/export.json"
  "$convtune" report --output "$results/report.html" >>"$log" 2>&1 || say "no report page: see the log"
  [[ -n $python ]] || return 0
  "$python" -B tests/peers/ratios.py "$results/export.json.gz" | tee -a "$log"
}

is_wanted() {
  if ((${#wanted[@]})); then
    [[ " ${wanted[*]} " == *" $1 "* ]]
  else
    # These two go on with what the sweep has found since.
    [[ $1 == peers || $1 == report ]] || ! is_done "$1"
  fi
}

say "budget $budget s, results in $results"
devices=$("$convtune" devices)
grep -q '^cuda:0' <<<"$devices" || { grep '^gpu' <<<"$devices" >&2 && exit 3; }
imaginary=false python=
if grep -q '^cuda:0 *Imaginary GPU' <<<"$devices"; then
  imaginary=true && say "the GPU is the tests' imaginary one: no time here is a measurement"
else
  python=$(find_python)
fi
if [[ -n $python ]]; then
  use_cudnn_of "$python"
  export CONVTUNE_PYTHON=$python
fi
left_over=()
for stage in "${stages[@]}"; do
  is_wanted "$stage" || continue
  "run_$stage"
  code=$?
  case $code in
    0) set_done "$stage" && say "$stage: done" ;;
    77) say "$stage: not possible here: $reason" ;;
    5 | 130 | 143) left_over+=("$stage") && say "$stage: cut off, to be gone on with" ;;
    *) wrong=true && say "$stage: WRONG (exit code $code); see $log" ;;
  esac
done

$wrong && exit 1
((${#left_over[@]} == 0)) || exit 5
