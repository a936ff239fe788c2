#!/usr/bin/env python3
"""What people are told to do next does what it is told for.

Usage: advice_test.py CONVTUNE. Exit codes: 0 all as it should be, 1 not.
"""

import re
import shlex
import sys
import unittest

from program_case import ProgramCase

program = sys.argv.pop(1)
PROBLEM = '{"length":64,"in_channels":8,"out_channels":8,"kernel_size":3}'


class AdviceTest(ProgramCase):
    def output(self, *words):
        return self.finish(program, *words, CONVTUNE_DB=str(self.database),
                           CUDA_VISIBLE_DEVICES="").stdout

    def next_of(self, *words):
        """The command that `plan` names, without its program; None if it names none."""
        found = re.search(r"^next +convtune (.*)$", self.output("plan", "--problem", PROBLEM, *words),
                          re.MULTILINE)
        return found and found[1]

    def test_a_plan_names_the_command_after_which_it_is_exact(self):
        self.output(*shlex.split(self.next_of()), "--quiet", "--budget", "5")
        self.assertIn("\nmatch     exact\n", self.output("plan", "--problem", PROBLEM))
        self.assertIsNone(self.next_of())

    def test_what_a_plan_was_asked_of_is_tuned(self):
        other = self.folder / "the other.db"
        self.output("tune", "--quiet", "--budget", "5", "--device", "cpu", "--db", str(other),
                    "--problem", PROBLEM.replace("64", "65"))
        asked = ("--device", "cpu", "--db", str(other))
        self.output(*shlex.split(self.next_of(*asked)), "--quiet", "--budget", "5")
        self.assertIsNone(self.next_of(*asked))
        self.assertIsNotNone(self.next_of())

    def test_a_plan_for_a_gpu_that_is_not_there_is_the_cpus_and_says_why(self):
        told = self.output("plan", "--problem", PROBLEM, "--device", "cuda")
        self.assertRegex(told, r"\nmatch     cpu\nconfig    cpu_")
        self.assertIn("\nwhy       The CPU serves it: cuda cannot be used: ", told)

    def test_a_plan_for_another_machine_says_where_to_tune(self):
        self.assertEqual(self.next_of("--arch", "sm_90a"),
                         f"tune --problem '{PROBLEM}', where there is such a GPU")


if __name__ == "__main__":
    unittest.main()
