#!/usr/bin/env python3
"""`convtune check` on every 41st of shapes.py's entries, small ones: no generated candidate is wrong,
and none was left out. oneDNN may be wrong: it is on four of all shapes.

Usage: shapes_test.py CONVTUNE
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile

import shapes

EVERY = 41  # odd: the layouts alternate
MOST_PRODUCTS = 2_000_000


def main():
    layers = [layer for layer in shapes.layers() if shapes.products(layer) <= MOST_PRODUCTS]
    chosen = layers[::EVERY]
    assert len(layers) > 7000 and {layer["layout"] for layer in chosen} == set(shapes.LAYOUTS)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "layers.json"
        path.write_text(json.dumps(chosen), encoding="utf-8")
        done = subprocess.run([sys.argv[1], "check", "--device", "cpu", "--layers", path],
                              capture_output=True, text=True, check=False)
    print(done.stdout, done.stderr)
    *complaints, last = done.stdout.splitlines()
    ours = [line for line in complaints if "  onednn{" not in line]
    counted = re.fullmatch(r"(\d+) of \1 problems, 0 skipped: (\d+) candidates right, .*", last)
    assert not ours, ours
    assert counted and int(counted[2]) > int(counted[1]) >= len(chosen), last
    assert done.returncode == (1 if complaints else 0), done.returncode


if __name__ == "__main__":
    main()
