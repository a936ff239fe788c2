#!/usr/bin/env bash
# Makes every fault that convtune must survive and prints, row by row, what was seen beside what must
# hold. Needs the tests of the default build.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 2

usage="Usage: scripts/faults.sh [--long] [ROW]
  --long  the full counts, repeated finals, ThreadSanitizer and the fuzzers
  ROW     only rows with this text
Exit codes: 0 all held; 1 not; 2 wrong usage."

# fault | what must hold | program below build/default/tests, or `program` for tests/faults, or a
# script | tests of it, or the script's arguments
table="
kill -9 of the tuner|0 acknowledged rows lost (1,000 kills)|results/results_tests|Faults.NoAcknowledged*:Faults.ReaderUndoes*
kill -9 of a sweep|it resumes where it stopped|tuner/tuner_tests|SweepTest.KilledAtAnyTime*
power loss|0 acknowledged rows lost (200 cut points)|results/results_tests|PowerLoss.*
several tuners on one new database|0 errors, no duplicates (100 rounds)|results/results_tests|Faults.ProcessesCanCreate*
disk full|exit 4, database intact, resumes|program|Cpu.test_full_disk
disk full, file size limit|nothing acknowledged is lost|results/results_tests|Faults.FullDisk*
read-only database or folder|look-up works, a clear message|results/results_tests|Faults.ReadOnly*:Faults.FolderWithout*
bit flips of the database|0 crashes, 0 wrong rows (400 flips)|results/results_tests|Damage.NoFlip*
truncation of the database|0 crashes, 0 wrong rows (every page)|results/results_tests|Damage.NoTruncation*
damage at run time|the default or the CPU serves, and says so|results/results_tests|DefaultPlanSource.Damage*:Damage.Damaged*
cubin flipped, cut, swapped, of another arch|0 reach the driver, recompiled once|generator/generator_tests|CubinCacheTest.Forgets*:CubinCacheTest.CompilesOnce*
cache folder of others, writable, a link|refused with the reason|generator/generator_tests|CubinCacheTest.Refuses*
hung kernel that ignores SIGTERM|ended within its limit + 2 s|tuner/tuner_tests|Worker.ThatHangs*:AskTwice.*
crashing kernel: SIGSEGV|quarantined after 2, never run again|tuner/tuner_tests|SweepTest.WhatCrashesTwice*:Worker.ThatCrashes*
quarantine at run time|nothing quarantined is chosen|runtime/runtime_tests|PlanChoice.PassesOverWhatIsQuarantined*:Serving.WhatIsQuarantined*
crashing kernel: 700 and 719|only that candidate is lost|program|Gpu.test_illegal_address_and_launch_failure
the imaginary GPU without a fault|all candidates measured|program|Gpu.test_without_a_fault
device lost, ECC|exit 3, earlier rows kept|program|Gpu.test_device_lost
out of device memory|the candidate is skipped|program|Gpu.test_out_of_device_memory
out of host memory|the problem is skipped|program|Cpu.test_little_host_memory
out of memory at run time|another plan or the CPU serves|runtime/runtime_tests|Serving.AnotherFamily*:Serving.TheCpuTakes*:CudaDeviceTest.OutOfMemory*
NVRTC crashes|only that candidate is lost|program|Gpu.test_compiler_crashes
NVRTC hangs|given up at the limit of 60 s|program|Gpu.test_compiler_hangs
NVRTC hangs outside a worker|given up at 90 s; the CPU serves|program|Gpu.test_compiler_hangs_outside_a_worker
fast but wrong kernel|100 % rejected (30 mutants)|tuner/tuner_tests|Mutants.*:Trial.FastButWrong*:Trial.AnOutputKept*:Trial.Writing*
clock jumps of a day|durations sound, no row lost|program|Cpu.test_clock_jumps
newer driver or NVRTC than the database|used, marked stale|program|Gpu.test_newer_driver_and_compiler
newer generator than the database|used, marked stale|runtime/runtime_tests|PlanChoice.UsesAStalePlan*
newer schema than ours|refused, never rewritten|results/results_tests|Opening.NewerSchema*
sizes near 2^31 and 2^63|exact or a clear error|kernels/kernels_tests|Problem.SizesBeyond*:Problem.Above32*
indices above 2^31 in CUDA kernels|computed in 64 bits|kernels/cuda_kernels_tests|Direct.Widens*
odd paths|work as any other|program|Cpu.test_odd_paths
merge of shards|identical dump (500 cases)|results/results_tests|Merge.*:Exchange.*
TERM and INT in mid-sweep|ends within 5 s, exit 128+n|program|Cpu.test_signals
faster than the device can be|measured again, then no measurement|tuner/tuner_tests|Trial.WhatIsFaster*:Trial.WhatWasTooFast*
hostile input, kept|0 crashes|fuzz/fuzz_replay|tests/fuzz/corpus
many threads' first use|1 preparation (16 threads)|runtime/runtime_tests|Module.FirstUseFromManyThreads*:ShapeCache.*
"

long_table="
finals of 20 problems, 60 times, busy CPU|>= 98 % agree, <= 30 % ties that cost <= 2 %|faults/repeated_finals|60
hostile input, 60 s a target|0 findings|scripts/stages/fuzz.sh|60
many threads, ThreadSanitizer|0 races|scripts/stages/tsan.sh|
"

tests=build/default/tests
log=build/logs/faults.log
failed=0

# run_tests PROGRAM TESTS: runs them; the lines that begin with "seen: " are what they saw.
run_tests() {
  case $1 in
    program)
      /usr/bin/python3 -B tests/faults/program_test.py build/default/tuner/convtune \
        --fakes "$PWD/$tests/faults" "$2"
      ;;
    scripts/*) "$1" ${2:+"$2"} ;;
    fuzz/*) "$tests/$1" "$2" ;;
    faults/*) "$tests/$1" build/default/tuner/convtune "$2" ;;
    *) "$tests/$1" --gtest_brief=1 --gtest_filter="$2" ;;
  esac
}

# how_it_ended EXIT_CODE: held, FAILED, or that all was skipped.
how_it_ended() {
  if (($1 == 77)); then
    echo 'not run here'
  elif (($1 != 0)); then
    echo FAILED
  elif grep -qE 'skipped=|SKIPPED' "$log.row"; then
    echo 'not run here'
  else
    echo held
  fi
}

print_row() { printf '%-42s %-12s %-46s %s\n' "$@"; }

only=
while (($#)); do
  case $1 in
    --long) export CONVTUNE_FAULTS=long && table+=$long_table ;;
    --help | -h) echo "$usage" && exit ;;
    -*) echo "$usage" >&2 && exit 2 ;;
    *) only=$1 ;;
  esac
  shift
done

mkdir -p build/logs
: >"$log"
print_row fault result 'must hold' seen
while IFS='|' read -r fault hold program filter; do
  [[ -n $fault && $fault == *"$only"* ]] || continue
  run_tests "$program" "$filter" >"$log.row" 2>&1
  result=$(how_it_ended $?)
  [[ $result == FAILED ]] && failed=$((failed + 1))
  cat "$log.row" >>"$log"
  print_row "$fault" "$result" "$hold" "$(grep -ohP '^[.s]*seen: \K.*' "$log.row" | paste -sd';')"
done <<<"$table"
rm -f "$log.row"
echo "$failed rows failed; the whole output is in $log"
((failed == 0))
