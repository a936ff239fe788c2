#!/usr/bin/env python3
"""What the kernels of a layers list need of an H200, family by family: each layer's defaults,
compiled for sm_90a by `convtune compile`.

Exit codes: 0 none spills, 1 one does, else those of `convtune compile`.
"""

import argparse
import collections
import json
import re
import subprocess
import sys


def span(values):
    values = sorted(values)
    middle = values[len(values) // 2]
    return f"{values[0]:g} / {middle:g} / {values[-1]:g}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("convtune", help="the program")
    parser.add_argument("--layers", default="core")
    parser.add_argument("--jobs", default="2")
    arguments = parser.parse_args()
    run = subprocess.run(
        [arguments.convtune, "compile", "--layers", arguments.layers, "--arch", "sm_90a",
         "--shortlist", "1", "--jobs", arguments.jobs, "--quiet", "--json"],
        stdout=subprocess.PIPE, text=True, check=False)
    if run.returncode != 0:
        return run.returncode
    families = collections.defaultdict(list)
    for kernel in json.loads(run.stdout):
        families[re.match(r"conv1d_(\w+)<", kernel["kernel"])[1]].append(kernel)

    print("Least / median / most of each family's default kernels\n")
    print("| family | kernels | registers | shared memory, bytes | blocks an SM | occupancy, % | spills |")
    print("|---|---|---|---|---|---|---|")
    for family, kernels in sorted(families.items()):
        spills = [kernel for kernel in kernels if kernel["spill_bytes"] > 0]
        shared = [k["static_shared_bytes"] + k["dynamic_shared_bytes"] for k in kernels]
        print(f"| {family} | {len(kernels)} | {span(k['registers'] for k in kernels)} | {span(shared)} "
              f"| {span(k['blocks_per_sm'] for k in kernels)} "
              f"| {span(round(100 * k['occupancy']) for k in kernels)} | {len(spills)} |")
    spilling = [k for kernels in families.values() for k in kernels if k["spill_bytes"] > 0]
    for kernel in spilling:
        print(f"{kernel['spill_bytes']} bytes: {kernel['kernel']}")
    return 1 if spilling else 0


if __name__ == "__main__":
    sys.exit(main())
