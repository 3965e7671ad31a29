# SPDX-License-Identifier: MIT
"""The port for other sidecars, spoken to by a grpcio client that has read the same tables: CallLocal, CallLocalStream
and any other service, with everything that a broken or foreign sidecar could send."""
import json

import grpc
import pytest

import grpc_api
from echo_app import EchoApp
from grpc_service import GrpcApp, long_message
from sidecar import Sidecar, free_port

SERVICE = "/dapr.proto.internals.v1.ServiceInvocation/"
POST = 3


def internals():
    return grpc_api.module("dapr/proto/internals/v1/service_invocation")


@pytest.fixture(scope="module")
def ports():
    """The internal ports of a sidecar with an HTTP application, of one with a gRPC one, and of one without any."""
    found, things = {}, []
    for name, app, flags in (("http", EchoApp("http"), []), ("grpc", GrpcApp("grpc"), ["--app-protocol", "grpc"]),
                             ("none", None, [])):
        found[name] = free_port()
        things += [Sidecar(name, app_port=app and app.port, env={"APP_API_TOKEN": "app-secret"},
                           flags=flags + ["--dapr-internal-grpc-port", str(found[name])])] + ([app] if app else [])
    yield found
    for thing in things:
        if isinstance(thing, Sidecar):
            assert thing.stop() == 0, "\n".join(thing.log)
        else:
            thing.close()


def request(method="json", ver=1, metadata=None, message=True, verb=POST, query="", data=None, content_type=""):
    made = internals().InternalInvokeRequest(ver=ver)
    for name, values in ({"x-my": ["1", "2"]} if metadata is None else metadata).items():
        made.metadata[name].values.extend(values)
    if message:
        made.message.method = method
        made.message.content_type = content_type
        if verb is not None:
            made.message.http_extension.verb = verb
            made.message.http_extension.querystring = query
        if data is not None:
            made.message.data.value = data
    return made


def chunks(head, *payloads, seqs=None, payload_in_first=False):
    """The messages of a stream; numbers from 0 unless `seqs` says others."""
    stream = internals().InternalInvokeRequestStream
    messages = [stream(request=head) if head else stream()]
    for n, payload in enumerate(payloads):
        one = messages[0] if n == 0 and payload_in_first else stream()
        one.payload.data = payload
        one.payload.seq = seqs[n] if seqs else n
        if one is not messages[0]:
            messages.append(one)
    return messages


def call_local(port, message, metadata=()):
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        rpc = channel.unary_unary(SERVICE + "CallLocal", lambda m: m.SerializeToString(),
                                  internals().InternalInvokeResponse.FromString)
        return rpc(message, timeout=10, metadata=metadata)


