"""The wheel installs by unpacking, what is in it works, and it runs where its name says.

Usage: wheel_test.py BUILD CMAKE. Exit codes: 0 it does, 1 it does not, 77 skipped, for want of what
makes wheels. Python's auditwheel is asked for its opinion where it can be imported."""

import importlib.util
import os
import platform
import re
import subprocess
import sys
import tempfile
import unittest
import zipfile
from pathlib import Path

try:
    import setuptools  # noqa: F401
    import wheel  # noqa: F401
except ImportError as missing:
    print(f"skipped: no Python module {missing.name}")
    sys.exit(77)

build, cmake = sys.argv[1:3]
del sys.argv[1:3]
USE = """
import convtune, numpy
conv = convtune.Conv1D(2, 1, 1, "float32")
conv.load_state_dict({"weight": numpy.array([1, 10], "float32").reshape(2, 1, 1)})
print(convtune.__file__, convtune.__version__, conv(numpy.ones((1, 2, 1), "float32")).item())
"""


class WheelTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        subprocess.run([cmake, "--build", build, "--target", "convtune_wheel"], check=True,
                       capture_output=True)
        cls.path, = Path(build, "python").glob("*.whl")

        cls.holder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.holder.cleanup)
        cls.unpacked = Path(cls.holder.name)
        zipfile.ZipFile(cls.path).extractall(cls.unpacked)

    def platform(self):
        return re.fullmatch(r"convtune-[^-]+-py3-none-(\w+)\.whl", self.path.name)[1]

    def test_is_for_the_oldest_glibc_that_has_what_it_calls(self):
        library = self.unpacked / "convtune/libconvtune.so"

        def dump(option):
            return subprocess.run(["objdump", option, library], check=True, text=True,
                                  capture_output=True).stdout

        versions = [tuple(map(int, version.split(".")))
                    for version in re.findall(r"\*UND\*.*\(GLIBC_([\d.]+)\)", dump("-T"))]
        glibc = f"manylinux_{max(versions)[0]}_{max(versions)[1]}"
        others = [name for name in re.findall(r"NEEDED +(\S+)", dump("-p"))
                  if not name.startswith(("libc.", "libm.", "ld-linux"))]
        self.assertEqual(self.platform(), f"{'linux' if others else glibc}_{platform.machine()}", others)

    def test_auditwheel_agrees(self):
        if not importlib.util.find_spec("auditwheel"):
            self.skipTest("auditwheel is not installed")
        said = subprocess.run([sys.executable, "-m", "auditwheel", "show", self.path], check=True,
                              text=True, capture_output=True).stdout
        self.assertIn(f'tag: "{self.platform()}"', " ".join(said.split()))

    def test_holds_the_package_and_nothing_else(self):
        source = Path(__file__).parents[2] / "runtime" / "python"
        ours = {str(file.relative_to(source)) for file in source.glob("convtune/**/*.py")}
        names = zipfile.ZipFile(self.path).namelist()
        self.assertEqual({name for name in names if ".dist-info/" not in name}, ours | {"convtune/libconvtune.so"})

    def test_comes_with_its_licence(self):
        found, = self.unpacked.glob("*.dist-info/**/LICENSE")
        self.assertEqual(found.read_bytes(), (Path(__file__).parents[2] / "LICENSE").read_bytes())

    def test_comes_with_the_licences_of_what_is_in_it(self):  # all of which install/notices_test.py knows
        found, = self.unpacked.glob("*.dist-info/**/THIRD_PARTY_NOTICES")
        self.assertEqual(found.read_bytes(), Path(build, "THIRD_PARTY_NOTICES").read_bytes())

    def test_works_where_it_is_unpacked(self):
        environment = os.environ | {"PYTHONPATH": str(self.unpacked), "CONVTUNE_LIBRARY": ""}
        out = subprocess.run([sys.executable, "-B", "-c", USE], check=True, text=True,
                             cwd=self.unpacked, capture_output=True, env=environment).stdout
        version = self.path.name.split("-")[1]
        self.assertEqual(out.split(), [f"{self.unpacked}/convtune/__init__.py", version, "11.0"])


if __name__ == "__main__":
    unittest.main()
