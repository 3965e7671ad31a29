# SPDX-License-Identifier: MIT
"""Bulk subscriptions of an HTTP application (pub/sub semantics, section 8)."""
import base64
import json
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
from sidecar import Pair, component, sub, wait_until  # noqa: E402

RAW = "?metadata.rawPayload=true"
BULK = {"enabled": True, "maxMessagesCount": 100, "maxAwaitDurationMs": 150}


@pytest.fixture
def resources(tmp_path):
    folder = tmp_path / "resources"
    folder.mkdir()
    return component(folder)


def steps(sidecar, topic="t"):
    return [m["step"] for m in json.loads(sidecar.get(f"/v1.0-pillion/messages?topic={topic}")[1])["messages"]]


def publish(sidecar, *data, query=""):
    entries = [{"entryId": str(i), "event": event, "contentType": "application/json"} for i, event in enumerate(data)]
    assert sidecar.request("POST", f"/v1.0/publish/bulk/pubsub/t{query}", json.dumps(entries).encode(),
                           {"Content-Type": "application/json"})[0] == 204


def batches(app):
    return [json.loads(body) for path, _, body in list(app.received) if path != "/dead"]


def all_of(status):
    return lambda path, body: (200, {"statuses": [{"entryId": e["entryId"], "status": status}
                                                  for e in json.loads(body)["entries"]]}) if path != "/dead" else (200, {})


def test_the_request(resources):
    with Pair(resources, [sub(bulkSubscribe=BULK)], all_of("SUCCESS")) as (app, sidecar):
        parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        for n, query in (1, "?metadata.k=v"), (2, ""):
            assert sidecar.request("POST", f"/v1.0/publish/pubsub/t{query}", b"%d" % n,
                                   {"Content-Type": "application/json", "traceparent": parent})[0] == 204
        wait_until(lambda: steps(sidecar).count("delivered") == 2, "handled")
        path, headers, body = app.received[0]
        call = json.loads(body)
        assert path == "/t" and headers["Content-Type"] == "application/json" and headers["Pubsubname"] == "pubsub"
        assert headers["Traceparent"] == parent and "K" not in headers
        assert list(call) == ["entries", "id", "metadata", "pubsubname", "topic", "type"]
        assert {**call, "entries": 0, "id": 0} == {"entries": 0, "id": 0, "metadata": {"pubsubName": "pubsub"},
                                                   "pubsubname": "pubsub", "topic": "t", "type": "com.dapr.event.sent.bulk"}
        first, second = call["entries"]
        assert list(first) == ["entryId", "event", "metadata", "contentType"]
        assert first["event"]["data"] == 1 and first["metadata"] == {"k": "v"} and not second["metadata"]
        assert first["contentType"] == "application/cloudevents+json"


def test_raw_entries_are_base64(resources):
    with Pair(resources, [sub(bulkSubscribe=BULK, metadata={"rawPayload": "true"})], all_of("SUCCESS")) as (app, sidecar):
        assert sidecar.publish("pubsub", "t", b"\x00\xff", query=RAW)[0] == 204
        entry = wait_until(lambda: batches(app), "batch")[0]["entries"][0]
        assert base64.b64decode(entry["event"]) == b"\x00\xff" and entry["contentType"] == "application/octet-stream"
        assert "Traceparent" not in app.received[0][1]


def test_octet_streams_are_no_place_to_smuggle_json(resources):
    with Pair(resources, [sub(bulkSubscribe=BULK, deadLetterTopic="dead"), sub("dead", "/dead", metadata={"rawPayload": "true"})],
              all_of("SUCCESS")) as (app, sidecar):
        octets = RAW + "&metadata.content-type=application/octet-stream"
        for body in b'{"id":"good"}', b'{},"metadata":null},{"entryId":"evil","event":{}', b"\x00":
            assert sidecar.publish("pubsub", "t", body, query=octets)[0] == 204
        wait_until(lambda: len(app.events("/dead")) == 2 and steps(sidecar).count("delivered") == 1, "sorted out")
        assert [e["event"] for b in batches(app) for e in b["entries"]] == [{"id": "good"}]


