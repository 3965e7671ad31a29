# SPDX-License-Identifier: MIT
"""How a gRPC application gets events, one by one and in bulk, and what its answers mean (pub/sub semantics, 3.4, 6.4
and 8)."""
import contextlib
import json
import pathlib
import sys

import grpc
import pytest
from google.protobuf import json_format

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
from grpc_app import GrpcApp  # noqa: E402
from sidecar import Sidecar, component, wait_until  # noqa: E402

RAW = "?metadata.rawPayload=true"


def sub(topic="t", path="/p", dead=None, **more):
    return {"pubsub_name": "pubsub", "topic": topic, "routes": {"default": path},
            **({"dead_letter_topic": dead} if dead else {}), **more}


@pytest.fixture
def resources(tmp_path):
    folder = tmp_path / "resources"
    folder.mkdir()
    return component(folder)


@contextlib.contextmanager
def running(resources, app, env=None, flags=()):
    sidecar = Sidecar("orders", resources, app.port, ["--app-protocol", "grpc", *flags], env)
    try:
        yield sidecar
    finally:
        assert sidecar.stop() == 0, "\n".join(sidecar.log)
        app.close()


def log(sidecar):
    return "\n".join(sidecar.log)


def test_an_event_and_what_goes_with_it(resources):
    app = GrpcApp([sub()])
    with running(resources, app, {"APP_API_TOKEN": "secret"}) as sidecar:
        query = "?metadata.Foo=bar&metadata.grpc-x=no&metadata.content-type=no&metadata.cloudevent.subject=su"
        assert sidecar.publish("pubsub", "t", b'{"b":1.0,"a":12345678901234567890}', query=query)[0] == 204
        event = wait_until(app.events, "event")[0]
        metadata = [m for name, _, m in app.received if name == "OnTopicEvent"][0]
        assert (event.source, event.type, event.spec_version) == ("orders", "com.dapr.event.sent", "1.0")
        assert (event.topic, event.pubsub_name, event.path) == ("t", "pubsub", "/p")
        assert event.data_content_type == "application/json"
        assert event.data == b'{"b":1.0,"a":12345678901234567890}' or event.data == b'{"a":12345678901234567890,"b":1.0}'
        extensions = json_format.MessageToDict(event.extensions)
        assert {**extensions, "time": 0} == {"time": 0, "topic": "t", "pubsubname": "pubsub", "traceid": "",
                                             "traceparent": "", "tracestate": "", "subject": "su"}
        assert metadata["foo"] == "bar" and metadata["pubsubname"] == "pubsub" and metadata["dapr-api-token"] == "secret"
        assert "grpc-x" not in metadata and metadata["traceparent"] == "00-" + "0" * 32 + "-" + "0" * 16 + "-00"
        asked = [m for name, _, m in app.received if name == "ListTopicSubscriptions"][0]
        assert "dapr-api-token" not in asked


def test_data_by_content_type(resources):
    app = GrpcApp([sub(), sub("raw", metadata={"rawPayload": "true"})])
    own = {"specversion": "1.0", "id": "1", "source": "s", "type": "t"}
    cases = [  # content type, body, what arrives
        ("text/plain", b'say "hi"', b'say "hi"'),
        ("application/xml", b"<a/>", b"<a/>"),
        ("application/octet-stream", b"\x00\xff", b"\x00\xff"),
        ("application/json", b'"text"', b'"text"'),
        ("application/json", b"no json", b'"no json"'),
        ("application/json", b"null", b""),
        ("application/vnd.x+json", b'{"a":1}', b'{"a":1}'),  # lost on the Go runtime, like the next two
        ("image/svg+xml", b"<svg/>", b"<svg/>"),
        ("application/cloudevents+json", json.dumps({**own, "data": {"a": 1}}).encode(), b'{"a": 1}'),
        ("application/cloudevents+json", json.dumps({**own, "datacontenttype": "text/plain", "data": "x"}).encode(), b"x"),
        ("application/cloudevents+json", json.dumps({**own, "data_base64": "AP8="}).encode(), b"\x00\xff"),
        ("application/cloudevents+json", json.dumps(own).encode(), b""),
    ]
    with running(resources, app) as sidecar:
        for i, (content_type, body, want) in enumerate(cases):
            assert sidecar.publish("pubsub", "t", body, content_type)[0] == 204
            wait_until(lambda: len(app.events()) == i + 1, content_type)
            assert app.events()[i].data == want, (content_type, body)
        assert sidecar.publish("pubsub", "raw", b"\x01\x02", query=RAW)[0] == 204
        wait_until(lambda: len(app.events()) == len(cases) + 1, "raw")
        raw = app.events()[-1]
        assert (raw.data, raw.source, raw.data_content_type) == (b"\x01\x02", "Dapr", "application/octet-stream")
        assert set(raw.extensions.fields) == {"topic", "pubsubname"}


