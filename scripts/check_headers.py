#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compiles every header alone, with the flags of its folder: check_headers.py BUILD-FOLDER."""
import concurrent.futures
import json
import pathlib
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
KEPT = ("-I", "-D", "-std", "-isystem")


def flags_by_folder(build):
    """{"src/io": [...]} of the compile commands; the deepest folder of a header counts."""
    flags = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        file = pathlib.Path(entry["file"])
        if ROOT not in file.parents or build in file.parents:
            continue
        words = shlex.split(entry["command"])
        kept = [word for at, word in enumerate(words) if word.startswith(KEPT) or words[at - 1] == "-isystem"]
        for folder in file.relative_to(ROOT).parents:
            flags.setdefault(str(folder), kept)
        flags[str(file.relative_to(ROOT).parent)] = kept
    return flags


def flags_of(header, flags):
    for folder in header.relative_to(ROOT).parents:
        if str(folder) in flags:
            return flags[str(folder)]
    return []


def compile_alone(header, flags):
    return header, subprocess.run(
        ["cc", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-Wno-unused-function", *flags, "-x", "c", str(header)],
        capture_output=True, text=True)


def main():
    flags = flags_by_folder(pathlib.Path(sys.argv[1]).resolve())
    headers = [header for folder in ("src", "cli", "sdk") for header in sorted((ROOT / folder).rglob("*.h"))]
    public = ROOT / "sdk/c/include"
    wrong = 0
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        # Public headers need the C library alone.
        done = pool.map(lambda header: compile_alone(
            header, ["-std=c11", "-pedantic", f"-I{public}"] if public in header.parents
            else flags_of(header, flags)), headers)
        for header, result in done:
            if result.returncode != 0:
                print(f"{header.relative_to(ROOT)} does not compile alone:\n{result.stderr}")
                wrong += 1
    print(f"headers: {wrong} do not compile alone" if wrong else f"headers: {len(headers)} compile alone")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
