# SPDX-License-Identifier: MIT
"""The transactional outbox: what a transaction writes is published when, and only when, it went through."""
import json
import sys
import pathlib
import time

import pytest

from state_client import Grpc, Http, Redis, Refused, component
from sidecar import App, Sidecar, wait_until


@pytest.fixture(scope="module")
def redis(tmp_path_factory):
    server = Redis(tmp_path_factory.mktemp("redis"))
    yield server
    server.kill()


class Sides:
    def __init__(self, folder, app, sidecar):
        self.folder, self.app, self.sidecar = folder, app, sidecar
        self.http, self.grpc = Http(sidecar), Grpc(sidecar)

    def events(self):
        return self.app.events("/orders")


PAIRS = [("state.in-memory", "pubsub.in-memory"), ("state.redis", "pubsub.redis"), ("state.sqlite", "pubsub.sqlite")]


@pytest.fixture
def start(tmp_path, redis, request):
    running = []

    def go(kinds=PAIRS[1], flags=(), subscriptions=None, pubsub=None, **metadata):
        folder = tmp_path / f"resources{len(running)}"
        folder.mkdir()
        where = {"state.redis": {"redisHost": f"127.0.0.1:{redis.port}"},
                 "state.sqlite": {"connectionString": str(tmp_path / "state.db")}}.get(kinds[0], {})
        broker = {"pubsub.redis": {"redisHost": f"127.0.0.1:{redis.port}", "processingTimeout": "2s",
                                   "redeliverInterval": "500"},
                  "pubsub.sqlite": {"connectionString": str(tmp_path / "broker.db")}}.get(kinds[1], {})
        component(folder, "store", kinds[0], **{"outboxPublishPubsub": "broker", "outboxPublishTopic": "orders", **where,
                                                **metadata})
        component(folder, "broker", kinds[1], **broker, **(pubsub or {}))
        app = App(subscriptions or [{"pubsubname": "broker", "topic": "orders", "route": "/orders"}])
        running.append(Sides(folder, app, Sidecar("oapp", folder, app.port, flags=flags)))
        return running[-1]
    redis.cli("FLUSHALL")
    yield go
    for one in running:
        assert one.sidecar.stop() == 0, "\n".join(one.sidecar.log)
        one.app.close()


@pytest.mark.parametrize("kinds", PAIRS, ids=[kind[0] for kind in PAIRS])
def test_a_transaction_publishes_what_it_writes(start, kinds):
    sides = start(kinds)
    sides.http.transact(("upsert", {"key": "a", "value": b'{"a":1}', "metadata": {"contentType": "application/json"}}),
                        ("upsert", {"key": "b", "value": b"2"}), ("delete", {"key": "c"}))
    wait_until(lambda: len(sides.events()) == 2, "both events")
    first, second = sorted(sides.events(), key=lambda event: str(event["data"]), reverse=True)
    assert first["data"] == {"a": 1} and first["datacontenttype"] == "application/json"
    assert second["data"] == "2" and second["datacontenttype"] == "text/plain"
    for event in (first, second):
        assert event["id"].startswith("outbox-") and event["source"] == "oapp" and event["type"] == "com.dapr.event.sent"
        assert event["topic"] == "orders" and event["pubsubname"] == "broker" and event["specversion"] == "1.0"
    assert sides.http.get("a").data == b'{"a":1}' and sides.http.get("b").data == b"2"
    time.sleep(0.3)
    assert len(sides.events()) == 2


def test_envelopes_are_those_of_dapr(redis, start):
    sides = start()
    metadata = {"contentType": "application/json", "type": "realtype", "source": "rs", "subject": "su", "time": "x",
                "topic": "tt", "id": "realid", "data": "dd", "cloudevent.id": "ID", "cloudevent.type": "T"}
    sides.http.transact(("upsert", {"key": "k", "value": b'{"a":1.50}', "metadata": metadata}))
    event = wait_until(sides.events, "the event")[0]
    assert event.pop("id").startswith("outbox-")
    event.pop("traceid")
    assert event == {"cloudevent.id": "ID", "cloudevent.type": "T", "contentType": "application/json", "data": {"a": 1.5},
                     "datacontenttype": "application/json", "pubsubname": "broker", "source": "rs", "specversion": "1.0",
                     "subject": "su", "time": "x", "topic": "orders", "traceparent": "", "tracestate": "",
                     "type": "realtype"}
    stored = redis.cli("XRANGE", "defaultoappordersoutbox", "-", "+").split("\n")
    internal = json.loads(stored[stored.index("data") + 1])
    assert internal["topic"] == "tt" and internal["data"] == {"a": 1.5}
    assert list(internal) == sorted(internal)


def test_payloads(start):
    sides = start()
    for value in (b'"hello"', b"1000000", b'{"a":1}'):
        sides.http.transact(("upsert", {"key": "k", "value": value}))
    for item in ({"value": b'{"a": 1}'}, {"value": b'{"a": 1}', "metadata": {"contentType": "application/json"}}):
        sides.grpc.transact(("upsert", {"key": "k", **item}))
    body = {"operations": [{"operation": "upsert", "request": {"key": "k", "value": [1], "contentType": "application/json"}}]}
    sides.sidecar.request("POST", "/v1.0/state/store/transaction?metadata.source=qsrc", json.dumps(body).encode())
    wait_until(lambda: len(sides.events()) == 6, "six events")
    assert sorted(map(json.dumps, (event["data"] for event in sides.events()))) == sorted(map(json.dumps, [
        "hello", "1000000", '{"a":1}', '{"a": 1}', {"a": 1}, [1]]))
    assert [event["source"] for event in sides.events() if event["data"] == [1]] == ["qsrc"]


