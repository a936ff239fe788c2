#!/usr/bin/env python3
"""What was tuned on one machine runs on another without a compiler, by the database and a pack of
what won in it.

Usage: pack_test.py CONVTUNE FAKES. FAKES has the imaginary GPU and a compiler that compiles nothing.
Exit codes: 0 all as it should be, 1 not.
"""

import json
import re
import sys
import unittest

from program_case import ProgramCase

program, fakes = sys.argv.pop(1), sys.argv.pop(1)
# Served by cuda_direct alone, because no other family takes windows this long.
PROBLEMS = [json.dumps({"length": 18008, "in_channels": 3, "out_channels": outputs,
                        "kernel_size": 3, "dilation": 9000}) for outputs in (1, 2)]


class PackTest(ProgramCase):
    def setUp(self):
        super().setUp()
        self.pack = self.folder / "kernels.pack"

    def run_convtune(self, *words, code=0, **more):
        environment = {"LD_LIBRARY_PATH": fakes, "CONVTUNE_CUDNN": "/nonexistent",
                       "CONVTUNE_NVRTC": f"{fakes}/libfake_nvrtc.so",
                       "CONVTUNE_CACHE_DIR": str(self.folder / "cache")} | more
        done = self.finish(program, *words, code=code, **environment)
        return done.stdout + done.stderr

    def without_compiler(self, *words, **more):
        """On another machine: no compiler, and nothing in its cache."""
        return self.run_convtune(*words, CONVTUNE_NVRTC="/nonexistent", CONVTUNE_DB=str(self.database),
                                 CONVTUNE_CACHE_DIR=str(self.folder / "other"), **more)

    def test_what_won_is_packed_and_runs_without_a_compiler(self):
        for problem in PROBLEMS:
            self.run_convtune("tune", "--device", "cuda", "--exhaustive", "--quiet", "--db",
                              self.database, "--problem", problem)
        said = self.run_convtune("compile", "--db", self.database, "--pack", self.pack)
        verdicts = json.loads(self.run_convtune("db", "export", "--db", self.database))["verdicts"]
        won = {verdict[key] for verdict in verdicts for key in ("winner", "best_generated")}
        self.assertEqual(int(re.search(r"^(\d+) kernels?: ", said, re.MULTILINE)[1]), len(won))
        for problem in PROBLEMS:
            words = ("check", "--device", "cuda", "--chosen", "--problem", problem)
            self.without_compiler(*words, CONVTUNE_PACK=str(self.pack))
        other = json.dumps(json.loads(PROBLEMS[0]) | {"activation": "relu"})  # another kernel
        said = self.without_compiler("check", "--device", "cuda", "--chosen", "--problem", other,
                                     code=5, CONVTUNE_PACK=str(self.pack))
        self.assertIn("has no whole kernel of this candidate", said)

    def test_a_database_without_such_a_kernel_is_refused(self):
        self.run_convtune("tune", "--device", "cpu", "--quiet", "--budget", "2", "--db",
                          self.database, "--problem", '{"length":9,"in_channels":1,'
                          '"out_channels":1,"kernel_size":3}')
        said = self.run_convtune("compile", "--db", self.database, code=2)
        self.assertIn("has no CUDA kernel that won: tune on a GPU first, or name layers", said)

    def test_where_no_pack_can_be_is_told_before_anything_is_compiled(self):
        self.database.write_text("no pack")
        for pack, says in ((self.folder / "nowhere/a.pack", "No such file or directory"),
                           (self.database, "is no pack of this version; write one with")):
            said = self.run_convtune("compile", "--problem", PROBLEMS[0], "--pack", pack, code=4)
            self.assertIn(says, said)
            self.assertFalse((self.folder / "cache").exists())
        self.assertEqual(self.database.read_text(), "no pack")


if __name__ == "__main__":
    unittest.main()
