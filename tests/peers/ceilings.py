#!/usr/bin/env python3
"""What this GPU does at most: copy bandwidth, and a matrix product of each type, by PyTorch.

Usage: ceilings.py OUTPUT.json. Bytes count what is read and what is written.
"""

import json
import pathlib
import sys

import torch

COPY_BYTES = 4 << 30
SIZE = 8192
TYPES = {"bfloat16": (torch.bfloat16, False), "float16": (torch.float16, False),
         "tf32": (torch.float32, True), "float32": (torch.float32, False)}


def best_seconds(function, repeats=10):
    for _ in range(3):
        function()
    times = []
    for _ in range(repeats):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        function()
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end) / 1e3)
    return min(times)


def main():
    source = torch.empty(COPY_BYTES // 4, device="cuda").uniform_()
    target = torch.empty_like(source)
    found = {"device": torch.cuda.get_device_name(),
             "copy_bytes_per_second": 2 * COPY_BYTES / best_seconds(lambda: target.copy_(source))}
    del source, target
    for name, (dtype, tf32) in TYPES.items():
        torch.backends.cuda.matmul.allow_tf32 = tf32
        a, b = (torch.randn(SIZE, SIZE, device="cuda").to(dtype) for _ in range(2))
        found[f"{name}_flops"] = 2 * SIZE**3 / best_seconds(lambda: torch.mm(a, b))
        # Each is written as it is found: the run may be cut off.
        pathlib.Path(sys.argv[1]).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
