# SPDX-License-Identifier: MIT
"""Completion, the manual page, and dapr install."""
import os
import shutil
import subprocess
import uuid

import pytest

from sidecar import ROOT


def offered(user, *words):
    lines = user.call("dapr", "__complete", *words).stdout.splitlines()
    return [line.split("\t")[0] for line in lines[:-1]], lines[-1]


def test_commands_flags_and_values_are_offered(user, resources):
    assert offered(user, "st") == (["stop"], ":none")
    assert offered(user, "publish", "--to") == (["--topic"], ":none")
    assert offered(user, "run", "--app-protocol", "grp") == (["grpc", "grpcs"], ":none")
    assert offered(user, "run", "--app-protocol=ht") == (["http", "https"], ":none")
    assert offered(user, "run", "-P", "h2") == (["h2c"], ":none")
    assert offered(user, "run", "--resources-path", "") == ([], ":dir")
    assert offered(user, "run", "--config", "") == ([], ":file")
    assert offered(user, "run", "--app-id", "x", "") == ([], ":command")
    assert offered(user, "run", "--app-id", "x", "--", "python3", "") == ([], ":file")
    assert offered(user, "completion", "") == (["bash", "zsh", "fish"], ":none")
    assert "--components-path" not in offered(user, "run", "--")[0]
    assert "run" in offered(user, "help", "")[0]
    assert offered(user, "no-such-command", "") == ([], ":none")
    app = f"app-{uuid.uuid4().hex[:8]}"
    user.start("dapr", "run", "-a", app, "--resources-path", resources).wait_for("up and running!")
    assert offered(user, "stop", app[:6])[0] == [app]
    assert offered(user, "invoke", "--app-id", app[:6])[0] == [app]


def test_bash(user, tmp_path):
    (tmp_path / "some-folder").mkdir()

    def reply(*words):
        script = ("source <(dapr completion bash)\n"
                  f"COMP_WORDS=({' '.join(map(repr, words))}); COMP_CWORD={len(words) - 1}\n"
                  "compopt() { :; }\n_dapr_complete\nprintf '%s\\n' \"${COMPREPLY[@]}\"\n"
                  "complete -p dapr >&2\n")
        done = user.call("bash", "-c", script, cwd=tmp_path)
        assert done.stderr == "complete -F _dapr_complete dapr\n", done.stderr
        return done.stdout.split("\n")[:-1]
    assert reply("dapr", "pub") == ["publish"]
    assert reply("dapr", "run", "--app-pr") == ["--app-protocol"]
    assert reply("dapr", "run", "--app-protocol", "=", "h2") == ["h2c"]
    assert reply("dapr", "run", "--app-protocol", "=") == ["http", "https", "grpc", "grpcs", "h2c"]
    assert reply("dapr", "run", "--resources-path", "some") == ["some-folder"]


@pytest.mark.skipif(not shutil.which("zsh"), reason="zsh is not installed")
def test_zsh(user):
    done = user.call("zsh", "-f", "-c", "compdef() { :; }; source <(dapr completion zsh)\n"
                     "_describe() { print -l -- \"${(@P)2}\"; }; _files() { print files \"$@\"; }\n"
                     "compadd() { shift; print -l -- \"$@\"; }\n"
                     "words=(dapr pub); CURRENT=2; _dapr\nwords=(dapr run --app-protocol h2); CURRENT=4; _dapr\n"
                     "words=(dapr run --resources-path ''); CURRENT=4; _dapr\n")
    assert done.stderr == ""
    assert done.stdout == "publish:Publish an event\nh2c\nfiles -/\n"


@pytest.mark.skipif(not shutil.which("fish"), reason="fish is not installed")
def test_fish(user):
    done = user.call("fish", "--no-config", "-c", "dapr completion fish | source\ncomplete -C 'dapr pub'\n"
                     "complete -C 'dapr run --app-protocol h2'\n")
    assert done.stderr == ""
    assert done.stdout == "publish\tPublish an event\nh2c\n"


