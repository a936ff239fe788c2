"""THIRD_PARTY_NOTICES names every library whose code is in the command or in libconvtune, and says
under which licence: by the headers that the compiler read and the archives that the linker was given.

Usage: notices_test.py BUILD NOTICES CMAKE NINJA. Exit codes: 0 it does, 1 it does not, 77 skipped, for
want of dpkg, which knows what library a header is of."""

import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

build, notices, cmake, ninja = sys.argv[1:5]
del sys.argv[1:5]
if not shutil.which("dpkg-query"):
    print("skipped: no dpkg-query")
    sys.exit(77)

# Of the compiler and of what is linked dynamically on every system.
PLATFORM = re.compile(r"libc6(-dev)?|linux-libc-dev|lib(stdc\+\+|gcc)-\d+-dev|gcc-\d+.*")
# Their headers have no code: it is built in only with an archive.
DECLARATIONS = {"libsqlite3-dev", "libzstd-dev"}
PACKAGE_OF_SOURCE = {"highway": "libhwy-dev", "benchmark": "libbenchmark-dev"}


def tool(*arguments):
    return subprocess.run([ninja, "-C", build, "-t", *arguments], check=True, text=True,
                          capture_output=True).stdout


def headers():
    """That the sources of the product were compiled with."""
    for entry in tool("deps").split("\n\n"):
        target, *lines = entry.split("\n")
        if not target.startswith(("tests/", "_deps/")):
            yield from (str(Path(build, line.strip()).resolve()) for line in lines)


def archives():
    """That were linked into the product."""
    for target in ("tuner/convtune", "libconvtune.so"):
        for path in re.findall(r"\S+\.a\b", tool("commands", target)):
            yield str(Path(build, path).resolve())


def packages_of(paths):
    found = {PACKAGE_OF_SOURCE[source]
             for source in re.findall(r"/_deps/(\w+)-(?:src|build)/", "\n".join(paths))}
    system = [path for path in paths if path.startswith(("/usr/include/", "/usr/lib/"))]
    known = subprocess.run(["dpkg-query", "--search", *system], text=True, capture_output=True).stdout
    return found | {line.split(":")[0] for line in known.splitlines()}


class NoticesTest(unittest.TestCase):
    text = Path(notices).read_text()
    sections = dict(zip(*[iter(re.split(r"^=+\n\S+ \((\S+)\)\n=+\n", text, flags=re.M)[1:])] * 2))

    def test_name_every_library_that_is_built_in_and_no_other(self):
        with_code = packages_of(sorted({*headers()})) - DECLARATIONS | packages_of([*archives()])
        built_in = {package for package in with_code if not PLATFORM.fullmatch(package)}
        self.assertGreaterEqual(built_in, {"libfmt-dev", "libhwy-dev", "libcli11-dev"}, "the test is blind")
        self.assertEqual(built_in, set(self.sections))

    def test_have_a_licence_for_each(self):
        for package, licence in self.sections.items():
            with self.subTest(package):
                self.assertRegex(licence, r"Copyright|put on the public domain")
                self.assertRegex(licence, r"Apache License|Redistribution and use|Permission is hereby "
                                          r"granted|public domain|Apache-2.0")

    def test_are_not_made_where_a_licence_is_missing(self):
        script = Path(build, "write_notices.cmake").read_text()
        with tempfile.TemporaryDirectory() as folder:
            other = Path(folder, "write_notices.cmake")
            other.write_text(re.sub(r"\|[^;|]*/libfmt-dev/", f"|{folder}/libfmt-dev/", script))
            made = subprocess.run([cmake, "-P", other], text=True, capture_output=True)
        self.assertNotEqual(made.returncode, 0)
        said = " ".join(made.stderr.split())
        for word in ("fmt (libfmt-dev)", "CONVTUNE_COPYRIGHT_DIR", f"{folder}/libfmt-dev/copyright"):
            self.assertIn(word, said)


if __name__ == "__main__":
    unittest.main()
