#!/usr/bin/env python3
"""What a call costs through Python: CPU time of one thread, on shapes from tiny to real.

Usage: PYTHONPATH=runtime/python CONVTUNE_LIBRARY=build/default/libconvtune.so python_overhead.py.
Needs NumPy and PyTorch. The columns are medians over rounds in which all callers take turns:
  C         convtune_conv1d_run through ctypes, in µs
  Conv1D    convtune.Conv1D on a NumPy array, and on a tensor, over C
  Conv1d    convtune.torch.Conv1d over C
  PyTorch   torch.nn.Conv1d over convtune.torch.Conv1d: above 1, ours is faster"""

import os
import statistics
import time

os.environ["CONVTUNE_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"

import numpy  # noqa: E402
import torch  # noqa: E402

import convtune  # noqa: E402
import convtune.torch  # noqa: E402

SHAPES = [(4, 4, 3, 8), (32, 32, 3, 100), (80, 384, 3, 300), (256, 256, 3, 500)]
ROUNDS, SECONDS_A_ROUND = 15, 0.02


def callers(inputs, outputs, taps, length):
    """Each a function of no arguments that does the same convolution."""
    plain = torch.nn.Conv1d(inputs, outputs, taps, padding=taps // 2)
    module = convtune.torch.Conv1d(inputs, outputs, taps, padding=taps // 2)
    module.load_state_dict(plain.state_dict())
    conv = convtune.Conv1D(taps, inputs, outputs, "float32", padding=taps // 2, has_bias=True,
                           permute=True)
    conv.load_state_dict(plain.state_dict())
    x, y = torch.randn(1, inputs, length), numpy.empty((1, outputs, length), "float32")
    array, handle = x.numpy(), conv._handle
    addresses = array.ctypes.data, y.ctypes.data
    return {"C": lambda: handle.run(1, length, *addresses, None),
            "numpy": lambda: conv(array, out=y), "tensor": lambda: conv(x), "module": lambda: module(x), "plain": lambda: plain(x)}


def seconds(call, count):
    start = time.process_time()
    for _ in range(count):
        call()
    return (time.process_time() - start) / count


def medians(each):
    counts = {name: max(1, round(SECONDS_A_ROUND / seconds(call, 50)))
              for name, call in each.items()}
    rounds = [{name: seconds(call, counts[name]) for name, call in each.items()}
              for _ in range(ROUNDS)]
    return {name: statistics.median(times[name] for times in rounds) for name in each}


torch.set_num_threads(1)
print("Cin  Cout  K  L     C      Conv1D numpy  tensor  Conv1d  PyTorch")
with torch.no_grad():
    for shape in SHAPES:
        t = medians(callers(*shape))
        print("{:<4} {:<5} {:<2} {:<4}".format(*shape), f"{t['C'] * 1e6:6.1f}",
              f"{t['numpy'] / t['C']:12.2f}", f"{t['tensor'] / t['C']:7.2f}",
              f"{t['module'] / t['C']:7.2f}", f"{t['plain'] / t['module']:8.2f}")
