#!/usr/bin/env python3
"""Prints a layers file of COUNT problems of the core list, one of each stratum in turn.

A stratum is a shape class with a layout and a dtype, so that even a short list shows them all.
Usage: stratified_layers.py COUNT
"""

import json
import pathlib
import sys

MODELS = pathlib.Path(__file__).parent.parent / "tuner" / "layers" / "models.json"
IDENTITY = ("batch", "length", "in_channels", "out_channels", "kernel_size", "stride", "padding",
            "dilation", "num_groups", "has_bias", "layout", "dtype")


def problems(layers):
    """Each core layer once for each of its dtypes; the first of equal problems."""
    seen = set()
    for layer in layers:
        if not layer.get("core"):
            continue
        for dtype in layer["dtypes"]:
            problem = {k: v for k, v in layer.items() if k != "dtypes"} | {"dtype": dtype}
            identity = json.dumps([problem.get(key) for key in IDENTITY])
            if identity not in seen:
                seen.add(identity)
                yield problem


def stratified(layers, count):
    strata = {}
    for problem in problems(layers):
        key = (problem["shape_class"], problem["layout"], problem["dtype"])
        strata.setdefault(key, []).append(problem)
    chosen = []
    queues = [strata[key] for key in sorted(strata)]
    while len(chosen) < count and any(queues):
        for queue in queues:
            if queue and len(chosen) < count:
                # Its middle: the list goes model by model, and neighbours are alike.
                chosen.append(queue.pop(len(queue) // 2))
    return chosen


def main():
    layers = json.loads(MODELS.read_text(encoding="utf-8"))
    lines = [json.dumps(each) for each in stratified(layers, int(sys.argv[1]))]
    print("[" + ",\n".join(lines) + "]")


if __name__ == "__main__":
    main()
