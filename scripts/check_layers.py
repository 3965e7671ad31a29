#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds the ladder of layers: a folder of src/, or one beside it, includes itself and what stands below
it; public headers of the client library include nothing but themselves."""
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
BELOW["sdk"] = BELOW["net"] | {"net", "pillion"}
BELOW["pillion"] = set()
BELOW["cli"] = BELOW["observe"] | {"observe"}
ROOT = pathlib.Path(__file__).resolve().parent.parent
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')


def layer_of(path):
    parts = path.relative_to(ROOT).parts
    if parts[0] == "src":
        return parts[1] if len(parts) > 2 else None
    if parts[0] == "sdk":
        return "pillion" if "include" in parts else "sdk"
    return parts[0]


def main():
    wrong = 0
    for path in sorted(path for top in ("src", "cli", "sdk") for path in ROOT.glob(f"{top}/**/*.[ch]")):
        layer = layer_of(path)
        if layer not in BELOW:
            if layer:
                print(f"{path}: folder '{layer}' is not a layer")
                wrong += 1
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            found = INCLUDE.match(line)
            if not found:
                continue
            target = found.group(1).split("/")[0]
            is_own = target == layer or (layer == "sdk" and target == found.group(1))
            if is_own or target in ("dapr", "google", "grpc") or target in BELOW[layer]:
                continue
            print(f"{path.relative_to(ROOT)}:{number}: {layer} must not include {found.group(1)}")
            wrong += 1
    print(f"layers: {wrong} wrong" if wrong else "layers: as drawn")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
