#!/usr/bin/env python3
"""The shapes of other projects' tests and benchmarks (shapes.json).

As a program it prints them as a layers file, each in both layouts and all dtypes, and once more with
math winograd where that may have kernels of its own:
  shapes.py > FILE; convtune check --layers FILE --device cpu
"""

import itertools
import json
import pathlib

LAYOUTS = ("NLC", "NCL")
DTYPES = ("float32", "float16", "bfloat16")


def read_shapes():
    """All shapes, by the source they come from."""
    text = pathlib.Path(__file__).with_name("shapes.json").read_text(encoding="utf-8")
    data = json.loads(text)
    sources = {}
    for source, rows in data["sources"].items():
        shapes = [dict(zip(data["keys"], row)) for row in rows]
        for shape in shapes:
            shape["padding"] = [shape.pop("padding_left"), shape.pop("padding_right")]
        sources[source] = shapes
    return sources


def output_length(shape):
    reach = shape["dilation"] * (shape["kernel_size"] - 1)
    return (shape["length"] + sum(shape["padding"]) - reach - 1) // shape["stride"] + 1


def products(shape):
    """Multiply-adds of the whole convolution."""
    per_output = shape["kernel_size"] * shape["in_channels"] // shape["num_groups"]
    return shape["batch"] * output_length(shape) * shape["out_channels"] * per_output


def maths(shape):
    """Those that differ: Winograd's kernels have three taps at stride 1 of groups of many channels."""
    fewest = min(shape["in_channels"], shape["out_channels"]) // shape["num_groups"]
    has_winograd = shape["kernel_size"] == 3 and shape["stride"] == 1 and fewest >= 32
    return ("ieee", "winograd") if has_winograd else ("ieee",)


def layers():
    """The entries of a layers file, but of shapes without an output."""
    for source, shapes in read_shapes().items():
        for shape in shapes:
            if shape["batch"] < 1 or output_length(shape) < 1:
                continue
            sizes = {key: value for key, value in shape.items() if key != "name"}
            for layout, math in itertools.product(LAYOUTS, maths(shape)):
                yield {"model": source, "layer": shape["name"], "layout": layout, "math": math,
                       "dtypes": DTYPES, **sizes}


def main():
    print("[" + ",\n".join(json.dumps(layer) for layer in layers()) + "]")


if __name__ == "__main__":
    main()
