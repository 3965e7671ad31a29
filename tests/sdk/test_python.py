# SPDX-License-Identifier: MIT
"""The official Python SDK, the version the tutorials name and the newest, against the real binary."""
import json
import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/support"))
from sidecar import Sidecar, certificates, component, free_port, wait_until  # noqa: E402

APPS = pathlib.Path(__file__).parent / "apps"
ORDERS = ROOT / "examples/python"
SDKS = pathlib.Path(os.environ.get("SDK_FOLDER", ROOT / "build/sdk"))


@pytest.fixture(params=["1.16.0", "newest"])
def python(request):
    return SDKS / f"python-{request.param}" / "bin/python"


@pytest.fixture(params=["pubsub.redis", "pubsub.sqlite", "pubsub.in-memory"])
def broker(request):
    return request.param


@pytest.fixture(params=["pubsub.redis", "pubsub.sqlite"])
def durable_broker(request):
    """The SDK's stream may end right after it began and be opened again: what came meanwhile must stay."""
    return request.param


@pytest.fixture
def resources(tmp_path, request):
    def make(kind):
        if kind == "pubsub.redis":
            return component(tmp_path, kind=kind, processingTimeout="2s", redeliverInterval="500",
                             redisHost=f"127.0.0.1:{request.getfixturevalue('redis_port')}")
        if kind == "pubsub.sqlite":
            return component(tmp_path, kind=kind, connectionString=str(tmp_path / "broker.db"))
        return component(tmp_path, kind=kind)
    return make


@pytest.fixture
def sidecar():
    running = []

    def start(*args, **kwargs):
        running.append(Sidecar(*args, **kwargs))
        return running[-1]
    yield start
    for one in running:
        one.stop()


def ports(sidecar):
    return {"DAPR_HTTP_PORT": str(sidecar.port), "DAPR_GRPC_PORT": str(sidecar.grpc_port)}


def orders(lines):
    return sorted(json.loads(line.split(": ", 1)[1])["id"] for line in lines)


def test_a_publisher_reaches_a_fastapi_subscriber(python, run, sidecar, resources):
    folder = resources("pubsub.redis")
    port = free_port()
    subscriber = run(python, ORDERS / "subscriber.py", port)
    sidecar("subscriber", folder, app_port=port)
    publishing = sidecar("publisher", folder)
    publisher = run(python, ORDERS / "publisher.py", 20, env=ports(publishing))
    publisher.wait_for("Published message:", 20)
    subscriber.wait_for("Received message:", 20)
    assert orders(subscriber.said("Received message:")) == list(range(20))


@pytest.mark.parametrize("publishing", ["C", "Python"])
def test_the_pairs_of_both_languages_understand_each_other(run, sidecar, resources, publishing):
    folder, port = resources("pubsub.sqlite"), free_port()
    python, c = SDKS / "python-1.16.0/bin/python", ROOT / "build/dev/examples/orders"
    if publishing == "C":
        subscriber = run(python, ORDERS / "subscriber.py", port)
    else:
        subscriber = run(c / "subscriber", env={"APP_PORT": str(port)})
    sidecar("subscriber", folder, app_port=port)
    command = [c / "publisher", 20] if publishing == "C" else [python, ORDERS / "publisher.py", 20]
    publisher = run(*command, env=ports(sidecar("publisher", folder)))
    publisher.wait_for("Published message:", 20)
    subscriber.wait_for("Received message:", 20)
    assert orders(subscriber.said("Received message:")) == list(range(20))


def test_the_tutorials_own_programs_run_unmodified(run, sidecar, resources, tmp_path):
    writer = ROOT.parent / "shared/tools/seed_apps.py"
    if not writer.exists():
        pytest.skip("the tutorials' programs are not here")
    python = SDKS / "python-1.16.0/bin/python"
    subprocess.run([sys.executable, writer, tmp_path / "seeds"], check=True)
    seeds = tmp_path / "seeds/pubsub"
    folder = resources("pubsub.redis")
    subscriber = run(python, seeds / "subscriber.py")
    sidecar("subscriber-service", folder, app_port=8001, flags=["--app-protocol", "http"])
    publishing = sidecar("publisher-service", folder)
    publisher = run(python, seeds / "publisher.py", 10, env=ports(publishing))
    publisher.wait_for("Published message:", 10)
    subscriber.wait_for("Received message:", 10)
    assert orders(subscriber.said("Received message:")) == list(range(10))


