#!/bin/sh
# readme_example.sh README LANGUAGE SOURCE: fails unless the README's block of that language is
# SOURCE, word for word.
set -eu
# shellcheck disable=SC2016 # backquotes are Markdown's
sed -n '/^```'"$2"'$/,/^```$/{/^```/!p}' "$1" | diff - "$3"
