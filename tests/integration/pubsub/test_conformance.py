# SPDX-License-Identifier: MIT
"""What every broker does alike: one suite over all of them, through the real binary and an HTTP application."""
import json
import signal
import threading
import sys
import pathlib
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
from redis_server import Redis  # noqa: E402
from sidecar import App, Pair, Sidecar, component, sub, wait_until  # noqa: E402


@pytest.fixture(params=["pubsub.in-memory", "pubsub.redis", "pubsub.sqlite"])
def resources(tmp_path, request):
    folder = tmp_path / "resources"
    folder.mkdir()
    if request.param == "pubsub.redis":
        redis = Redis(tmp_path)
        request.addfinalizer(redis.kill)
        return component(folder, kind=request.param, redisHost=f"127.0.0.1:{redis.port}")
    if request.param == "pubsub.sqlite":
        return component(folder, kind=request.param, connectionString=str(tmp_path / "broker.db"))
    return component(folder)


def test_a_message_gets_through_in_daprs_envelope(resources):
    with Pair(resources, [sub()]) as (app, sidecar):
        assert sidecar.publish("pubsub", "t", {"orderId": 7})[0] == 204
        wait_until(lambda: app.received, "delivery")
        path, headers, body = app.received[0]
        event = json.loads(body)
        assert path == "/t"
        assert headers["Content-Type"] == "application/cloudevents+json"
        assert headers["Pubsubname"] == "pubsub"
        assert headers["Traceparent"] == "00-" + "0" * 32 + "-" + "0" * 16 + "-00"
        assert list(event) == sorted(event)
        assert event["data"] == {"orderId": 7}
        assert event["topic"] == "t" and event["pubsubname"] == "pubsub" and event["source"] == "orders"
        assert event["type"] == "com.dapr.event.sent" and event["datacontenttype"] == "application/json"


def test_numbers_and_bytes_survive(resources):
    with Pair(resources, [sub()]) as (app, sidecar):
        sidecar.publish("pubsub", "t", b'{"n":12345678901234567890,"x":1.0}')
        sidecar.publish("pubsub", "t", bytes([0, 255, 254]), "application/octet-stream")
        wait_until(lambda: len(app.received) == 2, "two deliveries")
        assert b'"n":12345678901234567890,"x":1.0' in app.received[0][2]
        assert app.events()[1]["data_base64"] == "AP/+"


def test_bytes_in_an_envelope_are_an_event_like_others(resources):
    rules = [{"match": "event.datacontenttype == 'application/octet-stream' && event.data_base64 == 'AP/+'", "path": "/b"}]
    with Pair(resources, [{"pubsubname": "pubsub", "topic": "t", "routes": {"rules": rules}}]) as (app, sidecar):
        sidecar.publish("pubsub", "t", bytes([0, 255, 254]), "application/octet-stream")
        wait_until(lambda: app.received, "delivery")
        assert app.received[0][0] == "/b" and app.events()[0]["source"] == "orders"


def test_binary_mode_delivers_the_bare_body(resources):
    with Pair(resources, [sub(metadata={"contentMode": "binary"})]) as (app, sidecar):
        sidecar.publish("pubsub", "t", {"user": "bob"})
        wait_until(lambda: app.received, "delivery")
        _, headers, body = app.received[0]
        assert json.loads(body) == {"user": "bob"}
        assert headers["Content-Type"] == "application/json"
        assert headers["Ce-Type"] == "com.dapr.event.sent" and headers["Ce-Topic"] == "t"


def test_a_failing_message_is_retried_and_then_dead_lettered_with_its_reason(resources):
    answers = {"/t": 500, "/dead": 200}
    with Pair(resources, [sub(deadLetterTopic="dead"), sub("dead", "/dead")],
              lambda path, body: (answers[path], {})) as (app, sidecar):
        sidecar.publish("pubsub", "t", {"a": 1})
        letter = wait_until(lambda: app.events("/dead"), "dead letter")[0]
        assert len(app.events("/t")) == 4
        assert letter["data"] == {"a": 1} and letter["topic"] == "t"
        assert letter["deadletterreason"] == "undeliverable" and letter["deadletterstatus"] == "500"
        assert letter["deadletterattempts"] == "4" and letter["deadlettertopic"] == "t"
        steps = [m["step"] for m in json.loads(sidecar.get("/v1.0-pillion/messages?topic=t")[1])["messages"]]
        # A broker may hand a message over before it confirms it.
        assert steps[0] == "dead-lettered" and sorted(steps[1:]) == ["published", "retrying", "retrying", "retrying"]


