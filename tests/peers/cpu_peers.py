#!/usr/bin/env python3
"""The best generated CPU kernel beside oneDNN, PyTorch and ONNX Runtime, all in one run: of each
problem that convtune has tuned with this many threads, every round takes one sample of each of them.

Appends one line of JSON a problem to OUTPUT; a run that was cut off goes on where it was.
Prints the table of all lines, class by class. Usage: see --help.
Exit codes: 0 done, 1 a candidate of ours failed, 5 cut off, 77 skipped, for want of PyTorch.
"""

import argparse
import json
import os
import pathlib
import sys
import time

try:
    import torch
    import torch_peers
    import torch_timing
except ImportError as missing:
    print(f"skipped: no Python module {missing.name}")
    sys.exit(77)

import cpu_ceilings
import cpu_table
import onnx_peer
from convtune_worker import Worker

MOST_BYTES = 4 << 30
STRETCHES = 5
LONG_SECONDS = 5e-3
VERY_LONG_SECONDS = 0.1  # to wake threads, or to try once more, is little beside a call
ENDLESS_SECONDS = 2.0  # to compile and to pack, once, is little beside a call
HOPELESS = 3  # times as long as the fastest peer, in each of two samples (one of very long calls)
HOPELESS_AT_FIRST = 10  # the same of first calls, where they are very long
SETTLED = 1.0  # seconds after which threads that do not sleep are not waited for


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("convtune", help="the convtune program")
    parser.add_argument("output", type=pathlib.Path, help="lines of JSON, one a problem")
    parser.add_argument("--results", required=True, type=pathlib.Path, help="holds convtune.db")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begins no problem later")
    return parser.parse_args()


def bytes_of(fields):
    """What the arrays take in float32, and once more for a peer that copies them."""
    return 2 * 4 * cpu_table.sizes(fields)[1]


def tuned(arguments):
    """(verdict, shape class) of each problem that was tuned with this many threads."""
    export = torch_peers.exported(arguments)
    here = {d["identity"] for d in export["devices"]
            if d["kind"] == "cpu" and d["units"] == arguments.threads}
    classes = {json.dumps(row["problem"]): row["shape_class"] for row in export["labels"]}
    return [(v, classes.get(json.dumps(v["problem"]), "")) for v in export["verdicts"]
            if v["device"] in here and v["best_generated"]]


def settle():
    """Until this process's threads sleep: they spin in wait of more, ONNX Runtime's for 50 ms."""
    end = time.monotonic() + SETTLED
    while time.monotonic() < end:
        before = time.process_time()
        time.sleep(0.02)
        if time.process_time() - before < 0.002:
            return


class Peer:
    """A function of x, with the runs that make a stretch long enough. As with our own candidates, a
    sample is the fastest of some stretches, unless one is long. The first calls choose, pack and
    compile whatever there is to."""

    def __init__(self, function, x):
        self.timer = torch_timing.CpuTimer(lambda: x)
        self.function = function
        once = self.timer.stretch(function, 1)
        if once < ENDLESS_SECONDS:
            once = min(once, self.timer.stretch(function, 1))
        self.at_first = once
        self.is_very_long = once > VERY_LONG_SECONDS
        if not self.is_very_long:
            self.timer.stretch(function, 1)
            once = self.timer.stretch(function, 1)
        self.runs = torch_timing.runs_for(once)
        self.stretches = STRETCHES if once < LONG_SECONDS else 1
        self.samples = []

    def take_sample(self):
        if not self.is_very_long:
            self.timer.stretch(self.function, 1)  # wakes its threads
        self.samples.append(min(self.timer.stretch(self.function, self.runs)
                                for _ in range(self.stretches)))


def peers_of(fields):
    """{name: Peer}, and {name: why there is none}."""
    problem = torch_peers.Problem(fields, "cpu")
    makers = {config.removesuffix("{}"): lambda function=function: function
              for config, function in torch_peers.ways_of(problem, with_compile=False)}
    makers["onnxruntime"] = lambda: onnx_peer.function_of(problem, torch.get_num_threads())
    peers, failures = {}, {}
    for name, make in makers.items():
        try:
            peers[name] = Peer(make(), problem.x)
        except (RuntimeError, onnx_peer.Unsupported) as error:
            failures[name] = str(error).splitlines()[0][:200]
    leave_out_hopeless(peers, failures, very_long_alone=True)
    return peers, failures


def leave_out_hopeless(peers, failures, very_long_alone=False):
    """By their best samples so far, or before there are any by their first calls."""
    at_first = any(not peer.samples for peer in peers.values())
    best = {name: peer.at_first if at_first else min(peer.samples) for name, peer in peers.items()}
    hopeless = HOPELESS_AT_FIRST if at_first else HOPELESS
    fastest = min(best.values(), default=0)
    for name, seconds in best.items():
        if seconds > hopeless * fastest and (peers[name].is_very_long or not very_long_alone):
            del peers[name]
            failures[name] = f"takes {seconds / fastest:.1f} times as long as the fastest peer"


def measure(worker, verdict, rounds):
    """{config or peer: samples} and {the same: why it has none}."""
    fields = verdict["problem"]
    configs = [config for config in (verdict["best_generated"], verdict["best_vendor"]) if config]
    peers, failures = peers_of(fields)
    samples = {config: [] for config in configs}
    for done in range(1, rounds + 1):
        settle()
        for row in worker.one_round(fields, configs):
            samples[row["config"]] += row["samples"]
            if row["outcome"] != "ok":
                failures[row["config"]] = row["reason"]
        for peer in peers.values():
            settle()
            peer.take_sample()
        if done in (1, 2) and done < rounds:
            leave_out_hopeless(peers, failures, very_long_alone=done == 1)
    samples |= {name: peer.samples for name, peer in peers.items()}
    return {name: taken for name, taken in samples.items() if len(taken) == rounds}, failures


def run(arguments, worker, lines):
    """Appends to `lines` and to the output; True if the time was enough for all."""
    have = {json.dumps(line["problem"]) for line in lines}
    ceilings = cpu_ceilings.Ceilings()
    started = time.monotonic()
    with arguments.output.open("a", encoding="utf-8") as output:
        for verdict, shape_class in tuned(arguments):
            fields = verdict["problem"]
            if json.dumps(fields) in have or bytes_of(fields) > MOST_BYTES:
                continue
            if time.monotonic() - started > arguments.seconds:
                return False
            samples, failures = measure(worker, verdict, arguments.rounds)
            lines.append({"problem": fields, "shape_class": shape_class,
                          "threads": arguments.threads, "generated": verdict["best_generated"],
                          "vendor": verdict["best_vendor"], "ceilings": ceilings.now(),
                          "samples": samples, "failures": failures})
            print(json.dumps(lines[-1]), file=output, flush=True)  # the run may be cut off
    return True


def main():
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    torch.set_grad_enabled(False)
    # oneDNN's threads would spin for milliseconds beside our own: the tuner's workers have this, too.
    environment = {"GOMP_SPINCOUNT": "1000"} | os.environ
    environment |= {"CONVTUNE_NUM_THREADS": str(arguments.threads)}
    lines = cpu_table.read(arguments.output)
    with Worker(arguments.convtune, environment) as worker:
        whole = run(arguments, worker, lines)
    print(cpu_table.table(lines))
    if any(line["generated"] not in line["samples"] for line in lines):
        return 1
    return 0 if whole else 5


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(5)
