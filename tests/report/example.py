"""Synthetic exports for the tests of the report: plausible in shape, invented in every figure. Run
it to write one: `python3 example.py LAYERS SEED > example.json`."""

import json
import math
import random
import sys

DEVICE = "cpu:example"
_SHAPES = (  # name, class, length, in, out, kernel, stride, dilation, groups
    ("stem", "stem (C_in<=8)", 16000, 1, 64, 10, 5, 1, 1),
    ("dense", "dense k>1", 3000, 80, 384, 3, 1, 1, 1),
    ("strided", "strided", 3000, 384, 384, 3, 2, 1, 1),
    ("dilated", "dilated", 8192, 64, 64, 3, 1, 4, 1),
    ("pointwise", "1x1", 1000, 512, 256, 1, 1, 1, 1),
    ("depthwise", "depthwise k5-15", 1500, 256, 256, 9, 1, 1, 256),
    ("positional", "grouped", 499, 768, 768, 128, 1, 1, 16),
)
_TILES = [(length, channels) for length in (4, 6, 8, 12, 16) for channels in (1, 2, 3, 4, 8)]


def problem(length=256, channels_in=64, channels_out=64, kernel=3, stride=1, dilation=1, groups=1,
            dtype="float32"):
    return {"batch": 1, "length": length, "in_channels": channels_in, "out_channels": channels_out,
            "kernel_size": kernel, "stride": stride, "padding": [dilation * (kernel - 1) // 2] * 2,
            "dilation": dilation, "num_groups": groups, "has_bias": True, "dtype": dtype,
            "math": "ieee", "layout": "NCL", "activation": "none"}


def cost(p):
    """(bytes, flops) of one run, each array moved once."""
    positions = -(-p["length"] // p["stride"])
    weights = p["kernel_size"] * p["in_channels"] // p["num_groups"] * p["out_channels"]
    size = 4 if p["dtype"] == "float32" else 2
    moved = p["length"] * p["in_channels"] + weights + positions * p["out_channels"]
    return size * moved, 2 * positions * weights


def measurement(p, config, origin, samples, outcome="ok", reason=""):
    moved, flops = cost(p)
    return {"problem": p, "device": DEVICE, "config": config, "source_digest": "0" * 32,
            "origin": origin, "implementation": "", "outcome": outcome, "reason": reason,
            "samples": samples, "worst_error_ratio": 0.04, "checked_outputs": 4096, "bytes": moved,
            "flops": flops, "clock_mhz": 0, "turn": 0, "measured_at": "2001-01-01T00:00:00Z", "run": "run-1"}


def _samples(rng, seconds, count=15):
    return [seconds * (1 + abs(rng.gauss(0, 0.015))) for _ in range(count)]


def _median(row):
    return sorted(row["samples"])[len(row["samples"]) // 2]


def _layer(rng, p, vendor, peers):
    """Measurements, in the order of the search, and the verdict of one problem."""
    moved, flops = cost(p)
    floor = max(moved / 20e9, flops / 300e9) * rng.uniform(1.1, 2)
    rows = []
    for tile_l, tile_c in _TILES:
        config = f"cpu_direct{{tile_l={tile_l},tile_c={tile_c}}}"
        if tile_l * tile_c > 64:
            rows.append(measurement(p, config, "generated", [], "failed",
                                    f"needs {tile_l * tile_c} registers, the device has 32"))
        elif rng.random() < 0.01:
            rows.append(measurement(p, config, "generated", [], "timed_out", "ran over 20 s"))
        else:
            slowdown = 1 + abs(rng.gauss(0, 0.5)) + 0.4 * abs(math.log2(tile_l * tile_c / 24))
            rows.append(measurement(p, config, "generated", _samples(rng, floor * slowdown)))
    right = sorted((r for r in rows if r["outcome"] == "ok"), key=_median)
    best, default = right[0], rng.choice(right)
    winner, best_vendor = best, None
    if vendor:
        best_vendor = measurement(p, "onednn{}", "vendor",
                                  _samples(rng, _median(best) * math.exp(rng.gauss(0.1, 0.4))))
        rows.append(best_vendor)
        winner = min(best, best_vendor, key=_median)
    order = list(range(1, len(rows) + 1))
    rng.shuffle(order)
    for turn, row in zip(order, rows):
        row |= {"turn": turn, "clock_mhz": 3600 - 25 * (turn % 8)}
    tied = [r["config"] for r in (*right, *([best_vendor] if vendor else []))
            if r is not winner and _median(r) < 1.02 * _median(winner)]
    verdict = {
        "problem": p, "device": DEVICE, "winner": winner["config"], "source_digest": "0" * 32,
        "origin": winner["origin"], "tied": tied, "seconds": _median(winner), "noise": 0.012,
        "confidence": 0.99, "default_config": default["config"],
        "default_seconds": _median(default), "default_noise": 0.012,
        "best_generated": best["config"], "best_generated_seconds": _median(best),
        "best_generated_noise": 0.012,
        "best_vendor": best_vendor["config"] if vendor else "",
        "best_vendor_seconds": _median(best_vendor) if vendor else 0,
        "best_vendor_noise": 0.012 if vendor else 0,
        "candidates": len(rows), "measured": len(rows), "complete": True,
        "decided_at": "2001-01-01T00:01:00Z", "run": "run-1"}
    if peers:
        rows.append(measurement(p, "torch_conv1d{}", "vendor",
                                _samples(rng, _median(best) * rng.uniform(0.8, 3))))
    return rows, verdict


def _named_problems(rng, layers):
    """(problem, model, layer, class): a small grid first, then varied shapes."""
    grid = [(problem(2048, 64, 64, 3, s, d, g), "grid", f"s{s} d{d} g{g}", "grid")
            for g in (1, 64) for s in (1, 2, 4) for d in (1, 2, 4)]
    found = grid if layers >= 2 * len(grid) else []
    for index in range(layers - len(found)):
        name, kind, length, *sizes = _SHAPES[index % len(_SHAPES)]
        length += 8 * (index // len(_SHAPES))
        dtype = rng.choice(("float32", "float32", "float16", "bfloat16"))
        found.append((problem(length, *sizes, dtype), f"Model-{index // len(_SHAPES)}", name, kind))
    return found


def export(layers=24, vendor=True, peers=False, seed=1):
    """An export document with that many layers, all tuned."""
    rng = random.Random(seed)
    named = _named_problems(rng, layers)
    tuned = [_layer(rng, p, vendor, peers) for p, *_ in named]
    return {
        "format": "convtune-export", "schema": 5,
        "devices": [{"identity": DEVICE, "kind": "cpu", "name": "Example CPU (synthetic data)",
                     "model": "1.2.3", "arch": "AVX3", "units": 8, "l1_bytes": 32768,
                     "l2_bytes": 1048576, "l3_bytes": 33554432, "memory_bytes": 2**34}],
        "runs": [{"id": "run-1", "device": DEVICE, "tool_version": "0.0.0",
                  "tool_commit": "0123456789ab", "command": "convtune tune --layers example",
                  "host_os": "Example OS", "compiler": "example c++", "build_flags": "-O9",
                  "libraries": "examples 1.2.3", "driver": "", "nvrtc": "",
                  "started_at": "2001-01-01T00:00:00Z", "seed": seed}],
        "labels": [{"problem": p, "model": model, "layer": layer, "shape_class": kind,
                    "list": "example"} for p, model, layer, kind in named],
        "measurements": [row for rows, _ in tuned for row in rows],
        "verdicts": [verdict for _, verdict in tuned],
    }


if __name__ == "__main__":
    json.dump(export(int(sys.argv[1]), peers=True, seed=int(sys.argv[2])), sys.stdout)
