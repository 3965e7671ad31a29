# SPDX-License-Identifier: MIT
"""Trace contexts on their way: API, envelope, broker, application; baggage."""
import base64
import json
import pathlib
import re
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
from grpc_api import DAPR, Failure, ask  # noqa: E402
from sidecar import Pair, Sidecar, component, sub, wait_until  # noqa: E402

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"
NONE = "00-" + "0" * 32 + "-" + "0" * 16 + "-00"


def rate(folder, text):
    (folder / "c").mkdir(exist_ok=True)
    path = folder / "c" / "config.yaml"
    path.write_text(f"kind: Configuration\nspec:\n  tracing:\n    samplingRate: \"{text}\"\n")
    return ["--config", str(path)]


def is_child(text, flags="01"):
    return re.fullmatch(f"00-{TRACE}-[0-9a-f]{{16}}-{flags}", text) is not None and SPAN not in text


@pytest.mark.parametrize("text, without, sampled, unsampled", [
    (None, NONE, PARENT, PARENT[:-2] + "00"),
    ("0", None, None, None),
    ("1", "new 01", "child 01", "child 00"),
    ("-1", "new 00", "child 01", "child 00"),
])
def test_answers_carry_the_context_of_the_call(tmp_path, text, without, sampled, unsampled):
    one = Sidecar("a", component(tmp_path), flags=rate(tmp_path, text) if text else ())

    def fits(headers, wanted):
        got = one.request("GET", "/v1.0/metadata", headers=headers)[2]["traceparent"]
        if wanted and wanted.startswith("new"):
            return re.fullmatch(f"00-[0-9a-f]{{32}}-[0-9a-f]{{16}}-{wanted[-2:]}", got) and TRACE not in got and got != NONE
        return is_child(got, wanted[-2:]) if wanted and wanted.startswith("child") else got == wanted
    assert fits({}, without)
    assert fits({"traceparent": PARENT}, sampled)
    assert fits({"traceparent": PARENT[:-2] + "00"}, unsampled)
    assert one.request("GET", "/v1.0/healthz", headers={"traceparent": PARENT})[2]["traceparent"] is None
    assert one.stop() == 0


def publish(sidecar, topic, headers, content_type="application/json", query=""):
    status, _, answer = sidecar.request("POST", f"/v1.0/publish/pubsub/{topic}{query}", b"1",
                                        {"Content-Type": content_type, **headers})
    assert status == 204
    return answer


def arrived(app):
    """Headers (names in lower case) and body of the first event."""
    _, headers, body = wait_until(lambda: app.received and app.received[-1], "the event arrives")
    return {name.lower(): value for name, value in headers.items()}, json.loads(body)


def test_a_context_passes_through_envelope_and_delivery(tmp_path):
    with Pair(component(tmp_path), [sub("t")]) as (app, one):
        publish(one, "t", {"traceparent": PARENT, "tracestate": "a=b"})
        headers, event = arrived(app)
        assert event["traceparent"] == event["traceid"] == PARENT and event["tracestate"] == "a=b"
        assert headers["traceparent"] == PARENT and headers["tracestate"] == "a=b"


def test_without_a_trace_the_envelope_is_empty_and_the_header_zero(tmp_path):
    with Pair(component(tmp_path), [sub("t")]) as (app, one):
        publish(one, "t", {})
        headers, event = arrived(app)
        assert event["traceparent"] == event["traceid"] == event["tracestate"] == ""
        assert headers["traceparent"] == NONE and "tracestate" not in headers


def test_publish_and_delivery_are_spans_where_sampling_is_on(tmp_path):
    with Pair(component(tmp_path), [sub("t")], flags=rate(tmp_path, "1")) as (app, one):
        answer = publish(one, "t", {"traceparent": PARENT})
        headers, event = arrived(app)
        assert is_child(event["traceparent"]) and event["traceparent"] == answer["traceparent"]
        assert is_child(headers["traceparent"]) and headers["traceparent"] != event["traceparent"]


