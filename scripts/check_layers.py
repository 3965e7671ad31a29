#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds the ladder of layers: a folder of src/, or one beside it, includes itself and what stands below it."""
import pathlib
import re
import sys

BELOW = {"core": set(), "wire": {"core"}, "expr": {"core"}, "io": {"core"}}
BELOW["net"] = {"io", "wire", "core"}
BELOW["observe"] = BELOW["net"] | {"net"}
BELOW["policy"] = BELOW["net"] | {"net", "expr"}
BELOW["component"] = BELOW["net"] | {"net"}
BELOW["components"] = BELOW["component"] | {"component"}
BELOW["app"] = BELOW["component"] | {"component", "policy", "observe"}
BELOW["block"] = BELOW["app"] | {"app", "expr"}
BELOW["api"] = {"block", "app", "component", "observe", "net", "io", "wire", "core"}
BELOW["listen"] = BELOW["api"] | {"api"}
BELOW["sidecar"] = set(BELOW) | {"listen"}
BELOW["cli"] = BELOW["observe"] | {"observe"}
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')


def main():
    top = pathlib.Path(__file__).resolve().parent.parent
    root = top / "src"
    wrong = 0
    for path in sorted([*root.rglob("*.[ch]"), *(top / "cli").rglob("*.[ch]")]):
        layer = path.relative_to(root if path.is_relative_to(root) else top).parts[0]
        if layer not in BELOW:
            if path.parent != root:
                print(f"{path}: folder '{layer}' is not a layer")
                wrong += 1
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            found = INCLUDE.match(line)
            if not found:
                continue
            target = found.group(1).split("/")[0]
            if target in ("dapr", "google") or target == layer or target in BELOW[layer]:
                continue
            print(f"{path.relative_to(top)}:{number}: {layer} must not include {found.group(1)}")
            wrong += 1
    print(f"layers: {wrong} wrong" if wrong else "layers: as drawn")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
