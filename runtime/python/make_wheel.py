"""Makes the wheel of the package in the current folder. Nothing in it is compiled for one version of
Python, but its library is for one platform.

Usage: make_wheel.py LIBRARY FOLDER, the second being where the wheel goes.
"""

import platform
import re
import subprocess
import sys

from setuptools import build_meta

# What every Linux with glibc has.
GLIBC = re.compile(r"(libc|libm|libdl|libpthread|librt|ld-linux-[a-z0-9_-]+)\.so\.\d+")


def read_elf(option, library):
    return subprocess.run(["readelf", "--wide", option, library], check=True, text=True,
                          capture_output=True).stdout


def platform_tag(library):
    """By PEP 600: "manylinux_2_34_x86_64" if the library needs glibc 2.34 and nothing else, or
    "linux_x86_64", this machine and its likes, if it needs more."""
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", read_elf("--dynamic", library))
    if not all(map(GLIBC.fullmatch, needed)):
        return f"linux_{platform.machine()}"
    versions = re.findall(r"Name: GLIBC_(\d+)\.(\d+)", read_elf("--version-info", library))
    major, minor = max((int(major), int(minor)) for major, minor in versions)
    return f"manylinux_{major}_{minor}_{platform.machine()}"


def main():
    library, folder = sys.argv[1:]
    del sys.argv[1:]
    build_meta.build_wheel(folder, {"--build-option": f"--plat-name={platform_tag(library)}"})


if __name__ == "__main__":
    main()
