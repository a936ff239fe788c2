#!/usr/bin/env python3
"""Command lines that convtune must refuse, each in one sentence with its reason and exit code.

Usage: refusals_test.py CONVTUNE. Exit codes: 0 all as it should be, 1 not.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

INVALID, STORAGE = 2, 4
UNTUNED = "{database}: nothing has been tuned yet; run convtune tune first"

REFUSALS = [
    (["db", "info"], STORAGE, UNTUNED),
    (["db", "check"], STORAGE, UNTUNED),
    (["db", "export"], STORAGE, UNTUNED),
    (["report"], STORAGE, UNTUNED),
    (["compile", "--layers", ""], INVALID, "a list of layers nor a file called ''"),
    (["check", "--problem", ""], INVALID, "the problem is no valid JSON"),
    (["tune", "--seed", "-1"], INVALID, "--seed: '-1' is no number from 0 up"),
    (["tune", "--budget", "ten"], INVALID, "--budget: 'ten' is no number from 0 up"),
    (["compile", "--jobs", "0"], INVALID, "--jobs: '0' is no number from 1 up"),
    (["tune", "--pack", "none.pack"], STORAGE, "the pack none.pack: it cannot be read"),
    (["fly"], INVALID, "fly; see convtune --help"),
    ([], INVALID, "no command was given"),
    (["compile", "--arch", "sm_90a,,sm_80"], INVALID, "'' is no known architecture"),
    (["compile", "--arch", "sm_90a,"], INVALID, "'' is no known architecture"),
    (["compile", "--arch", ""], INVALID, "'' is no known architecture"),
    (["compile", "--arch", "sm_1"], INVALID, "'sm_1' is no known architecture"),
]


def fault(program, folder, arguments, code, words):
    """What is wrong with a refusal, or nothing."""
    database = folder / "none.db"
    environment = os.environ | {"CONVTUNE_DB": str(database)}
    done = subprocess.run([program, *arguments], cwd=folder, env=environment, text=True,
                          capture_output=True, check=False)
    wanted = words.format(database=database)
    if done.returncode == code and wanted in done.stderr and done.stderr.count("\n") == 1:
        return None
    return (f"{' '.join(arguments)}: exit code {done.returncode}, not {code} with \"{wanted}\":\n"
            f"{done.stdout}{done.stderr}")


def main():
    program = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as name:
        faults = [fault(program, Path(name), *refusal) for refusal in REFUSALS]
    faults = [each for each in faults if each]
    print("\n".join(faults) or f"{len(REFUSALS)} command lines refused")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
