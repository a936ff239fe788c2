#!/usr/bin/env python3
"""scripts/gpu_pack.sh and scripts/gpu_proof.sh from end to end, on the imaginary GPU of the fault
tests: what they run, keep and say. Nothing that they time there means anything.

Usage: gpu_proof_test.py SOURCE FAKES [TEST...]. FAKES has the fake libcuda.so.1 and libfake_nvrtc.so.
Exit codes: 0 all as it should be, 1 not.
"""

import contextlib
import gzip
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

SOURCE, FAKES = Path(sys.argv.pop(1)).resolve(), Path(sys.argv.pop(1)).resolve()
# The imaginary GPU knows their kernels: four of cuda_direct each, for no other family takes windows
# this long.
LAYERS = [{"model": "imaginary", "layer": str(outputs), "length": 18008, "in_channels": 3,
           "out_channels": outputs, "kernel_size": 3, "dilation": 9000} for outputs in (1, 2)]
CANDIDATES = 4
# Of the stages, those that the imaginary GPU serves, and why it does not serve the others.
DONE = {"devices", "check", "sweep", "report"}
NOT_POSSIBLE = dict.fromkeys(("conformance", "sanitizer", "ceilings", "peers"),
                             "it needs a real GPU")
LIMIT = 120  # seconds, on a machine however busy


class GpuProof(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        holder = tempfile.TemporaryDirectory(prefix="convtune-gpu-")
        cls.addClassCleanup(holder.cleanup)
        cls.folder = Path(holder.name).resolve()
        cls.kit = cls.folder / "kit"
        layers = cls.folder / "layers.json"
        layers.write_text(json.dumps(LAYERS))
        subprocess.run(
            [SOURCE / "scripts/gpu_pack.sh", "--kit", cls.kit, "--layers", layers, "--first", "1"],
            check=True, env=os.environ | {"CONVTUNE_NVRTC": str(FAKES / "libfake_nvrtc.so"),
                                          "CONVTUNE_CACHE_DIR": str(cls.folder / "cache")})

    def setUp(self):
        self.results = self.folder / self.id()

    def start(self, *words):
        """The proof on a machine with a driver and no compiler."""
        return subprocess.Popen(
            [SOURCE / "scripts/gpu_proof.sh", "--kit", self.kit, "--results", self.results, *words],
            text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=os.environ | {"LD_LIBRARY_PATH": str(FAKES), "CONVTUNE_CUDNN": "/nonexistent",
                              "CONVTUNE_NVRTC": "/nonexistent",
                              "CONVTUNE_CACHE_DIR": str(self.folder / "other")})

    def prove(self, *words, code=0):
        """What it says, once it has ended with this exit code."""
        process = self.start(*words)
        out, err = process.communicate(timeout=3 * LIMIT)
        log = self.results / "log.txt"
        self.assertEqual(process.returncode, code,
                         out + err + (log.read_text() if log.exists() else ""))
        return err

    def database(self):
        return self.results / "convtune.db"

    def rows(self):
        """Measurements by problem and candidate, and verdicts by problem, of the sound database."""
        if not self.database().exists():
            return {}, {}
        command = [self.kit / "convtune", "db"]
        subprocess.run([*command, "check", "--db", self.database()], check=True,
                       stdout=subprocess.DEVNULL)
        done = subprocess.run([*command, "export", "--db", self.database()], check=True,
                              capture_output=True)
        return self.rows_of(json.loads(done.stdout))

    @staticmethod
    def rows_of(export):
        return ({(row["problem"]["out_channels"], row["config"]): row
                 for row in export["measurements"]},
                {row["problem"]["out_channels"]: row for row in export["verdicts"]})

    def expect_all_measured(self, measured, decided):
        self.assertEqual(len(measured), CANDIDATES * len(LAYERS))
        self.assertEqual({row["outcome"] for row in measured.values()}, {"ok"})
        self.assertEqual(set(decided), {layer["out_channels"] for layer in LAYERS})
        for outputs, verdict in decided.items():
            self.assertIn((outputs, verdict["winner"]), measured)
            self.assertEqual((verdict["measured"], verdict["complete"]), (CANDIDATES, True))

    def test_every_stage_runs_or_says_why_not_and_none_runs_twice(self):
        said = self.prove("--budget", str(2 * LIMIT))
        self.assertIn("the tests' imaginary one: no time here is a measurement", said)
        self.assertEqual(set(re.findall(r"s  (\w+): done$", said, re.M)), DONE)
        self.assertEqual(dict(re.findall(r"s  (\w+): not possible here: (.*)$", said, re.M)),
                         NOT_POSSIBLE)
        measured, decided = self.rows()
        self.expect_all_measured(measured, decided)
        self.assertEqual(self.measured_by_the_log(), len(measured))
        export = json.loads(gzip.decompress((self.results / "export.json.gz").read_bytes()))
        self.assertEqual(self.rows_of(export), (measured, decided))
        self.assertIn(f"{CANDIDATES} candidates right, 0 wrong, 0 failed",
                      (self.results / "check.txt").read_text())

        self.assertEqual(set(re.findall(r"s  (\w+): done$", self.prove(), re.M)), {"report"})
        self.assertEqual(self.rows(), (measured, decided))
        (self.results / "done.txt").unlink()  # what was measured is known by the database alone
        self.assertIn("sweep: done", self.prove("sweep"))
        self.assertEqual(self.rows(), (measured, decided))

    def test_cut_off_in_mid_sweep_it_keeps_what_it_had_and_goes_on_there(self):
        process = self.start("sweep", "--budget", str(2 * LIMIT))
        end = time.monotonic() + LIMIT
        while not (kept := self.rows()[0]) and time.monotonic() < end:
            self.assertIsNone(process.poll(), "it ended by itself")
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=LIMIT)
        self.assertEqual(process.returncode, 128 + signal.SIGTERM, err)
        self.assertIn("cut off by signal 15: run it again to go on", err)
        self.assertEqual(self.programs_left(), [])
        then, decided = self.rows()
        self.assertTrue(kept)
        self.assertLessEqual(kept.keys(), then.keys())
        self.assertLess(len(decided), len(LAYERS), "the sweep was over before the signal came")

        (self.results / "log.txt").unlink()
        self.assertIn("sweep: done", self.prove("sweep"))
        now, decided = self.rows()
        self.expect_all_measured(now, decided)
        self.assertEqual(self.measured_by_the_log(), len(now) - len(then))

    def measured_by_the_log(self):
        """Candidates that the sweeps say they measured."""
        log = (self.results / "log.txt").read_text()
        return sum(map(int, re.findall(r"^(\d+) candidates? measured in", log, re.M)))

    def programs_left(self):
        """Processes of the kit's program that still run."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # it has ended
                if (process / "exe").readlink() == self.kit / "convtune":
                    found.append(process)
        return found

    def test_too_little_time_is_told_from_an_end(self):
        self.assertIn("check: cut off, to be gone on with", self.prove("check", "--budget", "1", code=5))
        self.assertEqual(self.rows(), ({}, {}))

    def test_refuses_in_a_sentence_what_it_cannot_do(self):
        self.assertEqual(
            self.prove("conformity", code=2),
            "gpu_proof: there is no stage 'conformity': name any of devices conformance check "
            "sanitizer ceilings sweep peers report\n")
        self.assertRegex(self.prove("--kit", str(self.folder), code=3),
                         r"^gpu_proof: \S+ has no program and pack: run scripts/gpu_pack.sh first\n$")
        self.assertFalse(self.results.exists())


if __name__ == "__main__":
    unittest.main(verbosity=2)