def test_each_event_of_a_bulk_is_a_span(tmp_path):
    with Pair(component(tmp_path), [sub("t")], flags=rate(tmp_path, "1")) as (app, one):
        entries = [{"entryId": str(i), "event": i, "contentType": "application/json"} for i in range(3)]
        assert one.request("POST", "/v1.0/publish/bulk/pubsub/t", json.dumps(entries).encode(),
                           {"traceparent": PARENT})[0] == 204
        wait_until(lambda: len(app.received) == 3, "all events arrive")
        spans = {event["traceparent"] for event in app.events()}
        assert len(spans) == 3 and all(is_child(span) for span in spans)


def test_a_raw_message_carries_its_trace_beside_it(tmp_path):
    with Pair(component(tmp_path), [sub("t", metadata={"rawPayload": "true"})]) as (app, one):
        publish(one, "t", {"traceparent": PARENT}, query="?metadata.rawPayload=true")
        headers, event = arrived(app)
        assert headers["traceparent"] == PARENT and event["traceparent"] == PARENT


def test_switched_off_nothing_is_said(tmp_path):
    with Pair(component(tmp_path), [sub("t")], flags=rate(tmp_path, "0")) as (app, one):
        answer = publish(one, "t", {"traceparent": PARENT, "baggage": "bad baggage"})
        headers, event = arrived(app)
        assert answer["traceparent"] is None and answer["baggage"] is None
        assert "traceparent" not in headers and event["traceparent"] == ""


def test_baggage_is_checked_and_echoed(tmp_path):
    one = Sidecar("a", component(tmp_path))
    assert one.request("GET", "/v1.0/metadata", headers={"baggage": "a=b,c=d"})[2]["baggage"] == "a=b,c=d"
    status, body, headers = one.request("GET", "/v1.0/metadata", headers={"baggage": "bad baggage=x"})
    assert status == 400 and body == b'invalid baggage header: invalid key: "bad baggage"\n'
    assert headers["content-type"] == "text/plain; charset=utf-8" and headers["traceparent"] is None
    with pytest.raises(Failure, match='^INVALID_ARGUMENT: invalid baggage header: invalid key: "bad baggage"$'):
        ask(one.grpc_port, "GetMetadata", metadata=[("baggage", "bad baggage=x")])
    assert one.stop() == 0


def trace_bin(port, rpc, body=b"", **headers):
    """The grpc-trace-bin header that a call is answered with; client libraries keep it to themselves."""
    args = [f"-H{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    done = subprocess.run(["nghttp", "-v", "-d-", "-Hte: trailers", "-Hcontent-type: application/grpc", *args,
                           f"http://127.0.0.1:{port}{DAPR}{rpc}"],
                          input=b"\0" + len(body).to_bytes(4, "big") + body, capture_output=True, timeout=20)
    text = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout.decode(errors="replace"))
    assert "recv (stream_id" in text, text + done.stderr.decode()
    found = re.search(r"recv \(stream_id=\d+\) grpc-trace-bin: (\S+)", text)
    return base64.b64decode(found.group(1) + "==") if found else None


def test_grpc_reads_both_forms_and_answers_in_binary(tmp_path):
    with Pair(component(tmp_path), [sub("t")]) as (app, one):
        wire = bytes([0, 0]) + bytes.fromhex(TRACE) + b"\1" + bytes.fromhex(SPAN) + b"\2\1"
        text = base64.b64encode(wire).decode().rstrip("=")
        assert trace_bin(one.grpc_port, "GetMetadata", traceparent=PARENT) == wire
        assert trace_bin(one.grpc_port, "GetMetadata", grpc_trace_bin=text,
                         traceparent=f"00-{'1' * 32}-{'2' * 16}-00") == wire
        assert trace_bin(one.grpc_port, "NoSuchMethod", traceparent=PARENT) == wire
        assert trace_bin(one.grpc_port, "GetMetadata") is None
        request = b"\x0a\x06pubsub\x12\x01t\x1a\x01" + b"1" + b"\x22\x10application/json"
        assert trace_bin(one.grpc_port, "PublishEvent", request, grpc_trace_bin=text, tracestate="a=b") == wire
        headers, event = arrived(app)
        assert event["traceparent"] == PARENT == headers["traceparent"] and event["tracestate"] == "a=b"
