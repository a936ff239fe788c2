#!/usr/bin/env bash
# The tests that run threads, with ThreadSanitizer. It refuses address spaces that are randomised
# over more bits than it knows, hence setarch where that is allowed.
set -euo pipefail
fixed=(setarch -R)
"${fixed[@]}" true 2>/dev/null || fixed=()
"${fixed[@]}" scripts/build.sh tsan kernels_tests runtime_tests tuner_tests
"${fixed[@]}" ctest --preset tsan -j "$(nproc)" -R '^(kernels\..*Thread|runtime\.|tuner\.(Worker|SweepTest))'
