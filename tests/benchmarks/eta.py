#!/usr/bin/env python3
"""How well `convtune tune` foretells its end: what it says on a terminal against when it ended, and how
far what it estimated of each layer was from what the layer took.

Usage: eta.py BUILD [LAYERS]. BUILD is a build folder, LAYERS a list (quickstart), which is tuned on the
CPU into a database of its own. Takes as long as the sweep; run it on a quiet machine. For each tenth of
the sweep: its forecasts, and by how much of the whole sweep the worst of them was wrong. Then for each
part of a layer's work: the factor by which all layers are off in the mean, and the standard deviation
of its logarithm; tests/tuner/eta_test.cpp assumes 0.5 of each."""

import math
import os
import pty
import re
import statistics
import subprocess
import sys
import tempfile
import time

LEFT = re.compile(r"about (\d+):(\d\d) left")
CANDIDATE = re.compile(r"\[(\d+)/\d+\] .*: \d+ of \d+ candidates")
END_OF_LAYER = re.compile(r"\[(\d+)/\d+\] .*\n")


def said_by(command):
    """[(seconds since the start, what the terminal was sent)], and the seconds that all took."""
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
        found.append((time.monotonic() - began, said.decode(errors="replace")))
        os.write(2, said)
    if process.wait() not in (0, 5):  # 5: done in part
        sys.exit(process.returncode)
    return found, time.monotonic() - began


def tell_forecasts(said, whole):
    found = [(now, 60 * int(minutes) + int(seconds)) for now, text in said
             for minutes, seconds in LEFT.findall(text)]
    print(f"{whole:.0f} s")
    for tenth in range(10):
        errors = [(now + left - whole) / whole for now, left in found
                  if tenth <= 10 * now / whole < tenth + 1]
        worst = max(errors, key=abs, default=None)
        print(f"{10 * tenth:3} % on: {len(errors):4} forecasts"
              + ("" if worst is None else f", the worst wrong by {100 * worst:+.0f} %"))


def layers_of(said):
    """{number of the layer: (when it began, when each of its candidates ended, when it ended)}"""
    layers, candidates, began = {}, [], None
    for now, text in said:
        for line in text.split("\r\033[K"):
            if END_OF_LAYER.match(line):
                number = int(END_OF_LAYER.match(line)[1])
                layers[number], candidates, began = (began, candidates, now), [], now
            elif CANDIDATE.match(line):
                candidates.append(now)
            elif line:
                began = now  # "Tuning ..."
    return layers


def tell_spread(said, estimates):
    """`estimates`: for each layer what tests/benchmarks/layer_work.cpp prints of it."""
    ratios = {"start and first candidate": [], "each further candidate": [], "finals": [],
              "candidates": []}
    for number, (began, candidates, end) in layers_of(said).items():
        start, count, candidate, finals = estimates[number - 1]
        if len(candidates) < 2:
            continue
        steps = (candidates[-1] - candidates[0]) / (len(candidates) - 1)
        for of, taken, estimated in (
                ("start and first candidate", candidates[0] - began, start + candidate),
                ("each further candidate", steps, candidate),
                ("finals", end - candidates[-1], finals), ("candidates", len(candidates), count)):
            ratios[of].append(math.log(taken / estimated))
    for of, logarithms in ratios.items():
        print(f"{of}: {math.exp(statistics.fmean(logarithms)):.2f} times what was estimated, standard "
              f"deviation of the logarithm {statistics.stdev(logarithms):.2f}, {len(logarithms)} layers")


def main():
    build, layers = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "quickstart"
    printed = subprocess.run([f"{build}/tests/benchmarks/layer_work", layers], check=True, text=True,
                             stdout=subprocess.PIPE).stdout
    estimates = [list(map(float, line.split())) for line in printed.splitlines()]
    with tempfile.TemporaryDirectory() as folder:
        said, whole = said_by([f"{build}/tuner/convtune", "tune", "--device", "cpu", "--layers", layers,
                               "--db", f"{folder}/a.db"])
    tell_forecasts(said, whole)
    tell_spread(said, estimates)


if __name__ == "__main__":
    main()
