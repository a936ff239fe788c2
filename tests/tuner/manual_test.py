#!/usr/bin/env python3
"""The manual page and bash's completion say what `--help` says.

Usage: manual_test.py CONVTUNE. Exit codes: 0 all as it should be, 1 not.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from help_test import commands_of

# What happens on the tab key: the words up to the cursor, the last one unfinished. As where it is
# installed, the file is read inside a function.
DRIVER = """
load() { source "$1"; }
load "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_convtune
printf '%s\\n' "${COMPREPLY[@]}"
"""


# What options take besides a file's name.
MODELS = json.loads((Path(__file__).parents[2] / "tuner/layers/models.json").read_text())
VALUES = {"--device": {"auto", "cpu", "cuda"}, "--grid": {"default"},
          "--layers": {"quickstart", "core", "all"} | {
              re.split("[ -]", each["model"].lower())[0] for each in MODELS}}


class Program:
    def __init__(self, path):
        self.path = path
        self.environment = os.environ | {"CONVTUNE_DB": "~/some.db", "MANWIDTH": "1000"}

    def output(self, *arguments):
        return subprocess.run([self.path, *arguments], text=True, env=self.environment,
                              capture_output=True, check=True).stdout

    def helps(self, path=()):
        """(command, its --help), of all that --help lists."""
        text = self.output(*path, "--help")
        yield path, text
        for command in commands_of(text):
            yield from self.helps((*path, command))


def options_of(help_text):
    """Every -o and --option of a help text, and those of them that take a value."""
    found = re.findall(r"^  (-\S+)((?: [A-Z]+\S*)?)", help_text, re.MULTILINE)
    names = {name: bool(value) for group, value in found for name in group.split(",")}
    return set(names), {name for name in names if names[name]}


def words(text):
    """The words of a text; troff may hyphenate none of them but breaks lines anywhere."""
    return " ".join(text.split())


def man_faults(program):
    """Lines of --help that the page lacks, and what groff warns of."""
    page = program.output("man-page")
    groff = subprocess.run(["groff", "-man", "-Tascii", "-P-cbou", "-ww", "-rHY=0", "-rLL=1000n"],
                           input=page, text=True, capture_output=True, check=False)
    if groff.stderr:
        yield groff.stderr
    shown = words(groff.stdout)
    for path, text in program.helps():
        for line in text.splitlines():
            line = line.removesuffix(":") if not line.startswith(" ") else line
            part_of_layout = line in ("Options", "Positionals", "Subcommands")
            if part_of_layout or line.startswith("Usage: convtune [OPTIONS]"):
                continue
            for piece in re.split(r"\s{2,}", line.removeprefix("Usage: ")):
                if words(piece) not in shown:
                    yield f"convtune {' '.join(path)}: the manual page lacks {piece!r}"


def completion_faults(program, script):
    def completed(*line):
        return set(subprocess.run(["bash", "-c", DRIVER, "bash", script, "convtune", *line],
                                  text=True, capture_output=True, check=True).stdout.split())

    for path, text in program.helps():
        options, valued = options_of(text)
        expected = options | set(commands_of(text))
        if completed(*path, "") != expected:
            yield f"{path}: {completed(*path, '')} is completed, not {expected}"
        for option in options:
            after = completed(*path, option, "")
            right = after == VALUES.get(option, set()) if option in valued else after
            if not right:
                yield f"{path} {option}: completes {after or 'nothing'}"
    if completed("db", "check", "--d") != {"--db"} or completed("pl") != {"plan"}:
        yield "an unfinished word is not completed"
    if completed("plan", "--device", "c") != {"cpu", "cuda"}:
        yield "an unfinished value is not completed"
    if "--budget" not in completed("tune", "--db", "some.db", "--bud"):
        yield "the words after an option's value are not completed"


def main():
    program = Program(sys.argv[1])
    faults = []
    if shutil.which("groff"):
        faults += man_faults(program)
    with tempfile.NamedTemporaryFile("w") as script:
        script.write(program.output("bash-completion"))
        script.flush()
        faults += completion_faults(program, script.name)
    print("\n".join(faults) or "the manual page and the completion say what --help says")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
