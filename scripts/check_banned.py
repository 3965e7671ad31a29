#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds the list of calls that the sources do without, each with its reason."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDERS = ["src", "cli", "sdk", "examples"]
BANNED = {
    "strcpy": "does not know the room: copy a length (memcpy, sc_arena_str)",
    "strcat": "does not know the room: sc_buf_add",
    "strncpy": "leaves texts without an end: memcpy, snprintf",
    "sprintf": "does not know the room: snprintf, sc_arena_fmt",
    "vsprintf": "does not know the room: vsnprintf",
    "gets": "does not know the room",
    "strtok": "keeps hidden state: sc_str_cut",
    "atoi": "takes anything for a number: sc_str_to_i64",
    "atol": "takes anything for a number: sc_str_to_i64",
    "atof": "takes anything for a number: strtod and its end",
    "alloca": "grows the stack by what a peer may choose: an arena",
    "setenv": "not safe among threads",
    "putenv": "not safe among threads",
    "unsetenv": "not safe among threads",
    "localtime": "shared buffer: localtime_r",
    "gmtime": "shared buffer: gmtime_r",
    "ctime": "shared buffer: core/clock.h",
    "asctime": "shared buffer: core/clock.h",
    "rand": "one state for the process: core/random.h",
    "srand": "one state for the process: core/random.h",
    "random": "one state for the process: core/random.h",
    "system": "runs a shell: io/process.h",
    "popen": "runs a shell: io/process.h",
    "signal": "leaves open what a handler interrupts: sigaction, io/loop.h",
    "usleep": "blocks the loop: a timer",
    "sleep": "blocks the loop: a timer",
}
# Where one of them is right.
WAIVERS = {
    ("src/sidecar/options_check.c", "setenv"),  # before any thread starts
    ("src/main.c", "signal"),                   # SIG_IGN alone
    ("src/io/process_spawn.c", "signal"),       # SIG_DFL in a child
    ("examples", "sleep"),                      # programs without a loop
    ("examples", "usleep"),
}
CALL = re.compile(r"(?<![\w.>])(" + "|".join(BANNED) + r")\s*\(")
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"", re.DOTALL)


def is_waived(path, name):
    return any(name == banned and (path == where or path.startswith(where + "/")) for where, banned in WAIVERS)


def main():
    wrong = 0
    for folder in FOLDERS:
        for file in sorted((ROOT / folder).rglob("*.[ch]")):
            path = str(file.relative_to(ROOT))
            # Comments and strings go, lines stay.
            code = COMMENT.sub(lambda found: "\n" * found.group(0).count("\n"), file.read_text())
            for number, line in enumerate(code.splitlines(), 1):
                for name in CALL.findall(line):
                    if not is_waived(path, name):
                        print(f"{path}:{number}: {name}: {BANNED[name]}")
                        wrong += 1
    print(f"banned calls: {wrong}" if wrong else "banned calls: none")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
