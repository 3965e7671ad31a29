# SPDX-License-Identifier: MIT
"""Calls of a service that the sidecar does not know, passed on: all four kinds, through two sidecars and to the own
application; deadlines, cancellation, metadata, errors."""
import time

import grpc
import pytest

from grpc_api import module
from grpc_invoked import InvokedApp
from sidecar import Sidecar, wait_until


@pytest.fixture(scope="module")
def grpc_app():
    app = InvokedApp()
    yield app
    app.close()


@pytest.fixture(scope="module")
def grpc_callee(grpc_app):
    sidecar = Sidecar("proxy-callee", app_port=grpc_app.port, flags=["--app-protocol", "grpc"],
                      env={"APP_API_TOKEN": "app-secret"})
    yield sidecar
    assert sidecar.stop() == 0, "\n".join(sidecar.log)


@pytest.fixture(params=["remote", "own"])
def channel(request, grpc_callee):
    sidecar = grpc_callee if request.param == "own" else request.getfixturevalue("caller")
    with grpc.insecure_channel(f"127.0.0.1:{sidecar.grpc_port}") as made:
        made.is_remote = request.param == "remote"
        yield made


TO = (("dapr-app-id", "proxy-callee"), ("x-my", "1"), ("x-b-bin", b"\xfe\x00"), ("dapr-api-token", "mine"))


def check(app, name, call, is_remote):
    assert ("x-head", "h") in [tuple(p) for p in call.initial_metadata()]
    assert ("x-head-bin", b"\xff\x00") in [tuple(p) for p in call.initial_metadata()]
    assert ("x-tail", "t") in [tuple(p) for p in call.trailing_metadata()]
    heard = app.calls[name]
    values = dict(heard)
    assert values["x-my"] == "1" and values["x-b-bin"] == b"\xfe\x00"
    assert [value for key, value in heard if key == "dapr-api-token"] == ["app-secret"]
    assert "dapr-app-id" not in values
    assert values.get("dapr-caller-app-id") == ("caller" if is_remote else None)
    assert values.get("dapr-callee-app-id") == ("proxy-callee" if is_remote else None)
    assert ("traceparent" in values) == is_remote
    assert len([key for key, _ in heard if key == "user-agent"]) == 1


def test_all_four_kinds_pass(channel, grpc_app):
    answer, call = channel.unary_unary("/pkg.Echo/Unary").with_call(b"hi", metadata=TO, timeout=20)
    assert answer == b"<hi>"
    check(grpc_app, "Unary", call, channel.is_remote)
    assert grpc_app.deadline < 20
    answer, call = channel.stream_unary("/pkg.Echo/Up").with_call(iter([b"a", b"", b"c"]), metadata=TO, timeout=20)
    assert answer == b"a||c"
    check(grpc_app, "Up", call, channel.is_remote)
    call = channel.unary_stream("/pkg.Echo/Down")(b"1000", metadata=TO, timeout=20)
    assert list(call) == [str(n).encode() for n in range(1000)]
    check(grpc_app, "Down", call, channel.is_remote)
    call = channel.stream_stream("/pkg.Echo/Both")(iter([b"ab", b"cd"]), metadata=TO, timeout=20)
    assert list(call) == [b"ba", b"dc"]
    check(grpc_app, "Both", call, channel.is_remote)


def test_both_directions_go_on_by_turns(channel):
    """Each request waits for the answer to the one before: nothing is held back on the way."""
    import queue
    asked = queue.Queue()
    call = channel.stream_stream("/pkg.Echo/Both")(iter(asked.get, None), metadata=TO, timeout=20)
    for n in range(20):
        asked.put(f"m{n:02}".encode())
        assert next(call) == f"m{n:02}"[::-1].encode()
    asked.put(None)
    assert list(call) == []


def test_big_messages_pass(channel):
    big = b"x" * (3 << 20)
    assert channel.unary_unary("/pkg.Echo/Unary")(big, metadata=TO, timeout=20) == b"<" + big + b">"
    call = channel.stream_stream("/pkg.Echo/Both")(iter([big] * 10), metadata=TO, timeout=30)
    assert [len(answer) for answer in call] == [len(big)] * 10


def fails(call, *args, metadata=TO, timeout=20):
    with pytest.raises(grpc.RpcError) as failed:
        call(*args, metadata=metadata, timeout=timeout)
    return failed.value


def test_a_status_passes_whole(channel):
    error = fails(channel.unary_unary("/pkg.Echo/Fail"), b"")
    assert (error.code(), error.details()) == (grpc.StatusCode.FAILED_PRECONDITION, "app says no")
    trailers = [tuple(pair) for pair in error.trailing_metadata()]
    assert ("x-tail", "t") in trailers
    [packed] = [value for key, value in trailers if key == "grpc-status-details-bin"]
    assert module("google/rpc/status").Status.FromString(packed).details
    assert fails(channel.unary_unary("/pkg.Echo/Nothing"), b"").code() == grpc.StatusCode.UNIMPLEMENTED


