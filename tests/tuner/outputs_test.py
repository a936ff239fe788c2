#!/usr/bin/env python3
"""Where results go: `db export` into a file, through a link and into a pipe; and what is told when
standard output takes nothing.

Usage: outputs_test.py CONVTUNE. Exit codes: 0 all as it should be, 1 not.
"""

import json
import os
import stat
import subprocess
import sys
import unittest

from program_case import ProgramCase

program = sys.argv.pop(1)
EMPTY = {"format": "convtune-export", "schema": 5, "devices": [], "runs": [], "labels": [],
         "measurements": [], "verdicts": []}
SMALL = {"length": 64, "in_channels": 8, "out_channels": 8, "kernel_size": 3}
STORAGE = 4


class OutputsTest(ProgramCase):
    def setUp(self):
        super().setUp()
        source = self.folder / "empty.json"
        source.write_text(json.dumps(EMPTY))
        self.finish(program, "db", "import", "--db", self.database, source)
        self.output = self.folder / "output.json"

    def export(self, path):
        self.finish(program, "db", "export", "--db", self.database, "--output", path)

    def test_a_file_is_replaced(self):
        self.output.write_text("earlier")
        with open(self.output) as reader:
            self.export(self.output)
            self.assertEqual(reader.read(), "earlier", "written into the file that is being read")
        self.assertEqual(json.loads(self.output.read_text()), EMPTY)

    def mode_of_output(self):
        return stat.S_IMODE(self.output.stat().st_mode)

    def test_a_new_file_has_the_mode_that_the_umask_leaves(self):
        for umask in (0o027, 0o002):
            self.addCleanup(os.umask, os.umask(umask))
            self.export(self.output)
            self.assertEqual(self.mode_of_output(), 0o666 & ~umask)
            self.output.unlink()

    def test_a_replaced_file_keeps_its_mode(self):
        for mode in (0o600, 0o664):
            self.output.touch()
            self.output.chmod(mode)
            self.export(self.output)
            self.assertEqual(self.mode_of_output(), mode)

    def test_a_link_stays_one(self):
        target = self.folder / "target.json"
        target.touch()
        self.output.symlink_to(target)
        self.export(self.output)
        self.assertTrue(self.output.is_symlink())
        self.assertEqual(json.loads(target.read_text()), EMPTY)

    def test_where_none_can_be_is_told(self):
        done = self.finish(program, "db", "export", "--db", self.database, "--output",
                           self.folder / "none" / "x.json", code=STORAGE)
        self.assertIn("none/x.json cannot be written (open: No such file or directory); check its "
                      "folder", done.stderr)

    def test_a_pipe_is_written_into(self):
        os.mkfifo(self.output)
        reader = os.open(self.output, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        self.export(self.output)
        self.assertTrue(stat.S_ISFIFO(self.output.stat().st_mode))
        self.assertEqual(json.loads(os.read(reader, 1 << 16)), EMPTY)

    def test_a_pipe_is_not_read_from(self):
        os.mkfifo(self.output)  # nobody ever writes into it, so that to open it is to wait
        self.finish(program, "report", "--db", self.folder / "none.db", "--output", self.output,
                    code=STORAGE)

    def test_import_and_merge_tell_what_came_in(self):
        labels = [{"problem": SMALL, "model": "m", "layer": layer, "shape_class": "", "list": ""}
                  for layer in ("a", "b")]
        source, other = self.folder / "labels.json", self.folder / "other.db"
        for command, database, rows, says in (
                ("import", self.database, labels[:1], "1 of 1 row came in\n"),
                ("import", self.database, labels, "1 of 2 rows came in; the others are here"),
                ("import", other, labels[:1], "1 of 1 row came in\n"),
                ("merge", other, None, "1 of 2 rows came in; the others are here")):
            if rows:
                source.write_text(json.dumps(EMPTY | {"labels": rows}))
            given = source if rows else self.database
            done = self.finish(program, "db", command, "--db", database, given)
            self.assertTrue(done.stdout.startswith(f"{given}: {says}"), done.stdout)

    def test_a_full_standard_output_ends_with_4(self):
        problem = ("--device", "cpu", "--problem", json.dumps(SMALL))
        for words in (("devices",), ("db", "export", "--db", self.database), ("plan", *problem),
                      ("bench", *problem, "--benchmark_filter=/default",
                       "--benchmark_min_time=0.001")):
            with self.subTest(words[0]), open("/dev/full", "w") as full:
                done = subprocess.run([program, *words], stdout=full, stderr=subprocess.PIPE,
                                      text=True, env=os.environ | {"CONVTUNE_DB": "none.db"})
                self.assertEqual(done.returncode, STORAGE, done.stderr)
                self.assertIn("standard output could not be written", done.stderr)


if __name__ == "__main__":
    unittest.main()
