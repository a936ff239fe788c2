#!/usr/bin/env python3
"""torch_peers.py on the CPU: rows beside those of a sweep, none of them twice, and their ratios.

Usage: peer_rows_test.py CONVTUNE. Exit codes: 0 all as it should be, 1 not, 77 skipped.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
LAYER = {"model": "a", "layer": "b", "shape_class": "dense", "length": 60, "in_channels": 6,
         "out_channels": 4, "kernel_size": 3, "padding": [2, 0], "has_bias": True}
LAYERS = [LAYER | {"layout": "NCL", "activation": "relu"}, LAYER | {"layout": "NLC", "stride": 2}]


def run(*command):
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)


def faults(convtune, folder):
    database = folder / "convtune.db"
    layers = folder / "layers.json"
    layers.write_text(json.dumps(LAYERS), encoding="utf-8")
    tuned = run(convtune, "tune", "--device", "cpu", "--db", database, "--layers", layers,
                "--budget", 2, "--quiet")
    if tuned.returncode not in (0, 5):
        return [tuned.stderr]
    peers = [sys.executable, "-B", HERE / "torch_peers.py", convtune, "--results", folder,
             "--device", "cpu", "--layers", layers]
    first = run(*peers)
    if first.returncode == 77:
        print(first.stdout.strip())
        sys.exit(77)
    export = json.loads(run(convtune, "db", "export", "--db", database).stdout)
    rows = [m for m in export["measurements"] if m["config"].startswith("torch_")]
    found = [] if first.returncode == 0 else [first.stdout + first.stderr]
    if len(rows) < 2 * len(LAYERS):
        found.append(f"{len(rows)} rows of peers")
    for row in rows:
        # PyTorch pads, multiplies and adds in float32 as we do: it is right, or the arrays differ.
        if row["outcome"] != "ok" or not row["worst_error_ratio"] <= 1 or len(row["samples"]) < 10:
            found.append(f"a peer's row is off: {row}")
    if run(*peers).stdout:
        found.append("a second run measured again")
    (folder / "export.json").write_text(json.dumps(export), encoding="utf-8")
    table = run(sys.executable, "-B", HERE / "ratios.py", folder / "export.json").stdout
    if [line.split()[:2] for line in table.splitlines()[1:]] != [["dense,", "NCL"], ["dense,", "NLC"]]:
        found.append(f"the table of ratios is off:\n{table}")
    return found


def main():
    with tempfile.TemporaryDirectory(prefix="convtune-peers-") as name:
        found = faults(pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(name))
    print("\n".join(found) or "peers have their rows")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