@pytest.mark.parametrize("answer,times,step", [
    ((404, b"gone"), 1, "dropped"),
    ((500, b"no"), 4, "dead-lettered"),
    ((200, b""), 4, "dead-lettered"),
    ((200, b"[]"), 4, "dead-lettered"),
    ((200, {"statuses": []}), 4, "dead-lettered"),
    ((200, {"statuses": [{"entryId": "x", "status": "SUCCESS"}, 5, {}]}), 4, "dead-lettered"),
])
def test_answers_about_the_whole(resources, answer, times, step):
    with Pair(resources, [sub(bulkSubscribe=BULK, deadLetterTopic="dead"), sub("dead", "/dead")],
              lambda path, body: answer if path == "/t" else (200, {})) as (app, sidecar):
        publish(sidecar, 1, 2)
        wait_until(lambda: steps(sidecar).count(step) == 2, step)
        assert sorted(len(b["entries"]) for b in batches(app))[-1] == 2
        assert sum(len(b["entries"]) for b in batches(app)) == 2 * times
        if times == 1:
            assert app.events("/dead") == [] and any("non-retriable error" in line and "404" in line for line in sidecar.log)
        else:
            wait_until(lambda: len(app.events("/dead")) == 2, "letters")
        if "entryId" in str(answer):
            assert any("Invalid entry id received from app x" in line for line in sidecar.log)


def test_the_last_status_of_an_entry_counts_and_unknown_ones_are_retries(resources):
    def answer(path, body):
        if path == "/dead":
            return 200, {}
        statuses = []
        for entry in json.loads(body)["entries"]:
            said = {1: ["RETRY", "SUCCESS"], 2: ["SUCCESS", "DROP"], 3: ["maybe"], 4: [""], 5: ["success"]}
            statuses += [{"entryId": entry["entryId"], "status": s} for s in said[entry["event"]["data"]]]
        return 200, {"Statuses": statuses}
    with Pair(resources, [sub(bulkSubscribe=BULK, deadLetterTopic="dead"), sub("dead", "/dead")], answer) as (app, sidecar):
        publish(sidecar, 1, 2, 3, 4, 5)
        letters = wait_until(lambda: len(app.events("/dead")) == 3 and app.events("/dead"), "letters")
        assert {e["data"]: e["deadletterreason"] for e in letters} == {2: "dropped", 3: "undeliverable", 4: "undeliverable"}
        assert steps(sidecar).count("delivered") == 2


def test_entries_are_grouped_by_route_and_wrong_ones_stay_out(resources):
    rules = {"rules": [{"match": "event.data.kind == 'a'", "path": "/a"}, {"match": "event.data.kind == 'b'", "path": "/b"}]}
    with Pair(resources, [{"pubsubname": "pubsub", "topic": "t", "routes": rules, "bulkSubscribe": BULK,
                           "deadLetterTopic": "dead"}, sub("dead", "/dead")], all_of("SUCCESS")) as (app, sidecar):
        publish(sidecar, *[{"kind": kind, "n": n} for n, kind in enumerate("aabbac")], {"other": 1})
        wait_until(lambda: steps(sidecar).count("delivered") == 5 and len(app.events("/dead")) == 2, "all settled")
        got = {path: [e["event"]["data"]["n"] for b in [json.loads(body)] for e in b["entries"]]
               for path, _, body in app.received if path != "/dead"}
        assert got == {"/a": [0, 1, 4], "/b": [2, 3]}
        assert {e["deadletterreason"] for e in app.events("/dead")} == {"unrouted", "routing"}


def test_a_batch_goes_out_when_it_is_full_or_has_waited(resources):
    bulk = {"enabled": True, "maxMessagesCount": 3, "maxAwaitDurationMs": 400}
    with Pair(resources, [sub(bulkSubscribe=bulk)], all_of("SUCCESS")) as (app, sidecar):
        publish(sidecar, 1, 2, 3, 4)
        wait_until(lambda: steps(sidecar).count("delivered") == 4, "all")
        assert [len(b["entries"]) for b in batches(app)] == [3, 1]


def test_what_waits_for_its_batch_is_delivered_at_the_end(resources):
    bulk = {"enabled": True, "maxMessagesCount": 100, "maxAwaitDurationMs": 60000}
    with Pair(resources, [sub(bulkSubscribe=bulk)], all_of("SUCCESS")) as (app, sidecar):
        publish(sidecar, 1, 2)
        assert app.received == []
    assert [len(b["entries"]) for b in batches(app)] == [2]
