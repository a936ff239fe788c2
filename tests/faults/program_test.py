#!/usr/bin/env python3
"""The whole program under faults: a GPU and a compiler that fail, signals, clocks, full disks.

Usage: program_test.py CONVTUNE [--fakes FOLDER] [TEST...]. FOLDER has the fake libcuda.so.1 and
libfake_nvrtc.so; without it the tests of the CUDA path are skipped. CONVTUNE_FAULTS=long runs the
full counts. Exit codes: 0 all as it should be, 1 not.
"""

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import numpy

LONG = os.environ.get("CONVTUNE_FAULTS") == "long"
ARGS = None

# Four CUDA candidates serve it, all of cuda_direct, because no other family takes windows this long:
# 128 or 256 threads, its taps baked in or not.
FOUR_CANDIDATES = {"length": 18008, "in_channels": 3, "out_channels": 1, "kernel_size": 3,
                   "dilation": 9000}
LARGE = {"length": 60000, "in_channels": 64, "out_channels": 64, "kernel_size": 3}
THREADS_256 = "__launch_bounds__(256,"


class Program(unittest.TestCase):
    """A folder, a database and an environment of its own for each test."""

    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="convtune-faults-")
        self.addCleanup(holder.cleanup)
        self.folder = Path(holder.name)
        self.database = self.folder / "a.db"

    def environment(self, **more):
        cache = self.folder / "cache"
        return os.environ | {"CONVTUNE_CACHE_DIR": str(cache)} | more

    def command(self, *words, problem=None):
        words = [ARGS.convtune, *words, "--db", self.database]
        return words + (["--problem", json.dumps(problem)] if problem else [])

    def start(self, *words, problem=None, **more):
        return subprocess.Popen(self.command(*words, problem=problem), text=True,
                                env=self.environment(**more), stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE)

    def finish(self, *words, problem=None, code=0, **more):
        """Runs to the end and requires the exit code; returns stderr."""
        process = self.start(*words, problem=problem, **more)
        out, err = process.communicate()
        self.assertEqual(process.returncode, code, out + err)
        return err

    def tune(self, *words, problem, code=0, **more):
        return self.finish("tune", "--exhaustive", "--quiet", *words, problem=problem, code=code,
                           **more)

    def export(self):
        """What the database holds, which must be sound."""
        subprocess.run(self.command("db", "check"), check=True, stdout=subprocess.DEVNULL)
        done = subprocess.run(self.command("db", "export"), check=True, capture_output=True)
        return json.loads(done.stdout)

    def outcomes(self):
        return {row["config"]: (row["outcome"], row["reason"])
                for row in self.export()["measurements"]}

    def rows(self):
        return len(self.outcomes()) if self.database.exists() else 0