def test_a_transaction_that_fails_publishes_nothing(redis, start):
    sides = start()
    sides.http.save({"key": "k", "value": b"1"})
    with pytest.raises(Refused):
        sides.http.transact(("upsert", {"key": "new", "value": b"1"}), ("upsert", {"key": "k", "value": b"2", "etag": "99"}))
    wait_until(lambda: redis.cli("XLEN", "defaultoappordersoutbox") == "2", "the internal events are there")
    time.sleep(2.2)
    assert sides.events() == [] and sides.http.get("new") is None and redis.cli("KEYS", "outbox-*") == ""


def test_markers_go_when_their_event_is_out(redis, start):
    sides = start()
    sides.http.transact(("upsert", {"key": "k", "value": b"1"}))
    wait_until(sides.events, "the event")
    wait_until(lambda: redis.cli("KEYS", "outbox-*") == "", "the marker is gone")
    wait_until(lambda: redis.cli("XPENDING", "defaultoappordersoutbox", "oapp").split("\n")[0] == "0", "acknowledged")
    messages = json.loads(sides.sidecar.get("/v1.0-pillion/messages?topic=orders")[1])["messages"]
    assert "published" in [message["step"] for message in messages]


def test_a_projection_is_published_instead(start):
    sides = start()
    sides.http.transact(("upsert", {"key": "k", "value": b"1"}),
                        ("upsert", {"key": "k", "value": b'"projected"', "metadata": {"outbox.projection": "true"}}),
                        ("upsert", {"key": "l", "value": b"2"}),
                        ("upsert", {"key": "l", "value": b'"too"', "metadata": {"outbox.projection": "true"}}),
                        ("upsert", {"key": "m", "value": b"3", "metadata": {"outbox.projection": "true"}}))
    wait_until(lambda: len(sides.events()) == 2, "two events")
    assert sorted(event["data"] for event in sides.events()) == ["projected", "too"]
    assert sides.http.get("k").data == b"1" and sides.http.get("l").data == b"2" and sides.http.get("m") is None


def test_events_of_a_killed_sidecar_are_published_by_the_next(redis, start, tmp_path):
    sides = start()
    for i in range(50):
        sides.http.transact(("upsert", {"key": f"k{i}", "value": b"%d" % i}))
    sides.sidecar.process.kill()
    sides.sidecar.process.wait()
    seen = {event["data"] for event in sides.events()}
    sides.sidecar = Sidecar("oapp", sides.folder, sides.app.port)
    wait_until(lambda: {event["data"] for event in sides.events()} == {str(i) for i in range(50)}, "all of them", 30)
    wait_until(lambda: redis.cli("KEYS", "outbox-*") == "", "no marker is left")
    assert len(seen) <= 50


def test_an_event_without_a_marker_is_dropped_where_so_asked(redis, start):
    sides = start(outboxDiscardWhenMissingState="true")
    event = {"id": "outbox-none", "specversion": "1.0", "data": "x", "topic": ""}
    redis.cli("XADD", "defaultoappordersoutbox", "*", "data", json.dumps(event))
    redis.cli("XADD", "defaultoappordersoutbox", "*", "data", "no event")
    wait_until(lambda: any("no marker for event outbox-none" in line and "it is dropped" in line
                           for line in sides.sidecar.log), "it is told", 20)
    assert any("is no event of an outbox" in line for line in sides.sidecar.log)
    wait_until(lambda: redis.cli("XPENDING", "defaultoappordersoutbox", "oapp").split("\n")[0] == "0", "acknowledged")
    assert sides.events() == []


@pytest.mark.parametrize("metadata,pubsub,said", [
    ({"outboxPubsub": "missing"}, {}, "pubsub missing is not found"),
    ({}, {"publishingScopes": "oapp=orders"}, "topic defaultoappordersoutbox is not allowed for app id oapp")])
def test_a_transaction_whose_event_is_not_taken_does_not_run(start, metadata, pubsub, said):
    sides = start(kinds=PAIRS[0], pubsub=pubsub, **metadata)
    status, body, _ = sides.sidecar.request("POST", "/v1.0/state/store/transaction", json.dumps(
        {"operations": [{"operation": "upsert", "request": {"key": "k", "value": 1}}]}).encode())
    assert (status, json.loads(body)) == (500, {
        "errorCode": "ERR_PUBLISH_OUTBOX", "message": f"error while publishing outbox message: {said}",
        "details": [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "domain": "dapr.io",
                     "metadata": {"appID": "oapp", "error": said}, "reason": "DAPR_PUBSUB_OUTBOX"}]})
    with pytest.raises(Refused, match="error while publishing outbox message"):
        sides.grpc.transact(("upsert", {"key": "k", "value": b"1"}))
    assert sides.http.get("k") is None
