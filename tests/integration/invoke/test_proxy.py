# SPDX-License-Identifier: MIT
"""Any gRPC service through one sidecar or two: all four kinds of call, deadlines, cancellation, errors."""
import json
import threading
import time

import grpc
import pytest

import grpc_api
from grpc_service import GrpcApp, long_message
from sidecar import Sidecar, certificates

ECHO = "/test.Echo/"
TO = [("dapr-app-id", "echo")]
UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1),
             ("grpc.max_metadata_size", 1 << 20)]


@pytest.fixture(scope="module")
def echo_app():
    app = GrpcApp("echo")
    yield app
    app.close()


@pytest.fixture(scope="module")
def echo(echo_app):
    sidecar = Sidecar("echo", app_port=echo_app.port, flags=["--app-protocol", "grpc"],
                      env={"APP_API_TOKEN": "app-secret"})
    yield sidecar
    assert sidecar.stop() == 0, "\n".join(sidecar.log)


def connect(sidecar):
    return grpc.insecure_channel(f"127.0.0.1:{sidecar.grpc_port}", UNLIMITED)


@pytest.fixture(params=["own", "remote"])
def channel(request, echo, caller):
    with connect(echo if request.param == "own" else caller) as channel:
        yield channel


def failure(call):
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return caught.value


# ---- what passes ----

def test_unary_with_headers_and_trailers(channel):
    answer, call = channel.unary_unary(ECHO + "Unary").with_call(b"\0\xffhello", metadata=TO, timeout=10)
    assert answer == b"\0\xffhello"
    assert list(call.initial_metadata()) == [("x-app", "echo"), ("x-raw-bin", b"\x00\xff")]
    assert list(call.trailing_metadata()) == [("x-end", "trailer"), ("x-end-bin", b"\x01\x02")]


def test_an_empty_message_is_a_message(channel):
    assert channel.unary_unary(ECHO + "Unary")(b"", metadata=TO, timeout=10) == b""


def test_server_streaming(channel):
    call = channel.unary_stream(ECHO + "ServerStream")(b"3000 2000", metadata=TO, timeout=30)
    assert [int.from_bytes(message[:4], "big") for message in call] == list(range(3000))
    assert list(call.trailing_metadata()) == [("x-count", "3000")]


def test_client_streaming(channel):
    messages = (b"z" * 3000 for _ in range(3000))
    assert channel.stream_unary(ECHO + "ClientStream")(messages, metadata=TO, timeout=30) == b"3000 9000000"


def test_both_ways_in_turn(channel):
    """Each message is sent when the answer to the one before is there: nothing waits for more."""
    heard = threading.Semaphore(0)

    def messages():
        for n in range(100):
            yield b"%d" % n
            assert heard.acquire(timeout=10)
    answers = []
    for answer in channel.stream_stream(ECHO + "Bidi")(messages(), metadata=TO, timeout=30):
        answers.append(answer)
        heard.release()
    assert answers == [b"%d" % n for n in range(100)]


def test_both_ways_at_once(channel):
    messages = [b"%d" % n * 500 for n in range(3000)]
    assert list(channel.stream_stream(ECHO + "Bidi")(iter(messages), metadata=TO, timeout=30)) == messages


def test_a_message_just_within_the_limit(channel):
    message = b"m" * (4 << 20)
    assert channel.unary_unary(ECHO + "Unary")(message, metadata=TO, timeout=30) == message
    error = failure(lambda: channel.unary_unary(ECHO + "Unary")(message + b"m", metadata=TO, timeout=30))
    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


def test_metadata_for_the_application(echo, caller, echo_app):
    sent = TO + [("x-my", "1"), ("x-b-bin", b"\1\2"), ("dapr-api-token", "mine")]
    for sidecar, is_remote in ((echo, False), (caller, True)):
        with connect(sidecar) as channel:
            channel.unary_unary(ECHO + "Unary")(b"", metadata=sent, timeout=10)
        got = echo_app.metadata_of(ECHO + "Unary")
        assert ("x-my", "1") in got and ("x-b-bin", b"\1\2") in got
        assert [value for key, value in got if key == "dapr-api-token"] == ["app-secret"]
        added = {key: value for key, value in got if key not in ("x-my", "x-b-bin", "dapr-api-token", "user-agent")}
        trace = "00-00000000000000000000000000000000-0000000000000000-00"
        assert added == ({"dapr-caller-app-id": "caller", "dapr-callee-app-id": "echo", "traceparent": trace}
                         if is_remote else {}), sidecar


