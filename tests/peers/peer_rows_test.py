#!/usr/bin/env python3
"""torch_peers.py on the CPU: rows beside those of a sweep, none of them twice, and their ratios; and
cpu_peers.py's lines beside the same sweep.

Usage: peer_rows_test.py CONVTUNE. Exit codes: 0 all as it should be, 1 not, 77 skipped.
"""

import json
import math
import pathlib
import subprocess
import sys
import tempfile
import types

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
    return found + interleaved_faults(convtune, folder, database)


def interleaved_faults(convtune, folder, database):
    threads = json.loads(run(convtune, "db", "export", "--db", database).stdout)["devices"][0]["units"]
    lines = folder / "lines.jsonl"
    command = [sys.executable, "-B", HERE / "cpu_peers.py", convtune, lines, "--results", folder,
               "--threads", threads, "--rounds", 2]
    done = run(*command)
    found = [] if done.returncode == 0 else [done.stdout + done.stderr]
    taken = [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines()]
    if len(taken) != len(LAYERS):
        found.append(f"{len(taken)} lines of {len(LAYERS)} problems")
    for line in taken:
        names = {line["generated"], "torch_conv1d", "torch_conv2d_channels_last"}
        samples = line["samples"]
        if not names <= set(samples) or any(len(each) != 2 for each in samples.values()):
            found.append(f"samples are missing: {line}")
        # As a line of which all is known: one operation a second, and bytes that take no time.
        line["ceilings"] = {"float32": 1, "copy": float("inf")}
        line["samples"] = {line["generated"]: [2.0, 2.0, 8.0], "a": [6.0, 5.0, 8.0],
                           "b": [9.0, 9.0, 4.0]}
        line["vendor"] = "b"
    lines.write_text("".join(json.dumps(line) + "\n" for line in taken), encoding="utf-8")
    table = run(sys.executable, "-B", HERE / "cpu_table.py", lines).stdout
    # 60 outputs by 4 channels by 18 products, and 30 by 4 by 18; both in 2 s. a / ours: 2.5, b's
    # fastest to ours: 2, b / ours: 4.5.
    share = math.sqrt(60 * 4 * 18 * 30 * 4 * 18)
    rows = [[cell.strip() for cell in line.split("|")] for line in table.splitlines()[2:]]
    if [row[2:11] for row in rows] != [["dense", "float32", "2", "2.50", "2.00", "4.50", "2.50, 2.50",
                                         f"{share:.0%}", "2.50"]]:
        found.append(f"the table is off:\n{table}")
    if run(*command).returncode != 0 or len(lines.read_text(encoding="utf-8").splitlines()) != 2:
        found.append("what has its line was measured again")
    return found + hopeless_faults()


def hopeless_faults():
    """Only the peer whose best sample, or very long first call, is far behind the best of all is
    left out."""
    import cpu_peers  # ends the program without PyTorch
    peers = {name: types.SimpleNamespace(samples=samples, is_very_long=name == "d")
             for name, samples in {"a": [1.0, 5.0], "b": [4.0, 3.5], "c": [9.0, 2.0],
                                   "d": [9.0, 8.0]}.items()}
    failures = {}
    cpu_peers.leave_out_hopeless(peers, failures, very_long_alone=True)
    found = [] if list(peers) == ["a", "b", "c"] else [f"left out of long ones: {failures}"]
    cpu_peers.leave_out_hopeless(peers, failures)
    expected = {"d": "takes 8.0 times as long as the fastest peer",
                "b": "takes 3.5 times as long as the fastest peer"}
    if list(peers) != ["a", "c"] or failures != expected:
        found.append(f"left out: {failures}")
    peers = {name: types.SimpleNamespace(samples=[], at_first=seconds, is_very_long=name != "d")
             for name, seconds in {"a": 1.0, "b": 9.0, "c": 11.0, "d": 11.0}.items()}
    cpu_peers.leave_out_hopeless(peers, failures, very_long_alone=True)
    return found + ([] if list(peers) == ["a", "b", "d"] else [f"left out at first: {failures}"])


def main():
    with tempfile.TemporaryDirectory(prefix="convtune-peers-") as name:
        found = faults(pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(name))
    print("\n".join(found) or "peers have their rows")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