def test_a_grpc_application_answers_success_retry_and_drop(python, run, sidecar, resources, broker):
    port = free_port()
    app = run(python, APPS / "grpc_subscriber.py", port)
    one = sidecar("app", resources(broker), app_port=port, flags=["--app-protocol", "grpc"])
    for number, answer in enumerate(["success", "retry", "drop"]):
        assert one.publish("pubsub", "orders", {"id": number, "answer": answer})[0] == 204
    app.wait_for("Received message:", 4)
    app.wait_for("Dead letter:")
    assert orders(app.said("Received message:")) == [0, 1, 1, 2]
    assert '"answer": "drop"' in app.said("Dead letter:")[0]
    kinds = [item["type"] for item in json.loads(one.get("/v1.0/metadata")[1])["subscriptions"]]
    assert kinds == ["PROGRAMMATIC", "PROGRAMMATIC"]


@pytest.mark.parametrize("flags", [["--app-protocol", "grpcs"], ["--app-protocol", "grpc", "--app-ssl"]],
                         ids=["grpcs", "app-ssl"])
def test_a_grpc_application_may_speak_tls(run, sidecar, resources, tmp_path, flags):
    made, port = certificates(tmp_path), free_port()
    app = run(SDKS / "python-newest/bin/python", APPS / "grpc_subscriber.py", port, made / "expired.pem",
              made / "expired.key")
    one = sidecar("app", resources("pubsub.in-memory"), app_port=port, flags=flags)
    for number in range(20):
        assert one.publish("pubsub", "orders", {"id": number, "answer": "success"})[0] == 204
    app.wait_for("Received message:", 20)
    assert orders(app.said("Received message:")) == list(range(20))
    assert json.loads(one.get("/v1.0/metadata")[1])["appConnectionProperties"]["protocol"] == "grpcs"


def test_the_client_publishes_streams_and_reads_metadata(python, run, sidecar, resources, durable_broker):
    one = sidecar("app", resources(durable_broker))
    calls = run(python, APPS / "calls.py", env=ports(one))
    calls.wait_for("handled")
    assert calls.said("streamed") == [f"streamed {{'id': {n}}} pubsub orders" for n in range(3)]
    assert calls.said("letter") == ["letter {'id': 1} dropped"]
    assert calls.said("components") == ["components ['pubsub']"]
    assert calls.said("extended") == ["extended 42"]
    assert calls.said("refused") == ["refused INVALID_ARGUMENT pubsub nowhere is not found DAPR_PUBSUB_NOT_FOUND"]
    assert calls.said("handled") == ["handled True"]
    wait_until(lambda: one.process.poll() == 0, "the sidecar ends after Shutdown")


def test_a_wrong_token_is_refused_over_grpc(python, run, sidecar, resources):
    one = sidecar("app", resources("pubsub.in-memory"), env={"DAPR_API_TOKEN": "right"})
    code = ("from dapr.clients import DaprClient\n"
            "c = DaprClient()\n"
            "try:\n    c.publish_event('pubsub', 't', 'x'); print('let in', flush=True)\n"
            "except Exception as e: print('refused', e.code().name, e.details(), flush=True)\n")
    wrong = run(python, "-c", code, env={**ports(one), "DAPR_API_TOKEN": "wrong"})
    wrong.wait_for("refused UNAUTHENTICATED Unauthorized")
    right = run(python, "-c", code, env={**ports(one), "DAPR_API_TOKEN": "right"})
    right.wait_for("let in")


@pytest.mark.parametrize("rpc", ["stable", "alpha"])
def test_a_grpc_application_gets_batches(python, run, sidecar, resources, rpc):
    port = free_port()
    app = run(python, APPS / "grpc_bulk.py", port, rpc)
    one = sidecar("app", resources("pubsub.sqlite"), app_port=port, flags=["--app-protocol", "grpc"])
    for number in range(20):
        assert one.publish("pubsub", "orders", number)[0] == 204
    app.wait_for("Received message:", 20)
    assert orders(app.said("Received message:")) == list(range(20))
    assert app.said("Batch:")[0].endswith("/orders")
    wait_until(lambda: sum(int(line.split()[1]) for line in app.said("Batch:")) == 20, "each once")
