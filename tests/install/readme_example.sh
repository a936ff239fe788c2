#!/bin/sh
# readme_example.sh README LANGUAGE SOURCE...: fails unless the README's blocks of that language are
# the SOURCEs in this order, word for word.
set -eu
readme=$1 language=$2
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat "$@" >"$work/sources"
# shellcheck disable=SC2016 # backquotes are Markdown's
sed -n '/^```'"$language"'$/,/^```$/{/^```/!p}' "$readme" | diff - "$work/sources"
