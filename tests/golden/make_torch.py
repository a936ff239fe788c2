#!/usr/bin/env python3
"""Writes torch.jsonl: convolutions computed by PyTorch in float64 (made with torch 1.13.1)."""

import math
import pathlib

import numpy as np
import torch
import torch.nn.functional as F

import golden_file

ACTIVATIONS = {
    "none": lambda y: y,
    "relu": F.relu,
    "gelu": F.gelu,
    "gelu_tanh": lambda y: F.gelu(y, approximate="tanh"),
    "silu": F.silu,
    "tanh": torch.tanh,
}
DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


def draw(rng, shape, kind, dtype):
    if kind == "integers":
        values = rng.integers(-4, 5, shape).astype(np.float64)
    else:
        values = rng.standard_normal(shape)
    return torch.from_numpy(values).to(DTYPES[dtype]).double()


def output_length(p):
    reach = p["dilation"] * (p["kernel_size"] - 1)
    return (p["length"] + sum(p["padding"]) - reach - 1) // p["stride"] + 1


def convolve(p, x, weight, bias):
    """y in PyTorch's order, float64. F.pad allows for unequal paddings."""
    padded = F.pad(x, p["padding"])
    y = F.conv1d(padded, weight, bias, p["stride"], 0, p["dilation"], p["num_groups"])
    return ACTIVATIONS[p["activation"]](y)


def case(name, p, kind="normal", seed=0, special=()):
    """`special`: (index, value) pairs put into x, in PyTorch's order."""
    defaults = {
        "batch": 1, "stride": 1, "padding": [0, 0], "dilation": 1, "num_groups": 1,
        "has_bias": False, "dtype": "float32", "math": "ieee", "layout": "NCL",
        "activation": "none",
    }  # fmt: skip
    p = {**defaults, **p}
    rng = np.random.default_rng(seed)
    x = draw(rng, (p["batch"], p["in_channels"], p["length"]), kind, p["dtype"])
    for index, value in special:
        x[index] = value
    depth = p["in_channels"] // p["num_groups"]
    weight = draw(rng, (p["out_channels"], depth, p["kernel_size"]), kind, p["dtype"])
    bias = draw(rng, p["out_channels"], kind, p["dtype"]) if p["has_bias"] else None
    y = convolve(p, x, weight, bias)
    if p["layout"] == "NLC":
        x, weight, y = x.permute(0, 2, 1), weight.permute(2, 1, 0), y.permute(0, 2, 1)
    made = {
        "name": name,
        "source": f"torch {torch.__version__.split('+')[0]}",
        "computed_in": "float64",
        "problem": p,
        "x": golden_file.numbers(x.flatten()),
        "weight": golden_file.numbers(weight.flatten()),
    }
    if bias is not None:
        made["bias"] = golden_file.numbers(bias)
    made["y"] = golden_file.numbers(y.flatten())
    return made


def shape(length, cin, cout, k, **rest):
    return {"length": length, "in_channels": cin, "out_channels": cout, "kernel_size": k, **rest}