def test_a_trace_passes(caller, echo, echo_app):
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with connect(caller) as channel:
        channel.unary_unary(ECHO + "Unary")(b"", metadata=TO + [("traceparent", parent)], timeout=10)
    assert dict(echo_app.metadata_of(ECHO + "Unary"))["traceparent"] == parent


def test_the_callee_may_be_named_as_sidecars_do(channel):
    metadata = [("dapr-callee-app-id", "echo")]
    assert channel.unary_unary(ECHO + "Unary")(b"x", metadata=metadata, timeout=10) == b"x"


def test_a_deadline_passes(channel, echo_app):
    answer = channel.unary_unary(ECHO + "Metadata")(b"", metadata=TO, timeout=8)
    remaining = dict(json.loads(answer))["remaining"]
    assert 0 < remaining <= 8.1
    echo_app.cancelled.clear()
    began = time.monotonic()
    error = failure(lambda: channel.unary_unary(ECHO + "Hang")(b"", metadata=TO, timeout=0.5))
    assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED and time.monotonic() - began < 5
    assert echo_app.cancelled.wait(10), "the application was told"


def test_a_cancellation_passes(channel, echo_app):
    echo_app.cancelled.clear()
    echo_app.hanging.clear()
    call = channel.unary_unary(ECHO + "Hang").future(b"", metadata=TO)
    assert echo_app.hanging.wait(10)
    call.cancel()
    assert echo_app.cancelled.wait(10), "the application was told"


def test_a_cancellation_of_a_stream_passes(channel, echo_app):
    echo_app.ended.clear()
    go_on = threading.Event()

    def messages():
        yield b"first"
        go_on.wait(30)
    call = channel.stream_stream(ECHO + "Bidi")(messages(), metadata=TO)
    assert next(call) == b"first"
    call.cancel()
    assert echo_app.ended.wait(10), "the application was told"
    go_on.set()


def test_an_error_passes_whole(channel):
    error = failure(lambda: channel.unary_unary(ECHO + "Fail")(b"", metadata=TO, timeout=10))
    got = grpc_api.Failure(error)
    assert (got.code, got.text) == ("FAILED_PRECONDITION", "app says no")
    assert (got.details[0].reason, got.details[0].domain) == ("APP", "app")
    assert dict(error.trailing_metadata())["x-end"] == "trailer"


def test_a_long_message_of_an_error_passes_whole(channel):
    error = failure(lambda: channel.unary_unary(ECHO + "FailLong")(b"10000", metadata=TO, timeout=10))
    assert (error.code(), error.details()) == (grpc.StatusCode.ABORTED, long_message(10000))


def test_an_error_behind_messages_passes(channel):
    call = channel.unary_stream(ECHO + "FailLate")(b"", metadata=TO, timeout=10)
    assert next(call) == b"one"
    assert failure(lambda: next(call)).code() == grpc.StatusCode.FAILED_PRECONDITION


def test_what_the_application_does_not_know(channel):
    error = failure(lambda: channel.unary_unary("/grpc.health.v1.Health/Check")(b"", metadata=TO, timeout=10))
    assert error.code() == grpc.StatusCode.UNIMPLEMENTED


def test_a_slow_reader_slows_the_application_down(channel, echo_app):
    """300 MB that nobody reads are not kept anywhere: the application stops, and is told when the client goes."""
    echo_app.cancelled.clear()
    call = channel.unary_stream(ECHO + "ServerStream")(b"3000 100000", metadata=TO)
    assert len(next(call)) == 100000
    time.sleep(1)
    call.cancel()
    assert echo_app.cancelled.wait(20), "the application had not sent everything"


# ---- who is meant ----

@pytest.mark.parametrize("path, text", [
    ("/x.y.Z/M", "cannot proxy request: missing dapr-callee-app-id or dapr-app-id metadata"),
    ("/grpc.health.v1.Health/Check", "cannot proxy request: missing dapr-callee-app-id or dapr-app-id metadata"),
    ("/dapr.proto.runtime.v1.Dapr/NoSuch",
     "failed to proxy request: required metadata dapr-callee-app-id or dapr-app-id not found")])
def test_nobody_is_meant(caller, path, text):
    with connect(caller) as channel:
        error = failure(lambda: channel.unary_unary(path)(b"", timeout=10))
    assert (error.code(), error.details()) == (grpc.StatusCode.UNKNOWN, text)


@pytest.mark.parametrize("app_id, text", [
    ("", "app id is empty"), ("a.b.c", "invalid app id a.b.c"), ("nobody", "couldn't find service: nobody")])
