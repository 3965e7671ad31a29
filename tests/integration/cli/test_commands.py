# SPDX-License-Identifier: MIT
"""What all commands have in common: help, versions, names that are not quite right."""
import json

import pytest


def test_version(user):
    done = user.call("dapr", "version")
    lines = done.stdout.split("\n")
    assert lines[0].startswith("CLI version: ") and lines[0].endswith(" ")
    assert lines[1].startswith("Runtime version: ") and lines[2] == ""
    for flag in ("--version", "-v"):
        assert user.call("dapr", flag).stdout == done.stdout
    found = json.loads(user.call("dapr", "version", "-o", "json").stdout)
    assert lines[1] == f"Runtime version: {found['Runtime version']}"
    wrong = user.call("dapr", "version", "-o", "xml")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert wrong.stderr.startswith("❌  An invalid output format was specified")


@pytest.mark.parametrize("words,message", [
    (["rnu"], "Error: unknown command \"rnu\" for \"dapr\"; did you mean 'run'? (see 'dapr --help')\n"),
    (["nothing-like-it"], "Error: unknown command \"nothing-like-it\" for \"dapr\" (see 'dapr --help')\n"),
    (["run", "--app-ip", "x"], "Error: unknown flag: --app-ip; did you mean --app-id? (see 'dapr run --help')\n"),
    (["run", "--zzzzz"], "Error: unknown flag: --zzzzz (see 'dapr run --help')\n"),
    (["run", "-q"], "Error: unknown shorthand flag: 'q' in -q (see 'dapr run --help')\n"),
    (["run", "--app-id"], "Error: flag needs an argument: --app-id (see 'dapr run --help')\n"),
    (["run", "-a"], "Error: flag needs an argument: 'a' in -a (see 'dapr run --help')\n"),
    (["run", "-p", "x"], "Error: invalid argument \"x\" for \"--app-port\" flag: strconv.ParseInt: parsing \"x\": "
     "invalid syntax (see 'dapr run --help')\n"),
    (["version", "word"], "Error: unexpected word \"word\": version takes flags only (see 'dapr version --help')\n"),
])
def test_what_is_not_understood_is_one_line_and_255(user, words, message):
    done = user.call("dapr", *words)
    assert (done.returncode, done.stdout, done.stderr) == (255, "", message)


def test_help_names_the_program_as_it_was_called(user):
    for name in ("dapr", "pillion"):
        text = user.call(name).stdout
        assert f"Usage:\n  {name} [command]\n" in text
        assert user.call(name, "--help").stdout == text == user.call(name, "help").stdout
        assert f"  {name} run --app-id orders" in user.call(name, "help", "run").stdout


def commands(user):
    text = user.call("dapr").stdout.split("Commands:\n")[1].split("\n\n")[0]
    return [line.split()[0] for line in text.splitlines()]


def test_every_command_has_help_with_examples(user):
    for command in commands(user):
        done = user.call("dapr", command, "--help")
        assert done.returncode == 0
        if command != "sidecar":
            assert done.stdout == user.call("dapr", "help", command).stdout
            assert f"Usage:\n  dapr {command}" in done.stdout
            assert f"Examples:\n  dapr {command}" in done.stdout, command


def test_the_sidecar_is_a_command(user):
    done = user.call("pillion", "sidecar", "--help")
    assert done.returncode == 0 and done.stderr.startswith("Usage of daprd:\n")
    assert user.call("pillion", "sidecar", "--version").stdout.count("\n") == 1
