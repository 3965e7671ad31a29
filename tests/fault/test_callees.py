# SPDX-License-Identifier: MIT
"""Sidecars of others on their bad days: what answers on the internal port of a callee speaks something else, talks
nonsense, or stops in the middle. The caller is told, in the words of Dapr's runtime, never with half a success, and the
next call works when the callee is good again."""
import concurrent.futures
import fcntl
import http.client
import json
import os
import pathlib
import random
import socket
import threading

import grpc
import pytest

import grpc_api
from echo_app import EchoApp
from invoke_service import refused
from sidecar import Sidecar, free_port, hear_end, wait_until

PREFACE_LEN = 24
DATA, HEADERS, RST, SETTINGS, PING = 0, 1, 3, 4, 6
END_STREAM, END_HEADERS = 1, 4
PROTOCOL_ERROR = (1).to_bytes(4, "big")
GET = 1


# ---- what a callee says, by hand ----

def frame(kind, flags, stream, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def headers(stream, flags=0, **fields):
    """HPACK without any table: literals, lengths below 127."""
    pairs = [(name.replace("_", "-").replace("-status", ":status", name == "_status"), value)
             for name, value in fields.items()]
    block = b"".join(b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()
                     for name, value in pairs)
    return frame(HEADERS, flags | END_HEADERS, stream, block)


def begin(stream):
    return headers(stream, _status="200", content_type="application/grpc")


def message(stream, data):
    return frame(DATA, 0, stream, b"\0" + len(data).to_bytes(4, "big") + data)


def end(stream, status="0", text=""):
    return headers(stream, END_STREAM, grpc_status=status, grpc_message=text)


def refusal(stream, status, text):
    return headers(stream, END_STREAM, _status="200", content_type="application/grpc", grpc_status=status,
                   grpc_message=text)


def chunk(has_head=True, payload=None, seq=0, length=None, announced=()):
    """One message of CallLocalStream's answer; `length` as sidecars of this kind tell it, `announced` in headers."""
    made = grpc_api.module("dapr/proto/internals/v1/service_invocation").InternalInvokeResponseStream()
    if has_head:
        made.response.status.code = 200
        made.response.message.content_type = "text/plain"
        if length is not None:
            made.response.body_length = length
        for name, value in announced:
            made.response.headers[name].values.append(value)
    if payload is not None:
        made.payload.data, made.payload.seq = payload, seq
    return made.SerializeToString()


class Callee:
    """The internal port of the application "far", in the registry like any other. It says what `say(stream)` returns,
    at once ("early") or, behind SETTINGS, to a request ("once"), and ends the connection; or to each request ("each").
    Without `say` it is that of a good sidecar."""

    def __init__(self, good_port):
        self.good_port, self.say, self.when = good_port, None, "once"
        self.connections = []  # each with its thread
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        folder = pathlib.Path(os.environ["XDG_RUNTIME_DIR"]) / "pillion/sidecars/default"
        self.file = open(folder / "far~bad", "w")
        fcntl.flock(self.file, fcntl.LOCK_EX)
        self.file.write(f"127.0.0.1:{self.listener.getsockname()[1]}\n")
        self.file.flush()
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        os.unlink(self.file.name)
        self.file.close()

    def become(self, say, when="once"):
        """For connections from now on; those that are there are ended, and the caller has seen it."""
        self.say, self.when = say, when
        while self.connections:
            connection, thread = self.connections.pop()
            try:
                connection.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # it is ended already
            thread.join(10)

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self.serve, args=[connection, self.say, self.when], daemon=True)
            self.connections.append((connection, thread))
            thread.start()

    def serve(self, connection, say, when):
        with connection:
            try:
                if say is None:
                    with socket.create_connection(("127.0.0.1", self.good_port)) as onward:
                        threading.Thread(target=pump, args=[onward, connection], daemon=True).start()
                        pump(connection, onward)
                    return
                connection.sendall(say(0) if when == "early" else frame(SETTINGS, 0, 0))
                for stream in asked(connection) if when != "early" else ():
                    connection.sendall(say(stream))
                    if when == "once":
                        break
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass
            except OSError:
                pass


def asked(connection):
    """The streams of the requests, as they come."""
    file = connection.makefile("rb")
    file.read(PREFACE_LEN)
    while len(start := file.read(9)) == 9:
        file.read(int.from_bytes(start[:3], "big"))
        if start[3] == HEADERS:
            yield int.from_bytes(start[5:9], "big")


def pump(source, to):
    try:
        while (part := source.recv(65536)):
            to.sendall(part)
        to.shutdown(socket.SHUT_WR)
    except OSError:
        pass


@pytest.fixture(scope="module")
def caller():
    sidecar = Sidecar("caller")
    yield sidecar
    assert sidecar.stop() == 0, "\n".join(sidecar.log)


