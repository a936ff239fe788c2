#!/usr/bin/env python3
"""Progress is shown at a terminal and nowhere else; results and problems are told in any case.

Usage: quiet_test.py CONVTUNE [FAKES]. FAKES has libfake_nvrtc.so, for `compile`.
Exit codes: 0 all as it should be, 1 not.
"""

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import unittest

from program_case import ProgramCase

PROGRAM = sys.argv.pop(1)
FAKES = sys.argv.pop(1) if len(sys.argv) > 1 else None
SMALL = {"length": 64, "in_channels": 8, "out_channels": 8, "kernel_size": 3}
HUGE = SMALL | {"length": 1 << 40}
DONE, IN_PART = 0, 5


def screen(text, columns):
    """What stands on a terminal of so many columns, line by line, once it was sent this: it wraps
    what is longer, and knows how to go up and to clear."""
    rows, row, column = [""], 0, 0
    for up, clear, char in re.findall("\x1b\\[(\\d+)A|\x1b\\[([JK])|(.|\n)", text):
        if up:
            row = max(0, row - int(up))
        elif clear:
            rows[row] = rows[row][:column]
            rows[row + 1:] = [] if clear == "J" else rows[row + 1:]
        elif char == "\r":
            column = 0
        else:
            if char == "\n" or column == columns:
                row, column = row + 1, 0
                rows += [""] * (row == len(rows))
            if char != "\n":
                rows[row] = rows[row][:column].ljust(column) + char + rows[row][column + 1:]
                column += 1
    return rows


class Quiet(ProgramCase):
    def tune(self, *problems):
        """The command that tunes these."""
        layers = self.folder / "layers.json"
        layers.write_text(json.dumps(problems))
        return [PROGRAM, "tune", "--device", "cpu", "--budget", "20", "--layers", layers, "--db",
                self.database]

    def compile(self):
        return [PROGRAM, "compile", "--problem", json.dumps(SMALL), "--shortlist", "1"]

    def seen_on_terminal(self, command, code=DONE, columns=0, **environment):
        """What a terminal is sent of stderr; 0 columns: it does not tell how wide it is."""
        try:
            ours, theirs = pty.openpty()
        except OSError as error:
            self.skipTest(f"no terminal to be had: {error}")
        fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=theirs,
                                   env=os.environ | environment)
        os.close(theirs)
        seen = b""
        try:
            while part := os.read(ours, 65536):
                seen += part
        except OSError:  # nobody writes any more
            pass
        os.close(ours)
        self.assertEqual(process.wait(), code, seen)
        return seen.decode()

    def test_a_terminal_shows_how_far_a_sweep_is(self):
        seen = self.seen_on_terminal(self.tune(SMALL, SMALL | {"length": 65}))
        self.assertRegex(seen, r"^Tuning 2 problems on .*\n")
        self.assertRegex(seen, r"\[1/2\] .*: \d+ of \d+ candidates, best [^\r]* a second")
        self.assertRegex(seen, r"\[2/2\] .*cpu_\w+\{.*\n")
        self.assertEqual(self.seen_on_terminal([*self.tune(SMALL), "--quiet"]), "")

    def test_a_narrow_terminal_keeps_only_how_each_layer_ended(self):
        narrow = 30
        seen = self.seen_on_terminal(self.tune(SMALL, SMALL | {"length": 65}), columns=narrow)
        updates = [line for line in re.split(r"\n|\r", seen) if " candidates, best " in line]
        self.assertGreater(min(map(len, updates)), 2 * narrow)
        text = "".join(screen(seen, narrow))
        self.assertRegex(text, r"^Tuning 2 problems on .*\)\[1/2\] .*cpu_\w+\{.*\[2/2\] .*cpu_\w+\{")
        self.assertNotIn(" candidates", text)

    def test_piped_a_sweep_tells_results_only(self):
        done = self.finish(*self.tune(SMALL))
        self.assertEqual(done.stderr, "")
        self.assertRegex(done.stdout, r"(?s)^layer .*untuned default: .*\n"
                         r"[1-9]\d* candidates? measured in 0:\d\d\n$")
        self.assertIn("\n0 candidates measured in 0:0", self.finish(*self.tune(SMALL)).stdout)

    def test_piped_a_sweep_tells_what_is_wrong(self):
        done = self.finish(*self.tune(SMALL, HUGE), code=IN_PART)
        self.assertRegex(done.stdout, r"(?m)needs about \d+ MiB of host memory, \d+ MiB are there$")
        self.database.write_bytes(b"no database")
        self.assertIn(str(self.database), self.finish(*self.tune(SMALL), code=4).stderr)

    def test_compile_likewise(self):
        if FAKES is None:
            self.skipTest("built without CUDA's headers")
        environment = {"CONVTUNE_NVRTC": f"{FAKES}/libfake_nvrtc.so",
                       "CONVTUNE_CACHE_DIR": str(self.folder / "cache")}
        self.assertRegex(self.seen_on_terminal(self.compile(), **environment), r"\d+ kernels: ")
        done = self.finish(*self.compile(), **environment)
        self.assertEqual(done.stderr, "")
        self.assertIn("1 problem, ", done.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
