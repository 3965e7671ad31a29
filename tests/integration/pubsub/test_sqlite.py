# SPDX-License-Identifier: MIT
"""pubsub.sqlite: what only a durable broker shared by processes has to show."""
import json
import pathlib
import sqlite3
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
from sidecar import App, Sidecar, component, wait_until  # noqa: E402

SUBSCRIPTION = [{"pubsubname": "pubsub", "topic": "t", "route": "/t"}]


def resources(tmp_path, **metadata):
    folder = tmp_path / "resources"
    folder.mkdir(exist_ok=True)
    return component(folder, kind="pubsub.sqlite", connectionString=str(tmp_path / "broker.db"), **metadata)


def rows(tmp_path, query):
    with sqlite3.connect(tmp_path / "broker.db") as db:
        return db.execute(query).fetchall()


def numbers(app):
    return sorted(e["data"] for e in app.events())


def publish_range(sidecar, first, last, query=""):
    for i in range(first, last):
        assert sidecar.publish("pubsub", "t", i, query=query)[0] == 204


def test_messages_wait_in_the_file_for_a_later_process(tmp_path):
    folder = resources(tmp_path)
    publisher = Sidecar("publisher", folder)
    publish_range(publisher, 0, 50)
    publisher.process.kill()
    app = App(SUBSCRIPTION)
    subscriber = Sidecar("subscriber", folder, app.port)
    wait_until(lambda: len(app.received) == 50, "all")
    assert [e["data"] for e in app.events()] == list(range(50)) or numbers(app) == list(range(50))
    assert subscriber.stop() == 0
    assert rows(tmp_path, "select count(*) from deliveries") == [(0,)]
    app.close()


def test_another_process_is_woken_at_once(tmp_path):
    folder = resources(tmp_path, pollInterval="20s")
    app = App(SUBSCRIPTION)
    subscriber, publisher = Sidecar("subscriber", folder, app.port), Sidecar("publisher", folder)
    for i in range(5):
        publish_range(publisher, i, i + 1)
        wait_until(lambda: len(app.received) == i + 1, "delivery long before the next poll", 5)
    assert (subscriber.stop(), publisher.stop()) == (0, 0)
    assert not list(tmp_path.glob("broker.db-bell-*"))
    app.close()


def test_replicas_compete_and_other_apps_get_everything(tmp_path):
    folder = resources(tmp_path)
    apps = [App(SUBSCRIPTION) for _ in range(3)]
    sidecars = [Sidecar("a" if i < 2 else "b", folder, app.port) for i, app in enumerate(apps)]
    publish_range(sidecars[2], 0, 300)
    wait_until(lambda: len(apps[0].received) + len(apps[1].received) == 300 and len(apps[2].received) == 300, "all")
    assert sorted(numbers(apps[0]) + numbers(apps[1])) == list(range(300))
    for sidecar, app in zip(sidecars, apps):
        assert sidecar.stop() == 0, "\n".join(sidecar.log)
        app.close()


def test_a_killed_sidecars_leases_expire(tmp_path):
    folder = resources(tmp_path, leaseDuration="2s")
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


def test_a_living_sidecar_keeps_its_leases(tmp_path):
    folder = resources(tmp_path, leaseDuration="2s")
    go_on = threading.Event()
    slow = App(SUBSCRIPTION, lambda path, body: go_on.wait(60) and (200, {}))
    first = Sidecar("a", folder, slow.port)
    publish_range(first, 0, 3)
    wait_until(lambda: len(slow.received) == 3, "deliveries")
    app = App(SUBSCRIPTION)
    second = Sidecar("a", folder, app.port)
    time.sleep(5)
    assert app.received == [] and len(slow.received) == 3
    go_on.set()
    assert second.stop() == 0 and first.stop() == 0
    app.close()


def test_delay_and_time_to_live(tmp_path):
    folder = resources(tmp_path, pollInterval="100ms")
    app = App(SUBSCRIPTION)
    sidecar = Sidecar("a", folder)
    publish_range(sidecar, 0, 1, "?metadata.ttlInSeconds=1")
    time.sleep(1.2)
    subscriber = Sidecar("b", folder, app.port)
    started = time.monotonic()
    publish_range(sidecar, 1, 2, "?metadata.delay=3s")
    publish_range(sidecar, 2, 3)
    wait_until(lambda: len(app.received) == 2, "the one at once and the one put off")
    assert [e["data"] for e in app.events()] == [2, 1]
    assert time.monotonic() - started >= 3
    assert sidecar.publish("pubsub", "t", 1, query="?metadata.delay=soon")[0] == 500
    assert sidecar.stop() == 0 and subscriber.stop() == 0
    app.close()


def test_acknowledged_messages_go_after_their_time_and_others_stay(tmp_path):
    folder = resources(tmp_path, retentionPeriod="1s")
    app = App(SUBSCRIPTION)
    sidecar = Sidecar("a", folder, app.port)
    publish_range(sidecar, 0, 10)
    wait_until(lambda: len(app.received) == 10, "all")
    failing = App([{"pubsubname": "pubsub", "topic": "u", "route": "/u"}], lambda path, body: (500, {}))
    other = Sidecar("b", folder, failing.port)
    assert sidecar.publish("pubsub", "u", 1)[0] == 204
    wait_until(lambda: rows(tmp_path, "select count(*) from messages where topic = 't'") == [(0,)], "trimming", 25)
    assert rows(tmp_path, "select count(*) from messages where topic = 'u'") == [(1,)]
    assert sidecar.stop() == 0 and other.stop() == 0


def test_a_full_disk_fails_publishes_and_loses_nothing(tmp_path):
    """The file may not grow: the limit stands in for the disk."""
    folder = resources(tmp_path)
    app = App(SUBSCRIPTION)
    sidecar = Sidecar("a", folder, app.port)
    publish_range(sidecar, 0, 5)
    wait_until(lambda: len(app.received) == 5, "all")
    import resource
    resource.prlimit(sidecar.process.pid, resource.RLIMIT_FSIZE, (200000, resource.RLIM_INFINITY))
    accepted, refused = [], 0
    big = "x" * 20000
    for i in range(40):
        status, body, _ = sidecar.publish("pubsub", "t", {"n": i, "fill": big})
        if status == 204:
            accepted.append(i)
        else:
            refused += 1
            assert status == 500 and b"sqlite" in body, body
    assert refused > 0 and sidecar.process.poll() is None
    resource.prlimit(sidecar.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    wait_until(lambda: sidecar.publish("pubsub", "t", {"n": 100})[0] == 204, "room again")
    wait_until(lambda: {e["data"]["n"] for e in app.events() if isinstance(e["data"], dict)} >= {*accepted, 100}, "all")
    assert sidecar.stop() == 0, "\n".join(sidecar.log)
    app.close()


def test_a_file_that_is_no_database_is_named(tmp_path):
    (tmp_path / "broker.db").write_bytes(b"this is not a database, but long enough to be looked at " * 20)
    sidecar = Sidecar("a", resources(tmp_path), wait=False)
    assert sidecar.process.wait(10) == 1
    wait_until(lambda: any("broker.db" in line and "not a database" in line for line in sidecar.log), "the reason")