@pytest.fixture(scope="module")
def callee(caller, tmp_path_factory):
    """The good one is in a registry of its own: it is found through Callee alone."""
    app, port = EchoApp("far"), free_port()
    good = Sidecar("far", app_port=app.port, flags=["--dapr-internal-grpc-port", str(port)],
                   env={"XDG_RUNTIME_DIR": str(tmp_path_factory.mktemp("elsewhere"))})
    made = Callee(port)
    yield made
    made.close()
    assert good.stop() == 0, "\n".join(good.log)
    app.close()


@pytest.fixture
def bad(callee, caller):
    """`bad(say, when)`: from now on, and good again at the end, when a call must work."""
    yield callee.become
    callee.become(None)
    wait_until(lambda: ask(caller)[0] == 200, "the callee is good again")
    assert json.loads(ask(caller)[1])["app"] == "far"


def ask(caller):
    """(status, body); a status of 0 when the answer was cut."""
    connection = http.client.HTTPConnection("127.0.0.1", caller.port, timeout=30)
    connection.request("GET", "/v1.0/invoke/far/method/json")
    try:
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (http.client.IncompleteRead, http.client.RemoteDisconnected, ConnectionError):
        return 0, b""
    finally:
        connection.close()


def proxied(caller):
    """What is said to a call of a service of the application's own. As a stream: of a unary call grpcio waits for ever
    when there is a second message."""
    with grpc.insecure_channel(f"127.0.0.1:{caller.grpc_port}") as channel:
        with pytest.raises(grpc.RpcError) as caught:
            list(channel.unary_stream("/x.Y/Z")(b"", metadata=[("dapr-app-id", "far")], timeout=20))
    return caught.value.code().name, caught.value.details()


def assert_told(caller, code, text, is_retried):
    """Over HTTP and by InvokeService at the same time: the built-in retries take three seconds."""
    said = f"rpc error: code = {code} desc = {text}"
    if is_retried:
        said = "failed to invoke target far after 3 retries. Error: " + said
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        over_http = pool.submit(ask, caller)
        over_grpc = pool.submit(refused, caller, "far", "json", verb=GET)
    status, body = over_http.result()
    assert (status, json.loads(body)) == (500, {"errorCode": "ERR_DIRECT_INVOKE",
                                                "message": "failed to invoke, id: far, err: " + said})
    assert over_grpc.result()[:2] == ("INTERNAL", "failed to invoke, id: far, err: " + said)


# ---- what is no sidecar ----

PREFACE = 'connection error: desc = "error reading server preface: '