NAMED = {
    "one_element": shape(1, 1, 1, 1),
    "only_padding_around_one_element": shape(1, 2, 3, 5, padding=[2, 2]),
    "output_of_one": shape(9, 3, 4, 9),
    "length_one_less_than_a_vector": shape(15, 4, 8, 3, padding=[1, 1]),
    "length_one_more_than_a_vector": shape(17, 4, 8, 3, padding=[1, 1]),
    "odd_channels": shape(19, 7, 13, 3, padding=[1, 1], has_bias=True),
    "pointwise": shape(21, 12, 10, 1, has_bias=True),
    "causal": shape(16, 4, 6, 3, padding=[8, 0], dilation=4),
    "anticausal": shape(16, 4, 6, 3, padding=[0, 8], dilation=4),
    "padding_wider_than_window": shape(6, 2, 3, 3, padding=[7, 5]),
    "padding_only_left_and_strided": shape(13, 2, 4, 4, padding=[3, 0], stride=2),
    "stride_larger_than_window": shape(23, 3, 4, 2, stride=5),
    "stride_leaves_a_remainder": shape(14, 3, 5, 3, stride=3),
    "window_larger_than_input": shape(4, 3, 2, 7, padding=[3, 3]),
    "dilation_larger_than_input": shape(5, 2, 2, 3, padding=[6, 6], dilation=6),
    "depthwise": shape(18, 12, 12, 5, padding=[2, 2], num_groups=12),
    "depthwise_causal": shape(18, 16, 16, 4, padding=[3, 0], num_groups=16, has_bias=True),
    "depthwise_with_multiplier": shape(15, 5, 15, 3, num_groups=5),
    "depthwise_strided_dilated": shape(27, 9, 9, 3, stride=2, dilation=3, num_groups=9),
    "groups_that_widen": shape(12, 6, 15, 3, num_groups=3, padding=[1, 1]),
    "groups_that_narrow": shape(12, 20, 5, 3, num_groups=5, padding=[1, 1]),
    "groups_of_four": shape(20, 16, 16, 8, num_groups=4, padding=[4, 3]),
    "long_kernel": shape(40, 4, 4, 33, padding=[16, 16], num_groups=2),
    "wide_stem": shape(64, 1, 8, 10, stride=5),
    "batch_of_three": shape(11, 4, 6, 3, batch=3, padding=[1, 1], has_bias=True),
    "many_channels": shape(6, 64, 24, 3, padding=[1, 1]),
}


def named_cases():
    for index, (name, p) in enumerate(NAMED.items()):
        for layout in ("NCL", "NLC"):
            kind = "integers" if index % 2 else "normal"
            yield case(f"{name}/{layout}", {**p, "layout": layout}, kind, seed=index)


def activation_cases():
    for index, activation in enumerate(ACTIVATIONS):
        for dtype in DTYPES:
            p = shape(12, 6, 8, 3, padding=[1, 1], has_bias=True, dtype=dtype, activation=activation)
            p["layout"] = ("NCL", "NLC")[index % 2]
            yield case(f"{activation}/{dtype}", p, seed=100 + index)


def special_value_cases():
    special = [((0, 0, 2), math.inf), ((0, 1, 9), -math.inf), ((0, 0, 16), math.nan)]
    for index, activation in enumerate(ACTIVATIONS):
        p = shape(20, 2, 3, 3, padding=[1, 1], activation=activation)
        yield case(f"not_finite/{activation}", p, seed=200 + index, special=special)


def random_cases(count):
    rng = np.random.default_rng(2026)
    made = 0
    while made < count:
        groups = int(rng.choice([1, 1, 1, 2, 3, 4, 8]))
        p = shape(
            int(rng.integers(1, 33)),
            groups * int(rng.integers(1, 5)),
            groups * int(rng.integers(1, 5)),
            int(rng.choice([1, 2, 3, 4, 5, 7, 11])),
            batch=int(rng.integers(1, 4)),
            stride=int(rng.integers(1, 5)),
            padding=[int(v) for v in rng.integers(0, 6, 2)],
            dilation=int(rng.choice([1, 1, 2, 3, 5])),
            num_groups=groups,
            has_bias=bool(rng.integers(2)),
            dtype=str(rng.choice(list(DTYPES))),
            layout=str(rng.choice(["NCL", "NLC"])),
            activation=str(rng.choice(["none", "none", *ACTIVATIONS])),
        )
        if output_length(p) >= 1:
            yield case(f"random/{made}", p, ("normal", "integers")[made % 2], seed=1000 + made)
            made += 1


def main():
    cases = [*named_cases(), *activation_cases(), *special_value_cases(), *random_cases(80)]
    golden_file.write(pathlib.Path(__file__).parent / "torch.jsonl", cases)
    print(f"{len(cases)} cases")


if __name__ == "__main__":
    main()
