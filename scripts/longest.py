#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Lists the longest functions and files: something to look at, not a gate."""
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parent.parent
HEAD = re.compile(r"^[a-z][\w \*]*\b(\w+)\(")


def functions(path):
    name, start = None, 0
    for number, line in enumerate(path.read_text().splitlines(), 1):
        found = HEAD.match(line)
        if found and not line.rstrip().endswith(";"):
            name = found.group(1)
        if line == "{":
            start = number
        elif line == "}" and name and start:
            yield number - start + 1, f"{path.relative_to(ROOT)}:{start} {name}"
            name, start = None, 0


def main():
    files = [path for folder in ("src", "cli", "sdk") for path in sorted((ROOT / folder).rglob("*.[ch]"))]
    print("longest functions (lines):")
    for length, where in sorted((f for p in files for f in functions(p)), reverse=True)[:10]:
        print(f"  {length:4} {where}")
    print("longest files (lines):")
    for length, where in sorted(((len(p.read_text().splitlines()), p.relative_to(ROOT)) for p in files), reverse=True)[:10]:
        print(f"  {length:4} {where}")


if __name__ == "__main__":
    main()