@pytest.mark.parametrize("text, said", [
    (PREFACE + 'http2: frame too large"', b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"),
    (PREFACE + 'http2: frame too large"', random.Random(1).randbytes(1000)),
    (PREFACE + 'http2: frame too large"', b"SSH-2.0-OpenSSH_9.2\r\n"),
    (PREFACE + 'EOF"', b""),
    (PREFACE + 'EOF"', frame(SETTINGS, 0, 0)[:5]),
    ('connection error: desc = "initial http2 frame from server is not a settings frame"',
     frame(PING, 0, 0, b"12345678")),
], ids=["http1", "random", "ssh", "nothing", "cut", "ping"])
def test_what_is_no_sidecar_is_unavailable(caller, bad, text, said):
    bad(lambda stream: said, "early")
    assert proxied(caller) == ("UNAVAILABLE", text)
    assert_told(caller, "Unavailable", text, True)


# ---- what is one, and talks nonsense ----

READING = "error reading from server: "
BROKEN = "proto: cannot parse invalid wire-format data"


@pytest.mark.parametrize("code, text, when, say", [
    ("Unavailable", READING + "EOF", "once", lambda s: b""),
    ("Unavailable", READING + "connection error: PROTOCOL_ERROR", "once", lambda s: frame(DATA, 0, 0, b"on no stream")),
    ("Unavailable", READING + "connection error: COMPRESSION_ERROR", "once",
     lambda s: frame(HEADERS, END_HEADERS, s, b"\xff\xff\xff\xff\xff\xff")),
    ("Unavailable", READING + "connection error: FRAME_SIZE_ERROR", "once",
     lambda s: b"\xff\xff\xff\0\0" + s.to_bytes(4, "big")),
    ("Unavailable", "unexpected HTTP status code received from server: 503 (Service Unavailable); transport: received "
                    'unexpected content-type "text/html"',
     "each", lambda s: headers(s, END_STREAM, _status="503", content_type="text/html")),
    ("Unavailable", "overloaded", "each", lambda s: refusal(s, "14", "overloaded")),
    ("Unauthenticated", "who are you", "each", lambda s: refusal(s, "16", "who are you")),
], ids=["cut", "no stream", "hpack", "huge frame", "http 503", "unavailable", "unauthenticated"])
def test_failures_of_the_peer_are_tried_again(caller, bad, code, text, when, say):
    bad(say, when)
    assert proxied(caller) == (code.upper(), text)
    assert_told(caller, code, text, True)


@pytest.mark.parametrize("code, text, say", [
    ("Internal", "stream terminated by RST_STREAM with error code: PROTOCOL_ERROR",
     lambda s: frame(RST, 0, s, PROTOCOL_ERROR)),
    ("Unknown", 'transport: received unexpected content-type "text/html"',
     lambda s: headers(s, END_STREAM, _status="200", content_type="text/html")),
    ("Internal", "server closed the stream without sending trailers",
     lambda s: begin(s) + frame(DATA, END_STREAM, s)),
    ("Internal", "unexpected EOF", lambda s: begin(s) + frame(DATA, 0, s, b"\0\0\0\0\x64abc") + end(s)),
    ("ResourceExhausted", "grpc: received message larger than max (2147483647 vs. 4194304)",
     lambda s: begin(s) + frame(DATA, 0, s, b"\0\x7f\xff\xff\xffabc")),
    ("Internal", "grpc: compressed flag set with identity or empty encoding",
     lambda s: begin(s) + frame(DATA, 0, s, b"\1\0\0\0\3abc")),
    ("Aborted", "oops", lambda s: refusal(s, "10", "oops")),
    ("Unknown", "a code that nobody knows", lambda s: refusal(s, "77", "a code that nobody knows")),
], ids=["reset", "html", "no trailers", "half a message", "too large", "compressed", "status", "odd status"])
def test_other_failures_are_told_at_once(caller, bad, code, text, say):
    bad(say, "each")
    assert_told(caller, code, text, False)
    got, said = proxied(caller)
    assert (got, said) == ({"ResourceExhausted": "RESOURCE_EXHAUSTED"}.get(code, code.upper()), text)


@pytest.mark.parametrize("text, messages", [
    ("grpc: failed to unmarshal the received message: " + BROKEN, [b"\xff\xff\xff"]),
    ("grpc: failed to unmarshal the received message: " + BROKEN, [b"\x0a\x7fshort"]),
    ("response does not contain the required fields in the leading chunk", [chunk(False, b"body")]),
    ("response does not contain the required fields in the leading chunk", [b""]),
    ("invalid sequence number received: 5 (expected: 0)", [chunk(True, b"body", 5)]),
    ("the peer ended the call without an answer", []),
], ids=["junk", "short", "no head", "empty", "sequence", "no message"])
def test_answers_that_make_no_sense_are_told(caller, bad, text, messages):
    bad(lambda stream: begin(stream) + b"".join(message(stream, one) for one in messages) + end(stream), "each")
    assert_told(caller, "Internal", text, False)


# ---- answers that stop in the middle ----

def first(stream):
    return begin(stream) + message(stream, chunk(True, b"the first part"))


@pytest.mark.parametrize("code, text, say", [
    ("Unavailable", READING + "EOF", lambda s: b""),
    ("Unavailable", READING + "EOF", lambda s: message(s, chunk(False, b"the second part", 1))[:-5]),
    ("Unavailable", READING + "connection error: PROTOCOL_ERROR", lambda s: frame(DATA, 0, 0, b"on no stream")),
    ("Internal", "stream terminated by RST_STREAM with error code: PROTOCOL_ERROR",
     lambda s: frame(RST, 0, s, PROTOCOL_ERROR)),
    ("Internal", "server closed the stream without sending trailers", lambda s: frame(DATA, END_STREAM, s)),
    ("Internal", "unexpected EOF", lambda s: frame(DATA, 0, s, b"\0\0\0\0\x64abc") + end(s)),
    ("Internal", "invalid sequence number received: 7 (expected: 1)",
     lambda s: message(s, chunk(False, b"from elsewhere", 7)) + end(s)),
    ("Internal", "response metadata found in non-leading chunk", lambda s: message(s, chunk(True, b"x", 1)) + end(s)),
    ("Internal", "grpc: failed to unmarshal the received message: " + BROKEN,
     lambda s: message(s, b"\xff\xff\xff") + end(s)),
    ("Aborted", "gave up", lambda s: end(s, "10", "gave up")),
], ids=["cut", "cut in a frame", "no stream", "reset", "no trailers", "half a message", "sequence", "second head", "junk",
        "status"])
def test_an_answer_that_stops_in_the_middle_is_never_a_success(caller, bad, code, text, say):
    bad(lambda stream: first(stream) + say(stream))
    assert ask(caller)[0] == 0
    assert refused(caller, "far", "json", verb=GET)[:2] == \
        ("INTERNAL", f"failed to invoke, id: far, err: rpc error: code = {code} desc = {text}")


# ---- answers that are not as long as they say ----

EVIL = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
LENGTH = "Content-Length"


def whole(*messages):
    return lambda stream: begin(stream) + b"".join(message(stream, one) for one in messages) + end(stream)


def pipelined(caller):
    """What is said to three requests at once, to the end of the connection."""
    with socket.create_connection(("127.0.0.1", caller.port), timeout=30) as connection:
        connection.sendall(b"GET /v1.0/invoke/far/method/json HTTP/1.1\r\nHost: x\r\n\r\n" * 2 +
                           b"GET /v1.0/invoke/far/method/json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return hear_end(connection)


@pytest.mark.parametrize("text, messages", [
    ("is longer than the 5 bytes that were announced", [chunk(True, b"first" + EVIL, length=5)]),
    ("is longer than the 5 bytes that were announced", [chunk(True, b"fir", length=5), chunk(False, b"st" + EVIL, 1)]),
    ("is longer than the 5 bytes that were announced", [chunk(True, b"first" + EVIL, announced=[(LENGTH, "5")])]),
    ("ended after 5 of 60 bytes", [chunk(True, b"first", length=60)]),
    ("ended after 10 of 60 bytes", [chunk(True, b"first", length=60), chunk(False, b"first", 1)]),
    ("ended after 0 of 1 bytes", [chunk(True, length=1)]),
    ("ended after 5 of 60 bytes", [chunk(True, b"first", announced=[("content-length", "60")])]),
], ids=["long", "long later", "long by header", "short", "short later", "nothing", "short by header"])
def test_an_answer_of_another_length_is_never_a_success(caller, bad, text, messages):
    """Nor can it be taken for two, or swallow the next."""
    bad(whole(*messages), "each")
    assert ask(caller)[0] == 0
    code, said = refused(caller, "far", "json", verb=GET)[:2]
    assert (code, said) == ("INTERNAL", "failed to invoke, id: far, err: rpc error: code = Internal desc = the answer's body "
                            + text)
    heard = pipelined(caller)
    assert heard.count(b"HTTP/1.1 ") == 1 and b"evil" not in heard
    assert heard.partition(b"\r\n\r\n")[2] in (b"", b"fir", b"first", b"firstfirst")


@pytest.mark.parametrize("messages, body", [([chunk(True, b"first", length=5), chunk(False, EVIL, 1)], b"first"),
                                            ([chunk(True, EVIL, length=0)], b"")])
def test_more_than_a_whole_answer_ends_the_connection(caller, bad, messages, body):
    bad(whole(*messages), "each")
    assert refused(caller, "far", "json", verb=GET)[0] == "INTERNAL"
    heard = pipelined(caller)
    assert heard.count(b"HTTP/1.1 ") == 1 and heard.endswith(b"\r\n\r\n" + body)


@pytest.mark.parametrize("announced, length", [
    ([(LENGTH, "5")], None), ([("content-length", "5")], None), ([(LENGTH, "5")], 5), ([(LENGTH, "7")], 5),
    ([(LENGTH, "5"), (LENGTH, "7")], None), ([(LENGTH, "7"), ("content-length", "7")], None), ([(LENGTH, "7, 7")], None),
    ([(LENGTH, "+7")], None), ([(LENGTH, "7 ")], None), ([(LENGTH, "")], None), ([(LENGTH, "9223372036854775808")], None),
    ([(LENGTH, "5\r\nX-Evil: 1")], None), ([], 2**63), ([], 2**64 - 1)])
def test_a_length_of_other_sidecars_counts_if_it_is_one(caller, bad, announced, length):
    bad(whole(chunk(True, b"first", length=length, announced=announced)), "each")
    assert ask(caller) == (200, b"first")
    heard = pipelined(caller)
    assert heard.count(b"HTTP/1.1 200 OK\r\n") == heard.count(b"\r\nContent-Length: 5\r\n") == 3
    assert heard.lower().count(b"content-length") == 3 and b"X-Evil" not in heard


# ---- anything ----

@pytest.mark.parametrize("seed", range(6))
def test_random_answers_are_failures_and_do_no_harm(caller, bad, seed):
    """Whatever the frames say, at their end stands an error. That nothing leaks the caller's exit tells."""
    chance = random.Random(seed)

    def anything(stream):
        said = begin(stream)
        for _ in range(chance.randrange(1, 6)):
            data = chance.randbytes(chance.randrange(200))
            said += chance.choice([message(stream, data),
                                   frame(chance.randrange(10), chance.randrange(256), stream, data),
                                   message(stream, chunk(chance.random() < 0.5, data, chance.randrange(3)))])
        return said + end(stream, "13", "that was it")
    bad(anything)
    for _ in range(20):
        proxied(caller)
    assert ask(caller)[0] in (0, 500)
