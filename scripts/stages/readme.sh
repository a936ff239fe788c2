#!/usr/bin/env bash
# Runs the convtune commands of the README's ```sh blocks as they stand, on a scratch database. One
# that takes longer than a minute is interrupted, which must end it as Ctrl-C does.
set -euo pipefail
scripts/build.sh default convtune
PATH=$PWD/build/default/tuner:$PATH
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export CONVTUNE_DB=$work/convtune.db CONVTUNE_CACHE_DIR=$work/cache

# shellcheck disable=SC2016 # the backquotes are Markdown's
mapfile -t commands < <(sed -n '/^```sh$/,/^```$/p' README.md | grep -E '^(build/default/tuner/)?convtune ')
((${#commands[@]})) || { echo "the README has no convtune command" && exit 1; }
ln -s "$PWD/build" "$work/build"
cd "$work"
for command in "${commands[@]}"; do
  echo "\$ $command"
  code=0
  timeout --signal=INT --preserve-status 60 bash -c "$command" || code=$?
  case $code in
    0 | 5) ;; # 5: done in part, for want of budget
    130) echo "(interrupted after a minute)" ;;
    *) echo "exit code $code" && exit 1 ;;
  esac
done