def test_drop_and_404_are_not_retried(resources):
    with Pair(resources, [sub(), sub("gone", "/gone")],
              lambda path, body: (404, {}) if path == "/gone" else (200, {"status": "DROP"})) as (app, sidecar):
        sidecar.publish("pubsub", "t", 1)
        sidecar.publish("pubsub", "gone", 1)
        wait_until(lambda: len(app.received) == 2, "deliveries")
        time.sleep(0.8)
        assert len(app.received) == 2


def test_retry_then_success(resources):
    seen = []

    def answer(path, body):
        seen.append(path)
        return (200, {"status": "RETRY"}) if len(seen) < 3 else (200, {"status": "success"})
    with Pair(resources, [sub()], answer) as (app, sidecar):
        sidecar.publish("pubsub", "t", 1)
        wait_until(lambda: len(seen) == 3, "three attempts")


def test_bulk_publish(resources):
    with Pair(resources, [sub()]) as (app, sidecar):
        entries = [{"entryId": str(i), "event": {"n": i}, "contentType": "application/json"} for i in range(10)]
        assert sidecar.request("POST", "/v1.0/publish/bulk/pubsub/t", json.dumps(entries).encode())[0] == 204
        wait_until(lambda: len(app.received) == 10, "ten deliveries")
        assert sorted(e["data"]["n"] for e in app.events()) == list(range(10))
        entries[1]["entryId"] = "0"
        status, body, _ = sidecar.request("POST", "/v1.0/publish/bulk/pubsub/t", json.dumps(entries).encode())
        assert status == 400 and b"entryId is duplicated" in body


