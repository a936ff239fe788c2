#!/bin/sh
# exported_symbols.sh LIBRARY HEADER CPP_LIST: fails unless LIBRARY exports the functions that the C
# header declares, the C++ symbols of CPP_LIST, and nothing else.
set -eu
exported=$(mktemp) expected=$(mktemp)
trap 'rm -f "$exported" "$expected"' EXIT
nm --dynamic --defined-only --format=posix "$1" | cut -d' ' -f1 | c++filt | LC_ALL=C sort -u >"$exported"
{
  grep -oE '\bconvtune_[a-z0-9_]+\(' "$2" | tr -d '('
  cat "$3"
} | LC_ALL=C sort -u >"$expected"
diff "$expected" "$exported"
