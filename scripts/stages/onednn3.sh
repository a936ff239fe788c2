#!/usr/bin/env bash
# Debian 12 has oneDNN 2: builds with a oneDNN 3 of the Python package index instead, runs its tests,
# and has every candidate of a model's layers checked.
set -euo pipefail
version=2023.2.0 # oneDNN 3.2, for GCC's OpenMP
wheels=build/deps/onednn3
if [[ ! -e $wheels/lib/libdnnl.so ]]; then
  mkdir -p "$wheels"
  /usr/bin/python3 -m pip --quiet --disable-pip-version-check download --no-deps --dest "$wheels" \
    "onednn-cpu-gomp==$version" "onednn-devel-cpu-gomp==$version" ||
    { echo "pip could not get oneDNN $version" && exit 77; }
  for wheel in "$wheels"/*.whl; do /usr/bin/python3 -m zipfile -e "$wheel" "$wheels"; done
  mv "$wheels"/*devel*.data/data/include "$wheels"/onednn_cpu*.data/data/lib "$wheels"
fi

if command -v ccache >/dev/null; then export CMAKE_CXX_COMPILER_LAUNCHER=ccache; fi
cmake --preset default -B build/onednn3 -DCONVTUNE_ONEDNN_INCLUDE_DIR="$PWD/$wheels/include" \
  -DCONVTUNE_ONEDNN_LIBRARY="$PWD/$wheels/lib/libdnnl.so"
cmake --build build/onednn3 --target convtune runtime_tests -- --quiet
build/onednn3/tuner/convtune --version | grep -o 'oneDNN 3[0-9.]*'
build/onednn3/tests/runtime/runtime_tests --gtest_filter='Onednn.*'
build/onednn3/tuner/convtune check --device cpu --layers mamba-130m
