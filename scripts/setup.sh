#!/usr/bin/env bash
# Installs what the project needs and is not there yet. With everything there it does nothing and
# needs no network.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage="Usage: scripts/setup.sh [--portable] [--long]
  (nothing)   what the build, the tests and the report need
  --portable  also the sources for a binary that is static but for glibc
  --long      also what scripts/test.sh --long needs
Exit codes: 0 all there; 2 wrong usage; 3 something is missing and cannot be installed."

base_packages=(g++ cmake ninja-build pkg-config libhwy-dev libdnnl-dev libcli11-dev libfmt-dev
  nlohmann-json3-dev libxxhash-dev libzstd-dev libsqlite3-dev libbenchmark-dev libgtest-dev
  libgmock-dev libboost-context-dev python3 python3-numpy python3-matplotlib python3-jinja2
  python3-jsonschema)
long_packages=(clang clang-format clang-tidy libclang-rt-dev python3-torch python3-setuptools
  python3-wheel chromium shellcheck debootstrap dpkg-dev faketime groff-base g++-aarch64-linux-gnu
  qemu-user)
portable_sources=(highway benchmark)
cuda_wheels=(nvidia-cuda-nvrtc==13.0.88 nvidia-cuda-runtime==13.0.96)
auditwheel=(auditwheel==6.8.2 pyelftools==0.33 packaging==26.3)
oldest_cuda=12000 # CUDA_VERSION of 12.0, the first whose NVRTC knows C++20

# A tool counts as there when its command is, wherever that came from.
declare -A command_of=([g++]=c++ [cmake]=cmake [ninja-build]=ninja [pkg-config]=pkg-config)

say() { printf 'setup: %s\n' "$*" >&2; }

have_package() {
  local command=${command_of[$1]:-}
  [[ -n $command ]] && command -v "$command" >/dev/null && return
  [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

as_root() {
  if ((EUID == 0)); then
    "$@"
  elif [[ -t 0 ]]; then
    sudo "$@"
  else
    sudo -n "$@"
  fi
}

# Another apt may hold its locks for a while, and mirrors fail now and then.
apt_get() {
  local log try
  log=$(mktemp)
  for try in 1 2 3 4; do
    if as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=180 \
      -o Acquire::Retries=3 "$@" >"$log" 2>&1 </dev/null; then
      rm -f "$log"
      return 0
    fi
    ((try < 4)) && sleep $((try * 5))
  done
  cat "$log" >&2
  rm -f "$log"
  return 1
}

# ensure_packages NAME...: installs those that are missing; fails naming them when it cannot.
ensure_packages() {
  local name missing=()
  if ! command -v dpkg-query >/dev/null; then
    say "this is not Debian: the equivalents of these packages are taken as installed: $*"
    return 0
  fi
  for name in "$@"; do have_package "$name" || missing+=("$name"); done
  ((${#missing[@]})) || return 0
  if ((EUID != 0)) && ! command -v sudo >/dev/null; then
    say "missing: ${missing[*]}; run scripts/setup.sh as root, or install sudo"
    return 1
  fi
  say "installing ${missing[*]}"
  if ! { apt_get update && apt_get install -y --no-install-recommends "${missing[@]}"; }; then
    say "missing: ${missing[*]}; apt could not install them (its message is above)"
    return 1
  fi
}

is_cuda() {
  [[ -f $1/include/nvrtc.h && -f $1/include/cuda.h ]] &&
    awk -v oldest="$oldest_cuda" '$2 == "CUDA_VERSION" { found = $3 } END { exit found < oldest }' \
      "$1/include/cuda.h"
}

# fetch_wheels FOLDER WHEEL...: unpacks wheels of the Python package index into FOLDER, all or none.
fetch_wheels() {
  local target=$1
  shift
  /usr/bin/python3 -m pip --version >/dev/null 2>&1 || ensure_packages python3-pip || true
  mkdir -p build
  rm -rf "$target.partial"
  if /usr/bin/python3 -m pip --quiet --disable-pip-version-check --retries 2 install --no-deps \
    --no-compile --root-user-action=ignore --only-binary=:all: --target "$target.partial" "$@" >&2; then
    rm -rf "$target"
    mv "$target.partial" "$target"
  else
    rm -rf "$target.partial"
    return 1
  fi
}

# An installed toolkit, or NVRTC and the headers from wheels, or none: the CPU product is whole.
ensure_cuda() {
  local root target=build/cuda
  for root in "${CUDA_HOME:-}" /usr/local/cuda /usr/local/cuda-* "$target"/nvidia/cu13; do
    is_cuda "$root" && return
  done
  say "no CUDA toolkit here: taking ${cuda_wheels[*]} from the Python package index"
  fetch_wheels "$target" "${cuda_wheels[@]}" ||
    say "no CUDA toolkit and no wheels of it: only the CPU product is built"
}

# Debian has no static Highway, Google Benchmark: their sources, into build/deps, for CMake to build.
ensure_portable_sources() {
  local name apt missing=() target=build/deps
  for name in "${portable_sources[@]}"; do
    compgen -G "$target/${name}_*.orig.tar.gz" >/dev/null || missing+=("$name")
  done
  ((${#missing[@]})) || return 0
  say "fetching the sources of ${missing[*]}"
  mkdir -p "$target/apt/lists/partial" "$target/apt/cache/archives/partial"
  if [[ -f /etc/apt/sources.list.d/debian.sources ]]; then
    sed 's/^Types:.*/Types: deb-src/' /etc/apt/sources.list.d/debian.sources \
      >"$target/apt/debian.sources"
  else
    sed -n 's/^deb /deb-src /p' /etc/apt/sources.list >"$target/apt/debian.list"
  fi
  apt=(apt-get -qq -o Acquire::Retries=3 -o APT::Sandbox::User= -o "Dir::Etc::SourceList=/dev/null"
    -o "Dir::Etc::SourceParts=$PWD/$target/apt" -o "Dir::State::Lists=$PWD/$target/apt/lists"
    -o "Dir::Cache=$PWD/$target/apt/cache")
  if ! (cd "$target" && "${apt[@]}" update && "${apt[@]}" source --download-only "${missing[@]}") >&2
  then
    say "missing: the sources of ${missing[*]}; apt could not fetch them (its message is above)"
    return 1
  fi
  rm -rf "$target/apt"
}

portable=false long=false
for argument in "$@"; do
  case $argument in
    --portable) portable=true ;;
    --long) portable=true long=true ;;
    --help | -h) echo "$usage" && exit ;;
    *) echo "$usage" >&2 && exit 2 ;;
  esac
done

ensure_packages "${base_packages[@]}" || exit 3
ensure_cuda
if $portable; then ensure_portable_sources || exit 3; fi
if $long; then
  ensure_packages "${long_packages[@]}" || exit 3
  [[ -d build/auditwheel ]] || fetch_wheels build/auditwheel "${auditwheel[@]}" ||
    say "without ${auditwheel[0]}, the wheel is judged by our own test alone"
fi
