#!/usr/bin/env python3
"""Every example line of every `--help` works as it stands, on the CPU and a scratch database, and the
README's tables of commands and environment variables say what `--help` says.

Usage: help_test.py CONVTUNE README. Exit codes: 0 all as it should be, 1 not.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy

DONE, NO_COMPILER, IN_PART = 0, 3, 5


def commands_of(help_text):
    """The commands that a help text lists, each with its summary."""
    listed = re.search(r"^Subcommands:\n((?:  .+\n)+)", help_text, re.MULTILINE)
    lines = listed.group(1).splitlines() if listed else []
    return dict(line.split(maxsplit=1) for line in lines)


def environment_of(help_text):
    """The environment variables that a help text lists, each with its meaning."""
    return dict(re.findall(r"^  ([A-Z_]+)  +(.+)$", help_text.partition("\nEnvironment:\n")[2], re.M))


def table_faults(readme, help_text):
    for command, summary in commands_of(help_text).items():
        if f"| `{command}` | {summary} |" not in readme:
            yield f"{command}: the README's table does not say \"{summary}\""
    variables = environment_of(help_text)
    for name, meaning in variables.items():
        if f"| `{name}` | {meaning} |" not in readme:
            yield f"{name}: the README's table does not say \"{meaning}\""
    of_python = {"CONVTUNE_LIBRARY"}
    told = set(re.findall(r"^\| `([A-Z_]+)` \|", readme, re.M))
    if told != variables.keys() | of_python:
        yield f"--help or the README lacks {told ^ (variables.keys() | of_python)}"


def examples_of(help_text):
    footer = re.search(r"^Examples:\n((?:  convtune .+\n)+)", help_text, re.MULTILINE)
    return [line.strip() for line in footer.group(1).splitlines()] if footer else []


class Scratch:
    """A folder with the files that the examples name, where convtune runs and keeps its data."""

    def __init__(self, program, folder):
        self.program = program
        self.folder = folder
        self.environment = os.environ | {
            "CONVTUNE_CUDNN": "/nowhere",  # whose heuristics leak, which LeakSanitizer would tell
            "CONVTUNE_DB": str(folder / "convtune.db"),
            "CONVTUNE_CACHE_DIR": str(folder / "cache"),
            "CUDA_VISIBLE_DEVICES": "",
            "MPLCONFIGDIR": str(folder),
        }
        numpy.save(folder / "x.npy", numpy.ones((1, 100, 2), numpy.float32))
        numpy.save(folder / "w.npy", numpy.ones((3, 2, 4), numpy.float32))
        problem = {"length": 100, "in_channels": 2, "out_channels": 4, "kernel_size": 3}
        files = {"input": "x.npy", "weight": "w.npy", "output": "y.npy"}
        (folder / "runs.jsonl").write_text(json.dumps({"problem": problem} | files) + "\n")

    def run(self, arguments):
        return subprocess.run([self.program, *arguments], cwd=self.folder, text=True,
                              env=self.environment, capture_output=True, check=False)

    def help(self, path):
        return self.run([*path, "--help"]).stdout

    def all_examples(self, path=()):
        """(command, example line) in the order of --help; None for a command without an example."""
        text = self.help(path)
        if path:
            yield from ((path, line) for line in examples_of(text) or [None])
        for command in commands_of(text):
            yield from self.all_examples((*path, command))

    def fault(self, path, line):
        """What is wrong with an example, or nothing."""
        if line is None:
            return "its --help has no example"
        words = shlex.split(line)[1:]
        if words[:len(path)] != list(path):
            return f"its example is of another command: {line}"
        if path == ("db", "merge"):
            shutil.copy(self.folder / "convtune.db", self.folder / words[-1])
        if "--against" in words:
            earlier = words[words.index("--against") + 1]
            shutil.copy(self.folder / "convtune.db", self.folder / earlier)
        accepted = {DONE}
        if path == ("compile",):
            accepted.add(NO_COMPILER)
        if "--budget" in words:  # which a slow machine may exceed
            accepted.add(IN_PART)
        done = self.run(words)
        if done.returncode not in accepted:
            return f"exit code {done.returncode}: {line}\n{done.stdout}{done.stderr}"
        return None


def main():
    program, readme = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).read_text(encoding="utf-8")
    faults = []
    with tempfile.TemporaryDirectory() as folder:
        scratch = Scratch(program, Path(folder))
        examples = list(scratch.all_examples())
        for path, line in examples:
            fault = scratch.fault(path, line)
            if fault:
                faults.append(f"{' '.join(path)}: {fault}")
        faults += table_faults(readme, scratch.help(()))
    print("\n".join(faults) or f"{len(examples)} examples run")
    return 1 if faults or not examples else 0


if __name__ == "__main__":
    sys.exit(main())
