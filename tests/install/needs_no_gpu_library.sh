#!/bin/sh
# needs_no_gpu_library.sh FILE...: fails if a binary names a library of CUDA as one it needs.
set -eu
for file in "$@"; do
  needed=$(readelf -d "$file" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
  case $needed in
    *libc.so.*) ;;
    *) echo "$file: no list of needed libraries could be read" >&2 && exit 1 ;;
  esac
  if echo "$needed" | grep -E '^lib(cuda|cudart|nvrtc|cudnn)'; then
    echo "$file must load these when it first needs them, not at its start" >&2
    exit 1
  fi
done
