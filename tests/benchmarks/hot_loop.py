#!/usr/bin/env python3
"""Where a CPU kernel spends its time, instruction by instruction, on machines without counters.

Usage: hot_loop.py CONVTUNE BENCH_OPTION...
  hot_loop.py build/default/tuner/convtune --device cpu --benchmark_filter=/default \\
      --problem '{"length": 1500, "in_channels": 512, "out_channels": 512, "kernel_size": 3}'

Samples `convtune bench` by the CPU's clock (Linux's perf), takes the innermost loop with the most
samples, and prints its share of them and its instructions by kind, to set against how many of each
the CPU starts in a cycle: on Zen 4 one multiply-add of 512 bits, two loads, one store, six in all."""

import collections
import re
import subprocess
import sys
import tempfile

KINDS = [  # by the first that matches
    ("multiply-adds", re.compile(r"vfn?m(add|sub)|vdpbf16ps|tdpbf16ps")),
    ("conversions", re.compile(r"vcvt|vpmovzx|vpslld")),
    ("jumps", re.compile(r"j|ret|call")),
    ("stores", re.compile(r"v?mov\w*\s+[^,]+,[^,]*\(")),
    ("loads", re.compile(r"v?(mov|broadcast|pbroadcast)\w*\s+[^,]*\(")),
    ("prefetches", re.compile(r"prefetch")),
]


def output_of(*command):
    return subprocess.run(command, check=True, text=True, capture_output=True).stdout


def samples(command):
    """Samples by (symbol, file), and in each by offset."""
    found = collections.defaultdict(collections.Counter)
    with tempfile.NamedTemporaryFile() as data:
        subprocess.run(["perf", "record", "-q", "-e", "cpu-clock", "-F", "1999", "-o", data.name,
                        "--", *command], check=True, stdout=sys.stderr)
        lines = output_of("perf", "script", "-i", data.name, "--no-demangle", "-F",
                          "ip,sym,symoff,dso")
    for line in lines.splitlines():
        match = re.match(r"\s*[0-9a-f]+ (\S+)\+0x([0-9a-f]+) \((.+)\)", line)
        symbol, offset, file = match.groups() if match else ("others", "0", "")
        found[symbol, file][int(offset, 16)] += 1
    return found


def instructions(symbol, file):
    """(offset, text) of each, in order."""
    listing = output_of("objdump", "-d", "--no-show-raw-insn", f"--disassemble={symbol}", file)
    rows = re.findall(r"^\s*([0-9a-f]+):\t(.+)$", listing, re.MULTILINE)
    first = int(rows[0][0], 16)
    return [(int(address, 16) - first, text.split("#")[0].strip()) for address, text in rows], first


def hottest_loop(code, first, hits):
    """The offsets from a jump's target to the jump: the shortest of those with most samples, where a
    loop around another must have a twentieth more of them."""
    loops = []
    for offset, text in code:
        target = re.match(r"j\w+\s+([0-9a-f]+)", text)
        if target and 0 <= int(target.group(1), 16) - first <= offset:
            start = int(target.group(1), 16) - first
            loops.append((start, offset, sum(n for at, n in hits.items() if start <= at <= offset)))
    if not loops:
        sys.exit("hot_loop.py: no loop in the hottest function")
    most = max(hit for _, _, hit in loops)
    return min((loop for loop in loops if loop[2] * 1.05 >= most), key=lambda l: l[1] - l[0])


def print_kinds(body):
    kinds = collections.Counter()
    for text in body:
        kinds[next((name for name, kind in KINDS if kind.match(text)), "others")] += 1
    with_memory = sum(1 for text in body if "(" in text and KINDS[0][1].match(text))
    print(f"{len(body)} instructions: " + ", ".join(f"{n} {name}" for name, n in kinds.most_common()))
    if with_memory:
        print(f"{with_memory} of the multiply-adds read memory")


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    found = samples([sys.argv[1], "bench", *sys.argv[2:]])
    everything = sum(sum(hits.values()) for hits in found.values())
    (symbol, file), hits = max(found.items(), key=lambda item: sum(item[1].values()))
    code, first = instructions(symbol, file)
    start, end, hit = hottest_loop(code, first, hits)
    body = [text for offset, text in code if start <= offset <= end]
    print(subprocess.run(["c++filt", symbol], text=True, capture_output=True).stdout.strip())
    print(f"{hit / everything:.0%} of {everything} samples in one loop, "
          f"{sum(hits.values()) / everything:.0%} in its function")
    print_kinds(body)


if __name__ == "__main__":
    main()
