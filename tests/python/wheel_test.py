"""The wheel installs by unpacking, and what is in it works.

Usage: wheel_test.py BUILD CMAKE. Exit codes: 0 it does, 1 it does not, 77 skipped, for want of what
makes wheels."""

import os
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

build, cmake = sys.argv[1:]
del sys.argv[1:]
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

    def test_is_for_every_python_of_one_platform(self):
        self.assertRegex(self.path.name, r"^convtune-[^-]+-py3-none-linux_\w+\.whl$")

    def test_holds_the_package_and_nothing_else(self):
        source = Path(__file__).parents[2] / "runtime" / "python"
        ours = {str(file.relative_to(source)) for file in source.glob("convtune/**/*.py")}
        names = zipfile.ZipFile(self.path).namelist()
        self.assertEqual({name for name in names if ".dist-info/" not in name}, ours | {"convtune/libconvtune.so"})

    def test_works_where_it_is_unpacked(self):
        with tempfile.TemporaryDirectory() as folder:
            zipfile.ZipFile(self.path).extractall(folder)
            environment = os.environ | {"PYTHONPATH": folder, "CONVTUNE_LIBRARY": ""}
            out = subprocess.run([sys.executable, "-B", "-c", USE], check=True, text=True,
                                 cwd=folder, capture_output=True, env=environment).stdout
        version = self.path.name.split("-")[1]
        self.assertEqual(out.split(), [f"{folder}/convtune/__init__.py", version, "11.0"])


if __name__ == "__main__":
    unittest.main()