def test_other_shells_are_refused(user):
    done = user.call("dapr", "completion", "powershell")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "❌  there is no completion for 'powershell': bash, zsh and fish have one\n"
    assert user.call("dapr", "completion").stderr.startswith("❌  name one shell: 'dapr completion bash'")


def test_the_manual_page_has_every_command(user):
    page = user.call("pillion", "man").stdout
    listed = user.call("pillion").stdout.split("Commands:\n")[1].split("\n\n")[0]
    for line in listed.splitlines():
        assert f'.SS "{line.split()[0]}' in page
    assert "\\fB\\-a\\fR, \\fB\\-\\-app\\-id\\fR \\fIID\\fR" in page
    if shutil.which("man"):
        done = subprocess.run(["man", "--warnings", "-l", "-"], input=page, capture_output=True, text=True,
                              env={**os.environ, "MANWIDTH": "100", "LC_ALL": "C.UTF-8"})
        assert done.returncode == 0 and done.stderr == ""


# ---- install ----

def installed(prefix):
    return sorted(str(path.relative_to(prefix)) for path in prefix.rglob("*") if not path.is_dir())


def test_install_and_what_is_installed_works(user, tmp_path, terminal):
    prefix = tmp_path / "prefix"
    session = user.start("pillion", "install", "--prefix", prefix, terminal=terminal)
    assert session.end() == 0
    assert session.lines[0] == f"✅  Installed {prefix}/bin/pillion"
    assert session.lines[1] == f"⚠  'pillion' still means {user.bin}/pillion, which stands first in the PATH"
    found = installed(prefix)
    assert [path for path in found if path.startswith("bin/")] == ["bin/pillion"]
    assert "lib/pillion/pillion-tls.so" in found
    for path in ("share/man/man1/pillion.1", "share/bash-completion/completions/pillion",
                 "share/zsh/site-functions/_pillion", "share/fish/vendor_completions.d/pillion.fish"):
        assert (prefix / path).read_text()
    assert not (prefix / "bin/pillion").is_symlink()
    done = user.call(prefix / "bin/pillion", "doctor")
    assert "TLS cannot be used" not in done.stdout
    again = user.call(prefix / "bin/pillion", "install", "--prefix", prefix, "--with-dapr-names")
    assert again.returncode == 0 and installed(prefix)[:3] == ["bin/dapr", "bin/daprd", "bin/pillion"]
    assert os.readlink(prefix / "bin/dapr") == "pillion"
    assert "Usage:\n  dapr [command]" in user.call(prefix / "bin/dapr").stdout
    assert user.call(prefix / "bin/daprd", "--version").returncode == 0
    assert "_dapr_complete" in (prefix / "share/bash-completion/completions/dapr").read_text()


def test_another_program_called_dapr_is_left_alone(user, tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/dapr").write_text("theirs")
    done = user.call("pillion", "install", "--prefix", tmp_path, "--with-dapr-names")
    assert done.returncode == 1
    assert done.stderr == (f"❌  {tmp_path}/bin/dapr is there and another program: move it away first, or install with "
                           "another --prefix\n")
    assert (tmp_path / "bin/dapr").read_text() == "theirs"


def test_a_prefix_that_cannot_be_written(user, tmp_path):
    (tmp_path / "file").write_text("")
    done = user.call("pillion", "install", "--prefix", tmp_path / "file")
    assert (done.returncode, done.stderr) == (1, f"❌  mkdir {tmp_path}/file/bin: not a directory\n")


def test_the_build_installs_the_same(tmp_path):
    done = subprocess.run(["cmake", "--install", ROOT / "build/dev", "--prefix", tmp_path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for path in ("bin/pillion", "lib/pillion/pillion-tls.so", "share/man/man1/pillion.1",
                 "share/bash-completion/completions/pillion", "share/zsh/site-functions/_pillion",
                 "share/fish/vendor_completions.d/pillion.fish"):
        assert (tmp_path / path).exists(), path
    page = subprocess.run([tmp_path / "bin/pillion", "man"], capture_output=True, text=True).stdout
    assert (tmp_path / "share/man/man1/pillion.1").read_text() == page
