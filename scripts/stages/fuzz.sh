#!/usr/bin/env bash
# scripts/stages/fuzz.sh [SECONDS]: fuzzes every target that long (60), from its corpus. What is found
# stays in build/fuzz/findings.
set -euo pipefail
seconds=${1:-60}
command -v clang++ >/dev/null || { echo "clang++ is missing: run scripts/setup.sh --long" && exit 77; }
scripts/build.sh fuzz fuzz fuzz_replay
findings=build/fuzz/findings
mkdir -p "$findings"
code=0
for corpus in tests/fuzz/corpus/*/; do
  target=$(basename "$corpus")
  mkdir -p "build/fuzz/corpus/$target"
  CONVTUNE_FUZZ_TARGET=$target build/fuzz/tests/fuzz/fuzz "build/fuzz/corpus/$target" "$corpus" \
    -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="$findings/$target-" >"build/fuzz/$target.log" 2>&1 ||
    { code=1 && tail -n 40 "build/fuzz/$target.log"; }
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "build/fuzz/$target.log")
  echo "seen: $target: ${runs:-no} inputs in $seconds s"
done
exit $code
