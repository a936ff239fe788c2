#!/usr/bin/env python3
"""The best generated kernel against the best peer, class by class, from an export of the database.

A peer is any vendor's row, PyTorch's included: the ratio is its time over that of the best generated
kernel. With vendors as candidates the ratio is over the winner's. Usage: ratios.py EXPORT.json[.gz]
"""

import gzip
import json
import pathlib
import sys


def median(values):
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def geometric_mean(values):
    product = 1.0
    for value in values:
        product *= value ** (1 / len(values))
    return product


def read(path):
    raw = pathlib.Path(path).read_bytes()
    return json.loads(gzip.decompress(raw) if path.endswith(".gz") else raw)


def best_peers(export):
    """{(problem, device): (seconds, config)}"""
    best = {}
    for row in export["measurements"]:
        if row["origin"] != "vendor" or row["outcome"] != "ok":
            continue
        key = (json.dumps(row["problem"]), row["device"])
        best[key] = min(best.get(key, (float("inf"), "")), (median(row["samples"]), row["config"]))
    return best


def classes(export):
    """{class and layout: [(ratio of the best generated, ratio of the winner, problem, peer)]}"""
    labels = {json.dumps(row["problem"]): row["shape_class"] for row in export["labels"]}
    peers = best_peers(export)
    found = {}
    for verdict in export["verdicts"]:
        problem = json.dumps(verdict["problem"])
        seconds, config = peers.get((problem, verdict["device"]), (None, ""))
        if seconds is None or not verdict["best_generated_seconds"]:
            continue
        name = f"{labels.get(problem) or 'no class'}, {verdict['problem']['layout']}"
        found.setdefault(name, []).append((seconds / verdict["best_generated_seconds"],
                                           seconds / min(verdict["seconds"], seconds),
                                           problem, config))
    return found


def main():
    print(f"{'class':<28} {'layers':>6} {'generated':>10} {'with vendor':>12} {'worst':>7}  worst layer")
    for name, rows in sorted(classes(read(sys.argv[1])).items()):
        worst = min(rows)
        print(f"{name:<28} {len(rows):>6} {geometric_mean([r[0] for r in rows]):>9.2f}x "
              f"{geometric_mean([r[1] for r in rows]):>11.2f}x {worst[0]:>6.2f}x  {worst[2]} "
              f"against {worst[3]}")


if __name__ == "__main__":
    main()
