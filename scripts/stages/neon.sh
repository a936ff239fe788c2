#!/usr/bin/env bash
# Builds the CPU's kernels and their tests for 64-bit ARM, and runs in an emulator those that every
# SIMD target has.
set -euo pipefail
compiler=aarch64-linux-gnu-g++ emulator=qemu-aarch64
for program in $compiler $emulator; do
  command -v "$program" >/dev/null || { echo "$program is not installed" && exit 77; }
done

# The libraries that the tests link, out of Debian's packages for that machine.
packages=(libhwy-dev libhwy1 libxxhash-dev libzstd-dev libfmt-dev libfmt9 libgtest-dev libgmock-dev
  nlohmann-json3-dev libcli11-dev libsqlite3-dev libsqlite3-0 libbenchmark-dev libbenchmark1debian
  libboost-context1.74-dev libboost1.74-dev)
root=$PWD/build/deps/arm64
libraries=$root/usr/lib/aarch64-linux-gnu
if [[ ! -d $root ]]; then
  state=$PWD/build/deps/arm64.partial
  rm -rf "$state"
  mkdir -p "$state/lists/partial" "$state/cache/archives/partial" "$state/root"
  touch "$state/status"
  apt=(apt-get -qq -o Acquire::Retries=3 -o APT::Sandbox::User= -o APT::Architecture=arm64
    -o APT::Architectures=arm64 -o "Dir::State::Lists=$state/lists" -o "Dir::Cache=$state/cache"
    -o "Dir::State::status=$state/status")
  (cd "$state" && "${apt[@]}" update && "${apt[@]}" download "${packages[@]}") ||
    { echo "apt could not get the libraries for arm64" && exit 77; }
  for package in "$state"/*.deb; do dpkg-deb -x "$package" "$state/root"; done
  mv "$state/root" "$root"
  rm -rf "$state"
fi

if command -v ccache >/dev/null; then export CMAKE_CXX_COMPILER_LAUNCHER=ccache; fi
run=("$emulator" -L /usr/aarch64-linux-gnu -E "LD_LIBRARY_PATH=$libraries")
export PKG_CONFIG_SYSROOT_DIR=$root PKG_CONFIG_LIBDIR=$libraries/pkgconfig:$root/usr/share/pkgconfig
cmake --preset default -B build/neon -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 \
  -DCMAKE_CXX_COMPILER=$compiler -DCMAKE_FIND_ROOT_PATH="$root" \
  -DCMAKE_CROSSCOMPILING_EMULATOR="$(IFS=';' && echo "${run[*]}")" \
  -DCONVTUNE_WITH_CUDA=OFF -DCONVTUNE_WITH_ONEDNN=OFF
cmake --build build/neon --target kernels_tests -- --quiet
"${run[@]}" build/neon/tests/kernels/kernels_tests --gtest_brief=1 \
  --gtest_filter='*CpuFamilies.*:*CpuTargets.*:*CpuLimits.*:*DirectStores.*:*CompareMany.*'
