#!/usr/bin/env python3
"""`convtune bench` of a problem that fits and one that no memory holds: the first is timed, of the
second the reason is told, and the exit code says that not all was done.

Usage: bench_test.py CONVTUNE. Exit codes: 0 all as it should be, 1 not.
"""

import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

PROGRAM = Path(sys.argv.pop(1)).resolve()
SMALL = {"length": 64, "in_channels": 8, "out_channels": 8, "kernel_size": 3}
HUGE = SMALL | {"length": 1 << 40}
IN_PART = 5


class BenchTest(unittest.TestCase):
    def test_what_finds_no_memory_costs_nothing_else(self):
        with tempfile.TemporaryDirectory(prefix="convtune-bench-") as folder:
            layers = Path(folder, "layers.json")
            layers.write_text(json.dumps([HUGE, SMALL]))
            done = subprocess.run(
                [PROGRAM, "bench", "--device", "cpu", "--layers", layers,
                 "--benchmark_format=json", "--benchmark_min_time=0.001"],
                text=True, capture_output=True, check=False,
                env=os.environ | {"CONVTUNE_DB": str(Path(folder, "none.db"))})
        self.assertEqual(done.returncode, IN_PART, done.stderr)
        timed = {True: 0, False: 0}
        for row in json.loads(done.stdout)["benchmarks"]:
            is_huge = str(HUGE["length"]) in row["name"]
            timed[is_huge] += 1
            self.assertEqual(row.get("error_message"),
                             "not enough host memory" if is_huge else None, row["name"])
        self.assertGreaterEqual(min(timed.values()), 2, "the default and the reference at least")


if __name__ == "__main__":
    unittest.main()
