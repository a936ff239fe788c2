#!/usr/bin/env bash
# Sets up, builds and runs the tests; --long adds what takes longer. The last line counts the tests
# and the stages: "N passed, N failed, N not run".
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 2

# name, seconds it takes on two cores, command
quick_stages=(
  "setup         120  scripts/setup.sh"
  "build         420  scripts/build.sh default"
  "tests         300  ctest --preset default -j $(nproc)"
  "faults        150  scripts/faults.sh"
)
long_stages=(
  "setup-long    180  scripts/setup.sh --long"
  "format          5  scripts/format.sh --check"
  "shell           5  shellcheck scripts/*.sh scripts/stages/*.sh .ci/run tests/install/*.sh"
  "readme        240  scripts/stages/readme.sh"
  "browser        20  scripts/stages/browser.sh"
  "headers       120  scripts/build.sh default header_check"
  "peers         120  scripts/stages/peers.sh"
  "subproject    200  scripts/stages/subproject.sh"
  "onednn3       200  scripts/stages/onednn3.sh"
  "portable      350  scripts/stages/portable.sh"
  "neon          300  scripts/stages/neon.sh"
  "gpu           150  scripts/stages/gpu.sh"
  "compile-lists 250  scripts/stages/compile_lists.sh"
  "mutants       600  scripts/stages/mutants.sh"
  "compile-core 3600  scripts/stages/compile_lists.sh core"
  "cpu-only      400  scripts/stages/preset.sh cpu-only"
  "tsan          400  scripts/stages/tsan.sh"
  "asan          900  scripts/stages/asan.sh"
  "fresh        1100  scripts/stages/fresh.sh"
  "tidy         1500  scripts/stages/tidy.sh"
  "faults-long  2400  scripts/faults.sh --long"
)

usage="Usage: scripts/test.sh [--long] [--deadline SECONDS] [--stage NAME]...
  --long              adds the longer stages
  --deadline SECONDS  runs no stage that would end later than that after the start, and ends one
                      that takes longer than it should: not run, for it has not failed
  --stage NAME        runs only this stage (may be repeated)
Stages: $(printf '%s\n' "${quick_stages[@]}" "${long_stages[@]}" | awk '{printf "%s ", $1}')
Each stage's output is in build/logs/NAME.log. Exit codes: 0 all that was asked for passed; 1 not,
or a stage of the short form was not run; 2 wrong usage."

logs=build/logs
passed=0 failed=0 not_run=0

# count_tests LOG: adds what ctest says in LOG to the totals, and prints it in short.
count_tests() {
  local total bad skipped
  read -r bad total < <(sed -nE 's/^[0-9]+% tests passed, ([0-9]+) tests? failed out of ([0-9]+)$/\1 \2/p' "$1")
  [[ -n ${total:-} ]] || return
  skipped=$(grep -cE '\((Skipped|Disabled)\)$' "$1")
  passed=$((passed + total - bad - skipped))
  failed=$((failed + bad))
  printf ', %d tests passed, %d failed, %d skipped' $((total - bad - skipped)) "$bad" "$skipped"
}

# run_stage NAME SECONDS COMMAND...: one line of result; false if it failed or was not run. A command
# that exits with 77 could not run here, and its last line says why; timeout ends with 124, or with
# 137 if it had to kill.
run_stage() {
  local name=$1 needs=$2 log=$logs/$1.log began=$SECONDS code left
  shift 2
  left=$((deadline - SECONDS))
  if ((needs > left)); then
    printf '%-14s not run: takes about %d s and %d s are left\n' "$name" "$needs" "$left"
    not_run=$((not_run + 1))
    return 1
  fi
  timeout --kill-after=20 "$left" "$@" >"$log" 2>&1 </dev/null
  code=$?
  if ((code == 124 || code == 137)) && ((SECONDS >= deadline)) &&
    ! grep -qE '[*]{3}(Failed|Exception|Timeout|Not Run)' "$log"; then
    echo "the deadline came after $((SECONDS - began)) s" >>"$log"
    code=77
  fi
  case $code in
    0) passed=$((passed + 1)) && printf '%-14s passed in %d s' "$name" $((SECONDS - began)) ;;
    77) not_run=$((not_run + 1)) && printf '%-14s not run: %s' "$name" "$(tail -n 1 "$log")" ;;
    *) failed=$((failed + 1)) && printf '%-14s FAILED in %d s (exit code %d)' "$name" $((SECONDS - began)) "$code" ;;
  esac
  count_tests "$log"
  echo
  ((code == 0)) && return
  ((code == 77)) || tail -n 40 "$log" | sed 's/^/    /'
  return 1
}

long=false complete=true deadline=$((1 << 30)) wanted=()
while (($#)); do
  case $1 in
    --long) long=true ;;
    --deadline)
      [[ ${2:-} =~ ^[0-9]+$ ]] || { echo "$usage" >&2 && exit 2; }
      deadline=$2 && shift
      ;;
    --stage) wanted+=("${2:?$usage}") && shift ;;
    --help | -h) echo "$usage" && exit ;;
    *) echo "$usage" >&2 && exit 2 ;;
  esac
  shift
done

mkdir -p "$logs"
if ((${#wanted[@]})); then
  for name in "${wanted[@]}"; do
    stage=$(printf '%s\n' "${quick_stages[@]}" "${long_stages[@]}" | grep "^$name ") ||
      { echo "$usage" >&2 && exit 2; }
    # shellcheck disable=SC2086 # a stage is a list of words
    run_stage $stage
  done
else
  # shellcheck disable=SC2086
  for stage in "${quick_stages[@]}"; do run_stage $stage || { complete=false && break; }; done
  # shellcheck disable=SC2086
  if $long; then for stage in "${long_stages[@]}"; do run_stage $stage; done; fi
fi

echo "$passed passed, $failed failed, $not_run not run"
$complete && ((failed == 0))
