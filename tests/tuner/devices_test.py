#!/usr/bin/env python3
"""`convtune devices` finds what is wrong, and says what to do.

Usage: devices_test.py CONVTUNE [MISSING...]. This build was made without MISSING: gpu, nvrtc, cudnn.
Exit codes: 0 all as it should be, 1 not.
"""

import json
import sys
import unittest

from program_case import ProgramCase

program, missing = sys.argv[1], sys.argv[2:]
del sys.argv[1:]
PROBLEM = '{"length":9,"in_channels":1,"out_channels":1,"kernel_size":3}'


class DevicesTest(ProgramCase):
    def output(self, *words, **more):
        environment = {"CONVTUNE_DB": str(self.database), "CUDA_VISIBLE_DEVICES": ""} | more
        return self.finish(program, *words, **environment).stdout

    def finding(self, what, **more):
        """(whether it is there, what is said of it)"""
        found = json.loads(self.output("devices", "--json", **more))[what]
        return found["found"], found["text"]

    def test_people_read_what_programs_do(self):
        told = json.loads(self.output("devices", "--json"))
        lines = [f"{what:<10}{'' if each['found'] else 'missing: '}{each['text']}"
                 for what, each in told.items()]
        self.assertEqual(self.output("devices").splitlines(), lines)

    def test_each_fault_is_told_with_its_remedy(self):
        damaged = self.folder / "damaged.db"
        damaged.write_text("no database")
        a_file = self.folder / "a file"
        a_file.touch()
        for what, variables, *words in (
                ("gpu", {"LD_LIBRARY_PATH": "/nonexistent"}, "no GPU can be used"),
                ("nvrtc", {"CONVTUNE_NVRTC": "/nonexistent"}, "/nonexistent", "set CONVTUNE_NVRTC"),
                ("pack", {"CONVTUNE_PACK": "/nonexistent"}, "/nonexistent"),
                ("cudnn", {"CONVTUNE_CUDNN": "/nonexistent"}, "set CONVTUNE_CUDNN"),
                ("database", {"CONVTUNE_DB": str(damaged)}, str(damaged), "name another file"),
                ("database", {"CONVTUNE_DB": "", "XDG_DATA_HOME": "", "HOME": ""},
                 "set HOME or CONVTUNE_DB"),
                ("cache", {"CONVTUNE_CACHE_DIR": str(a_file / "cache")}, "set CONVTUNE_CACHE_DIR")):
            with self.subTest(what, variables=variables):
                found, text = self.finding(what, **variables)
                self.assertFalse(found, text)
                if what in missing:  # no variable helps
                    words = ["it was made without", "again"]
                for word in words:
                    self.assertIn(word, text)

    def test_a_database_says_how_much_of_it_is_of_this_machine(self):
        self.assertEqual(self.finding("database"), (True, f"{self.database} (not there yet)"))
        self.output("tune", "--device", "cpu", "--quiet", "--budget", "5", "--problem", PROBLEM)
        self.assertEqual(self.finding("database"), (
            True, f"{self.database}, layers tuned on these devices: 1, on others: 0"))
        # As on a machine with another CPU.
        export = self.folder / "export.json"
        self.output("db", "export", "--output", str(export))
        rows = export.read_text()
        self.database = self.folder / "b.db"
        name = json.loads(rows)["devices"][0]["name"]
        export.write_text(rows.replace(name, "another CPU"))
        self.output("db", "import", str(export))
        self.assertEqual(self.finding("database")[1].rpartition(", layers")[2],
                         " tuned on these devices: 0, on others: 1")


if __name__ == "__main__":
    unittest.main()
