#!/usr/bin/env bash
# What needs PyTorch: `convtune run` against it on 600 shapes of tests/peers/shapes.json, both
# layouts, three dtypes; and the tests of the Python package.
set -euo pipefail
scripts/build.sh default convtune convtune_library
ctest --preset default -R '^python\.'
/usr/bin/python3 -B tests/peers/torch_equality.py build/default/tuner/convtune --count 600
