#!/usr/bin/env python3
"""convtune run against PyTorch: shapes of other projects' tests, both layouts, three dtypes, and
the activations in turn.

PyTorch computes in float64 from inputs rounded to the dtype. An output may differ by
  A · c · 2⁻²⁴ · (|bias| + Σ|x·w|) + ε(dtype) · |y| + s,    c = 4·√n + 4, n = K·Cin/G,
c larger by 8 with an activation, A how much that can amplify an error, and s = half the least
subnormal of the dtype and n + 1 times that of float32; see kernels/tolerance.hpp.

Exit codes: 0 all equal, 1 a difference, a failed run or fewer shapes than asked for, 77 skipped,
for want of PyTorch.
"""

import argparse
import json
import math
import pathlib
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import torch
except ImportError as missing:
    print(f"skipped: no Python module {missing.name}")
    sys.exit(77)

from shapes import LAYOUTS, output_length, products, read_shapes

DTYPES = {  # torch type, ε, least subnormal
    "float32": (torch.float32, 2.0**-24, 2.0**-149),
    "float16": (torch.float16, 2.0**-11, 2.0**-24),
    "bfloat16": (torch.bfloat16, 2.0**-8, 2.0**-133),
}
functional = torch.nn.functional
ACTIVATIONS = {  # PyTorch's function, amplification
    "none": (lambda y: y, 1.0),
    "relu": (functional.relu, 1.0),
    "gelu": (functional.gelu, 1.13),
    "gelu_tanh": (lambda y: functional.gelu(y, approximate="tanh"), 1.13),
    "silu": (functional.silu, 1.1),
    "tanh": (torch.tanh, 1.0),
}


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary", help="the convtune program")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--count", type=int, default=600, help="how many shapes")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--most-products", type=float, default=2e7, help="leave out shapes with more multiply-adds"
    )
    return parser.parse_args()


def choose(sources, count, seed, most_products):
    """A seeded choice that takes from every source in turn until there are enough."""
    rng = np.random.default_rng(seed)
    queues = []
    for shapes in sources.values():
        fit = [s for s in shapes if output_length(s) >= 1 and 1 <= products(s) <= most_products]
        queues.append([fit[i] for i in rng.permutation(len(fit))])
    chosen = []
    while len(chosen) < count and any(queues):
        for queue in queues:
            if queue and len(chosen) < count:
                chosen.append(queue.pop())
    return chosen


class Case:
    """One shape with random inputs."""

    def __init__(self, shape, activation, seed):
        rng = np.random.default_rng(seed)
        depth = shape["in_channels"] // shape["num_groups"]
        draw = lambda *size: torch.from_numpy(rng.standard_normal(size, dtype=np.float32))
        self.shape = shape
        self.activation = activation
        self.n = shape["kernel_size"] * depth
        self.x = draw(shape["batch"], shape["in_channels"], shape["length"])
        self.weight = draw(shape["out_channels"], depth, shape["kernel_size"])
        self.bias = draw(shape["out_channels"]) if seed % 2 else None

    def problem(self, layout, dtype):
        made = {k: v for k, v in self.shape.items() if k != "name"}
        return {**made, "has_bias": self.bias is not None, "layout": layout, "dtype": dtype,
                "activation": self.activation}

    def save(self, folder, layout, dtype):
        """Writes the inputs in `layout`; returns the line that asks for this run."""
        permute = layout == "NLC"
        arrays = {
            "input": self.x.permute(0, 2, 1) if permute else self.x,
            "weight": self.weight.permute(2, 1, 0) if permute else self.weight,
        }
        if self.bias is not None:
            arrays["bias"] = self.bias
        line = {"problem": self.problem(layout, dtype), "output": str(folder / "output.npy")}
        folder.mkdir()
        for name, array in arrays.items():
            line[name] = str(folder / f"{name}.npy")
            np.save(line[name], np.ascontiguousarray(array.numpy()))
        return line

    def reference(self, dtype):
        """y in PyTorch's order, and the largest allowed difference."""
        kind, epsilon, subnormal = DTYPES[dtype]
        rounded = lambda t: None if t is None else t.to(kind).double()
        x, weight, bias = rounded(self.x), rounded(self.weight), rounded(self.bias)

        def conv(a, b, c):
            padded = functional.pad(a, self.shape["padding"])
            s = self.shape
            return functional.conv1d(padded, b, c, s["stride"], 0, s["dilation"], s["num_groups"])

        activate, amplification = ACTIVATIONS[self.activation]
        y = activate(conv(x, weight, bias))
        magnitude = conv(x.abs(), weight.abs(), None if bias is None else bias.abs())
        roundings = 4 * math.sqrt(self.n) + 4 + (8 if self.activation != "none" else 0)
        allowed = amplification * roundings * 2.0**-24 * magnitude + epsilon * y.abs()
        return y, allowed + subnormal / 2 + (self.n + 1) * 2.0**-149


def run_all(binary, device, lines, folder):
    """Runs every line in one process; returns whether it succeeded."""
    requests = folder / "requests.jsonl"
    requests.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    command = [binary, "run", "--list", str(requests), "--device", device]
    result = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if result.returncode != 0:
        print(f"{' '.join(command)} ended with {result.returncode}: {result.stderr.strip()}")
    return result.returncode == 0


def worst_ratio(case, line, dtype):
    """max |y − reference| / allowed; infinite if y has the wrong shape or is not finite."""
    y, allowed = case.reference(dtype)
    found = torch.from_numpy(np.load(line["output"])).double()
    if line["problem"]["layout"] == "NLC":
        found = found.permute(0, 2, 1)
    if found.shape != y.shape or not bool(torch.isfinite(found).all()):
        return math.inf
    return float(((found - y).abs() / allowed).max())


def compare(arguments, cases, layout, dtype):
    """The ratios of all cases; empty if they could not be run."""
    with tempfile.TemporaryDirectory(prefix="convtune-peers-") as name:
        folder = pathlib.Path(name)
        lines = [c.save(folder / str(i), layout, dtype) for i, c in enumerate(cases)]
        if not run_all(arguments.binary, arguments.device, lines, folder):
            return []
        return [worst_ratio(case, line, dtype) for case, line in zip(cases, lines)]


def main():
    arguments = parse_arguments()
    shapes = choose(read_shapes(), arguments.count, arguments.seed, arguments.most_products)
    if len(shapes) < arguments.count:
        print(f"{len(shapes)} shapes fit, but {arguments.count} were asked for")
        return 1
    # Three in a row have one activation: with and without bias, and by each source.
    turns = [name for name in ACTIVATIONS for _ in range(3)]
    cases = [Case(shape, turns[i % len(turns)], arguments.seed * 100_000 + i)
             for i, shape in enumerate(shapes)]
    faults = 0
    for dtype in DTYPES:
        for layout in LAYOUTS:
            ratios = compare(arguments, cases, layout, dtype)
            wrong = [i for i, ratio in enumerate(ratios) if not ratio <= 1]
            for i in wrong[:10]:
                print(f"differs {ratios[i]:.3g} times the tolerance: "
                      f"{json.dumps(cases[i].problem(layout, dtype))}")
            faults += len(wrong) if ratios else 1
            print(f"{dtype} {layout}: {len(ratios) - len(wrong)} of {len(cases)} shapes equal, "
                  f"worst {max(ratios, default=math.nan):.3f} of the tolerance")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
