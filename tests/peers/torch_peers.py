#!/usr/bin/env python3
"""PyTorch's time for every problem that convtune has tuned on this machine, as rows of the same
database: vendor rows of families that no build has, so that they are never chosen.

Each problem is stored before the next one starts, and one that has its rows is left out, so that a
run which is cut off goes on where it was. Usage: torch_peers.py CONVTUNE --results DIR
Exit codes: 0 all measured, 1 a peer failed, 5 cut off, 77 skipped, for want of PyTorch.
"""

import argparse
import json
import math
import os
import pathlib
import platform
import shlex
import subprocess
import sys
import time

try:
    import torch
    import torch_timing
except ImportError as missing:
    print(f"skipped: no Python module {missing.name}")
    sys.exit(77)

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
ACTIVATIONS = {
    "none": lambda y: y,
    "relu": torch.relu,
    "gelu": torch.nn.functional.gelu,
    "gelu_tanh": lambda y: torch.nn.functional.gelu(y, approximate="tanh"),
    "silu": torch.nn.functional.silu,
    "tanh": torch.tanh,
}


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("convtune", help="the convtune program")
    parser.add_argument("--results", required=True, type=pathlib.Path, help="holds convtune.db")
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--layers", type=pathlib.Path, help="problems to begin with")
    parser.add_argument("--compiled", type=int, default=12,
                        help="problems that torch.compile is tried on: it is slow")
    return parser.parse_args()


def exported(arguments):
    done = subprocess.run([arguments.convtune, "db", "export", "--db",
                           str(arguments.results / "convtune.db")],
                          capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def is_peer(config):
    return config.startswith("torch_")


class Problem:
    """One problem with random arrays, and the ways in which PyTorch computes it."""

    def __init__(self, fields, device):
        self.fields = fields
        self.device = device
        self.dtype = DTYPES[fields["dtype"]]
        generator = torch.Generator().manual_seed(1)

        def draw(*size):
            values = torch.rand(size, generator=generator) * 2 - 1
            return values.to(device=device, dtype=self.dtype)

        f = fields
        self.x = draw(f["batch"], f["in_channels"], f["length"])
        if f["layout"] == "NLC":
            self.x = self.x.transpose(1, 2).contiguous()
        self.weight = draw(f["out_channels"], f["in_channels"] // f["num_groups"], f["kernel_size"])
        self.bias = draw(f["out_channels"]) if f["has_bias"] else None
        self.weight_2d = self.weight.unsqueeze(2).contiguous(memory_format=torch.channels_last)
        self.activate = ACTIVATIONS[f["activation"]]

    def ncl(self, x):
        return x.transpose(1, 2) if self.fields["layout"] == "NLC" else x

    def as_layout(self, y):
        return (y.transpose(1, 2) if self.fields["layout"] == "NLC" else y).contiguous()

    def padded(self, x):
        """x and what is left for the convolution to pad: it knows symmetric padding only."""
        left, right = self.fields["padding"]
        if left == right:
            return x, left
        return torch.nn.functional.pad(x, (left, right)), 0

    def conv1d(self, x):
        f = self.fields
        x, padding = self.padded(self.ncl(x))
        y = torch.nn.functional.conv1d(x, self.weight, self.bias, f["stride"], padding,
                                       f["dilation"], f["num_groups"])
        return self.as_layout(self.activate(y))

    def channels_last(self, x):
        f = self.fields
        x, padding = self.padded(self.ncl(x))
        x = x.unsqueeze(2).contiguous(memory_format=torch.channels_last)
        y = torch.nn.functional.conv2d(x, self.weight_2d, self.bias, (1, f["stride"]),
                                       (0, padding), (1, f["dilation"]), f["num_groups"])
        return self.as_layout(self.activate(y).squeeze(2))

    def worst_error(self, function):
        """max |y − float64's| / tolerance, which is that of kernels/tolerance.hpp. Rounding before
        bias and activation, which PyTorch does, may exceed it."""
        f = self.fields
        exact = Problem.__new__(Problem)
        exact.fields = f
        exact.activate = self.activate
        exact.weight = self.weight.double()
        exact.bias = None if self.bias is None else self.bias.double()
        reference = exact.conv1d(self.x.double())
        exact.weight, exact.activate = exact.weight.abs(), ACTIVATIONS["none"]
        exact.bias = None if exact.bias is None else exact.bias.abs()
        magnitude = exact.conv1d(self.x.double().abs())
        n = f["kernel_size"] * f["in_channels"] // f["num_groups"]
        epsilon = {"float32": 2**-24, "float16": 2**-11, "bfloat16": 2**-8}[f["dtype"]]
        product = 2**-11 if f["math"] == "tf32" else 0
        allowed = (((4 * math.sqrt(n) + 4) * 2**-24 + 2 * product) * magnitude
                   + epsilon * reference.abs() + 2**-126)
        ratio = ((function(self.x).double() - reference).abs() / allowed).max()
        return float(ratio)

    def samples(self, function):
        copies = lambda: self.x.clone()
        if self.device == "cpu":
            return torch_timing.CpuTimer(copies).samples(function)
        y = function(self.x)
        bytes_of_run = (self.x.numel() + y.numel()) * self.x.element_size()
        return torch_timing.CudaTimer(copies, bytes_of_run).samples(function)


def set_math(fields):
    """TF32 only where the problem asks for it; the fastest of cuDNN's engines."""
    tf32 = fields["math"] == "tf32"
    torch.backends.cuda.matmul.allow_tf32 = tf32
    torch.backends.cudnn.allow_tf32 = tf32
    torch.backends.cudnn.benchmark = True


def versions():
    text = f"PyTorch {torch.__version__}"
    if torch.backends.cudnn.is_available():
        text += f" cuDNN {torch.backends.cudnn.version()}"
    return text


def now():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def ways_of(problem, with_compile):
    yield "torch_conv1d{}", problem.conv1d
    yield "torch_conv2d_channels_last{}", problem.channels_last
    if with_compile and hasattr(torch, "compile"):
        yield "torch_compile{}", torch.compile(problem.conv1d, mode="max-autotune-no-cudagraphs")


def measured(problem, config, function, identity, run):
    row = {"problem": problem.fields, "device": identity, "config": config,
           "source_digest": versions(), "origin": "vendor", "implementation": "",
           "outcome": "ok", "reason": "", "samples": [], "worst_error_ratio": 0.0,
           "checked_outputs": 0, "bytes": 0.0, "flops": 0.0, "clock_mhz": 0.0, "turn": 0,
           "measured_at": now(), "run": run}
    try:
        row["worst_error_ratio"] = problem.worst_error(function)
        row["samples"] = problem.samples(function)
        row["checked_outputs"] = problem.conv1d(problem.x).numel()
        if not math.isfinite(row["worst_error_ratio"]):
            row["worst_error_ratio"] = None
    except RuntimeError as error:  # whatever PyTorch cannot do, or has no memory for
        row |= {"outcome": "failed", "reason": str(error).splitlines()[0][:300]}
    return row


def store(arguments, device, run, rows):
    document = {"format": "convtune-export", "schema": 5, "devices": [device], "runs": [run],
                "labels": [], "measurements": rows, "verdicts": []}
    file = arguments.results / "peers.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    subprocess.run([arguments.convtune, "db", "import", "--db",
                    str(arguments.results / "convtune.db"), str(file)],
                   check=True, stdout=subprocess.DEVNULL)
    file.unlink()