def test_deadlines_and_cancellation_reach_the_application(channel, grpc_app):
    grpc_app.cancelled.clear()
    call = channel.unary_stream("/pkg.Echo/Wait")(b"", metadata=TO)
    assert next(call) == b"first"
    call.cancel()
    assert grpc_app.cancelled.wait(10)
    grpc_app.cancelled.clear()
    call = channel.unary_stream("/pkg.Echo/Wait")(b"", metadata=TO, timeout=2)
    assert next(call) == b"first"
    assert 0 < grpc_app.deadline <= 2.1
    with pytest.raises(grpc.RpcError) as failed:
        next(call)
    assert failed.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert grpc_app.cancelled.wait(10)


def test_whom_nobody_finds(caller, callee):
    with grpc.insecure_channel(f"127.0.0.1:{caller.grpc_port}") as channel:
        rpc = channel.unary_unary("/pkg.Echo/Unary")
        for app_id, code, text in [
                ("", "UNKNOWN", "app id is empty"), ("a.b.c", "UNKNOWN", "invalid app id a.b.c"),
                ("caller", "UNAVAILABLE", 'connection error: desc = "transport: Error while dialing: dial tcp '
                                          '127.0.0.1:0: connect: connection refused"'),
                ("callee", "UNAVAILABLE",
                 'connection error: desc = "error reading server preface: http2: frame too large"')]:
            error = fails(rpc, b"", metadata=(("dapr-app-id", app_id),))
            assert (error.code().name, error.details()) == (code, text)
        error = fails(rpc, b"", metadata=(("dapr-app-id", "nobody"),))
        assert error.code().name == "UNKNOWN" and not error.details().startswith("failed to invoke")
        error = fails(rpc, b"", metadata=())
        assert (error.code().name, error.details()) == (
            "UNKNOWN", "cannot proxy request: missing dapr-callee-app-id or dapr-app-id metadata")


def test_access_rules_of_the_callee_count(start, caller, grpc_app, tmp_path):
    (tmp_path / "config.yaml").write_text("""
apiVersion: dapr.io/v1alpha1
kind: Configuration
metadata: {name: closed}
spec:
  accessControl: {defaultAction: deny, trustDomain: public}
""")
    start(Sidecar, "closed", app_port=grpc_app.port,
          flags=["--app-protocol", "grpc", "--config", str(tmp_path / "config.yaml")])
    with grpc.insecure_channel(f"127.0.0.1:{caller.grpc_port}") as channel:
        error = fails(channel.unary_unary("/pkg.Echo/Unary"), b"", metadata=(("dapr-app-id", "closed"),))
    assert (error.code().name, error.details()) == (
        "PERMISSION_DENIED",
        "access control policy has denied access to id:  operation: /pkg.Echo/Unary verb: NONE")


def test_a_killed_peer_breaks_the_call_and_the_next_finds_another(start, caller, grpc_app):
    first = start(Sidecar, "twice", app_port=grpc_app.port, flags=["--app-protocol", "grpc"])
    to = (("dapr-app-id", "twice"),)
    with grpc.insecure_channel(f"127.0.0.1:{caller.grpc_port}") as channel:
        call = channel.unary_stream("/pkg.Echo/Wait")(b"", metadata=to, timeout=20)
        assert next(call) == b"first"
        first.process.kill()
        first.process.wait()
        with pytest.raises(grpc.RpcError) as failed:
            next(call)
        assert failed.value.code() == grpc.StatusCode.UNAVAILABLE
        begun = time.monotonic()
        error = fails(channel.unary_unary("/pkg.Echo/Unary"), b"", metadata=to)
        assert error.code().name in ("UNAVAILABLE", "UNKNOWN") and time.monotonic() - begun < 2
        start(Sidecar, "twice", app_port=grpc_app.port, flags=["--app-protocol", "grpc"])
        rpc = channel.unary_unary("/pkg.Echo/Unary")

        def is_answered():
            try:
                return rpc(b"x", metadata=to, timeout=5) == b"<x>"
            except grpc.RpcError:
                return False
        wait_until(is_answered, "the new sidecar is asked")


def test_messages_of_a_fast_writer_wait_with_it(channel, grpc_app):
    """The application reads nothing more: the writer is stopped long before all of it is in memory."""
    sent = 0

    def endless():
        nonlocal sent
        while True:
            sent += 1
            yield b"x" * 65536
    call = channel.stream_stream("/pkg.Echo/Both")(endless(), metadata=TO, timeout=30)
    next(call)
    last = -1
    while last != sent:
        last = sent
        time.sleep(0.5)
    assert sent < 2000  # of 64 KiB each
    call.cancel()
