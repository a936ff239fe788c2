"""Times PyTorch as convtune times its own candidates: on a GPU a graph of launches over rotating
buffers with a cold L2 cache, on the CPU consecutive runs."""

import math
import time

import torch

LEAST_SAMPLE_SECONDS = 1e-3
MOST_RUNS = 1000
SAMPLES = 10


def runs_for(once):
    return int(min(max(LEAST_SAMPLE_SECONDS / max(once, 1e-9), 1), MOST_RUNS))


class CpuTimer:
    def __init__(self, make_input):
        self.x = make_input()

    def stretch(self, function, runs):
        start = time.perf_counter()
        for _ in range(runs):
            function(self.x)
        return (time.perf_counter() - start) / runs

    def samples(self, function):
        self.stretch(function, 2)
        runs = runs_for(self.stretch(function, 1))
        return [self.stretch(function, runs) for _ in range(SAMPLES)]


class CudaTimer:
    """`make_input` gives a new copy of the input; `bytes_of_run` is what a run reads and writes."""

    def __init__(self, make_input, bytes_of_run):
        l2 = torch.cuda.get_device_properties(0).L2_cache_size
        self.flush = torch.empty(2 * l2, dtype=torch.uint8, device="cuda")
        self.enough = 2 * l2 // max(bytes_of_run, 1) + 1
        self.make_input = make_input
        self.inputs = [make_input()]

    def graph(self, function, runs):
        while len(self.inputs) < min(runs, self.enough):
            self.inputs.append(self.make_input())
        side = torch.cuda.Stream()
        with torch.cuda.stream(side):  # what is chosen or compiled at the first call is so now
            for _ in range(3):
                function(self.inputs[0])
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        outputs = []  # kept, so that each run writes elsewhere
        with torch.cuda.graph(graph):
            for i in range(runs):
                outputs.append(function(self.inputs[i % len(self.inputs)]))
                if len(outputs) > self.enough:
                    outputs.pop(0)
        return graph

    def stretch(self, graph, runs):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        self.flush.zero_()
        start.record()
        graph.replay()
        end.record()
        end.synchronize()
        return start.elapsed_time(end) / 1e3 / runs

    def samples(self, function):
        some = 20
        graph = self.graph(function, some)
        self.stretch(graph, some)
        runs = runs_for(self.stretch(graph, some))
        del graph
        graph = self.graph(function, runs)
        self.stretch(graph, runs)
        return [self.stretch(graph, runs) for _ in range(SAMPLES)]


def median(values):
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def geometric_mean(values):
    return math.exp(sum(map(math.log, values)) / len(values)) if values else math.nan
