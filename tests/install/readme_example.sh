#!/bin/sh
# readme_example.sh README SOURCE: fails unless the README's C++ block is SOURCE, word for word.
set -eu
# shellcheck disable=SC2016 # backquotes are Markdown's
sed -n '/^```cpp$/,/^```$/{/^```/!p}' "$1" | diff - "$2"
