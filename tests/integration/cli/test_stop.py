# SPDX-License-Identifier: MIT
import json
import time
import uuid

from sidecar import free_port


def unique():
    return f"app-{uuid.uuid4().hex[:8]}"


def start(user, resources, app, *words):
    session = user.start("dapr", "run", "--app-id", app, "--resources-path", resources, "--",
                         *(words or ["sleep", "1000"]))
    return session.wait_for("You're up and running!")


def test_when_it_returns_they_are_gone(user, resources, terminal):
    apps = [unique() for _ in range(3)]
    sessions = [start(user, resources, app) for app in apps]
    done = user.start("dapr", "stop", "--app-id", apps[0], terminal=terminal)
    assert done.end() == 0
    assert done.lines == [f"✅  app stopped successfully: {apps[0]}"]
    assert apps[0] not in user.call("dapr", "list").stdout
    assert user.call("dapr", "stop", apps[1], apps[2]).stdout == (
        f"✅  app stopped successfully: {apps[1]}\n✅  app stopped successfully: {apps[2]}\n")
    assert user.left() == {}
    assert [session.end() for session in sessions] == [0, 0, 0]


def test_one_that_ignores_the_signal_is_waited_for(user, resources):
    app = unique()
    start(user, resources, app, "sh", "-c", "trap '' TERM; while :; do sleep 1; done")
    assert user.call("dapr", "stop", app).stdout == f"✅  app stopped successfully: {app}\n"
    assert user.left() == {}


def test_one_that_is_not_there(user, resources):
    app, other = unique(), unique()
    start(user, resources, app)
    done = user.call("dapr", "stop", "-a", other, "-a", app)
    assert done.returncode == 1
    assert done.stderr.startswith(f"❌  failed to stop app id {other}: couldn't find app id {other}; running: ")
    assert done.stdout == f"✅  app stopped successfully: {app}\n"
    nothing = user.call("dapr", "stop")
    assert nothing.returncode == 1 and nothing.stderr.startswith("❌  nothing to stop: ")


def test_a_sidecar_without_command_line_is_stopped_itself(user, resources, other_sidecar):
    app, other = unique(), unique()
    alone = user.start("pillion", "sidecar", "--app-id", app, "--dapr-http-port", free_port(), "--dapr-grpc-port",
                       free_port(), "--resources-path", resources)
    alone.wait_for("Status: Running")
    # The metadata names a process that is not the parent of the sidecar: it may have got that number later.
    bystander = user.start("sleep", "1000")
    stranger = other_sidecar(other, {"/v1.0/metadata": [200, json.dumps(
        {"extended": {"cliPID": str(bystander.process.pid)}})]})
    assert user.call("dapr", "stop", app, other).returncode == 0
    assert alone.end() == 0
    assert stranger.end() == -15
    assert bystander.process.poll() is None


def test_stop_is_quick(user, resources):
    app = unique()
    start(user, resources, app)
    started = time.monotonic()
    assert user.call("dapr", "stop", app).returncode == 0
    assert time.monotonic() - started < 5
