#!/usr/bin/env python3
"""The lines of cpu_peers.py as a table in Markdown, class by class.
Usage: cpu_table.py LINES.jsonl...

The ratio of a layer is the median over the rounds of (the best peer's sample / ours), where the
best peer is the one with the lowest median; "fastest" is that of any peer's fastest sample to ours;
"over oneDNN" is that of oneDNN alone, where it serves the layer; "with oneDNN" is that of the better
one of the best generated kernel and oneDNN as a candidate, behind it the lowest of them. A layer's
limit is the longer of two times: that of its operations at the rate of a large matrix
product (bfloat16's for bfloat16, float32's for the others, whose products are float32's), and that
of its arrays at the rate of a large copy. Both rates are of the same run. What stays in a cache may
exceed the limit.
"""

import json
import math
import pathlib
import statistics
import sys
import typing


def read(path):
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def sizes(f):
    """(operations, elements of x, y and the weights) of a problem."""
    window = f["dilation"] * (f["kernel_size"] - 1) + 1
    length = (f["length"] + sum(f["padding"]) - window) // f["stride"] + 1
    fan_in = f["in_channels"] // f["num_groups"] * f["kernel_size"]
    outputs = f["batch"] * length * f["out_channels"]
    inputs = f["batch"] * f["length"] * f["in_channels"]
    return 2 * outputs * fan_in, inputs + outputs + f["out_channels"] * fan_in


def least_seconds(line):
    dtype = line["problem"]["dtype"]
    operations, elements = sizes(line["problem"])
    rate = line["ceilings"]["bfloat16" if dtype == "bfloat16" else "float32"]
    return max(operations / rate,
               elements * (4 if dtype == "float32" else 2) / line["ceilings"]["copy"])


def best(samples, names):
    """The name with the lowest median."""
    return min((name for name in names if name in samples),
               key=lambda name: statistics.median(samples[name]), default=None)


def paired_ratio(peer, ours):
    return statistics.median(p / o for p, o in zip(peer, ours))


class Row(typing.NamedTuple):
    """What a layer adds to the table."""
    problem: dict
    peer: str
    alone: float
    fastest: float
    over_onednn: float | None
    with_onednn: float
    of_limit: float


def row_of(line):
    """None where one side has no samples."""
    samples, ours, vendor = line["samples"], line["generated"], line["vendor"]
    if ours not in samples:
        return None
    peer = best(samples, [name for name in samples if name != ours])
    if peer is None:
        return None
    fastest = min(min(samples[name]) for name in samples if name != ours)
    return Row(
        problem=line["problem"], peer=peer,
        alone=paired_ratio(samples[peer], samples[ours]),
        fastest=fastest / min(samples[ours]),
        over_onednn=paired_ratio(samples[vendor], samples[ours]) if vendor in samples else None,
        with_onednn=paired_ratio(samples[peer], samples[best(samples, [ours, vendor])]),
        of_limit=least_seconds(line) / statistics.median(samples[ours]))


def geometric_mean(values):
    return math.exp(statistics.fmean(map(math.log, values)))


def described(f):
    """Like "1x3000x80 → 384, K3 s2 p1,1, NCL", without strides, … of 1 and paddings of 0."""
    parts = [f"K{f['kernel_size']}"]
    parts += [f"{letter}{f[key]}" for letter, key in (("s", "stride"), ("d", "dilation"),
                                                      ("g", "num_groups")) if f[key] != 1]
    if any(f["padding"]):
        parts.append("p{},{}".format(*f["padding"]))
    return (f"{f['batch']}x{f['length']}x{f['in_channels']} → {f['out_channels']}, "
            f"{' '.join(parts)}, {f['layout']}")


def kind_of(shape_class, math):
    """Which of the kinds of problem that have an aim of their own: dense, depthwise, grouped, few
    channels; what math winograd allows apart."""
    if math != "ieee":
        return f"{kind_of(shape_class, 'ieee')}, {math}"
    if shape_class.startswith(("1x1", "dense", "dilated", "strided")):
        return "dense"
    if shape_class.startswith(("stem", "head", "small-C")):
        return "few channels"
    return "depthwise" if shape_class.startswith("depthwise") else shape_class or "no class"


def table(lines):
    kinds = {}
    for line in lines:
        if (row := row_of(line)) is not None:
            key = (line["threads"], kind_of(line["shape_class"], line["problem"]["math"]),
                   line["problem"]["dtype"])
            kinds.setdefault(key, []).append(row)
    text = ["| threads | class | dtype | problems | ratio | fastest | over oneDNN | with oneDNN | "
            "of limit | worst | which |", "|---|---|---|---|---|---|---|---|---|---|---|"]
    for key, rows in sorted(kinds.items()):
        def mean(name):
            values = [value for row in rows if (value := getattr(row, name)) is not None]
            return f"{geometric_mean(values):.2f}" if values else ""

        worst = min(rows, key=lambda row: row.alone)
        cells = [*key, len(rows), mean("alone"), mean("fastest"), mean("over_onednn"),
                 f"{mean('with_onednn')}, {min(row.with_onednn for row in rows):.2f}",
                 f"{geometric_mean([row.of_limit for row in rows]):.0%}", f"{worst.alone:.2f}",
                 f"{described(worst.problem)} ({worst.peer.partition('{')[0]})"]
        text.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(text)


if __name__ == "__main__":
    print(table([line for path in sys.argv[1:] for line in read(pathlib.Path(path))]))
