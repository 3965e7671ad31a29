# SPDX-License-Identifier: MIT
"""dapr publish and dapr invoke."""
import json
import uuid

import pytest

from sidecar import App, component, wait_until


@pytest.fixture
def pubsub():
    return f"pubsub-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def shop(user, tmp_path, pubsub):
    """A subscriber whose component has a name of its own, so that nobody else's sidecar has it."""
    (tmp_path / "r").mkdir()
    resources = component(tmp_path / "r", name=pubsub)
    app = App([{"pubsubname": pubsub, "topic": "orders", "route": "/orders"}])
    app.id = f"shop-{pubsub[7:]}"
    session = user.start("dapr", "run", "-a", app.id, "-p", app.port, "--resources-path", resources)
    session.wait_for("app is subscribed to the following topics")
    yield app
    session.stop()
    app.close()


def received(app, count=1):
    wait_until(lambda: len(app.received) >= count, f"{count} events")
    return app.events("/orders")


def test_the_tutorials_command_needs_no_app_id(user, shop, pubsub, terminal):
    done = user.start("dapr", "publish", "--pubsub", pubsub, "--topic", "orders", "--data",
                      '{"event_type": "MessageSent", "user_id": "alice"}', terminal=terminal)
    assert done.end() == 0
    assert done.lines == ["✅  Event published successfully"]
    event, = received(shop)
    assert event["data"] == {"event_type": "MessageSent", "user_id": "alice"}
    assert event["source"] == shop.id and event["datacontenttype"] == "application/json"


def test_data_comes_from_flag_file_or_input(user, shop, pubsub, tmp_path):
    (tmp_path / "order.json").write_text('{"id": 2}')
    base = ["dapr", "publish", "-i", shop.id, "-p", pubsub, "-t", "orders"]
    for extra, stdin in ([["-d", '{"id": 1}'], None], [["-f", tmp_path / "order.json"], None], [["-f", "-"], '{"id": 3}'],
                         [[], None], [["-d", "no json"], None]):
        done = user.call(*base, *extra, stdin=stdin)
        assert done.stdout == "✅  Event published successfully\n", done.stderr
    assert [event["data"] for event in received(shop, 5)] == [{"id": 1}, {"id": 2}, {"id": 3}, "", "no json"]


def test_a_cloud_event_is_passed_on_as_it_is(user, shop, pubsub):
    event = {"id": "e-1", "source": "me", "specversion": "1.0", "type": "mine", "data": {"n": 1}}
    assert user.call("dapr", "publish", "-p", pubsub, "-t", "orders", "-d", json.dumps(event)).returncode == 0
    assert received(shop)[0].items() >= event.items()


def test_metadata_reaches_the_sidecar(user, other_sidecar):
    app = f"other-{uuid.uuid4().hex[:8]}"
    other = other_sidecar(app, {"/v1.0/publish/p/a%2Fb%20c": [204, ""]})
    done = user.call("dapr", "publish", "-i", app, "-p", "p", "-t", "a/b c", "-d", "1", "-m",
                     '{"ttlInSeconds": 60, "x y": "a&b", "rawPayload": true}', env={"DAPR_API_TOKEN": "secret"})
    assert done.returncode == 0, done.stderr
    request, = other.asked("/v1.0/publish/p/a%2Fb%20c")
    assert request[0] == "POST"
    assert request[1].endswith("?metadata.ttlInSeconds=60&metadata.x%20y=a%26b&metadata.rawPayload=true")
    assert request[2]["content-type"] == "application/json" and request[3] == "1"
    assert request[2]["dapr-api-token"] == "secret"


def test_what_cannot_be_published(user, shop, pubsub):
    def fails(*words):
        done = user.call("dapr", "publish", *words)
        assert done.returncode != 0 and done.stdout == "" and done.stderr.count("\n") == 1
        return done.stderr
    assert fails("-p", pubsub) == "Error: required flag(s) \"topic\" not set (see 'dapr publish --help')\n"
    assert fails("-p", pubsub, "-t", "t", "-i", "nobody").startswith(
        "❌  Error publishing topic t: couldn't find a running Dapr instance of app id nobody; running: ")
    assert fails("-p", "no-such", "-t", "t").startswith(
        "❌  Error publishing topic t: couldn't find a running Dapr instance with a component named no-such; running: ")
    assert fails("-p", "no-such", "-t", "t", "-i", shop.id) == (
        "❌  Error publishing topic t: unexpected status code 404 on publishing to t in no-such "
        "(ERR_PUBSUB_NOT_FOUND: pubsub no-such is not found)\n")
    assert fails("-p", "p", "-t", "t", "-d", "1", "-f", "x") == (
        "❌  Only one of --data and --data-file allowed in the same publish command\n")
    assert fails("-p", "p", "-t", "t", "-f", "/no/file") == (
        "❌  Error reading payload from '/no/file'. Error: open /no/file: no such file or directory\n")
    assert fails("-p", "p", "-t", "t", "-m", "[1]").startswith("❌  Error parsing metadata as JSON. Error: ")
    assert fails("-p", "p", "-t", "t", "-m", "{").startswith("❌  Error parsing metadata as JSON. Error: ")


def test_a_socket_is_enough(user, tmp_path, pubsub, sockets):
    (tmp_path / "r").mkdir()
    resources, app = component(tmp_path / "r", name=pubsub), f"a-{pubsub[7:]}"
    user.start("dapr", "run", "-a", app, "-u", sockets, "--resources-path", resources).wait_for("up and running!")
    for words in (["-i", app, "-u", sockets], ["-i", app], []):
        assert user.call("dapr", "publish", "-p", pubsub, "-t", "t", "-d", "1", *words).returncode == 0


# ---- invoke ----

def test_invoke_prints_what_the_application_answers(user, other_sidecar, terminal):
    app = f"other-{uuid.uuid4().hex[:8]}"
    path = f"/v1.0/invoke/{app}/method/a/b"
    other = other_sidecar(app, {path: [200, '{"ok": true}'], f"/v1.0/invoke/{app}/method/empty": [204, ""]})
    done = user.start("dapr", "invoke", "--app-id", app, "--method", "/a/b?x=1", "--data", '{"n": 1}',
                      terminal=terminal)
    assert done.end() == 0
    assert done.lines == ['{"ok": true}', "✅  App invoked successfully"]
    request, = other.asked(path)
    assert (request[0], request[1], request[3]) == ("POST", path + "?x=1", '{"n": 1}')
    assert request[2]["content-type"] == "application/json"
    done = user.call("dapr", "invoke", "-a", app, "-m", "empty", "-v", "GET")
    assert done.stdout == "✅  App invoked successfully\n"
    assert other.asked(f"/v1.0/invoke/{app}/method/empty")[0][0] == "GET"


def test_what_cannot_be_invoked(user, other_sidecar):
    app = f"other-{uuid.uuid4().hex[:8]}"
    other_sidecar(app, {f"/v1.0/invoke/{app}/method/x": [500, '{"errorCode":"ERR_DIRECT_INVOKE","message":"no"}']})
    done = user.call("dapr", "invoke", "-a", app, "-m", "x")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"❌  error invoking app {app}: 500 Internal Server Error (ERR_DIRECT_INVOKE: no)\n"
    done = user.call("dapr", "invoke", "-a", "nobody", "-m", "x")
    assert done.stderr.startswith("❌  error invoking app nobody: app ID nobody not found; running: ")
    done = user.call("dapr", "invoke", "-a", app, "-m", "x", "-d", "1", "-f", "y")
    assert done.stderr == "❌  Only one of --data and --data-file allowed in the same invoke command\n"
