#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the figures of docs/performance.md from what bench, scale, soak, idle and instructions left.

usage: report.py IN-FOLDER DOCS-FOLDER
The text around the figures is performance.md.in; each figure says which run made it. What was not measured says so.
"""
import json
import pathlib
import shutil
import sys

KINDS = ("bench", "idle", "instructions", "scale", "soak")


def load(folder, kind):
    path = folder / f"{kind}.json"
    return json.loads(path.read_text()) if path.exists() else None


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows])


def run(found):
    return f"Run of {found['when']}, commit {found['commit']}, on {found['machine']}."


def bench(found):
    rows = [(row["what"], f"{row['value']:.2f}", f"{row['lowest']:.2f} to {row['highest']:.2f}",
             "" if row["floor"] is None else f"{row['floor']:.2f}",
             f"{'≥' if row['is_least'] else '≤'} {row['budget']}" if row["budget"] else "", row["verdict"])
            for row in found["rows"]]
    columns = ("sidecar", "kernel share of the sidecar", "other sidecar", "load generator", "Redis", "application")
    bounds = [(what, *(cores.get(column, "") for column in columns)) for what, cores in found["bounds"].items()]
    return (f"{run(found)} {found['seconds']} s for each rate, {found['connections']} connections, the middle of "
            f"{found['rounds']} rounds.\n\n" + table(("what", "measured", "rounds", "floor", "budget", ""), rows)
            + "\n\nWho spent the time, in cores (the second column as a share of the first):\n\n"
            + table(("what", *columns), bounds))


def idle(found):
    return (f"{run(found)}\n\n{found['sidecars']} idle sidecars, each subscribed at Redis, took together "
            f"{found['cores'] * 100:.4f} % of a core over {found['seconds']} s (at most {found['allowed_cores'] * 100} %), "
            f"with {found['wakeups_a_second_each']} wake-ups a second each. Memory of each: "
            f"{found['proportional_mb_each']} MB proportional, {found['resident_mb_each']} MB resident.")


def instructions(found):
    return f"{run(found)} {found['few']} against {found['many']} requests.\n\n" + table(
        ("request", "instructions"), found["rows"].items())


def scale(found):
    rows = [(what, at, f"{one['rate']:.0f}", one["resident_mb"], one["anonymous_mb"])
            for what, points in found["curves"].items() for at, one in points.items()]
    return f"{run(found)}\n\n" + table(("what grows", "to", "messages a second", "resident MB", "anonymous MB"), rows)


def soak(found):
    rows = []
    for broker, ran in found["brokers"].items():
        third = len(ran["samples"]) // 3
        for key in ("resident_mb", "anonymous_mb", "descriptors", "latency_us"):
            rows.append((broker, f"{ran['rate']:.0f} of {ran['most']:.0f}", key.replace("_", " "),
                         *(max(s[key] for s in ran["samples"][n * third:(n + 1) * third]) for n in range(3))))
    grown = "; ".join(found["grown"]) or "Nothing grew."
    how = "both brokers at once" if found["together"] else "for each broker"
    return f"{run(found)} {found['seconds']} s, {how}. {grown}\n\n" + table(
        ("broker", "messages a second, of the most", "highest of", "first third", "second", "last"), rows)


WRITERS = {"bench": bench, "idle": idle, "instructions": instructions, "scale": scale, "soak": soak}


def main():
    folder, docs = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    text = (pathlib.Path(__file__).parent / "performance.md.in").read_text()
    for kind in KINDS:
        found = load(folder, kind)
        text = text.replace(f"@{kind}@", WRITERS[kind](found) if found else "Not measured yet.")
        picture = folder / f"{kind}.svg"
        if found and picture.exists():
            (docs / "pictures").mkdir(exist_ok=True)
            shutil.copy(picture, docs / "pictures" / picture.name)
        text = text.replace(f"@{kind} picture@",
                            f"![{kind}](pictures/{kind}.svg)" if found and picture.exists() else "")
    (docs / "performance.md").write_text(text)
    print(f"written: {docs / 'performance.md'}")


if __name__ == "__main__":
    main()
