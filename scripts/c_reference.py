#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes docs/reference/c-client.md from the headers of the client library: what stands in them, in their
order. usage: c_reference.py [OUT]"""
import pathlib
import re
import sys
import textwrap

ROOT = pathlib.Path(__file__).resolve().parent.parent
HEADERS = ["base", "call", "pubsub", "stream", "state", "invoke", "app", "json", "loop"]
TITLES = {"call": "The client and its calls", "pubsub": "Publish, and events", "stream": "Streaming subscriptions",
          "state": "State", "invoke": "Invocation, secrets, metadata, health", "app": "The application server",
          "json": "JSON", "loop": "The event loop", "base": "Rules, texts and errors"}
COMMENT = re.compile(r"/\*.*?\*/", re.S)


def text_of(comment):
    """The lines of a comment without its frame."""
    lines = comment[2:-2].splitlines()
    return [re.sub(r"^ ?\* ?", "", line) if i else line.lstrip() for i, line in enumerate(lines)]


def prose(lines):
    """Paragraphs and lists of a comment as Markdown; what is indented further is code."""
    out, code = [], False
    for line in lines:
        is_code = line.startswith("    ") or (code and not line.strip())
        out.append(line.rstrip() if is_code else line.strip())
        code = is_code
    return "\n".join(out).strip().replace("<", "&lt;") if not any(l.startswith("    ") for l in out) \
        else "\n".join(out).strip()


def declaration_end(text, at):
    """Where the declaration at `at` ends: behind its ';' or, for a function, its '}'."""
    depth, is_function = 0, text.startswith("static inline", at)
    while at < len(text):
        if text.startswith("/*", at):
            at = text.index("*/", at) + 2
            continue
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        at += 1
        if depth == 0 and (text[at - 1] == ";" and not is_function or text[at - 1] == "}" and is_function):
            return at
    return at


def clean(code):
    code = re.sub(r"PILLION_API\s+", "", code)
    code = re.sub(r"\s*PILLION_CHECK\b|\s*PILLION_PRINTF\([^)]*\)", "", code)
    if code.startswith("static inline"):
        code = code[len("static inline "):code.index("\n{")] + ";"
    if "{" not in code:
        code = textwrap.fill(" ".join(code.split()), 96, subsequent_indent="    ").replace("* pillion", "*pillion")
    return code.strip()


def parts_of(text):
    """("comment", lines) and ("code", text) in their order, without the preprocessor's lines."""
    text = re.sub(r"^#ifdef __cplusplus\n(?:extern \"C\" \{|\})\n#endif\n", "", text, flags=re.M)
    text = re.sub(r"^#.*(?:\\\n.*)*\n", "", text, flags=re.M)
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
        elif text.startswith("/*", at):
            end = text.index("*/", at) + 2
            yield "comment", text_of(text[at:end])
            at = end
        else:
            end = declaration_end(text, at)
            yield "code", clean(text[at:end])
            at = end


def page_of(name):
    parts = list(parts_of((ROOT / f"sdk/c/include/pillion/{name}.h").read_text()))
    out = [f"## {TITLES[name]}", f"`pillion/{name}.h`", prose(parts[0][1][2:])]
    waiting = None
    code = []

    def flush():
        nonlocal waiting, code
        if code:
            out.append("```c\n" + "\n".join(code) + "\n```")
        if waiting:
            out.append(prose(waiting))
        waiting, code = None, []

    for kind, value in parts[1:]:
        if kind == "comment":
            flush()
            section = re.fullmatch(r"---- (.*?) ----", value[0].strip())
            if section:
                heading, _, more = (part.strip() for part in section.group(1).partition(";"))
                out.append(f"### {heading[0].upper()}{heading[1:]}")
                if more:
                    out.append(f"{more[0].upper()}{more[1:]}.")
                waiting = None
            else:
                waiting = value
        else:
            if code and "\n" in code[-1] + value:
                flush()
            code.append(value)
    flush()
    return "\n\n".join(part for part in out if part)


def reference():
    head = ("# C client: reference\n\nMade from the headers in `sdk/c/include/pillion` by `scripts/c_reference.py`. "
            "The [guide](../c-client.md) shows how it goes together.\n")
    index = "\n".join(f"- [{TITLES[name]}](#{re.sub(r'[^a-z0-9 ]', '', TITLES[name].lower()).replace(' ', '-')})"
                      for name in HEADERS)
    return head + "\n" + index + "\n\n" + "\n\n".join(page_of(name) for name in HEADERS) + "\n"


if __name__ == "__main__":
    out = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs/reference/c-client.md"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(reference())
