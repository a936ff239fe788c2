#!/usr/bin/env python3
"""Plants each mutant of table.py in a copy of its file, builds the family's tests with it, and
expects them to fail. Prints what caught which.

A mutant takes one compilation and one link: of the host kernels it names, whose include path begins
with the copy, and of the objects that the build folder has.

Exit codes: 0 all were caught and every family has enough of them, 1 not, 2 wrong usage.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

from table import MUTANTS

ROOT = pathlib.Path(__file__).resolve().parents[4]
TESTS = ROOT / "tests/kernels/cuda"
FEWEST = 5  # of a family
SECONDS = 600  # for the tests of one mutant


class Build:
    """How the build folder compiles a source and links the tests."""

    def __init__(self, folder):
        self.folder = folder
        commands = json.loads((folder / "compile_commands.json").read_text())
        self.compiler = {command["file"]: command["command"] for command in commands}
        listed = subprocess.run(["ninja", "-C", folder, "-t", "commands", "cuda_kernels_tests"],
                                check=True, capture_output=True, text=True).stdout
        links = [part for part in listed.splitlines()[-1].split(" && ")
                 if " -o tests/kernels/cuda_kernels_tests " in part]
        self.linker = shlex.split(links[0])

    def run(self, command):
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)

    def compile(self, like, source, copies, target):
        """Compiles `source` with the command of `like`; files in `copies` come first."""
        command = shlex.split(self.compiler[str(like)])
        at = command.index("-o")
        command[at : at + 4] = ["-o", str(target), "-c", str(source)]
        command.insert(1, f"-I{copies}")
        return self.run(command)

    def link(self, changed, instead_of, target):
        """Links the tests with the object `changed`, in place of that of the source `instead_of` or
        before the libraries, which have the same symbols."""
        kept = [word for word in self.linker if not word.endswith(f"/{instead_of.name}.o")]
        at = kept.index("-o")
        return self.run([*kept[:at], str(changed), "-o", str(target), *kept[at + 2 :]])


def selected_kernels(source, wanted):
    """The host kernels' source with only those built whose config contains `wanted`, and their
    numbers. The others keep their places, without a kernel."""
    numbers = []
    count = 0

    def entry(match):
        nonlocal count
        config = " ".join(match[1].split())
        count += 1
        if wanted not in config:
            return f"{{{match[1]}, nullptr}}"
        numbers.append(count - 1)
        return match[0]

    return re.sub(r"\bbuilt<(\w+Config\{.*?\})>\(\)", entry, source, flags=re.DOTALL), numbers


def what_caught(output):
    """The first report of the emulator in a test's output, or what else was wrong."""
    report = re.search(r'report\.error\n +Which is: "(.*)"', output)
    if report:
        said = re.sub(r" \[block.*", "", report[1])
        return "emulator: " + re.sub(r" at 0x[0-9a-f]+| at /\S*/(?=kernels/)", "", said)
    if "report.counts.multiply_adds" in output:
        return "multiply-adds that are not those of the cost"
    if "result.wrong" in output:
        return "outputs beyond the tolerance"
    return "outputs that are not exact" if "Failure" in output else None


def test(mutant, build, folder):
    """What caught the mutant; raises if it could not be built, or if nothing did."""
    original = ROOT / "kernels/cuda" / mutant.file
    text = original.read_text()
    if text.count(mutant.text) != 1:
        raise ValueError(f"its text is {text.count(mutant.text)} times in {mutant.file}, not once")
    copy = folder / "kernels/cuda" / mutant.file
    copy.parent.mkdir(parents=True)
    copy.write_text(text.replace(mutant.text, mutant.replacement))

    kernels = TESTS / f"{mutant.family}_kernels.cpp"
    source, numbers = selected_kernels(kernels.read_text(), mutant.kernels)
    if not numbers:
        raise ValueError(f"no kernel of {kernels.name} has {mutant.kernels!r}")
    object_file, program = folder / "mutant.o", folder / "tests"
    if original.suffix == ".cpp":
        compiled = build.compile(original, copy, folder, object_file)
        changed = original
    else:
        only_selected = folder / kernels.name
        only_selected.write_text(source)
        compiled = build.compile(kernels, only_selected, folder, object_file)
        changed = kernels
    built = compiled if compiled.returncode else build.link(object_file, changed, program)
    if built.returncode:
        raise ValueError("it does not build: " + built.stderr[:500])

    suite = "".join(part.title() for part in mutant.family.split("_")) + "OnHost"
    filters = ":".join(f"Kernels/{suite}.*/{number}" for number in numbers)
    command = [program, f"--gtest_filter={filters}"]
    try:
        run = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False,
                             timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return f"no end within {SECONDS} s"
    finally:
        program.unlink()
    caught = what_caught(run.stdout)
    if run.returncode == 0 or caught is None:
        raise ValueError(f"nothing caught it (exit code {run.returncode})")
    return caught


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/default")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--family", help="only its mutants")
    arguments = parser.parse_args()
    mutants = [m for m in MUTANTS if arguments.family in (None, m.family)]
    build = Build(arguments.build.resolve())

    with tempfile.TemporaryDirectory() as scratch:
        def outcome(number):
            try:
                return True, test(mutants[number], build, pathlib.Path(scratch) / str(number))
            except ValueError as reason:
                return False, str(reason)

        survived = 0
        print("| family | kind | bug | caught by |\n|---|---|---|---|")
        with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
            for mutant, (caught, how) in zip(mutants, pool.map(outcome, range(len(mutants)))):
                survived += not caught
                by = how if caught else f"**NOT CAUGHT: {how}**"
                print(f"| {mutant.family} | {mutant.kind} | {mutant.bug} | {by} |", flush=True)

    families = [path.name.removesuffix("_kernels.cpp") for path in TESTS.glob("*_kernels.cpp")]
    of_family = collections.Counter(m.family for m in MUTANTS)
    few = sorted(family for family in families if of_family[family] < FEWEST)
    for family in few:
        print(f"{family} has {of_family[family]} mutants, fewer than {FEWEST}: add some to table.py")
    print(f"{len(mutants) - survived} of {len(mutants)} mutants caught")
    return 1 if survived or few else 0


if __name__ == "__main__":
    sys.exit(main())
