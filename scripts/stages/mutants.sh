#!/usr/bin/env bash
# Plants the bugs of tests/kernels/cuda/mutants/table.py in the CUDA kernels, one after the other, and
# expects the tests of their families to catch each.
set -euo pipefail
scripts/build.sh default cuda_kernels_tests
/usr/bin/python3 -B tests/kernels/cuda/mutants/run.py
