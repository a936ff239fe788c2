#!/usr/bin/env python3
"""Every command of the README is run: here, on a scratch database, or by the test that ELSEWHERE
names.

Usage: readme_commands.py [SECONDS], in the source tree with everything built. A command that takes
longer than SECONDS (20) is interrupted, which must end it as Ctrl-C does. Exit codes: 0 all as it
should be, 1 not.
"""

import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
BUILD = SOURCE / "build/default"
DONE, IN_PART, INTERRUPTED = 0, 5, 130

# Of whole commands: the stage of scripts/test.sh or the test that runs them.
ELSEWHERE = {
    r"convtune (\w+|COMMAND --help|plan --why|compile --pack)": "tuner.help",
    r"build/default/tuner/convtune|convtune --version": "install.command_runs",
    r"scripts/(tune|test)\.sh|scripts/test\.sh --stage fresh": "fresh",
    r"scripts/test\.sh --stage neon": "neon",
    r"scripts/faults\.sh": "faults",
    r"scripts/gpu_(pack|proof)\.sh.*": "gpu",
    r"scripts/setup\.sh( --portable)?": "setup-long",
    r"scripts/build\.sh portable convtune_wheel": "portable",
    r"cmake --install( build/default --prefix DIR)?": "install.tree",
    r"cpack": "install.debian_package",
    r"ninja -C build/default convtune_wheel": "python.wheel",
    r"c\+\+ .*": "install.pkg_config",
    r"tests/peers/torch_equality\.py .*": "peers",
    r"tests/peers/shapes\.py .*": "peers.shapes",
    r"convtune compile --layers quickstart --arch sm_90a": "compile-lists",
    r"convtune compile --layers core --arch sm_90a": "compile-core",
    r"convtune compile --db .*": "tuner.pack",
}


def commands(readme):
    """Each once, in reading order, from blocks of code without a language or of sh and from spans."""
    block = r"^```(\w*)\n(.*?)^```$"
    shell = [body for language, body in re.findall(block, readme, re.M | re.S)
             if language in ("", "sh")]
    lines = [line.partition("   #")[0].strip() for body in shell for line in body.splitlines()]
    spans = re.findall(r"`([^`]+)`", re.sub(block, "", readme, flags=re.M | re.S))
    texts = lines + [" ".join(span.split()) for span in spans]
    return [text for text in dict.fromkeys(texts) if is_command(text)]


def is_command(text):
    first, _, rest = text.partition(" ")
    return (bool(rest) and first in ("convtune", "cmake", "ninja", "c++") or first == "cpack"
            or bool(re.match(r"(scripts|build|tests)/\S*(\.sh|\.py|_benchmark|/convtune)$", first)))


def run_by(command):
    return next((test for pattern, test in ELSEWHERE.items() if re.fullmatch(pattern, command)), None)


def known_tests():
    stages = re.findall(r'^  "([\w-]+) +\d+  ', (SOURCE / "scripts/test.sh").read_text(), re.M)
    listed = subprocess.run(["ctest", "--test-dir", BUILD, "-N"], check=True, text=True,
                            capture_output=True).stdout
    return {*stages, *re.findall(r"Test +#\d+: (\S+)", listed)}


def exit_code(command, folder, seconds):
    environment = os.environ | {
        "PATH": f"{BUILD}/tuner:{os.environ['PATH']}", "CONVTUNE_DB": f"{folder}/convtune.db",
        "CONVTUNE_CACHE_DIR": f"{folder}/cache", "PYTHONPATH": f"{SOURCE}/runtime/python",
        "CONVTUNE_LIBRARY": f"{BUILD}/libconvtune.so", "TMPDIR": folder}
    words = shlex.split(command)
    if words[0].endswith(".py"):
        words = [sys.executable, *words]  # which has what the tests need
    process = subprocess.Popen(words, cwd=folder, env=environment)
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        print("(interrupted)", flush=True)
        code = process.wait()
        return INTERRUPTED if code == -signal.SIGINT else code


def main():
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 20
    found = commands((SOURCE / "README.md").read_text())
    there = known_tests()
    faults = [f"nothing runs {pattern}: there is no test {test}"
              for pattern, test in ELSEWHERE.items() if test not in there]
    faults += [f"the README does not have {pattern}" for pattern in ELSEWHERE
               if not any(re.fullmatch(pattern, command) for command in found)]
    with tempfile.TemporaryDirectory() as folder:
        for name in ("build", "tests", "scripts"):
            (Path(folder) / name).symlink_to(SOURCE / name)
        for command in found:
            test = run_by(command)
            print(f"$ {command}" + (f"   # {test}" if test else ""), flush=True)
            if test:
                continue
            code = exit_code(command, folder, seconds)
            if code not in (DONE, IN_PART, INTERRUPTED):
                faults.append(f"exit code {code}: {command}")
    print("\n".join(faults) or f"{len(found)} commands")
    return 1 if faults or not found else 0


if __name__ == "__main__":
    sys.exit(main())
