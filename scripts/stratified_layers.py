#!/usr/bin/env python3
"""Prints a layers file of COUNT problems of a layers file, without one of the core list, one of each
stratum in turn.

A stratum is a shape class with a layout and a dtype, so that even a short list shows them all.
Usage: stratified_layers.py COUNT [FILE]
"""

import json
import pathlib
import sys

MODELS = pathlib.Path(__file__).parent.parent / "tuner" / "layers" / "models.json"
IDENTITY = ("batch", "length", "in_channels", "out_channels", "kernel_size", "stride", "padding",
            "dilation", "num_groups", "has_bias", "layout", "dtype")


def problems(layers):
    """Each layer once for each of its dtypes; the first of equal problems."""
    seen = set()
    for layer in layers:
        for dtype in layer.get("dtypes") or [layer.get("dtype", "float32")]:
            problem = {k: v for k, v in layer.items() if k != "dtypes"} | {"dtype": dtype}
            identity = json.dumps([problem.get(key) for key in IDENTITY])
            if identity not in seen:
                seen.add(identity)
                yield problem


def stratified(layers, count):
    strata = {}
    for problem in problems(layers):
        key = (problem.get("shape_class", ""), problem.get("layout", "NLC"), problem["dtype"])
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
    file = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else MODELS
    layers = json.loads(file.read_text(encoding="utf-8"))
    if file is MODELS:
        layers = [layer for layer in layers if layer["core"]]
    lines = [json.dumps(each) for each in stratified(layers, int(sys.argv[1]))]
    print("[" + ",\n".join(lines) + "]")


if __name__ == "__main__":
    main()