class Gpu(Program):
    """Sweeps on the imaginary GPU."""

    def setUp(self):
        if not ARGS.fakes:
            self.skipTest("built without CUDA's headers")
        super().setUp()

    def environment(self, **more):
        # A real cuDNN would ask the imaginary driver for more than it has.
        fakes = {"LD_LIBRARY_PATH": ARGS.fakes, "CONVTUNE_CUDNN": "/nonexistent",
                 "CONVTUNE_NVRTC": f"{ARGS.fakes}/libfake_nvrtc.so"}
        return super().environment(**(fakes | more))

    def plan(self, **more):
        process = self.start("plan", "--device", "cuda", "--json", problem=FOUR_CANDIDATES, **more)
        return json.loads(process.communicate()[0])

    def sweep(self, *words, code=0, **more):
        return self.tune("--device", "cuda", *words, problem=FOUR_CANDIDATES, code=code, **more)

    def files_of_ones(self):
        """The options of `run` for FOUR_CANDIDATES on arrays of ones; y goes into y.npy."""
        words = ["--problem", json.dumps(FOUR_CANDIDATES), "--output", self.folder / "y.npy"]
        for name, shape in (("input", (1, 18008, 3)), ("weight", (3, 3, 1))):
            numpy.save(self.folder / f"{name}.npy", numpy.ones(shape, numpy.float32))
            words += [f"--{name}", self.folder / f"{name}.npy"]
        return words

    def expect_sums_of_ones(self):
        self.assertEqual(numpy.load(self.folder / "y.npy").tolist(), [[[9.0]] * 8])

    def expect_half_lost(self, outcome, reason):
        """The candidates of 256 threads ended like that, and the two others well."""
        for config, ended in self.outcomes().items():
            lost = "threads=256" in config
            self.assertEqual(ended[0], outcome if lost else "ok", (config, ended))
            self.assertIn(reason if lost else "", ended[1])
        self.assertEqual(self.rows(), 4)
        self.assertIn("threads=128", self.export()["verdicts"][0]["winner"])

    def test_without_a_fault(self):
        self.sweep()
        self.assertEqual({ended for ended, _ in self.outcomes().values()}, {"ok"})
        print("seen: 4 of 4 candidates compiled, loaded, checked and timed")

    def test_illegal_address_and_launch_failure(self):
        for code in (700, 719):
            with self.subTest(code=code):
                self.database = self.folder / f"{code}.db"
                fault = {"CONVTUNE_FAKE_FAULT": f"cuLaunchKernelEx:1:{code}",
                         "CONVTUNE_FAKE_FAULT_UNIT": THREADS_256}
                self.sweep(**fault)
                self.expect_half_lost("crashed", f"({code})")
                before = self.export()
                self.sweep(**fault)
                self.assertEqual(self.export()["measurements"], before["measurements"])
        print("seen: 700 and 719: the 2 faulty of 4 quarantined after 2 workers, none tried again")

    def test_newer_driver_and_compiler(self):
        for change, says in (({"CONVTUNE_FAKE_CUDA_VERSION": "13000"}, "driver 12.4, now 13.0"),
                             ({"CONVTUNE_FAKE_NVRTC_VERSION": "100"}, "compiler 99.0, now 100.0")):
            with self.subTest(**change):
                self.sweep()
                self.assertEqual(self.plan()["match"], "exact")
                winner = self.export()["verdicts"][0]["winner"]
                stale = self.plan(**change)
                self.assertEqual(stale["config"], winner)
                self.assertEqual(stale["match"], "nearest")
                self.assertIn(f"stale: it was measured with {says}", stale["why"])
                self.sweep(**change)
                self.assertEqual(self.plan(**change)["match"], "exact")
        self.assertEqual(self.rows(), 4)
        print("seen: a newer driver, then a newer NVRTC: used, marked stale, exact once tuned again")

    def test_device_lost(self):
        for code in (46, 214):
            with self.subTest(code=code):
                self.database = self.folder / f"{code}.db"
                message = self.sweep(code=3, CONVTUNE_FAKE_FAULT=f"cuLaunchKernelEx:1:{code}",
                                     CONVTUNE_FAKE_FAULT_UNIT=THREADS_256)
                self.assertIn(f"({code})", message)
                kept = self.outcomes()
                self.assertGreater(len(kept), 0)
                self.sweep()
                self.assertEqual(self.outcomes() | kept, self.outcomes())
                self.assertEqual(self.rows(), 4)
        print("seen: 46 and 214: exit 3, earlier rows kept, the sweep resumes")

    def test_out_of_device_memory(self):
        self.sweep(code=5, CONVTUNE_FAKE_FAULT="cuMemAlloc:1:2")
        for outcome, reason in self.outcomes().values():
            self.assertEqual(outcome, "skipped")
            self.assertIn("cuMemAlloc", reason)
        self.sweep()
        self.assertEqual({ended for ended, _ in self.outcomes().values()}, {"ok"})
        print("seen: error 2: candidates skipped, tried again by the next sweep")

    def test_without_a_compiler(self):
        """The CPU takes the GPU's place, as `plan` says it will; a sweep has nothing to do."""
        absent = {"CONVTUNE_NVRTC": "/nowhere"}
        self.sweep()
        self.assertIn("NVRTC was not found (/nowhere", self.plan(**absent)["obstacle"])
        self.assertIsNone(self.plan()["obstacle"])
        done = subprocess.run([ARGS.convtune, "run", "--device", "cuda", *self.files_of_ones()],
                              env=self.environment(**absent), text=True, capture_output=True,
                              check=True)
        self.assertIn(" (cpu)", done.stdout)
        self.expect_sums_of_ones()
        self.database = self.folder / "b.db"
        self.assertIn("NVRTC was not found", self.sweep(code=3, **absent))

    def test_wrong_compile_limit(self):
        """It fails no candidate: what is stored as failed is not tried again."""
        message = self.sweep(code=2, CONVTUNE_COMPILE_LIMIT="soon")
        self.assertIn('CONVTUNE_COMPILE_LIMIT is "soon": set it to a number of seconds', message)
        self.sweep()
        self.assertEqual({ended for ended, _ in self.outcomes().values()}, {"ok"})

    def test_wrong_number_of_threads(self):
        """The reference takes threads, whatever the device; its failure is no candidate's."""
        message = self.sweep(code=2, CONVTUNE_NUM_THREADS="many")
        self.assertIn('CONVTUNE_NUM_THREADS is "many"', message)

    def test_compiler_crashes(self):
        self.sweep(CONVTUNE_FAKE_NVRTC=f"crash:{THREADS_256}")
        self.expect_half_lost("crashed", "killed by signal 11, twice")
        print("seen: the 2 crashing of 4 failed, the sweep went on")

    def test_compiler_hangs(self):
        limit = 60 if LONG else 1
        start = time.monotonic()
        self.sweep(*([] if LONG else ["--candidate-limit", str(limit)]),
                   CONVTUNE_FAKE_NVRTC=f"hang:{THREADS_256}")
        seconds = time.monotonic() - start
        self.expect_half_lost("timed_out", f"no answer within {limit} s, twice")
        self.assertGreater(seconds, 4 * limit)
        self.assertLess(seconds, 4 * (limit + 2) + 30, "4 ended workers and the rest of the sweep")
        print(f"seen: limit {limit} s: 4 hanging workers and the whole sweep took {seconds:.1f} s")

    def test_compiler_hangs_outside_a_worker(self):
        """Ahead of time the others are compiled; at run time the CPU takes the GPU's place."""
        limit = 90 if LONG else 1
        fault = {} if LONG else {"CONVTUNE_COMPILE_LIMIT": str(limit)}
        for unit, code, says, command in (
                (THREADS_256, 1, "2 compiled, 0 from the cache, 2 failed",
                 ["compile", "--jobs", "2", "--problem", json.dumps(FOUR_CANDIDATES)]),
                ("", 0, "(cpu)", ["run", "--device", "cuda", *self.files_of_ones()])):
            with self.subTest(command[0]):
                start = time.monotonic()
                done = subprocess.run(
                    [ARGS.convtune, *command], text=True, capture_output=True, check=False,
                    env=self.environment(CONVTUNE_FAKE_NVRTC=f"hang:{unit}",
                                         CONVTUNE_CACHE_DIR=str(self.folder / command[0]),
                                         **fault))
                seconds = time.monotonic() - start
                said = done.stdout + done.stderr
                self.assertEqual(done.returncode, code, said)
                self.assertIn(says, said)
                self.assertIn(f"NVRTC was given up: it had not compiled a kernel for sm_90a within "
                              f"{limit} s", said)
                self.assertLess(seconds, 2 * (limit + 2) + 30)
                print(f"seen: {command[0]}, limit {limit} s: ended after {seconds:.1f} s")
        self.expect_sums_of_ones()


