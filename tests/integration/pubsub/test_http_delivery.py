# SPDX-License-Identifier: MIT
"""How an HTTP application gets events, and what its answers mean (pub/sub semantics, sections 4.3, 6.1 to 6.3, 7.2)."""
import base64
import json
import pathlib
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
from sidecar import App, Pair, Sidecar, component, sub, wait_until  # noqa: E402

RAW = "?metadata.rawPayload=true"


@pytest.fixture
def resources(tmp_path):
    folder = tmp_path / "resources"
    folder.mkdir()
    return component(folder)


def ledger(sidecar, topic):
    """What happened on a topic, the latest first."""
    return json.loads(sidecar.get(f"/v1.0-pillion/messages?topic={topic}")[1])["messages"]


def steps(sidecar, topic):
    return [m["step"] for m in ledger(sidecar, topic)]


def log(sidecar):
    return "\n".join(sidecar.log)


SUCCESS = [(200, b""), (201, b"x"), (204, None), (200, {"status": "SUCCESS"}), (200, {}), (200, {"status": ""}),
           (200, {"status": None}), (200, b"null"), (200, b"[]"), (200, {"status": 5}), (200, {"status": "ok"}),
           (299, {"status": "Success"})]
DROP = [(200, {"status": "DROP"}), (404, b"gone"), (200, b'{"status":"DROP"} x'), (200, {"STATUS": "drop"})]
RETRY = [(200, {"status": "RETRY"}), (500, b"oops"), (302, None), (401, {}), (200, b' {"Status":"retry"} x')]


def test_what_answers_mean(resources):
    answers = {f"/{kind}{i}": answer for kind, list in (("s", SUCCESS), ("d", DROP), ("r", RETRY))
               for i, answer in enumerate(list)}
    subscriptions = [sub(path[1:], path, deadLetterTopic="dead") for path in answers] + [sub("dead", "/dead")]
    with Pair(resources, subscriptions, lambda path, body: answers.get(path, (200, {}))) as (app, sidecar):
        for path in answers:
            assert sidecar.publish("pubsub", path[1:], {"p": path})[0] == 204
        letters = wait_until(lambda: len(app.events("/dead")) == len(DROP + RETRY) and app.events("/dead"), "letters")
        assert {e["topic"]: e["deadletterreason"] for e in letters} == {
            **{f"d{i}": "dropped" for i in range(len(DROP))}, **{f"r{i}": "undeliverable" for i in range(len(RETRY))}}
        for path in answers:
            assert len(app.events(path)) == (4 if path[1] == "r" else 1), path
        assert steps(sidecar, "s0")[0] == "delivered"
        assert steps(sidecar, "d0")[:2] == ["dead-lettered", "dropped"]
        assert steps(sidecar, "r0")[0] == "dead-lettered" and steps(sidecar, "r0").count("retrying") == 3
        id = app.events("/r1")[0]["id"]
        assert f"retriable error returned from app while processing pub/sub event {id}, topic: r1, body: oops. " \
            "status code returned: 500" in log(sidecar)
        id = app.events("/d1")[0]["id"]
        assert f"non-retriable error returned from app while processing pub/sub event {id}: gone. status code " \
            "returned: 404" in log(sidecar)
        id = app.events("/d0")[0]["id"]
        assert f"DROP status returned from app while processing pub/sub event {id}" in log(sidecar)


def test_a_status_that_means_nothing_is_told_once(resources):
    with Pair(resources, [sub(), sub("u", "/u")], lambda path, body: (200, {"status": "ok"})) as (app, sidecar):
        for topic in "t", "t", "t", "u":
            assert sidecar.publish("pubsub", topic, 1)[0] == 204
        wait_until(lambda: len(app.received) == 4, "deliveries")
        wait_until(lambda: steps(sidecar, "u")[0] == "delivered", "handled")
        told = [line for line in sidecar.log if "'ok'" in line]
        assert len(told) == 2 and all("level=warning" in line and "counts as success" in line for line in told)


def test_without_a_dead_letter_topic_what_is_dropped_is_gone_and_told(resources):
    answers = {"/t": (200, {"status": "DROP"}), "/gone": (404, b"no")}
    with Pair(resources, [sub(), sub("gone", "/gone")], lambda path, body: answers[path]) as (app, sidecar):
        for topic in "t", "gone":
            assert sidecar.publish("pubsub", topic, 1)[0] == 204
            wait_until(lambda: "dropped" in steps(sidecar, topic), "dropped")
        assert len(app.received) == 2


