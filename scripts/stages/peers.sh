#!/usr/bin/env bash
# `convtune run` against PyTorch on every shape of tests/peers/shapes.json that is not too large.
set -euo pipefail
scripts/build.sh default convtune
/usr/bin/python3 -B tests/peers/torch_equality.py build/default/tuner/convtune --count 100000
