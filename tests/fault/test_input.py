# SPDX-License-Identifier: MIT
"""What no client should send, against the real binary: each gets a clear answer, and the sidecar serves the
next one as if nothing had been."""
import json
import os
import random
import socket

import grpc
import pytest

import grpc_api
from redis_server import Redis
from sidecar import App, Sidecar, component, sub, wait_until


@pytest.fixture(scope="module")
def sidecar(tmp_path_factory):
    folder = component(tmp_path_factory.mktemp("resources"), allowedTopics="t,u", protectedTopics="",
                       publishingScopes="orders=t")
    app = App([sub()])
    made = Sidecar("orders", folder, app.port)
    made.app = app
    yield made
    assert made.stop() == 0, "\n".join(made.log)
    app.close()


def short(value):
    return repr(value)[:50]


def answer(port, data, seconds=3):
    """What comes back, until the other side closes or is silent for a while."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        try:
            connection.sendall(data)
        except OSError:
            pass  # it has said what it thinks, and closed
        got = b""
        try:
            while (part := connection.recv(65536)):
                got += part
                if b"Connection: close" not in got and got.endswith(b"\r\n\r\n"):
                    break  # an answer without a body on a connection that stays
        except OSError:
            pass
        return got


HOST = b"Host: x\r\n"
POST = b"POST /v1.0/publish/pubsub/t HTTP/1.1\r\n" + HOST
GET = b"GET /v1.0/healthz HTTP/1.1\r\n" + HOST
MIB = b"100000\r\n" + b"x" * 1048576 + b"\r\n"


@pytest.mark.parametrize("status, said, data", [
    (400, b"", b"\x00\x01\x02garbage\r\n\r\n"),
    (400, b"missing required Host header", b"GET / HTTP/1.1\r\n\r\n"),
    (400, b"", b"G(T / HTTP/1.1\r\n" + HOST + b"\r\n"),
    (400, b"", bytes.fromhex("16030100a5010000a10303") + bytes(100)),  # TLS to a plain port
    (505, b"unsupported protocol version", b"GET / HTTP/3.1\r\n" + HOST + b"\r\n"),
    (400, b"", POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n"),
    (400, b"", POST + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n"),
    (400, b"", POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"),
    (400, b"", POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
    (400, b"", POST + b"Content-Length: -3\r\n\r\n"),
    (400, b"", POST + b"Content-Length: 99999999999999999999999999\r\n\r\n"),
    (400, b"", POST + b"Content-Length: three\r\n\r\n"),
    (400, b"", POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    (400, b"", POST + b"Transfer-Encoding: chunked\r\n\r\n2\nab\r\n0\r\n\r\n"),
    (400, b"", POST + b"Transfer-Encoding: chunked\r\n\r\n2;x\nab\r\n0\r\n\r\n"),
    (400, b"", POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n"),
    (400, b"", GET + b"A: b\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    (400, b"", GET + HOST + b"\r\n"),
    (400, b"", b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
    (400, b"", b"GET  / HTTP/1.1\r\n" + HOST + b"\r\n"),
    (400, b"", GET + b"A: \x7f\r\n\r\n"),
    (400, b"", GET + b"A: b\0c\r\n\r\n"),
    (400, b"", GET + b"A : b\r\n\r\n"),
    (431, b"", GET + b"A: " + b"x" * 20000 + b"\r\n\r\n"),
    (431, b"", b"GET /" + b"x" * 20000 + b" HTTP/1.1\r\n" + HOST + b"\r\n"),
    (431, b"", GET + b"a:b\r\n" * 1500 + b"\r\n"),
    (413, b"request body of 5000000 bytes or more is over the limit of 4194304; raise it with --max-body-size",
     POST + b"Content-Length: 5000000\r\n\r\n"),
    (413, b"", POST + b"Content-Length: 5000000\r\nExpect: 100-continue\r\n\r\n"),
    (413, b"is over the limit of 4194304", POST + b"Transfer-Encoding: chunked\r\n\r\n" + MIB * 5 + b"0\r\n\r\n"),
    (400, b"", b"GET /v1.0/publish/%zz/%00 HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"),
    (404, b"", b"POST /v1.0/publish/../../etc HTTP/1.1\r\n" + HOST + b"Connection: close\r\nContent-Length: 0\r\n\r\n"),
], ids=short)
def test_malformed_http_is_answered_with_its_status(sidecar, status, said, data):
    got = answer(sidecar.port, data)
    assert got.startswith(b"HTTP/1.1 %d " % status), got
    assert said in got and b"Connection: close" in got
    assert sidecar.get("/v1.0/healthz")[0] == 204


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def frame(kind, flags, stream, payload):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


SETTINGS = frame(4, 0, 0, b"")
GOAWAY = 7


def goaway_code(got):
    """The error code of the last frame, which says why the connection ends."""
    at, last = 0, None
    while at + 9 <= len(got):
        length, kind = int.from_bytes(got[at:at + 3], "big"), got[at + 3]
        last = (kind, got[at + 9:at + 9 + length])
        at += 9 + length
    assert last and last[0] == GOAWAY, got
    return int.from_bytes(last[1][4:8], "big")


@pytest.mark.parametrize("code, frames", [
    (1, b"garbage that is no frame, but long enough"),
    (1, frame(1, 4, 1, b"")),                                       # HEADERS before SETTINGS
    (9, SETTINGS + frame(1, 5, 1, b"\xff\xff\xff\xff\xff\xff")),     # HPACK: an index beyond all tables
    (9, SETTINGS + frame(1, 5, 1, b"\x00\x05abc")),                  # HPACK: a string that ends early
    (9, SETTINGS + frame(1, 5, 1, b"\x00\x84\xff\xff\xff\xff\x00")),  # HPACK: Huffman padding
    (6, SETTINGS + b"\xff\xff\xff\x00\x00\x00\x00\x00\x01"),          # a frame of 16 MiB
    (1, SETTINGS + frame(0, 1, 1, b"data on a stream that is not there")),
    (1, SETTINGS + frame(9, 4, 1, b"")),                            # CONTINUATION of nothing
    (6, SETTINGS + frame(6, 0, 0, b"short")),                       # a PING of five bytes
    (3, SETTINGS + frame(8, 0, 0, (0x7fffffff).to_bytes(4, "big")) * 2),  # the window overflows
], ids=["garbage", "no settings", "hpack index", "hpack length", "hpack huffman", "huge frame", "idle stream",
        "continuation", "ping", "window"])
@pytest.mark.parametrize("port", ["http", "grpc"])
def test_malformed_http2_ends_the_connection_with_its_code(sidecar, port, code, frames):
    got = answer(sidecar.port if port == "http" else sidecar.grpc_port, PREFACE + frames)
    assert goaway_code(got) == code
    assert sidecar.get("/v1.0/healthz")[0] == 204
    assert grpc_code(sidecar, "GetMetadata", b"") == "OK"


@pytest.mark.parametrize("seed", range(20))
def test_random_bytes_do_no_harm(sidecar, seed):
    chance = random.Random(seed)
    for port in (sidecar.port, sidecar.grpc_port):
        for start in (b"", PREFACE, PREFACE + SETTINGS, POST, GET):
            answer(port, start + chance.randbytes(chance.randrange(1, 3000)), 0.05)
    assert sidecar.get("/v1.0/healthz")[0] == 204


# ---- gRPC ----

def grpc_code(sidecar, method, data, metadata=()):
    with grpc.insecure_channel(f"127.0.0.1:{sidecar.grpc_port}") as channel:
        try:
            channel.unary_unary(f"/dapr.proto.runtime.v1.Dapr/{method}")(data, timeout=10, metadata=metadata)
            return "OK"
        except grpc.RpcError as error:
            return f"{error.code().name}: {error.details()}"


@pytest.mark.parametrize("data", [b"\xff", b"\x0a\xff", b"\x0a\x7fshort", b"\x0a" * 3000, b"\x0b" * 20000,
                                  b"\x0a\x02\xff\xfe", b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"], ids=short)
def test_malformed_protobuf_is_refused(sidecar, data):
    said = grpc_code(sidecar, "PublishEvent", data)
    assert said.split(":")[0] in ("INTERNAL", "INVALID_ARGUMENT", "NOT_FOUND"), said
    assert grpc_code(sidecar, "GetMetadata", b"") == "OK"


def test_grpc_errors_name_what_is_wrong(sidecar):
    assert grpc_code(sidecar, "NoSuchMethod", b"") == \
        "UNKNOWN: failed to proxy request: required metadata dapr-callee-app-id or dapr-app-id not found"
    large = grpc_api.message("PublishEventRequest", {"pubsubName": "pubsub", "topic": "t", "data": "eA=="})
    large.data = b"x" * 5000000
    said = grpc_code(sidecar, "PublishEvent", large.SerializeToString())
    assert said.startswith("RESOURCE_EXHAUSTED: grpc: received message larger than max (50000") and "4194304" in said
    for fields, code in (({"pubsubName": "nowhere", "topic": "t"}, "INVALID_ARGUMENT"),
                         ({"pubsubName": "", "topic": "t"}, "INVALID_ARGUMENT"),
                         ({"pubsubName": "pubsub", "topic": ""}, "INVALID_ARGUMENT"),
                         ({"pubsubName": "pubsub", "topic": "forbidden"}, "PERMISSION_DENIED")):
        with pytest.raises(grpc_api.Failure) as refused:
            grpc_api.ask(sidecar.grpc_port, "PublishEvent", fields)
        assert refused.value.code == code and refused.value.details, refused.value


# ---- bodies ----

CLOUDEVENT = "application/cloudevents+json"
JSON = "application/json"


@pytest.mark.parametrize("kind, body, data", [
    (JSON, b'{"a":', '{"a":'), (JSON, b"NaN", "NaN"), (JSON, b"", ""), (JSON, b'"\0"', '"\0"'),
    (JSON, b'"\xff\xfe"', "\ufffd\ufffd"), (JSON, b"[" * 100000, "[" * 100000), (JSON, b"9" * 4000, None),
    (JSON, b'{"a":1,"a":2}', {"a": 2}), (JSON, b'"\\ud800"', "\ud800"), (JSON, b"\xef\xbb\xbf{}", "\ufeff{}"),
    ("~;;;", b"x", "x"), ("text/plain", b"\xff", "\ufffd"), (CLOUDEVENT, b"{}", None),
    (CLOUDEVENT, b'{"id":5,"specversion":9,"data":[1]}', [1]),
], ids=short)
def test_an_odd_body_is_delivered_as_json(sidecar, kind, body, data):
    """Dapr takes what is no JSON for text; whatever is published, the application can parse the event."""
    before = len(sidecar.app.received)
    assert sidecar.publish("pubsub", "t", body, kind)[0] == 204
    wait_until(lambda: len(sidecar.app.received) > before, "delivery")
    event = json.loads(sidecar.app.received[before][2])
    assert data is None or event["data"] == data
    assert event["specversion"] in ("1.0", 9)


@pytest.mark.parametrize("body", [b"", b"[]", b'"x"', b"null", b"5", b'{"id":1', b'{"data":' + b"[" * 100000 + b"]" * 100000
                                  + b"}"], ids=short)
def test_what_is_no_cloudevent_is_refused(sidecar, body):
    status, said, _ = sidecar.publish("pubsub", "t", body, CLOUDEVENT)
    assert status == 500 and json.loads(said)["errorCode"] == "ERR_PUBSUB_CLOUD_EVENTS_SER"


@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b"[{}]", b'[{"entryId":"1"}]', b"[" * 50000,
                                  b'[{"entryId":"1","event":1,"contentType":5}]'], ids=short)
def test_what_is_no_bulk_is_refused(sidecar, body):
    status, said, _ = sidecar.request("POST", "/v1.0/publish/bulk/pubsub/t", body, {"Content-Type": JSON})
    assert status == 400 and json.loads(said)["errorCode"] == "ERR_PUBSUB_EVENTS_SER"


def test_pubsubs_and_topics_that_are_not_there_or_not_allowed_are_named(sidecar):
    status, said, _ = sidecar.publish("nowhere", "t", 1)
    assert (status, json.loads(said)["message"]) == (404, "pubsub nowhere is not found")
    for topic in ("u", "forbidden"):  # allowed for others; for nobody
        status, said, _ = sidecar.publish("pubsub", topic, 1)
        assert status == 403 and json.loads(said)["errorCode"] == "ERR_PUBSUB_FORBIDDEN"
        assert f"topic {topic} is not allowed for app id orders" in json.loads(said)["message"]


# ---- from the broker ----

POISON = [["data", "no JSON"], ["data", ""], ["other", "x"], ["data", "[1,2]"], ["data", '"text"'], ["data", "null"],
          ["data", "[" * 100000], ["data", '{"a":1'], ["data", '{"data":1}', "metadata", "{broken"],
          ["data", '{"data":2}', "metadata", "[]"], ["data", '{"data":3}', "metadata", '{"k":5}'],
          ["data", '{"data":4,"time":"yesterday","expiration":"never","traceparent":"x"}']]


def test_what_others_wrote_to_the_stream_is_told_and_blocks_nobody(start, tmp_path):
    redis = start(Redis, tmp_path)
    folder = tmp_path / "resources"
    folder.mkdir()
    component(folder, kind="pubsub.redis", redisHost=f"127.0.0.1:{redis.port}", processingTimeout="1s",
              redeliverInterval="300")
    for topic in ("t", "lettered", "raw"):
        for fields in POISON:
            redis.cli("XADD", topic, "*", *fields)
    app = start(App, [sub(), sub("lettered", "/lettered", deadLetterTopic="dead"), sub("dead", "/dead"),
                      sub("raw", "/raw", metadata={"rawPayload": "true"})])
    sidecar = start(Sidecar, "orders", folder, app.port)
    assert sidecar.publish("pubsub", "t", 99)[0] == 204
    wait_until(lambda: {e.get("data") for e in app.events("/t")} == {1, 2, 3, 4, 99}, "those that are events")
    wait_until(lambda: len(app.events("/raw")) == len(POISON), "all of them raw")
    wait_until(lambda: redis.cli("XPENDING", "lettered", "orders").split()[0] == "0", "dead letters")
    assert int(redis.cli("XLEN", "dead")) == len(POISON) - 4
    assert int(redis.cli("XPENDING", "t", "orders").split()[0]) == len(POISON) - 4  # they stay to be looked at
    assert any("error deserializing cloud event in pubsub pubsub and topic t" in line for line in sidecar.log)


HEAD = b"kind: Component\napiVersion: dapr.io/v1alpha1\n"


@pytest.mark.parametrize("yaml, said", [
    (b"a: [", ":2:1: flow sequence without a closing bracket"),
    (b"x: " + b"[" * 100000, "Max depth (64) exceeded"),
    (b"&a [*a]", "more than 100000 values or nested deeper than 64 levels"),
    (b"a: b\nc: \x00\x01", ":2:1: the line is no text in UTF-8"),
    (b"\xff\xfea\0", ":1:1: the line is no text in UTF-8"),
    (b"just text", ":1: a document without kind has no effect"),
    (HEAD, ":1:1: metadata.name is missing"),
    (HEAD + b"metadata: {name: a/b}\nspec: {type: pubsub.in-memory}\n",
     "invalid name \\\"a/b\\\" for \\\"Component\\\": may not contain '/'"),
    (HEAD + b"metadata: {name: x}\nspec: 5\n", ":4:7: spec is a mapping"),
    (HEAD + b"metadata: {name: x}\nspec:\n  type: pubsub.redis\n  metadata: {a: b}\n",
     ":6:14: spec.metadata is a list of name and value"),
], ids=short)
def test_wrong_documents_are_passed_over_with_their_place(start, tmp_path, yaml, said):
    component(tmp_path, "good")
    (tmp_path / "wrong.yaml").write_bytes(yaml)
    sidecar = start(Sidecar, "orders", tmp_path)
    wait_until(lambda: any(said in line and "level=warning" in line and "wrong.yaml" in line for line in sidecar.log), said)
    assert sidecar.publish("good", "t", 1)[0] == 204


@pytest.mark.parametrize("yaml, said", [
    (HEAD + b"metadata: {name: x}\nspec: {version: v1}\n", ":1: spec.type is missing; say for example 'type: pubsub.redis'"),
    (HEAD + b"metadata: {name: x}\nspec:\n  type: pubsub.nonsense\n", "couldn't find message bus pubsub.nonsense/v1"),
    (HEAD + b"metadata: {name: x}\nspec:\n  type: nonsense\n", "incorrect type nonsense"),
    (HEAD + b"metadata: {name: good}\nspec:\n  type: pubsub.in-memory\n", "duplicate definition of Component name good"),
], ids=short)
def test_wrong_components_end_the_start(start, tmp_path, yaml, said):
    component(tmp_path, "good")
    (tmp_path / "wrong.yaml").write_bytes(yaml)
    sidecar = start(Sidecar, "orders", tmp_path, wait=False)
    assert sidecar.process.wait(15) == 1
    wait_until(lambda: any(said in line and "level=fatal" in line for line in sidecar.log), said)


def test_folders_and_files_that_cannot_be_read_are_named(start, tmp_path):
    dangling = tmp_path / "dangling"
    dangling.mkdir()
    os.symlink(tmp_path / "gone", dangling / "dangling.yaml")
    for path, said in ((tmp_path / "nowhere", "no such file or directory"), (__file__, "not a directory")):
        sidecar = start(Sidecar, "orders", path, wait=False)
        assert sidecar.process.wait(10) == 1
        wait_until(lambda: any(said in line and str(path) in line for line in sidecar.log), said)
    sidecar = start(Sidecar, "orders", dangling)
    wait_until(lambda: any("dangling.yaml: no such file or directory" in line for line in sidecar.log), "the link")
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "empty.yaml").touch()
    component(tmp_path, "good")
    sidecar = start(Sidecar, "orders", tmp_path)
    assert sidecar.publish("good", "t", 1)[0] == 204

