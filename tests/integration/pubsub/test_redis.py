# SPDX-License-Identifier: MIT
"""pubsub.redis against a real redis-server, also when it goes away."""
import json
import pathlib
import signal
import subprocess
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
from redis_server import Redis  # noqa: E402
from sidecar import App, Sidecar, component, free_port, wait_until  # noqa: E402


@pytest.fixture
def redis(tmp_path):
    server = Redis(tmp_path)
    yield server
    server.kill()


def resources(tmp_path, redis, **metadata):
    folder = tmp_path / "resources"
    folder.mkdir(exist_ok=True)
    return component(folder, kind="pubsub.redis", redisHost=f"127.0.0.1:{redis.port}", **metadata)


SUBSCRIPTION = [{"pubsubname": "pubsub", "topic": "t", "route": "/t"}]


def numbers(app):
    return sorted(e["data"] for e in app.events())


def publish_range(sidecar, first, last):
    for i in range(first, last):
        assert sidecar.publish("pubsub", "t", i)[0] == 204


def test_a_message_gets_through_and_is_acknowledged(tmp_path, redis):
    app = App(SUBSCRIPTION)
    sidecar = Sidecar("orders", resources(tmp_path, redis), app.port)
    publish_range(sidecar, 0, 200)
    wait_until(lambda: len(app.received) == 200, "200 deliveries")
    assert numbers(app) == list(range(200))
    wait_until(lambda: redis.cli("XPENDING", "t", "orders").split()[0] == "0", "acknowledgements")
    entry = redis.cli("XRANGE", "t", "-", "+", "COUNT", "1")
    assert "data" in entry and "metadata" in entry and '"data":0' in entry
    assert sidecar.stop() == 0, "\n".join(sidecar.log)
    app.close()


def test_replicas_compete_and_other_apps_get_everything(tmp_path, redis):
    folder = resources(tmp_path, redis)
    apps = [App(SUBSCRIPTION) for _ in range(3)]
    sidecars = [Sidecar("a" if i < 2 else "b", folder, app.port) for i, app in enumerate(apps)]
    publish_range(sidecars[0], 0, 300)
    wait_until(lambda: len(apps[0].received) + len(apps[1].received) == 300 and len(apps[2].received) == 300, "all")
    assert sorted(numbers(apps[0]) + numbers(apps[1])) == list(range(300))
    for sidecar, app in zip(sidecars, apps):
        assert sidecar.stop() == 0, "\n".join(sidecar.log)
        app.close()


def test_a_killed_sidecars_messages_go_to_another(tmp_path, redis):
    folder = resources(tmp_path, redis, processingTimeout="1s", redeliverInterval="300")
    slow = App(SUBSCRIPTION, lambda path, body: time.sleep(60) or (200, {}))
    first = Sidecar("a", folder, slow.port)
    publish_range(first, 0, 20)
    wait_until(lambda: len(slow.received) == 20, "deliveries to the hanging application")
    first.process.kill()
    app = App(SUBSCRIPTION)
    second = Sidecar("a", folder, app.port)
    wait_until(lambda: len(set(numbers(app))) == 20, "redelivery")
    assert second.stop() == 0, "\n".join(second.log)
    app.close()


def test_a_broker_that_goes_away_is_told_and_comes_back(tmp_path, redis):
    app = App(SUBSCRIPTION)
    sidecar = Sidecar("a", resources(tmp_path, redis, poolTimeout="500"), app.port)
    publish_range(sidecar, 0, 5)
    wait_until(lambda: len(app.received) == 5, "before")
    redis.kill()
    status, body, _ = sidecar.publish("pubsub", "t", 5)
    assert status == 500 and b"ERR_PUBSUB_PUBLISH_MESSAGE" in body and b"connection refused" in body
    redis.start()
    wait_until(lambda: sidecar.publish("pubsub", "t", 6)[0] == 204, "publishing again")
    wait_until(lambda: 6 in numbers(app), "delivery again")
    assert sidecar.stop() == 0, "\n".join(sidecar.log)
    app.close()


def test_a_deleted_group_is_made_again(tmp_path, redis):
    app = App(SUBSCRIPTION)
    sidecar = Sidecar("a", resources(tmp_path, redis), app.port)
    publish_range(sidecar, 0, 1)
    wait_until(lambda: app.received, "before")
    redis.cli("XGROUP", "DESTROY", "t", "a")
    publish_range(sidecar, 1, 2)
    wait_until(lambda: 1 in numbers(app), "after", 20)
    assert sidecar.stop() == 0, "\n".join(sidecar.log)
    app.close()


def test_a_failing_message_stays_and_is_tried_again_later(tmp_path, redis):
    seen = []
    app = App(SUBSCRIPTION, lambda path, body: seen.append(1) or (500 if len(seen) < 6 else 200, {}))
    folder = resources(tmp_path, redis, processingTimeout="1s", redeliverInterval="300")
    sidecar = Sidecar("a", folder, app.port)
    publish_range(sidecar, 0, 1)
    wait_until(lambda: len(seen) == 6, "two more attempts after the four", 30)
    wait_until(lambda: redis.cli("XPENDING", "t", "a").split()[0] == "0", "acknowledgement")
    steps = [m["step"] for m in json.loads(sidecar.get("/v1.0-pillion/messages")[1])["messages"]]
    assert "released" in steps and steps[0] == "delivered"
    assert sidecar.stop() == 0, "\n".join(sidecar.log)
    app.close()


def test_a_redis_that_is_not_there_does_not_stop_the_start(tmp_path):
    class Nowhere:
        port = free_port()
    sidecar = Sidecar("a", resources(tmp_path, Nowhere, poolTimeout="300"))
    status, body, _ = sidecar.publish("pubsub", "t", 1)
    assert status == 500 and b"connection refused" in body
    assert sidecar.stop(signal.SIGINT) == 0, "\n".join(sidecar.log)


def test_a_wrong_password_is_named_and_never_printed(tmp_path):
    server = Redis(tmp_path, "--requirepass", "right")
    sidecar = Sidecar("a", resources(tmp_path, server, redisPassword="wr0ng", poolTimeout="500"))
    status, body, _ = sidecar.publish("pubsub", "t", 1)
    assert status == 500 and b"redisPassword" in body or b"WRONGPASS" in body
    assert sidecar.stop() == 0
    assert "wr0ng" not in "\n".join(sidecar.log) and b"wr0ng" not in body
    server.kill()
