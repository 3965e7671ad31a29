#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Paths and links in the documents lead somewhere: `src/io/loop.h`, `net/http_client.h`, [pub/sub](pubsub.md)."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)#\s]+)(#[^)\s]*)?\)")
PATH = re.compile(r"[\w.*{}-]+(/[\w.*{},-]*)+$")
# Folders that the documents name, and of src/ the ones a path may begin with.
TOP = {"src", "cli", "sdk", "tests", "docs", "scripts", "cmake", "examples", "bench", "proto", "dashboard", ".ci"}
# What a path that begins with a folder of src/ ends with; "components/pubsub.yaml" is a user's.
SOURCE = (".c", ".h", ".def", "/")
# Not in a clean clone.
MADE = ("build/", "sdk/c/build")


def documents():
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md"),
                   *(ROOT / "sdk").rglob("*.md")])


def is_there(text):
    """A path of the project, of src/, or a pattern that fits one."""
    for base in (ROOT, ROOT / "src"):
        if any(base.glob(text.rstrip("/"))):
            return True
    return False


def is_path(text, layers):
    first = text.split("/")[0]
    return PATH.match(text) and not text.startswith(MADE) and (
        first in TOP or (first in layers and text.endswith(SOURCE)))


def main():
    layers = {folder.name for folder in (ROOT / "src").iterdir() if folder.is_dir()}
    wrong = 0
    for document in documents():
        name = document.relative_to(ROOT)
        for number, line in enumerate(document.read_text().splitlines(), 1):
            missing = [text for text in CODE.findall(line)
                       if is_path(text, layers) and "{" not in text and not is_there(text)]
            missing += [target for target, _ in LINK.findall(line)
                        if "://" not in target and not target.startswith("mailto:")
                        and not (document.parent / target).exists()]
            for text in missing:
                print(f"{name}:{number}: {text} is not there")
                wrong += 1
    print(f"documents: {wrong} paths lead nowhere" if wrong else f"documents: paths of {len(documents())} lead somewhere")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