def call_stream(port, messages, metadata=()):
    """(head, body): what the chunks said, after checking how they are numbered."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        rpc = channel.stream_stream(SERVICE + "CallLocalStream", lambda m: m.SerializeToString(),
                                    internals().InternalInvokeResponseStream.FromString)
        head, body, seq = None, b"", 0
        for chunk in rpc(iter(messages), timeout=20, metadata=metadata):
            assert chunk.HasField("response") == (head is None)
            head = head or chunk.response
            if chunk.HasField("payload"):
                assert chunk.payload.seq == seq
                seq += 1
                body += chunk.payload.data
        return head, body


def refused(call, *args):
    with pytest.raises(grpc.RpcError) as caught:
        call(*args)
    return caught.value.code().name, caught.value.details()


# ---- what works ----

def test_call_local_to_an_http_application(ports):
    answer = call_local(ports["http"], request("json/a", data=b"body", query="x=1", content_type="text/x"))
    said = json.loads(answer.message.data.value)
    assert (said["method"], said["target"], said["body"]) == ("POST", "/json/a?x=1", "body")
    assert [value for name, value in said["headers"] if name == "X-My"] == ["1", "2"]
    assert ("Dapr-Api-Token", "app-secret") in map(tuple, said["headers"])
    assert answer.status.code == 200 and answer.message.content_type == "application/json"
    headers = {name: list(value.values) for name, value in answer.headers.items()}
    assert headers["X-App"] == ["one", "two"] and headers["Content-Type"] == ["application/json"]
    assert "Content-Length" not in headers


def test_call_local_needs_no_metadata(ports):
    assert call_local(ports["http"], request(metadata={})).status.code == 200


def test_call_local_stream_to_an_http_application(ports):
    body = b"0123456789" * 500
    parts = [body[n:n + 2048] for n in range(0, len(body), 2048)]
    for in_first in False, True:
        head, answer = call_stream(ports["http"], chunks(request(), *parts, payload_in_first=in_first))
        assert json.loads(answer)["body"] == body.decode()
        assert head.status.code == 200 and head.message.content_type == "application/json"
        assert head.body_length == len(answer) and "Content-Length" not in head.headers


def test_the_head_tells_the_length_that_the_application_told(ports):
    for method, length in (("status/200", 11), ("empty", 0), ("status/404", 11), ("download/5/counted", 5),
                           ("download/5", None), ("status/204", None), ("status/304", None)):
        head, body = call_stream(ports["http"], chunks(request(method)))
        assert (head.body_length if head.HasField("body_length") else None) == length, method
        assert len(body) == (length or len(body)) and "Content-Length" not in head.headers


def test_an_empty_body_has_no_chunks(ports):
    with grpc.insecure_channel(f"127.0.0.1:{ports['http']}") as channel:
        rpc = channel.stream_stream(SERVICE + "CallLocalStream", lambda m: m.SerializeToString(),
                                    internals().InternalInvokeResponseStream.FromString)
        answer = list(rpc(iter(chunks(request("status/204"))), timeout=10))
    assert len(answer) == 1 and answer[0].response.status.code == 204 and not answer[0].HasField("payload")


def test_an_error_of_the_application_is_an_answer(ports):
    assert call_local(ports["http"], request("status/404")).status.code == 404
    head, body = call_stream(ports["http"], chunks(request("status/503")))
    assert (head.status.code, body) == (503, b"body of 503")


def test_a_grpc_application(ports):
    for answer, body in ((call_local(ports["grpc"], request("m", data=b"hi")), None),
                         call_stream(ports["grpc"], chunks(request("m"), b"h", b"i"))):
        said = json.loads(body if body is not None else answer.message.data.value)
        assert (said["method"], said["data"], said["verb"]) == ("m", "hi", POST)
        assert answer.status.code == 0
        assert list(answer.headers["x-app"].values) == ["grpc", "again"]
        assert list(answer.headers["x-raw-bin"].values) == ["AP8="]
        assert list(answer.trailers["x-end"].values) == ["trailer"]


def test_a_status_of_a_grpc_application_is_an_answer(ports):
    for answer in call_local(ports["grpc"], request("fail")), call_stream(ports["grpc"], chunks(request("fail")))[0]:
        assert (answer.status.code, answer.status.message) == (9, "app says no")
        assert answer.status.details[0].type_url == "type.googleapis.com/google.rpc.ErrorInfo"
        assert answer.trailers["grpc-status-details-bin"].values


def test_a_long_message_of_a_grpc_application_is_whole(ports):
    answer = call_local(ports["grpc"], request("fail-long", data=b"10000"))
    assert (answer.status.code, answer.status.message) == (10, long_message(10000))
    head, _ = call_stream(ports["grpc"], chunks(request("fail-long"), b"10000"))
    assert (head.status.code, head.status.message) == (10, long_message(10000))


# ---- what does not ----

MISSING = ("INVALID_ARGUMENT", "parsing InternalInvokeRequest error: request does not contain the required fields in the "
           "leading chunk")


@pytest.mark.parametrize("head", [None, dict(metadata={}), dict(message=False)], ids=["head", "metadata", "message"])
def test_a_first_chunk_without_something(ports, head):
    head = request(**head) if head is not None else None
    assert refused(call_stream, ports["http"], chunks(head, b"x", payload_in_first=True)) == MISSING


def test_no_chunk_at_all(ports):
    assert refused(call_stream, ports["http"], []) == MISSING


def test_call_local_without_a_message(ports):
    assert refused(call_local, ports["http"], request(message=False)) == \
        ("INVALID_ARGUMENT", "parsing InternalInvokeRequest error: field Message is nil")


def test_chunks_out_of_order(ports):
    for seqs, said in (([1], (1, 0)), ([0, 2], (2, 1)), ([0, 0], (0, 1))):
        code, text = refused(call_stream, ports["http"], chunks(request(), *[b"x"] * len(seqs), seqs=seqs))
        assert code == "INTERNAL" and text.startswith("error invoking app channel: ")
        assert text.endswith(f"invalid sequence number received: {said[0]} (expected: {said[1]})")


def test_a_second_head(ports):
    messages = chunks(request(), b"x") + chunks(request())
    code, text = refused(call_stream, ports["http"], messages)
    assert code == "INTERNAL" and text.endswith("request metadata found in non-leading chunk")


def test_other_versions(ports):
    for call, message in (call_local, request(ver=0)), (call_stream, chunks(request(ver=0))):
        assert refused(call, ports["http"], message) == \
            ("INTERNAL", "error invoking app channel: rpc error: code = Unimplemented desc = Unsupported spec version: 0")


def test_an_http_application_wants_a_verb(ports):
    for call, message in (call_local, request(verb=None)), (call_stream, chunks(request(verb=None))):
        assert refused(call, ports["http"], message) == \
            ("INTERNAL", "error invoking app channel: rpc error: code = InvalidArgument desc = missing HTTP extension field")


def test_no_application(ports):
    for call, message in (call_local, request()), (call_stream, chunks(request())):
        assert refused(call, ports["none"], message) == ("INTERNAL", "app channel is not initialized")


def test_a_method_that_no_path_may_hold(ports):
    for call, message in (call_local, request("a?b")), (call_stream, chunks(request("a?b"))):
        code, text = refused(call, ports["http"], message)
        assert code == "INVALID_ARGUMENT" and text.startswith("invalid method: ")


def test_methods_cannot_climb(ports):
    answer = call_local(ports["http"], request("../../json//x/../y"))
    assert json.loads(answer.message.data.value)["target"] == "/json/y"


def test_a_call_for_another_application(ports):
    metadata = {"dapr-callee-app-id": ["somebody"]}
    for call, message in (call_local, request(metadata=metadata)), (call_stream, chunks(request(metadata=metadata))):
        code, text = refused(call, ports["http"], message)
        assert code == "UNAVAILABLE" and "somebody" in text


@pytest.mark.parametrize("junk", [b"\xff", b"\x0a\xff\xff\xff\xff\x0f", b"\x0a\x05abc", b"\x12\x02\x0a\x7f", b"\x08" * 100])
def test_junk(ports, junk):
    for method, kind in ("CallLocal", "unary_unary"), ("CallLocalStream", "stream_stream"):
        with grpc.insecure_channel(f"127.0.0.1:{ports['http']}") as channel:
            rpc = getattr(channel, kind)(SERVICE + method)
            with pytest.raises(grpc.RpcError) as caught:
                list(rpc(iter([junk]), timeout=10)) if kind == "stream_stream" else rpc(junk, timeout=10)
        assert caught.value.code() in (grpc.StatusCode.INTERNAL, grpc.StatusCode.INVALID_ARGUMENT)
    assert call_local(ports["http"], request()).status.code == 200


def test_headers_that_would_break_the_request_apart(ports):
    """Line ends in names or values of metadata never reach the application."""
    for metadata in ({"x-a\r\nx-evil": ["1"]}, {"x-a": ["1\r\nX-Evil: 2"]}, {"bad name": ["1"]}, {"": ["1"]}):
        try:
            answer = call_local(ports["http"], request(metadata=metadata))
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.INTERNAL, error.details()
        else:
            assert "evil" not in answer.message.data.value.decode().lower(), metadata


def test_queries_that_would_break_the_request_apart(ports):
    code, text = refused(call_local, ports["http"], request(query="x=1 HTTP/1.1\r\nX-Evil: 1"))
    assert code == "INTERNAL" and "net/url: invalid control character in URL" in text
    answer = call_local(ports["http"], request(query="x=a b"))
    assert json.loads(answer.message.data.value)["target"] == "/json?x=a%20b"


# ---- other services ----

def test_any_service_of_the_application(ports):
    with grpc.insecure_channel(f"127.0.0.1:{ports['grpc']}") as channel:
        metadata = [("dapr-callee-app-id", "grpc"), ("dapr-api-token", "mine")]
        assert channel.unary_unary("/test.Echo/Unary")(b"x", metadata=metadata, timeout=10) == b"x"
        got = json.loads(channel.unary_unary("/test.Echo/Metadata")(b"", metadata=metadata, timeout=10))
        assert [value for key, value in got if key == "dapr-api-token"] == ["app-secret"]
        with pytest.raises(grpc.RpcError) as caught:
            channel.unary_unary("/test.Echo/Unary")(b"x", timeout=10)
        assert caught.value.code() == grpc.StatusCode.UNKNOWN


def test_rpcs_of_actors_are_not_there(ports):
    with grpc.insecure_channel(f"127.0.0.1:{ports['http']}") as channel:
        with pytest.raises(grpc.RpcError) as caught:
            channel.unary_unary(SERVICE + "CallActor")(b"", timeout=10)
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED


# ---- access rules ----

@pytest.mark.parametrize("kind", ["http", "grpc"])
def test_a_default_of_deny_counts_for_every_caller(start, tmp_path, kind, caller):
    (tmp_path / "config.yaml").write_text("apiVersion: dapr.io/v1alpha1\nkind: Configuration\nmetadata:\n  name: c\n"
                                          "spec:\n  accessControl:\n    defaultAction: deny\n")
    app = start(EchoApp if kind == "http" else GrpcApp)
    port = free_port()
    sidecar = start(Sidecar, f"shut-{kind}", app_port=app.port,
                    flags=["--config", str(tmp_path / "config.yaml"), "--dapr-internal-grpc-port", str(port)] +
                    (["--app-protocol", "grpc"] if kind == "grpc" else []))
    text = "access control policy has denied access to id:  operation: {} verb: {}"
    for call, message in (call_local, request("a/b")), (call_stream, chunks(request("/a/b"))):
        assert refused(call, port, message) == ("PERMISSION_DENIED", text.format("a/b", "POST"))
    with grpc.insecure_channel(f"127.0.0.1:{caller.grpc_port}") as channel:
        with pytest.raises(grpc.RpcError) as caught:
            channel.unary_unary("/x.Y/Z")(b"", metadata=[("dapr-app-id", f"shut-{kind}")], timeout=10)
    assert (caught.value.code().name, caught.value.details()) == ("PERMISSION_DENIED", text.format("/x.Y/Z", "NONE"))
    status, data, _ = caller.get(f"/v1.0/invoke/shut-{kind}/method/a")
    assert status == 403 and b"access control policy has denied access" in data