class Cpu(Program):
    """Sweeps on the CPU."""

    def wait_for_rows(self, process):
        while self.rows() == 0 and process.poll() is None:
            time.sleep(0.05)

    def test_signals(self):
        slowest = 0
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(signal=number):
                self.database = self.folder / f"{number}.db"
                process = self.start("tune", "--exhaustive", "--quiet", "--device", "cpu",
                                     problem=LARGE)
                self.wait_for_rows(process)
                acknowledged = self.outcomes()
                start = time.monotonic()
                process.send_signal(number)
                process.communicate()
                slowest = max(slowest, time.monotonic() - start)
                self.assertEqual(process.returncode, 128 + number)
                self.assertLessEqual(acknowledged.items(), self.outcomes().items())
        self.assertLess(slowest, 5)
        print(f"seen: TERM and INT: ended within {slowest:.1f} s, exit 128+n, rows kept")

    def test_clock_jumps(self):
        libraries = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
        clock = self.folder / "clock"
        clock.write_text("+0d")
        fake = {"LD_PRELOAD": str(libraries[0]) if libraries else "", "FAKETIME_NO_CACHE": "1",
                "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        tells = subprocess.run([ARGS.convtune, "--version"], env=self.environment(**fake),
                               capture_output=True, check=False)
        if not libraries or tells.returncode != 0 or tells.stderr:
            self.skipTest("libfaketime is missing, or does not go with this build")
        process = self.start("tune", "--quiet", "--device", "cpu", "--budget", "20", problem=LARGE,
                             **fake)
        start = time.monotonic()
        jumps = 0
        while process.poll() is None:
            clock.write_text(("+1d", "-1d")[jumps % 2])
            jumps += 1
            time.sleep(0.3)
        seconds = time.monotonic() - start
        out, err = process.communicate()
        self.assertEqual(process.returncode, 0, out + err)
        self.assertGreater(jumps, 5)
        self.assertLess(seconds, 60, "the budget is of the monotonic clock")
        export = self.export()
        for row in export["measurements"]:
            self.assertEqual(row["outcome"], "ok", row["reason"])
            self.assertTrue(all(0 < sample < 60 for sample in row["samples"]))
        days = {row["measured_at"][:10] for row in export["measurements"]}
        self.assertGreater(len(days), 1, "the clock did not jump")
        self.assertEqual(export["verdicts"][0]["measured"], len(export["measurements"]))
        print(f"seen: {jumps} jumps: {len(export['measurements'])} rows, all durations sound")

    def test_full_disk(self):
        """A small file system, in a mount namespace of its own; more room, and it resumes."""
        script = """mount -t tmpfs -o size=80k tmpfs "$1" && shift &&
            { "$@"; echo "code $?"; mount -o remount,size=16m tmpfs "$0"; "$@"; echo "code $?"
              cp "$0/a.db" "$0.db"; }"""
        disk = self.folder / "disk"
        disk.mkdir()
        self.database = disk / "a.db"
        problem = dict(LARGE, length=500)
        command = self.command("tune", "--exhaustive", "--device", "cpu", problem=problem)
        allowed = subprocess.run(["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", str(disk)],
                                 capture_output=True, check=False)
        if allowed.returncode != 0:
            self.skipTest("file systems cannot be mounted here")
        done = subprocess.run(["unshare", "--mount", "sh", "-c", script, disk, disk, *command],
                              env=self.environment(), text=True, capture_output=True, check=False)
        self.assertEqual([line for line in done.stdout.splitlines() if line.startswith("code")],
                         ["code 4", "code 0"], done.stdout + done.stderr)
        self.assertIn("free some space", done.stderr)
        self.database = self.folder / "disk.db"
        self.assertEqual({ended for ended, _ in self.outcomes().values()}, {"ok"})
        print(f"seen: exit 4, then resumed with more room; {self.rows()} sound rows")

    def test_little_host_memory(self):
        limit = 512 << 20
        tells = subprocess.run([ARGS.convtune, "--version"], capture_output=True, check=False,
                               preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS,
                                                                     (limit, limit)))
        if tells.returncode != 0:
            self.skipTest("this build needs more address space than that")
        problem = dict(LARGE, length=1 << 20)
        done = subprocess.run(self.command("tune", "--quiet", "--device", "cpu", problem=problem),
                              env=self.environment(), text=True, capture_output=True, check=False,
                              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS,
                                                                    (limit, limit)))
        self.assertEqual(done.returncode, 5, done.stdout + done.stderr)
        self.assertIn("MiB of host memory", done.stdout)
        print("seen: setrlimit: skipped with the reason, exit 5")

    def test_odd_paths(self):
        folder = self.folder / "with space\nand newline"
        folder.mkdir()
        (self.folder / "link").symlink_to(folder)
        self.database = self.folder / "link" / "résumé 1.db"
        self.tune("--device", "cpu", problem=FOUR_CANDIDATES)
        self.assertGreater(self.rows(), 0)
        self.assertTrue((folder / "résumé 1.db").exists())
        print("seen: a database in a folder with a space and a newline, behind a symbolic link")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("convtune", type=lambda path: Path(path).resolve())
    parser.add_argument("--fakes", default="")
    parser.add_argument("tests", nargs="*")
    ARGS = parser.parse_intermixed_args()
    unittest.main(argv=[sys.argv[0], *ARGS.tests])
