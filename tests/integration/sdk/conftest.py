# SPDX-License-Identifier: MIT
"""The client library as a user has it: installed into a folder of its own, found by pkg-config."""
import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests/support"))
BUILD = pathlib.Path(os.environ.get("PILLION_BUILD", str(ROOT / "build/dev")))


class Installed:
    def __init__(self, prefix):
        self.prefix = prefix
        self.lib = next(prefix.rglob("libpillion-client.so")).parent
        cache = (BUILD / "CMakeCache.txt").read_text()
        sanitize = re.search(r"^PILLION_SANITIZE:\w+=(.*)$", cache, re.M).group(1)
        self.flags = [f"-fsanitize={sanitize}"] if sanitize else []

    def pkg_config(self, *words):
        return subprocess.run(["pkg-config", *words, "pillion-client"], check=True, text=True, capture_output=True,
                              env={**os.environ, "PKG_CONFIG_PATH": str(self.lib / "pkgconfig")}).stdout.split()

    def compile(self, source, out, static=False, compiler="cc", flags=("-std=c11",)):
        libs = self.pkg_config("--cflags", "--libs", *(["--static"] if static else []))
        if static:
            libs = [str(self.lib / "libpillion-client.a") if lib == "-lpillion-client" else lib for lib in libs]
        subprocess.run([compiler, *flags, "-Wall", "-Wextra", "-Wpedantic", "-Werror", *self.flags, str(source), "-o",
                        str(out), *libs, f"-Wl,-rpath,{self.lib}"], check=True)
        return out


@pytest.fixture(scope="session")
def installed(tmp_path_factory):
    prefix = tmp_path_factory.mktemp("prefix")
    subprocess.run(["cmake", "--install", str(BUILD), "--component", "sdk", "--prefix", str(prefix)], check=True,
                   stdout=subprocess.DEVNULL)
    return Installed(prefix)


@pytest.fixture(scope="session")
def programs(installed, tmp_path_factory):
    """The programs of docs/c-client.md, by name, compiled as the page says."""
    folder = tmp_path_factory.mktemp("programs")
    found = {}
    for name, text in re.findall(r"^```c\n/\* (\w+)\.c \*/\n(.*?)^```", (ROOT / "docs/c-client.md").read_text(),
                                 re.M | re.S):
        (folder / f"{name}.c").write_text(text)
        found[name] = installed.compile(folder / f"{name}.c", folder / name)
    return found
