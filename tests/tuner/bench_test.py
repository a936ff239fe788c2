#!/usr/bin/env python3
"""`convtune bench`: of what no memory holds the reason is told and the rest is timed; what was tuned
is found in the databases in which `plan` finds it.

Usage: bench_test.py CONVTUNE. Exit codes: 0 all as it should be, 1 not.
"""

import json
import sys
import unittest

from program_case import ProgramCase

program = sys.argv.pop(1)
SMALL = {"length": 64, "in_channels": 8, "out_channels": 8, "kernel_size": 3}
HUGE = SMALL | {"length": 1 << 40}
IN_PART = 5


class BenchTest(ProgramCase):
    def test_what_finds_no_memory_costs_nothing_else(self):
        layers = self.folder / "layers.json"
        layers.write_text(json.dumps([HUGE, SMALL]))
        done = self.finish(program, "bench", "--device", "cpu", "--layers", layers,
                           "--benchmark_format=json", "--benchmark_min_time=0.001", code=IN_PART,
                           CONVTUNE_DB=str(self.database))
        timed = {True: 0, False: 0}
        for row in json.loads(done.stdout)["benchmarks"]:
            is_huge = str(HUGE["length"]) in row["name"]
            timed[is_huge] += 1
            self.assertEqual(row.get("error_message"),
                             "not enough host memory" if is_huge else None, row["name"])
        self.assertGreaterEqual(min(timed.values()), 2, "the default and the reference at least")

    def test_what_the_systems_database_has_is_found(self):
        problem = json.dumps(SMALL)
        system = self.folder / "convtune" / "convtune.db"
        self.finish(program, "tune", "--device", "cpu", "--budget", "5", "--db", system, "--problem",
                    problem)
        words = ("--device", "cpu", "--problem", problem)
        folders = {"CONVTUNE_DB": str(self.database), "XDG_DATA_DIRS": str(self.folder)}
        plan = json.loads(self.finish(program, "plan", *words, "--json", **folders).stdout)
        bench = self.finish(program, "bench", *words, "--benchmark_format=json",
                            "--benchmark_filter=/tuned", "--benchmark_min_time=0.001", **folders)
        self.assertEqual([row["label"] for row in json.loads(bench.stdout)["benchmarks"]],
                         [plan["config"]])


if __name__ == "__main__":
    unittest.main()