def test_ten_thousand_messages_arrive(resources):
    import http.client
    with Pair(resources, [sub(metadata={"maxInFlight": "50"})]) as (app, sidecar):
        connection = http.client.HTTPConnection("127.0.0.1", sidecar.port)
        for i in range(10000):
            connection.request("POST", "/v1.0/publish/pubsub/t", str(i), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 204
        wait_until(lambda: len(app.received) == 10000, "10,000 deliveries", 60)
        assert sorted(e["data"] for e in app.events()) == list(range(10000))


def test_rules_route_messages_and_the_first_match_wins(resources):
    routes = {"rules": [{"match": 'event.type == "vip"', "path": "/vip"},
                        {"match": "event.data.amount > 100", "path": "/large"}], "default": "/rest"}
    with Pair(resources, [{"pubsubname": "pubsub", "topic": "t", "routes": routes,
                           "deadLetterTopic": "dead"}, sub("dead", "/dead")]) as (app, sidecar):
        for query, amount in [("?metadata.cloudevent.type=vip", 500), ("", 500), ("", 5)]:
            assert sidecar.publish("pubsub", "t", {"amount": amount}, query=query)[0] == 204
        assert sidecar.publish("pubsub", "t", {"price": 1})[0] == 204  # no such key: amount
        wait_until(lambda: len(app.received) == 4, "all four")
        assert {path: [e["data"] for e in app.events(path)] for path in ("/vip", "/large", "/rest", "/dead")} == {
            "/vip": [{"amount": 500}], "/large": [{"amount": 500}], "/rest": [{"amount": 5}], "/dead": [{"price": 1}]}
        dead = app.events("/dead")[0]
        assert dead["deadletterreason"] == "routing" and "no such key: amount" in dead["deadletterdetail"]


def test_a_message_that_no_rule_wants_is_skipped(resources):
    routes = {"rules": [{"match": "event.data == 1.0", "path": "/one"}]}
    with Pair(resources, [{"pubsubname": "pubsub", "topic": "t", "routes": routes}]) as (app, sidecar):
        for number in (2, 1):
            assert sidecar.publish("pubsub", "t", number)[0] == 204
        wait_until(lambda: len(app.received) == 1, "the one")
        assert [e["data"] for e in app.events()] == [1]


def test_a_rule_that_cannot_be_read_is_named_and_nothing_starts(resources):
    routes = {"rules": [{"match": "event.type ==", "path": "/x"}]}
    with Pair(resources, [{"pubsubname": "pubsub", "topic": "t", "routes": routes}]) as (app, sidecar):
        wait_until(lambda: any("match" in line and "event.type ==" in line for line in sidecar.log), "it is named")
        assert json.loads(sidecar.get("/v1.0/metadata")[1]).get("subscriptions") is None


def test_bulk_subscribers_get_batches_and_answer_each_entry(resources):
    seen, batches = {}, []

    def answer(path, body):
        if path != "/bulk":
            return 200, {}
        call = json.loads(body)
        batches.append(call)
        statuses = []
        for entry in call["entries"]:
            number = entry["event"]["data"]
            seen.setdefault(number, []).append(entry["entryId"])
            kind = "DROP" if number == 3 else "RETRY" if number == 5 and len(seen[5]) == 1 else "SUCCESS"
            statuses.append({"entryId": entry["entryId"], "status": kind})
        return 200, {"statuses": statuses}
    bulk = {"enabled": True, "maxMessagesCount": 10, "maxAwaitDurationMs": 200}
    with Pair(resources, [sub(route="/bulk", bulkSubscribe=bulk, deadLetterTopic="dead"), sub("dead", "/dead")],
              answer) as (app, sidecar):
        entries = [{"entryId": str(i), "event": i, "contentType": "application/json"} for i in range(25)]
        assert sidecar.request("POST", "/v1.0/publish/bulk/pubsub/t", json.dumps(entries).encode(),
                               {"Content-Type": "application/json"})[0] == 204
        wait_until(lambda: len(seen) == 25 and len(seen[5]) == 2 and app.events("/dead"), "all, one of them twice")
        assert sorted(seen) == list(range(25)) and [n for n, ids in seen.items() if len(ids) > 1] == [5]
        assert len(set(seen[5])) == 1
        assert [e["data"] for e in app.events("/dead")] == [3]
        assert max(len(batch["entries"]) for batch in batches) > 1
        assert batches[0]["topic"] == "t" and batches[0]["pubsubname"] == "pubsub"
        assert batches[0]["type"] == "com.dapr.event.sent.bulk" and batches[0]["metadata"] == {"pubsubName": "pubsub"}
        assert batches[0]["entries"][0]["contentType"] == "application/cloudevents+json"


def test_an_end_waits_for_handlers_while_the_api_works(resources):
    """What the handler answered after the signal is acknowledged: the next sidecar does not get it again."""
    hold = threading.Event()
    app = App([sub()], lambda path, body: (hold.wait(10), (200, {}))[1])
    sidecar = Sidecar("orders", resources, app.port, flags=["--dapr-graceful-shutdown-seconds", "20"])
    assert sidecar.publish("pubsub", "t", "held")[0] == 204
    wait_until(lambda: app.received, "the handler works")
    sidecar.process.terminate()
    wait_until(lambda: sidecar.get("/v1.0/healthz")[0] == 500, "the end has begun")
    assert sidecar.publish("pubsub", "other", "while it ends")[0] == 204
    assert sidecar.process.poll() is None
    hold.set()
    assert sidecar.end() == 0
    with Pair(resources, [sub()]) as (second, later):
        assert later.publish("pubsub", "t", "later")[0] == 204
        wait_until(lambda: second.received, "the later one")
        time.sleep(0.3)
        assert [e["data"] for e in second.events()] == ["later"]
    app.close()


def test_whatever_happens_to_a_message_is_in_the_ledger_and_the_metrics(resources):
    answers = {"/d": (200, {"status": "DROP"}), "/f": (500, {})}
    none = {"pubsubname": "pubsub", "topic": "n", "routes": {"rules": [{"match": "false", "path": "/n"}]}}
    with Pair(resources, [sub(), sub("d", "/d"), sub("f", "/f"), none],
              lambda path, body: answers.get(path, (200, {}))) as (app, sidecar):
        old = {"specversion": "1.0", "id": "i", "source": "s", "type": "t", "expiration": "2020-01-01T00:00:00Z"}
        assert sidecar.publish("pubsub", "t", old, "application/cloudevents+json")[0] == 204
        for topic in "t", "d", "n", "f":
            assert sidecar.publish("pubsub", topic, 1)[0] == 204
        ends = {"t": {"expired", "delivered"}, "d": {"dropped"}, "n": {"unrouted"}, "f": {"released"}}

        def steps(topic):
            return {m["step"] for m in json.loads(sidecar.get(f"/v1.0-pillion/messages?topic={topic}")[1])["messages"]}
        wait_until(lambda: all(ends[topic] <= steps(topic) for topic in ends), "all ended")
        page = sidecar.metrics()
        for topic, status in ("t", "success"), ("t", "drop"), ("d", "drop"), ("n", "drop"), ("f", "retry"):
            assert any(line.startswith("dapr_component_pubsub_ingress_count") and f'topic="{topic}"' in line and
                       f'process_status="{status}"' in line for line in page), (topic, status)
        for said in "dropping expired pub/sub event i as of", "DROP status returned from app", "no matching route for event", \
                "stays with the broker after 4 attempts":
            wait_until(lambda: any(said in line for line in sidecar.log), said)


def test_a_bulk_is_in_the_ledger_message_by_message(resources):
    with Pair(resources, []) as (app, sidecar):
        entries = [{"entryId": str(i), "event": {"n": i}, "contentType": "application/json"} for i in range(3)]
        assert sidecar.request("POST", "/v1.0/publish/bulk/pubsub/t", json.dumps(entries).encode())[0] == 204
        messages = json.loads(sidecar.get("/v1.0-pillion/messages?topic=t")[1])["messages"]
        assert [m["step"] for m in messages] == ["published"] * 3 and len({m["id"] for m in messages}) == 3