def test_what_is_expired_or_wanted_by_no_rule_leaves_a_trace(resources):
    none = {"pubsubname": "pubsub", "topic": "none", "routes": {"rules": [{"match": "event.type == 'x'", "path": "/x"}]}}
    with Pair(resources, [sub(deadLetterTopic="dead"), {**none, "deadLetterTopic": "dead"}, {**none, "topic": "lost"},
                          sub("dead", "/dead")]) as (app, sidecar):
        old = {"specversion": "1.0", "id": "i1", "source": "s", "type": "t", "expiration": "2020-01-01T00:00:00Z"}
        assert sidecar.publish("pubsub", "t", old, "application/cloudevents+json")[0] == 204
        for topic in "none", "lost", "lost":
            assert sidecar.publish("pubsub", topic, 1)[0] == 204
        letters = wait_until(lambda: len(app.events("/dead")) == 2 and app.events("/dead"), "letters")
        assert {e["deadlettertopic"]: e["deadletterreason"] for e in letters} == {"t": "expired", "none": "unrouted"}
        assert [path for path, _, _ in app.received] == ["/dead", "/dead"]
        assert "dropping expired pub/sub event i1 as of 2020-01-01T00:00:00Z" in log(sidecar)
        wait_until(lambda: steps(sidecar, "lost").count("unrouted") == 2, "both skipped")
        assert "expired" in steps(sidecar, "t") and "unrouted" in steps(sidecar, "none")
        told = [line for line in sidecar.log if "no matching route for event" in line and "topic lost" in line]
        assert len(told) == 1  # the first; each of them at level debug


def test_the_headers_are_the_message_metadata(resources):
    query = "?" + "&".join(f"metadata.{name}={value}" for name, value in {
        "foo": "bar", "X_y": "1", "__key": "k", "two-words": "w", "cloudevent.type": "T", "content-length": "99",
        "Content-Type": "text/x", "pubsubname": "other", "host": "h", "with%20space": "s", "te": "trailers"}.items())
    with Pair(resources, [sub()]) as (app, sidecar):
        parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        assert sidecar.request("POST", f"/v1.0/publish/pubsub/t{query}", b"{}",
                               {"Content-Type": "application/json", "traceparent": parent})[0] == 204
        wait_until(lambda: app.received, "delivery")
        _, headers, body = app.received[0]
        assert headers["Foo"] == "bar" and headers["X_y"] == "1" and headers["__key"] == "k"
        assert headers["Two-Words"] == "w" and headers["Cloudevent.type"] == "T"
        assert headers["Content-Length"] == str(len(body))
        assert headers["Content-Type"] == "application/cloudevents+json" and headers["Pubsubname"] == "pubsub"
        assert headers["Host"] == f"127.0.0.1:{app.port}" and "Te" not in headers and "With space" not in headers
        assert headers["User-Agent"] == "Go-http-client/1.1"
        assert headers["Traceparent"] == parent


def test_routes_become_targets(resources):
    paths = {"a//b/../c/./d": "/a/c/d", "x y": "/x%20y", "/t/": "/t", "": "/", "/q?a=b c": "/q?a=b%20c", "/p%2Fq": "/p%2Fq",
             "http://h/x": "/http:/h/x", "../up": "/up", "/\u00fc": "/%C3%BC", "/tab\t": "/tab%09", "/d//?x=//": "/d?x=//"}
    rules = [{"match": f"event.type == 'p{i}'", "path": path} for i, path in enumerate(paths)]
    with Pair(resources, [{"pubsubname": "pubsub", "topic": "t", "routes": {"rules": rules}}]) as (app, sidecar):
        for i, want in enumerate(paths.values()):
            assert sidecar.publish("pubsub", "t", i, query=f"?metadata.cloudevent.type=p{i}")[0] == 204
            wait_until(lambda: len(app.received) == i + 1, want)
            assert app.received[i][0] == want


def test_raw_subscribers_get_a_wrapper(resources):
    with Pair(resources, [sub(metadata={"rawPayload": "true"})]) as (app, sidecar):
        assert sidecar.publish("pubsub", "t", b'{"a": 1}', query=RAW)[0] == 204
        assert sidecar.publish("pubsub", "t", b"", "text/plain", RAW)[0] == 204
        wait_until(lambda: len(app.received) == 2, "deliveries")
        first, second = app.events()
        assert base64.b64decode(first["data_base64"]) == b'{"a": 1}' and second["data_base64"] == ""
        assert first["id"] != second["id"]
        assert {**first, "id": 0, "data_base64": 0} == {
            "id": 0, "data_base64": 0, "specversion": "1.0", "datacontenttype": "application/octet-stream",
            "source": "Dapr", "type": "com.dapr.event.sent", "topic": "t", "pubsubname": "pubsub"}
        _, headers, _ = app.received[0]
        assert headers["Content-Type"] == "application/cloudevents+json" and "Traceparent" not in headers


