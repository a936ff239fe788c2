#!/usr/bin/env python3
"""Command lines that convtune must refuse, each in one sentence with its reason and exit code.

Usage: refusals_test.py CONVTUNE. Exit codes: 0 all as it should be, 1 not.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

INVALID, UNAVAILABLE, STORAGE = 2, 3, 4
PROBLEM = '{"length":9,"in_channels":2,"out_channels":2,"kernel_size":3}'
RUN = ["run", "--problem", PROBLEM, "--input", "text", "--weight", "nowhere.npy"]
UNTUNED = "{database}: nothing has been tuned yet; run convtune tune first"
NO_PACK = "the pack text: it is no pack of this version; write one with convtune compile --pack"
MISSING = "No such file or directory"

DEEP = "[" * 100_000 + "]" * 100_000

REFUSALS = [
    (["db", "info"], STORAGE, UNTUNED),
    (["db", "check"], STORAGE, UNTUNED),
    (["db", "export"], STORAGE, UNTUNED),
    (["report"], STORAGE, UNTUNED),
    (["db", "import", "--db", "new.db", "text"], STORAGE, "text: the import is refused"),
    (["db", "import", "--db", "new.db", "."], STORAGE, ". is a folder"),
    (["db", "merge", "--db", "new.db", "text"], STORAGE, "text"),
    (["report", "--against", "nowhere.db", "--db", "nowhere.db"], STORAGE, "nowhere.db: nothing has"),
    (["report", "--output", "data"], INVALID, "data is a database"),
    (["compile", "--layers", ""], INVALID, "a list of layers nor a file called ''"),
    (["compile", "--layers", "nested.json"], INVALID, "nested.json: it is nested deeper than 64"),
    (["compile", "--layers", "modell.json"], INVALID,
     "no key \"modell\"; its keys are batch,"),
    (["compile", "--layers", "modell.json"], INVALID, "activation, dtypes, model, layer,"),
    (["check", "--grid", "huge"], INVALID, "huge: a number in it is too large"),
    (["tune", "--grid", "nowhere"], STORAGE, f"nowhere cannot be read ({MISSING}); name a layers"),
    (["tune", "--layers", "nowhere.json"], STORAGE, f"nowhere.json cannot be read ({MISSING})"),
    (["tune", "--layers", "./nowhere"], STORAGE, f"./nowhere cannot be read ({MISSING})"),
    (["tune", "--layers", "text/x"], STORAGE, "text/x cannot be read (Not a directory)"),
    (["tune", "--layers", "."], STORAGE, ". cannot be read (Is a directory)"),
    (["tune", "--layers", "nowhere"], INVALID, "nor a file called 'nowhere'; give a path, the name"),
    (["check", "--problem", ""], INVALID, "the problem: it is no valid JSON: line 1"),
    (["plan", "--problem", '{"length":9,"in_chanels":2}'], INVALID,
     "no key \"in_chanels\"; its keys are batch, length, in_channels,"),
    (["plan", "--problem", '{"length":1e999}'], INVALID, "a number in it is too large"),
    (["plan", "--problem", '{"length":"' + "x" * 9999 + '"}'], INVALID, "xxx...; it must be"),
    (["plan", "--arch", "sm_1", "--problem", PROBLEM], INVALID, "'sm_1' is no known architecture"),
    (["plan", "--arch", "", "--problem", PROBLEM], INVALID, "'' is no known architecture"),
    (["plan", "--arch", "sm_80", "--device", "cpu", "--problem", PROBLEM], INVALID, "--arch"),
    (["tune", "--device", "cuda", "--problem", PROBLEM], UNAVAILABLE, "; convtune devices lists"),
    (["tune", "--seed", "-1"], INVALID, "--seed: '-1' is no whole number from 0 up"),
    (["tune", "--seed", "1e3"], INVALID, "--seed: '1e3' is no whole number from 0 up"),
    (["tune", "--seed", "99999999999999999999"], INVALID, "or too large"),
    (["tune", "--budget", "ten"], INVALID, "--budget: 'ten' is no number from 0 up"),
    (["compile", "--jobs", "0"], INVALID, "--jobs: '0' is no whole number from 1 to 1024"),
    (["run", "--list", "."], STORAGE, ". cannot be read"),
    ([*RUN, "--output", "y.npy"], STORAGE,
     f"nowhere.npy: it cannot be read ({MISSING}); name a .npy file"),
    (["run", "--list", "empty"], INVALID, "empty lists no run"),
    (["run", "--list", "twice"], INVALID, 'twice line 2: the key "input" stands twice'),
    (["run", "--list", "empty", "--input", "x"], INVALID, "--list"),
    (["bench", "--benchmark_out=/nowhere/x"], STORAGE, "/nowhere/x cannot be written"),
    (["bench", "--problem", PROBLEM, "--fast"], INVALID, "'--fast' is neither an option of bench"),
    (["bench", "--db", "nowhere.db"], STORAGE, "nowhere.db: nothing has been tuned yet"),
    (["plan", "--pack", "text", "--arch", "sm_80", "--problem", PROBLEM], STORAGE, NO_PACK),
    (["plan", "--arch", "sm_80", "--problem", PROBLEM], STORAGE, NO_PACK, {"CONVTUNE_PACK": "text"}),
    (["plan", "--device", "cpu", "--problem", PROBLEM], STORAGE, NO_PACK, {"CONVTUNE_PACK": "text"}),
    (["fly"], INVALID, "there is no command convtune fly; convtune --help lists those there are"),
    (["db", "inf"], INVALID, "there is no command convtune db inf; convtune db --help lists"),
    (["db"], INVALID, "see convtune db --help"),
    (["plan"], INVALID, "--problem is required; see convtune plan --help"),
    (["tune", "--layer", "core"], INVALID, "; see convtune tune --help"),
    (["db", "merge"], INVALID, "database is required; see convtune db merge --help"),
    ([], INVALID, "no command was given"),
    (["compile", "--arch", "sm_90a,,sm_80"], INVALID, "'' is no known architecture"),
    (["compile", "--arch", "sm_90a,"], INVALID, "'' is no known architecture"),
    (["compile", "--arch", ""], INVALID, "'' is no known architecture"),
    (["compile", "--arch", "sm_1"], INVALID, "'sm_1' is no known architecture"),
]

FILES = {
    "text": "no export",
    "data": "SQLite format 3\0",
    "empty": "\r\n",
    "twice": '\n{"problem":{},"input":"a","input":"b"}',
    "nested.json": DEEP,
    "huge": '{"stride":[1e999]}',
    "modell.json": f'[{PROBLEM[:-1]},"modell":"x"}}]',
}


def fault(program, folder, arguments, code, words, variables={}):
    """What is wrong with a refusal, or nothing."""
    database = folder / "none.db"
    environment = os.environ | {"CONVTUNE_DB": str(database), "CUDA_VISIBLE_DEVICES": ""} | variables
    done = subprocess.run([program, *arguments], cwd=folder, env=environment, text=True,
                          capture_output=True, check=False)
    wanted = words.format(database=database)
    if done.returncode == code and wanted in done.stderr and done.stderr.count("\n") == 1:
        return None
    return (f"{' '.join(arguments)}: exit code {done.returncode}, not {code} with \"{wanted}\":\n"
            f"{done.stdout[:500]}{done.stderr[:500]}")


def unheard(program):
    """What is wrong when nobody can read the error, or nothing."""
    with open("/dev/full", "w") as full:
        code = subprocess.run([program, "fly"], stderr=full, check=False).returncode
    return None if code == INVALID else f"with a full standard error: exit code {code}"


def main():
    program = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as name:
        for file, text in FILES.items():
            (Path(name) / file).write_bytes(text.encode())
        faults = [fault(program, Path(name), *refusal) for refusal in REFUSALS]
        faults += [f"{file} was made or changed" for file in ("new.db", *FILES)
                   if (Path(name) / file).exists() != (file in FILES)
                   or file in FILES and (Path(name) / file).read_bytes() != FILES[file].encode()]
        faults.append(unheard(program))
    faults = [each for each in faults if each]
    print("\n".join(faults) or f"{len(REFUSALS)} command lines refused")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
