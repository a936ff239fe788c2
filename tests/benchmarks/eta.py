#!/usr/bin/env python3
"""How well `convtune tune` foretells its end: what it says on a terminal against when it ended.

Usage: eta.py CONVTUNE [OPTIONS of tune]. Takes as long as the sweep; run it on a quiet machine, on a
database without its layers. For each tenth of the sweep: its forecasts, and by how much of the whole
sweep the worst of them was wrong."""

import os
import pty
import re
import subprocess
import sys
import time

LEFT = re.compile(rb"about (\d+):(\d\d) left")


def forecasts(command):
    """[(seconds since the start, seconds said to be left)], and the seconds that it took."""
    ours, theirs = pty.openpty()
    began = time.monotonic()
    process = subprocess.Popen(command, stderr=theirs, stdout=subprocess.DEVNULL)
    os.close(theirs)
    found = []
    while True:
        try:
            said = os.read(ours, 65536)
        except OSError:  # nobody writes any more
            break
        now = time.monotonic() - began
        os.write(2, said)
        found += [(now, 60 * int(minutes) + int(seconds)) for minutes, seconds in LEFT.findall(said)]
    if process.wait() not in (0, 5):  # 5: done in part
        sys.exit(process.returncode)
    return found, time.monotonic() - began


def main():
    found, whole = forecasts([sys.argv[1], "tune", *sys.argv[2:]])
    print(f"{whole:.0f} s")
    for tenth in range(10):
        errors = [(now + left - whole) / whole for now, left in found
                  if tenth <= 10 * now / whole < tenth + 1]
        worst = max(errors, key=abs, default=None)
        print(f"{10 * tenth:3} % on: {len(errors):4} forecasts"
              + ("" if worst is None else f", the worst wrong by {100 * worst:+.0f} %"))


if __name__ == "__main__":
    main()
