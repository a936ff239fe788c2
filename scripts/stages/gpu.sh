#!/usr/bin/env bash
# scripts/gpu_pack.sh and scripts/gpu_proof.sh on the imaginary GPU of the fault tests.
set -euo pipefail
scripts/build.sh default fake_cuda fake_nvrtc
/usr/bin/python3 -B tests/scripts/gpu_proof_test.py . build/default/tests/faults