def test_a_dead_letter_of_a_raw_subscription_is_the_message_as_it_was(resources):
    raw = {"rawPayload": "true"}
    with Pair(resources, [sub(metadata=raw, deadLetterTopic="dead"), sub("dead", "/dead", metadata=raw)],
              lambda path, body: (200, {"status": "DROP"}) if path == "/t" else (200, {})) as (app, sidecar):
        assert sidecar.publish("pubsub", "t", b'{"a": 1}', query=RAW)[0] == 204
        wait_until(lambda: app.events("/dead"), "letter")
        _, headers, body = app.received[-1]
        assert base64.b64decode(json.loads(body)["data_base64"]) == b'{"a": 1}'
        assert headers["Deadletterreason"] == "dropped" and headers["Deadlettertopic"] == "t"
        assert headers["Deadletterattempts"] == "1"


def test_messages_of_others_are_passed_on_as_they_came(resources):
    foreign = [b'{"id": "f", "x": 1.0, "a": {"b":[1, 2]}}', b"{}"]
    wrong = [b"[1]", b"5", b"", b"{", b"\xff"]
    with Pair(resources, [sub(deadLetterTopic="dead"), sub("dead", "/dead", metadata={"rawPayload": "true"})]) as (
            app, sidecar):
        for body in foreign + wrong:
            assert sidecar.publish("pubsub", "t", body, query=RAW)[0] == 204
        wait_until(lambda: len(app.received) == len(foreign + wrong), "all of them")
        assert [body for path, _, body in app.received if path == "/t"] == foreign
        assert all("Traceparent" not in headers for path, headers, _ in app.received if path == "/t")
        letters = sorted(base64.b64decode(e["data_base64"]) for e in app.events("/dead"))
        assert letters == sorted(wrong)
        assert log(sidecar).count("error deserializing cloud event in pubsub pubsub and topic t") == len(wrong)


def test_octet_streams_have_their_attributes_beside_them(resources):
    rules = {"rules": [{"match": "has(event.type) && event.type == 'photo' && event.datacontenttype == 'application/octet-stream'",
                        "path": "/photo"}], "default": "/other"}
    with Pair(resources, [{"pubsubname": "pubsub", "topic": "t", "routes": rules}]) as (app, sidecar):
        octets = RAW + "&metadata.content-type=application/octet-stream"
        query = octets + "&metadata.ce_type=photo&metadata.ce_ID=i7&metadata.cetype=no"
        assert sidecar.publish("pubsub", "t", b"\x00\xff", query=query)[0] == 204
        assert sidecar.publish("pubsub", "t", b"\x01", query=octets)[0] == 204
        wait_until(lambda: len(app.received) == 2, "both")
        assert {path: body for path, _, body in app.received} == {"/photo": b"\x00\xff", "/other": b"\x01"}
        assert all(h["Content-Type"] == "application/cloudevents+json" for _, h, _ in app.received)
        wait_until(lambda: any(m["id"] == "i7" and m["step"] == "delivered" for m in ledger(sidecar, "t")), "under its id")


def test_no_more_at_once_than_asked_for(resources):
    running, most = [0], [0]

    def answer(path, body):
        running[0] += 1
        most[0] = max(most[0], running[0])
        time.sleep(0.05)
        running[0] -= 1
        return 200, {}
    with Pair(resources, [sub(metadata={"maxInFlight": "3"})], answer) as (app, sidecar):
        for i in range(30):
            assert sidecar.publish("pubsub", "t", i)[0] == 204
        wait_until(lambda: len(app.received) == 30 and running[0] == 0, "all of them")
        assert most[0] == 3


def test_answers_packed_by_gzip_are_read(resources, start):
    """The list of subscriptions, and what becomes of an event: the latter would be a success if it were not read."""
    statuses = iter(["RETRY", "DROP", "SUCCESS"])
    app = start(App, [sub()], lambda path, body: (200, {"status": next(statuses)}), packs=True)
    sidecar = start(Sidecar, "orders", resources, app.port)
    assert sidecar.publish("pubsub", "t", {"n": 1})[0] == 204
    wait_until(lambda: "dropped" in steps(sidecar, "t"), "dropped")
    assert [headers["Accept-Encoding"] for _, headers, _ in app.received] == ["gzip"] * 2
