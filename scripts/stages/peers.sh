#!/usr/bin/env bash
# What needs PyTorch: `convtune run` against it on 600 shapes of tests/peers/shapes.json, both
# layouts, three dtypes; the tests of the Python package, and the README's example of it, installed.
set -euo pipefail
scripts/build.sh default
ctest --preset default -R '^python\.|^install\.(numpy|torch)_example$'
/usr/bin/python3 -B tests/peers/torch_equality.py build/default/tuner/convtune --count 600
