#!/usr/bin/env python3
"""`convtune report --follow` renders again what another process stores, whole pages only, and Ctrl-C
on a terminal, which reaches every process of the foreground, ends it but not the page under way.

Usage: follow_test.py CONVTUNE. Exit codes: 0 all as it should be, 1 not.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path

from program_case import ProgramCase

PROGRAM = Path(sys.argv.pop(1)).resolve()
PROBLEM = {"length": 64, "in_channels": 8, "out_channels": 8, "kernel_size": 3}
LIMIT = 240  # seconds, on a machine however busy


class Follow(ProgramCase):
    def setUp(self):
        super().setUp()
        self.page = self.folder / "page.html"

    def command(self, *words):
        return [PROGRAM, *words, "--db", self.database]

    def tune(self, length):
        """Another process adds rows."""
        subprocess.run(self.command("tune", "--quiet", "--device", "cpu", "--budget", "2",
                                    "--problem", json.dumps(PROBLEM | {"length": length})),
                       check=True, stdout=subprocess.DEVNULL)

    def follow(self):
        process = subprocess.Popen(
            self.command("report", "--follow", "--output", self.page), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
            env=os.environ | {"MPLCONFIGDIR": str(self.folder / "matplotlib")})
        self.addCleanup(process.kill)
        return process

    def until(self, process, found):
        """What `found` returns once it is true, while the process runs."""
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            self.assertIsNone(process.poll(), "it ended by itself")
            if value := found():
                return value
            time.sleep(0.02)
        self.fail("it took too long")

    def digest(self):
        """The export that the page was made from; none without a page."""
        if not self.page.exists():
            return None
        text = self.page.read_text()
        self.assertTrue(text.rstrip().endswith("</html>"), "half a page was seen")
        return re.search(r"Export digest \(SHA-256\) <code>(\w+)</code>", text).group(1)

    def child(self, process):
        text = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        return int(text[0]) if text else None

    def test_follows_until_interrupted(self):
        self.tune(64)
        process = self.follow()
        first = self.until(process, self.digest)
        self.assertIn('http-equiv="refresh"', self.page.read_text())
        self.tune(65)
        child = self.until(process, lambda: self.child(process))
        self.until(process, lambda: os.getpriority(os.PRIO_PROCESS, child) == 19)
        second = self.until(process, lambda: self.digest() not in (None, first) and self.digest())

        self.tune(66)
        self.until(process, lambda: self.child(process))
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=LIMIT)
        self.assertEqual(process.returncode, 128 + signal.SIGINT, out + err)
        self.assertNotIn("Traceback", err)
        self.assertEqual(out, f"{self.page}\n")
        self.assertNotIn(self.digest(), (first, second))
        self.assertNotIn('http-equiv="refresh"', self.page.read_text())
        self.assertEqual({path.name for path in self.folder.iterdir()},
                         {"a.db", "matplotlib", "page.html"})

    def test_without_a_database_it_says_so(self):
        process = self.follow()
        _, err = process.communicate(timeout=LIMIT)
        self.assertEqual(process.returncode, 4)
        self.assertIn("a.db", err)


if __name__ == "__main__":
    unittest.main(verbosity=2)