def test_who_is_not_there(caller, app_id, text):
    with connect(caller) as channel:
        error = failure(lambda: channel.unary_unary("/x.Y/Z")(b"", metadata=[("dapr-app-id", app_id)], timeout=10))
    assert error.code() == grpc.StatusCode.UNKNOWN and error.details().startswith(text)


def test_applications_that_do_not_speak_grpc(caller, callee):
    for sidecar in caller, callee:
        with connect(sidecar) as channel:
            error = failure(lambda: channel.unary_unary("/x.Y/Z")(b"", metadata=[("dapr-app-id", "callee")], timeout=10))
        assert (error.code(), error.details()) == (
            grpc.StatusCode.UNAVAILABLE,
            'connection error: desc = "error reading server preface: http2: frame too large"')
    with connect(caller) as channel:
        error = failure(lambda: channel.unary_unary("/x.Y/Z")(b"", metadata=[("dapr-app-id", "caller")], timeout=10))
    assert error.code() == grpc.StatusCode.UNAVAILABLE
    assert error.details() == ('connection error: desc = "transport: Error while dialing: dial tcp 127.0.0.1:0: connect: '
                               'connection refused"')


def test_an_application_that_is_gone(start, caller):
    app = start(GrpcApp)
    sidecar = start(Sidecar, "gone", app_port=app.port, flags=["--app-protocol", "grpc"])
    app.close()
    for one in caller, sidecar:
        with connect(one) as channel:
            error = failure(lambda: channel.unary_unary("/x.Y/Z")(b"", metadata=[("dapr-app-id", "gone")], timeout=10))
        assert error.code() == grpc.StatusCode.UNAVAILABLE and "connection refused" in error.details()


# ---- how the application speaks ----

@pytest.mark.parametrize("protocol", ["http", "h2c", "grpc"])
def test_grpc_without_tls_whatever_the_protocol_is_called(start, caller, protocol):
    """Also for applications whose other calls are HTTP."""
    app = start(GrpcApp)
    start(Sidecar, f"plain-{protocol}", app_port=app.port, flags=["--app-protocol", protocol])
    with connect(caller) as channel:
        metadata = [("dapr-app-id", f"plain-{protocol}")]
        assert channel.unary_unary(ECHO + "Unary")(b"x", metadata=metadata, timeout=10) == b"x"


@pytest.mark.parametrize("protocol", ["grpcs", "https"])
def test_grpc_over_tls(start, caller, tmp_path, protocol):
    made = certificates(tmp_path)
    pair = ((made / "server.key").read_bytes(), (made / "server.pem").read_bytes())
    app = start(GrpcApp, credentials=grpc.ssl_server_credentials([pair]))
    start(Sidecar, f"tls-{protocol}", app_port=app.port, flags=["--app-protocol", protocol])
    with connect(caller) as channel:
        metadata = [("dapr-app-id", f"tls-{protocol}")]
        assert channel.unary_unary(ECHO + "Unary")(b"x", metadata=metadata, timeout=10) == b"x"


# ---- instances ----

def test_a_killed_instance_is_passed_over_for_calls_of_any_kind(start, caller):
    apps = [start(GrpcApp, f"many-{n}") for n in range(3)]
    sidecars = [start(Sidecar, "many", app_port=app.port, flags=["--app-protocol", "grpc"]) for app in apps]
    metadata = [("dapr-app-id", "many")]
    with connect(caller) as channel:
        for _ in range(9):
            channel.unary_unary(ECHO + "Unary")(b"", metadata=metadata, timeout=10)
        assert all(app.calls for app in apps)
        sidecars[0].process.kill()
        sidecars[0].process.wait()
        try:  # on a connection whose end nobody has read yet, that may be too late
            channel.unary_unary(ECHO + "Unary")(b"x", metadata=metadata, timeout=10)
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.UNAVAILABLE
        for _ in range(9):
            assert channel.unary_unary(ECHO + "Unary")(b"x", metadata=metadata, timeout=10) == b"x"
            assert channel.stream_unary(ECHO + "ClientStream")(iter([b"a", b"bc"]), metadata=metadata,
                                                               timeout=10) == b"2 3"


def test_a_call_cut_in_the_middle_is_an_error(start, caller, echo_app):
    app = start(GrpcApp)
    sidecar = start(Sidecar, "cut", app_port=app.port, flags=["--app-protocol", "grpc"])
    with connect(caller) as channel:
        call = channel.stream_stream(ECHO + "Bidi")((b"x" for _ in range(10**9)), metadata=[("dapr-app-id", "cut")])
        assert next(call) == b"x"
        sidecar.process.kill()
        sidecar.process.wait()
        error = failure(lambda: [None for _ in call])
        assert error.code() == grpc.StatusCode.UNAVAILABLE
