#!/usr/bin/env bash
# Runs the commands of the README as they stand.
set -euo pipefail
scripts/build.sh default
/usr/bin/python3 -B tests/install/readme_commands.py
