#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Fills the tables of the sources into the documents that have a template: docs/X.md.in becomes docs/X.md.

docs.py TABLES [--check]: TABLES is the program built from scripts/tables.c. With --check nothing is
written; the exit code says whether every document is fresh.
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PLACE = re.compile(r"^<!-- table ([a-z-]+) -->$", re.MULTILINE)


def table(program, name):
    done = subprocess.run([program, name], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{program} has no table '{name}': see main() of scripts/tables.c")
    return done.stdout.rstrip("\n")


def main():
    program, check = sys.argv[1], "--check" in sys.argv[2:]
    stale = []
    for template in sorted((ROOT / "docs").glob("*.md.in")):
        document = template.with_suffix("")
        head = f"<!-- Made from docs/{template.name} and the tables of the sources by ./dev docs. -->\n"
        text = head + PLACE.sub(lambda found: table(program, found.group(1)), template.read_text())
        if document.exists() and document.read_text() == text:
            continue
        stale.append(document.relative_to(ROOT))
        if not check:
            document.write_text(text)
    for document in stale:
        print(f"{document}: {'is not what ./dev docs makes' if check else 'written'}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
