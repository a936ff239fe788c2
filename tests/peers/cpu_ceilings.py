"""What this CPU does at most, by PyTorch: a large matrix product, and a large copy."""

import statistics
import time

import torch

SIZE = 1024
COPY_BYTES = 256 << 20  # far beyond any cache
EVERY = 20  # problems, so that a busy minute spoils few


def seconds(function, repeats=3):
    def once():
        start = time.perf_counter()
        function()
        return time.perf_counter() - start

    return min(once() for _ in range(repeats))


class Ceilings:
    """Measured again and again during a run, the median of which counts."""

    def __init__(self):
        square = torch.rand(SIZE, SIZE)
        self.factors = {"float32": square, "bfloat16": square.bfloat16()}
        self.source = torch.rand(COPY_BYTES // 4)
        self.target = torch.empty_like(self.source)
        self.found = {name: [] for name in (*self.factors, "copy")}
        self.asked = 0

    def take_sample(self):
        for name, a in self.factors.items():
            self.found[name].append(2 * SIZE**3 / seconds(lambda: a @ a))
        self.found["copy"].append(2 * COPY_BYTES / seconds(lambda: self.target.copy_(self.source)))

    def now(self):
        """Operations a second by dtype, and the bytes read and written a second of "copy"."""
        if self.asked % EVERY == 0:
            self.take_sample()
        self.asked += 1
        return {name: statistics.median(values) for name, values in self.found.items()}