def test_octet_streams_have_their_attributes_beside_them(resources):
    app = GrpcApp([sub()])
    with running(resources, app) as sidecar:
        query = RAW + "&metadata.content-type=application/octet-stream&metadata.ce_id=i&metadata.ce_source=s" \
            "&metadata.ce_type=ty&metadata.ce_specversion=1.0&metadata.ce_Extra=x"
        assert sidecar.publish("pubsub", "t", b"\x00\xff", query=query)[0] == 204
        event = wait_until(app.events, "event")[0]
        assert (event.id, event.source, event.type, event.spec_version) == ("i", "s", "ty", "1.0")
        assert (event.data, event.data_content_type) == (b"\x00\xff", "application/octet-stream")
        assert json_format.MessageToDict(event.extensions) == {"extra": "x"}


def answers(request, context):
    """As the event's data says."""
    said = json.loads(request.data)
    if isinstance(said, str) and request.topic != "dead":
        context.abort(grpc.StatusCode[said], "because")
    return said if request.topic != "dead" else 0


def test_what_answers_mean(resources):
    app = GrpcApp([sub(dead="dead"), sub("dead", "/dead")], answers)
    with running(resources, app) as sidecar:
        said = [0, 1, 2, 7, "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "NOT_FOUND"]
        for answer in said:
            assert sidecar.publish("pubsub", "t", answer)[0] == 204
        retried = [1, 7, "INTERNAL", "UNAVAILABLE", "NOT_FOUND"]
        letters = wait_until(lambda: (found := [e for e in app.events() if e.topic == "dead"]) and
                             len(found) == len(retried) + 1 and found, "letters")
        reasons = {json.dumps(json.loads(e.data)): e.extensions["deadletterreason"] for e in letters}
        assert reasons == {"2": "dropped", **{json.dumps(answer): "undeliverable" for answer in retried}}
        for answer in said:
            tries = [e for e in app.events() if e.topic == "t" and json.loads(e.data) == answer]
            assert len(tries) == (4 if answer in retried and not isinstance(answer, bool) else 1), answer
        gone = [e.id for e in app.events() if json.loads(e.data) == "UNIMPLEMENTED"][0]
        assert f"non-retriable error returned from app while processing pub/sub event {gone}: because" in log(sidecar)
        step = json.loads(sidecar.get(f"/v1.0-pillion/messages?id={gone}")[1])["messages"][0]
        assert step["step"] == "dropped" and step["reason"] == "because"


def test_an_application_without_the_method_is_done_with(resources):
    app = GrpcApp([sub(dead="dead"), sub("dead")], event=None)
    with running(resources, app) as sidecar:
        assert sidecar.publish("pubsub", "t", 1)[0] == 204
        wait_until(lambda: "dropped" in sidecar.get("/v1.0-pillion/messages?topic=t")[1].decode(), "handled")
        assert b"dead-lettered" not in sidecar.get("/v1.0-pillion/messages")[1]


def test_a_subscription_without_routes_has_an_empty_path(resources):
    app = GrpcApp([{"pubsub_name": "pubsub", "topic": "t"}])
    with running(resources, app) as sidecar:
        assert json.loads(sidecar.get("/v1.0/metadata")[1])["subscriptions"][0]["rules"] == [{}]
        assert sidecar.publish("pubsub", "t", 1)[0] == 204
        assert wait_until(app.events, "event")[0].path == ""


def test_rules_choose_the_path_and_it_is_not_cleaned(resources):
    routes = {"rules": [{"match": "event.data.n > 5", "path": "a//../b"}], "default": "rest"}
    app = GrpcApp([{"pubsub_name": "pubsub", "topic": "t", "routes": routes}])
    with running(resources, app) as sidecar:
        for n in 9, 1:
            assert sidecar.publish("pubsub", "t", {"n": n})[0] == 204
        wait_until(lambda: len(app.events()) == 2, "both")
        assert {e.path: json.loads(e.data)["n"] for e in app.events()} == {"a//../b": 9, "rest": 1}


def bulk_sub(**more):
    return sub(bulk_subscribe={"enabled": True, "max_messages_count": 3, "max_await_duration_ms": 200}, **more)


def by_data(request, context):
    return [(e.entry_id, {b"1": 0, b"2": 1, b"3": 2}[e.cloud_event.data]) for e in request.entries]


def batches(app):
    return [request for name, request, _ in list(app.received) if "Bulk" in name]


def test_bulk_events_and_their_answers(resources):
    app = GrpcApp([bulk_sub(dead="dead"), sub("dead")], bulk=by_data)
    with running(resources, app, {"APP_API_TOKEN": "secret"}) as sidecar:
        for n in 1, 2, 3:
            assert sidecar.publish("pubsub", "t", n, query="?metadata.k=v")[0] == 204
        letters = wait_until(lambda: len(app.events()) == 2 and app.events(), "letters")
        assert {e.data: e.extensions["deadletterreason"] for e in letters} == {b"2": "undeliverable", b"3": "dropped"}
        first = batches(app)[0]
        assert (first.topic, first.pubsub_name, first.type, first.path) == ("t", "pubsub", "com.dapr.event.sent.bulk", "/p")
        assert dict(first.metadata) == {"pubsubName": "pubsub"} and len(first.entries) == 3
        entry = first.entries[0]
        assert entry.cloud_event.source == "orders" and entry.metadata["k"] == "v" and entry.content_type == ""
        assert [len(b.entries) for b in batches(app)] == [3, 1, 1, 1]  # the second alone, again and again
        assert len({e.entry_id for b in batches(app) for e in b.entries}) == 3
        metadata = [m for name, _, m in app.received if name == "OnBulkTopicEvent"][0]
        assert metadata["pubsubname"] == "pubsub" and metadata["dapr-api-token"] == "secret"


def test_raw_entries_are_bytes(resources):
    app = GrpcApp([bulk_sub(metadata={"rawPayload": "true"})], bulk=lambda r, c: [(e.entry_id, 0) for e in r.entries])
    with running(resources, app) as sidecar:
        assert sidecar.publish("pubsub", "t", b"\x00\xff", query=RAW)[0] == 204
        entry = wait_until(lambda: batches(app), "batch")[0].entries[0]
        assert entry.WhichOneof("event") == "bytes" and entry.bytes == b"\x00\xff"


def test_the_older_rpc_is_fallen_back_to(resources):
    app = GrpcApp([bulk_sub()], alpha_bulk=by_data)
    with running(resources, app) as sidecar:
        assert sidecar.publish("pubsub", "t", 1)[0] == 204
        wait_until(lambda: "delivered" in sidecar.get("/v1.0-pillion/messages?topic=t")[1].decode(), "handled")
        assert [name for name, _, _ in app.received if "Bulk" in name] == ["OnBulkTopicEventAlpha1"]
        assert "falling back to OnBulkTopicEventAlpha1" in log(sidecar)


def test_neither_rpc_is_done_with(resources):
    app = GrpcApp([bulk_sub(dead="dead"), sub("dead")])
    with running(resources, app) as sidecar:
        assert sidecar.publish("pubsub", "t", 1)[0] == 204
        wait_until(lambda: "dropped" in sidecar.get("/v1.0-pillion/messages?topic=t")[1].decode(), "handled")
        assert app.events() == []


def test_answers_about_other_entries_are_told(resources):
    app = GrpcApp([bulk_sub()], bulk=lambda r, c: [("nobody", 0)] + [(e.entry_id, 0) for e in r.entries])
    with running(resources, app) as sidecar:
        assert sidecar.publish("pubsub", "t", 1)[0] == 204
        wait_until(lambda: "delivered" in sidecar.get("/v1.0-pillion/messages?topic=t")[1].decode(), "handled")
        assert "Invalid entry id received from app nobody" in log(sidecar)
