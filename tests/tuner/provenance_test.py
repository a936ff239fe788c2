#!/usr/bin/env python3
"""What a build tells of itself: `--version`, the runs of a database and the report agree, and the
commit is that of the sources. On the imaginary GPU the clock is stored as well.

Usage: provenance_test.py CONVTUNE SOURCE [--fakes FOLDER...] [TEST...]. The folders have the fake
libcuda.so.1, libfake_nvrtc.so (the first one) and libnvidia-ml.so.1.
"""

import argparse
import html
import json
import os
import re
import shlex
import subprocess
import sys
import unittest
from pathlib import Path

from program_case import ProgramCase

ARGS = None
PROBLEM = {"length": 64, "in_channels": 8, "out_channels": 8, "kernel_size": 3}
IMAGINARY = {"length": 18008, "in_channels": 3, "out_channels": 1, "kernel_size": 3,
             "dilation": 9000}  # four CUDA candidates


def run(*words, **environment):
    return subprocess.run(words, text=True, capture_output=True, check=True,
                          env=os.environ | environment).stdout


class Provenance(ProgramCase):
    def version(self):
        first, *rest = run(ARGS.convtune, "--version").splitlines()
        self.assertRegex(first, r"^convtune \d+\.\d+\.\d+\S*$")
        return {"version": first.split()[1]} | dict(line.split(maxsplit=1) for line in rest)

    def export(self, problem, *words, **environment):
        """The export of a sweep of one problem in a database of its own."""
        database = str(self.database)
        run(ARGS.convtune, "tune", "--quiet", "--db", database, "--problem", json.dumps(problem),
            *words, CONVTUNE_CACHE_DIR=str(self.folder / "cache"), **environment)
        return json.loads(run(ARGS.convtune, "db", "export", "--db", database))

    def commit_by(self, source):
        """What cmake/Commit.cmake says of a folder."""
        output = self.folder / "commit.cpp"
        run("cmake", f"-DSOURCE={source}", f"-DOUTPUT={output}", "-P",
            str(ARGS.source / "cmake/Commit.cmake"))
        return re.search(r'return "(.*)"', output.read_text()).group(1), output.stat().st_mtime_ns

    def test_version_names_commit_flags_and_libraries(self):
        told = self.version()
        self.assertEqual(set(told), {"version", "commit", "compiler", "flags", "libraries", "NVRTC"})
        names = [library.rpartition(" ")[0] for library in told["libraries"].split("; ")]
        self.assertEqual(names[:3], ["fmt", "Highway", "SQLite"])
        self.assertRegex(told["commit"], r"^([0-9a-f]{12}(-dirty)?|unknown)$")

    def test_runs_and_report_say_the_same(self):
        told = self.version()
        export = self.export(PROBLEM, "--device", "cpu", "--budget", "5")
        stored = export["runs"][0]
        self.assertEqual(
            {key: stored[key] for key in ("tool_version", "tool_commit", "compiler", "build_flags")},
            {"tool_version": told["version"], "tool_commit": told["commit"],
             "compiler": told["compiler"], "build_flags": told["flags"]})
        self.assertLessEqual(set(stored["libraries"].split("; ")), set(told["libraries"].split("; ")))
        self.assertEqual(shlex.split(stored["command"]), [
            ARGS.convtune, "tune", "--quiet", "--db", str(self.database), "--problem",
            json.dumps(PROBLEM), "--device", "cpu", "--budget", "5"])
        page = self.folder / "page.html"
        run(ARGS.convtune, "report", "--db", str(self.folder / "a.db"), "--output", str(page),
            MPLCONFIGDIR=str(self.folder))
        rows = dict(re.findall(r'<th scope="row">(.*?)</th><td>(.*?)</td>', page.read_text(), re.S))
        self.assertEqual((rows["Commit"], rows["Build flags"], rows["Libraries"]),
                         (stored["tool_commit"], stored["build_flags"], stored["libraries"]))

    def test_the_commit_is_that_of_a_checkout(self):
        source = self.folder / "source"
        git = ("git", "-C", str(source), "-c", "user.name=a", "-c", "user.email=a@example.org")
        run("git", "init", "--quiet", str(source))
        (source / "file").write_text("one")
        run(*git, "add", "file")
        run(*git, "commit", "--quiet", "-m", "one")
        commit, written = self.commit_by(source)
        self.assertEqual(commit, run(*git, "rev-parse", "HEAD")[:12])
        self.assertEqual(self.commit_by(source), (commit, written), "written again without a change")
        (source / "file").write_text("two")
        self.assertEqual(self.commit_by(source)[0], commit + "-dirty")

    def test_a_tarball_within_another_checkout_is_of_no_known_commit(self):
        run("git", "init", "--quiet", str(self.folder))
        (self.folder / "tarball").mkdir()
        self.assertEqual(self.commit_by(self.folder / "tarball")[0], "unknown")

    def test_a_sweep_stores_the_gpus_clock_and_the_report_shows_the_kernel(self):
        if not ARGS.fakes:
            self.skipTest("built without CUDA's headers")
        export = self.export(IMAGINARY, "--device", "cuda", "--exhaustive",
                             LD_LIBRARY_PATH=":".join(ARGS.fakes), CONVTUNE_CUDNN="/nonexistent",
                             CONVTUNE_NVRTC=f"{ARGS.fakes[0]}/libfake_nvrtc.so")
        self.assertEqual([row["clock_mhz"] for row in export["measurements"]], [1755] * 4)
        page = self.folder / "page.html"
        run(ARGS.convtune, "report", "--db", str(self.folder / "a.db"), "--output", str(page),
            MPLCONFIGDIR=str(self.folder))
        best = export["verdicts"][0]["best_generated"]
        unit = run(ARGS.convtune, "source", "--problem", json.dumps(IMAGINARY), "--config", best,
                   "--arch", export["devices"][0]["arch"]).split("\n", 2)[2]
        self.assertIn(f"<pre>{html.escape(unit.strip(), quote=False)}</pre>", page.read_text())


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("convtune")
    parser.add_argument("source", type=Path)
    parser.add_argument("--fakes", nargs="*", default=[])
    ARGS, rest = parser.parse_known_args()
    unittest.main(argv=[sys.argv[0], *rest], verbosity=2)
