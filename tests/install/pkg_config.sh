#!/bin/sh
# pkg_config.sh LIBDIR SOURCE OUTPUT COMPILER...: builds SOURCE as convtune.pc says, and runs it.
set -eu
libdir=$1 source=$2 output=$3
shift 3
flags=$(PKG_CONFIG_PATH=$libdir/pkgconfig pkg-config --cflags --libs convtune)
# shellcheck disable=SC2086 # flags is a list of words
"$@" "$source" $flags -o "$output"
LD_LIBRARY_PATH=$libdir "$output"
