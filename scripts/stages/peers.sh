#!/usr/bin/env bash
# `convtune run` against PyTorch on 600 shapes of tests/peers/shapes.json, both layouts, three dtypes.
set -euo pipefail
scripts/build.sh default convtune
/usr/bin/python3 -B tests/peers/torch_equality.py build/default/tuner/convtune --count 600
