#!/usr/bin/env python3
"""A build's version follows from the tag, as cmake/Version.cmake says, and all that is installed
names the same one.

Usage: version_test.py SOURCE TREE LIBDIR MANDIR; the folders are as `cmake --install` named them.
"""

import ctypes
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from shutil import copy, which

source, tree, libdir, mandir = map(Path, sys.argv[1:5])
del sys.argv[1:5]


def run(*words, **options):
    return subprocess.run(words, text=True, capture_output=True, check=True, **options).stdout


class RuleTest(unittest.TestCase):
    """The rule, in a repository of its own whose CMakeLists.txt has 0.2.0."""

    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="convtune-version-")
        self.addCleanup(holder.cleanup)
        self.folder = Path(holder.name, "checkout")
        (self.folder / "cmake").mkdir(parents=True)
        copy(source / ".gitattributes", self.folder)
        # In a source archive this file is filled in; here it is to be as in a checkout.
        (self.folder / "cmake/archived.txt").write_text(self.format())
        for script in ("Version.cmake", "Commit.cmake"):
            copy(source / "cmake" / script, self.folder / "cmake")

    def format(self):
        text = (source / "cmake/archived.txt").read_text()
        return text if text.startswith("$Format:") else self.skipTest("the sources are an archive")

    def git(self, *words):
        return run("git", "-C", self.folder, "-c", "user.name=a", "-c", "user.email=a@example.org", *words)

    def commit(self):
        """Its hash, as versions have it."""
        self.git("add", ".")
        self.git("commit", "--quiet", "--allow-empty", "-m", "a commit")
        return "g" + self.git("rev-parse", "HEAD")[:12]

    @staticmethod
    def version(folder, **options):
        said = run("cmake", "-DNUMBER=0.2.0", "-P", folder / "cmake/Version.cmake", **options)
        return re.fullmatch(r"-- Version (\S+)\n", said)[1]

    def archived(self):
        """The version of what `git archive` makes, which is to know its commit as well."""
        with tempfile.TemporaryDirectory() as holder:
            folder = Path(holder)
            subprocess.run(f"git archive HEAD | tar -x -C {folder}", shell=True, check=True, cwd=self.folder)
            run("cmake", f"-DSOURCE={folder}", f"-DOUTPUT={folder / 'commit.cpp'}", "-P",
                folder / "cmake/Commit.cmake")
            self.assertIn(f'"{self.git("rev-parse", "HEAD")[:12]}"', (folder / "commit.cpp").read_text())
            return self.version(folder)

    def test_follows_from_commits_and_tags(self):
        versions = []

        def expect(version, archived=None):
            self.assertEqual(self.version(self.folder), version)
            self.assertEqual(self.archived(), archived or version)
            versions.append(version)

        self.git("init", "--quiet")
        first = self.commit()
        expect(f"0.2.0.dev1+{first}", archived=f"0.2.0.dev0+{first}")
        self.git("tag", "v0.1.0")
        self.commit()
        self.git("tag", "v0.2.0-rc1")
        self.git("tag", "vague")
        second = self.commit()
        expect(f"0.2.0.dev2+{second}")
        self.commit()
        self.git("tag", "-m", "0.2.0", "v0.2.0")
        expect("0.2.0")
        last = [self.commit() for _ in range(10)][-1]
        expect(f"0.2.0+10.{last}")
        if which("dpkg"):
            debian = [version.replace(".dev", "~dev") for version in versions]
            for earlier, later in zip(debian, debian[1:]):
                run("dpkg", "--compare-versions", earlier, "lt", later)

    def test_refuses_a_tag_of_another_release(self):
        self.git("init", "--quiet")
        self.commit()
        self.git("tag", "v0.3.0")
        with self.assertRaises(subprocess.CalledProcessError) as refused:
            self.version(self.folder)
        said = " ".join(refused.exception.stderr.split())
        self.assertIn("tagged v0.3.0, but CMakeLists.txt has VERSION 0.2.0: correct one of them", said)

    def test_knows_no_commit_of_a_copy_within_another_checkout(self):
        run("git", "-C", self.folder.parent, "init", "--quiet")
        self.assertEqual(self.version(self.folder), "0.2.0.dev0+unknown")
        self.git("init", "--quiet")
        self.assertEqual(self.version(self.folder), "0.2.0.dev0+unknown", "before the first commit")

    def test_does_without_git(self):
        self.git("init", "--quiet")
        self.commit()
        only_cmake = self.folder.parent / "bin"
        only_cmake.mkdir()
        (only_cmake / "cmake").symlink_to(which("cmake"))
        self.assertEqual(self.version(self.folder, env={"PATH": str(only_cmake)}), "0.2.0.dev0+unknown")


class AgreementTest(unittest.TestCase):
    def setUp(self):
        library = ctypes.CDLL(str(tree / libdir / "libconvtune.so"))
        library.convtune_version.restype = ctypes.c_char_p
        self.version = library.convtune_version().decode()
        self.number = re.match(r"\d+\.\d+\.\d+", self.version)[0]

    def test_command_and_manual_page(self):
        self.assertEqual(run(tree / "bin/convtune", "--version").split()[:2], ["convtune", self.version])
        page = (tree / mandir / "man1/convtune.1").read_text()
        self.assertIn(f'"convtune {self.version}"', page.splitlines()[0])

    def test_what_finds_the_library(self):
        pkg_config = (tree / libdir / "pkgconfig/convtune.pc").read_text()
        self.assertIn(f"\nVersion: {self.version}\n", pkg_config)
        package = (tree / libdir / "cmake/convtune/convtune-config-version.cmake").read_text()
        self.assertIn(f'set(PACKAGE_VERSION "{self.number}")', package)

    def test_soname(self):
        file = tree / libdir / f"libconvtune.so.{self.number}"
        soname = re.search(r"SONAME.*\[(.*)\]", run("readelf", "--dynamic", file))[1]
        self.assertEqual(soname, "libconvtune.so." + self.number.rpartition(".")[0])

    def test_changelog(self):
        heading = re.search(r"^## (.*)$", (source / "CHANGELOG.md").read_text(), re.MULTILINE)[1]
        number, said = heading.split(", ")
        self.assertEqual(number, self.number)
        self.assertRegex(said, "^not released yet$" if ".dev" in self.version else r"^\d{4}-\d\d-\d\d$")


if __name__ == "__main__":
    unittest.main()
