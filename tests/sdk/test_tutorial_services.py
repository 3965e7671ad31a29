# SPDX-License-Identifier: MIT
"""The tutorial's chat and analytics services, unmodified, with the agents library from PyPI and a model that a
small local server plays, on two sidecars."""
import json
import os
import pathlib
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/support"))
from network import OwnNetwork  # noqa: E402
from openai_responses import Responses  # noqa: E402
from redis_server import Redis  # noqa: E402
from sidecar import Sidecar, component, free_port, wait_until  # noqa: E402

WRITER = ROOT.parent / "shared/tools/seed_apps.py"
PYTHON = pathlib.Path(os.environ.get("SDK_FOLDER", ROOT / "build/sdk")) / "tutorial/bin/python"

pytestmark = pytest.mark.skipif(not WRITER.exists(), reason="the tutorial is not here")


@pytest.fixture
def network():
    with OwnNetwork([3500, 3501]):  # its programs have these ports written into them
        yield


@pytest.fixture
def seeds(tmp_path):
    subprocess.run([sys.executable, WRITER, tmp_path / "seeds"], check=True)
    return tmp_path / "seeds/tutorial"


@pytest.fixture(params=["redis", "embedded"])
def resources(request, network, seeds, tmp_path):
    """The tutorial's components folder: the two kinds differ in YAML only."""
    folder = seeds / "components"
    subscription = folder / "subscriptions.yaml"
    subscription.write_text(subscription.read_text() + "  metadata:\n    contentMode: binary\n")
    if request.param == "redis":
        server = request.getfixturevalue("redis")
        component(folder, "pubsub", "pubsub.redis", redisHost=f"127.0.0.1:{server.port}")
        component(folder, "statestore", "state.redis", redisHost=f"127.0.0.1:{server.port}")
    else:
        component(folder, "pubsub", "pubsub.sqlite", connectionString=str(tmp_path / "broker.db"))
        component(folder, "statestore", "state.sqlite", connectionString=str(tmp_path / "state.db"))
    return folder


@pytest.fixture
def redis(network, tmp_path):
    server = Redis(tmp_path)
    yield server
    server.kill()


@pytest.fixture
def model(network):
    server = Responses()
    yield server
    server.close()


@pytest.fixture
def services(run, seeds, resources, model):
    """Both services with a sidecar each: what they printed, and where they listen."""
    env = {"OPENAI_API_KEY": "test", "OPENAI_BASE_URL": model.url, "OPENAI_AGENTS_DISABLE_TRACING": "1"}
    sidecars, services = [], {}
    for name, port in (("analytics", 3501), ("chat", 3500)):
        app_port = free_port()
        app = run(PYTHON, "-m", "uvicorn", "main:app", "--port", app_port, cwd=seeds / f"{name}_service", env=env)
        sidecars.append(Sidecar(f"{name}-service", resources, app_port, ports=(port, free_port())))
        services[name] = (app, app_port)
    yield services
    for sidecar in sidecars:
        assert sidecar.stop() == 0, "\n".join(sidecar.log)


def call(port, path, data=None):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", None if data is None else json.dumps(data).encode(),
                                     {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def initialize(port, user, count):
    # The listing takes the count as a query parameter, whatever the text of the tutorial says.
    assert call(port, f"/analytics/{user}/initialize?message_count={count}", {}) == (
        200, {"status": "success", "user_id": user, "message_count": count})
    assert call(port, f"/analytics/{user}") == (200, {"message_count": count})


def test_a_chat_message_is_answered_with_the_count_and_counted(services, model):
    (_, analytics), (chat, chat_port) = services["analytics"], services["chat"]
    initialize(analytics, "bob", 3)
    status, answer = call(chat_port, "/chat/", {
        "user_id": "bob", "text": "Hello, how are you?", "tags": ["greeting"],
        "metadata": {"timestamp": "2025-04-06T12:00:00Z", "session_id": "123e4567-e89b-12d3-a456-426614174001"}})
    assert (status, answer["user_id"], answer["reply"]) == (200, "bob", "You've sent 3 messages so far.")
    assert model.requests[0][0] == "/v1/responses"
    chat.wait_for("Published MessageSent event for user bob")
    wait_until(lambda: call(analytics, "/analytics/bob") == (200, {"message_count": 4}), "bob has 4")


def test_a_published_event_is_printed_as_the_tutorial_prints_it(services):
    app, analytics = services["analytics"]
    initialize(analytics, "alice", 5)
    request = urllib.request.Request("http://127.0.0.1:3501/v1.0/publish/pubsub/messages",
                                     b'{"event_type": "MessageSent", "user_id": "alice"}',
                                     {"Content-Type": "application/json"})
    assert urllib.request.urlopen(request, timeout=20).status == 204
    app.wait_for("Received event: {'event_type': 'MessageSent', 'user_id': 'alice'}")
    app.wait_for("Set message count for alice: 6")
    assert call(analytics, "/analytics/alice") == (200, {"message_count": 6})