def to_do(export, identity, first):
    """Decided problems without peers' rows, those of `first` ahead."""
    have = {json.dumps(m["problem"]) for m in export["measurements"] if is_peer(m["config"])}
    rest = [v["problem"] for v in export["verdicts"]
            if v["device"] == identity and json.dumps(v["problem"]) not in have]
    sizes = lambda f: [f[k] for k in ("length", "in_channels", "out_channels", "kernel_size")]
    ahead = [sizes(f) for f in first]
    return sorted(rest, key=lambda f: sizes(f) not in ahead)


def main():
    arguments = parse_arguments()
    export = exported(arguments)
    devices = [d for d in export["devices"] if d["kind"] == arguments.device]
    if not devices:
        print(f"nothing is tuned on {arguments.device} yet")
        return 5
    device = devices[0]
    compiled = sum(m["config"] == "torch_compile{}" for m in export["measurements"])
    first = json.loads(arguments.layers.read_text(encoding="utf-8")) if arguments.layers else []
    started = now()
    run = {"id": f"{started}-torch-{os.getpid()}", "device": device["identity"],
           "tool_version": "", "tool_commit": "", "command": shlex.join(sys.argv), "host_os": platform.platform(),
           "compiler": "", "build_flags": "", "libraries": "", "driver": "", "nvrtc": versions(), "started_at": started, "seed": 1}
    failed = 0
    for fields in to_do(export, device["identity"], first):
        set_math(fields)
        problem = Problem(fields, arguments.device)
        rows = []
        for config, function in ways_of(problem, compiled < arguments.compiled):
            rows.append(measured(problem, config, function, device["identity"], run["id"]))
        compiled += any(row["config"] == "torch_compile{}" for row in rows)
        failed += sum(row["outcome"] != "ok" for row in rows)
        store(arguments, device, run, rows)
        best = min((torch_timing.median(r["samples"]) for r in rows if r["samples"]), default=0)
        print(f"{best * 1e6:10.2f} us  {json.dumps(fields)}", flush=True)
        del problem, rows
    if failed:
        print(f"{failed} peers failed, which their rows say")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(5)
