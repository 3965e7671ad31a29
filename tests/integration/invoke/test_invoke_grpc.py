# SPDX-License-Identifier: MIT
"""InvokeService: to applications over HTTP and over gRPC, the own one and one behind another sidecar."""
import json

import grpc
import pytest
from google.protobuf import any_pb2

from grpc_api import module
from grpc_invoked import InvokedApp
from sidecar import Sidecar


@pytest.fixture(scope="module")
def grpc_app():
    app = InvokedApp()
    yield app
    app.close()


@pytest.fixture(scope="module")
def grpc_callee(grpc_app):
    sidecar = Sidecar("grpc-callee", app_port=grpc_app.port, flags=["--app-protocol", "grpc"],
                      env={"APP_API_TOKEN": "app-secret"})
    yield sidecar
    assert sidecar.stop() == 0, "\n".join(sidecar.log)


class Answer:
    def __init__(self, code, text, headers, trailers, message):
        self.code, self.text, self.message = code, text, message
        self.headers, self.trailers = [tuple(p) for p in headers], [tuple(p) for p in trailers]

    def error_info(self):
        status = module("google/rpc/status")
        packed = dict(self.trailers)["grpc-status-details-bin"]
        info = status.ErrorInfo()
        [detail] = status.Status.FromString(packed).details
        assert detail.Unpack(info)
        return info


def invoke(sidecar, target, method, verb="POST", data=b"hi", query="", metadata=(), content_type="text/plain"):
    common, runtime = module("dapr/proto/common/v1/invoke"), module("dapr/proto/runtime/v1/invoke")
    message = common.InvokeRequest(method=method, data=any_pb2.Any(value=data), content_type=content_type)
    if verb:
        message.http_extension.verb = common.HTTPExtension.Verb.Value(verb)
        message.http_extension.querystring = query
    request = runtime.InvokeServiceRequest(id=target, message=message)
    with grpc.insecure_channel(f"127.0.0.1:{sidecar.grpc_port}") as channel:
        rpc = channel.unary_unary("/dapr.proto.runtime.v1.Dapr/InvokeService", type(request).SerializeToString,
                                  common.InvokeResponse.FromString)
        try:
            answer, call = rpc.with_call(request, timeout=20, metadata=metadata)
        except grpc.RpcError as error:
            return Answer(error.code().name, error.details(), error.initial_metadata(), error.trailing_metadata(), None)
        return Answer("OK", "", call.initial_metadata(), call.trailing_metadata(), answer)


def sidecar_of(name, caller, own):
    return {"remote": caller, "own": own}[name]


@pytest.mark.parametrize("way", ["remote", "own"])
def test_an_application_over_http_answers(caller, callee, way):
    answer = invoke(sidecar_of(way, caller, callee), "callee", "json/a", "PUT", query="x=1",
                    metadata=(("x-mine", "1"), ("x-mine-bin", b"\x00"), ("grpc-mine", "2")))
    assert answer.code == "OK", answer.text
    said = json.loads(answer.message.data.value)
    assert (said["method"], said["target"], said["body"]) == ("PUT", "/json/a?x=1", "hi")
    heard = {name.lower(): value for name, value in said["headers"]}
    assert heard["x-mine"] == "1" and heard["content-type"] == "text/plain"
    assert heard["dapr-api-token"] == "app-secret"
    assert "x-mine-bin" not in heard
    headers = dict(answer.headers)
    assert headers["dapr-http-status"] == "200"
    assert headers["dapr-content-type"] == answer.message.content_type
    assert "traceparent" in headers and "content-length" not in headers
    assert answer.trailers == []


@pytest.mark.parametrize("status, code, text", [
    (404, "NOT_FOUND", "Not Found"), (500, "UNKNOWN", "Internal Server Error"), (400, "INTERNAL", "Bad Request"),
    (408, "CANCELLED", "Request Timeout"), (504, "DEADLINE_EXCEEDED", "Gateway Timeout"),
    (409, "ALREADY_EXISTS", "Conflict"), (403, "PERMISSION_DENIED", "Forbidden"),
    (401, "UNAUTHENTICATED", "Unauthorized"), (429, "RESOURCE_EXHAUSTED", "Too Many Requests"),
    (501, "UNIMPLEMENTED", "Not Implemented"), (503, "UNAVAILABLE", "Service Unavailable"),
    (418, "UNKNOWN", "I'm a teapot"), (302, "UNKNOWN", "Found")])
def test_http_statuses_become_codes(caller, callee, status, code, text):
    answer = invoke(caller, "callee", f"status/{status}")
    assert (answer.code, answer.text) == (code, text)
    info = answer.error_info()
    assert (info.reason, info.domain, info.metadata["http.code"]) == (text, "dapr.io", str(status))
    assert len(info.metadata["http.error_message"]) <= 63
    assert dict(answer.headers)["dapr-http-status"] == str(status)


def test_failures_of_the_sidecar(caller, callee):
    for target, method, verb, text in [
            ("nobody", "m", "GET", "failed to invoke, id: nobody, err: "),
            ("", "m", "GET", "failed to invoke, id: , err: app id is empty"),
            ("a.b.c", "m", "GET", "failed to invoke, id: a.b.c, err: invalid app id a.b.c"),
            ("caller", "m", "GET", "failed to invoke, id: caller, err: cannot invoke local endpoint: "
                                   "app channel not initialized"),
            ("callee", "m", None, "failed to invoke, id: callee, err: rpc error: code = Internal desc = error "
                                  "invoking app channel: rpc error: code = InvalidArgument desc = "
                                  "missing HTTP extension field"),
            ("callee", "m", "NONE", "invalid HTTP verb"),
            ("callee", "a?b", "GET", "failed to invoke, id: callee, err: rpc error: code = InvalidArgument desc = "
                                     "invalid method: ")]:
        answer = invoke(caller, target, method, verb)
        assert answer.code == "INTERNAL"
        assert text in answer.text
    assert invoke(callee, "callee", "m", None).text == (
        "failed to invoke, id: callee, err: rpc error: code = InvalidArgument desc = missing HTTP extension field")


@pytest.mark.parametrize("way", ["remote", "own"])
def test_an_application_over_grpc_gets_on_invoke(caller, grpc_callee, grpc_app, way):
    answer = invoke(sidecar_of(way, caller, grpc_callee), "grpc-callee", "m/n", query="x=1",
                    metadata=(("x-mine", "1"), ("x-mine-bin", b"\x00\x01")))
    assert answer.code == "OK", answer.text
    assert json.loads(answer.message.data.value) == {"method": "m/n", "length": 2}
    assert answer.message.content_type == "application/json"
    headers, trailers = dict(answer.headers), dict(answer.trailers)
    assert headers["x-app-hdr"] == "h1" and headers["x-app-bin"] == b"\x00\x01" and "traceparent" in headers
    assert trailers["x-trailer"] == "t1" and "traceparent" in trailers
    metadata, request = grpc_app.seen[-1]
    heard = dict(metadata)
    assert heard["x-mine"] == "1" and heard["x-mine-bin"] == b"\x00\x01" and "traceparent" in heard
    assert heard["dapr-api-token"] == "app-secret"
    assert heard.get("dapr-caller-app-id") == ("caller" if way == "remote" else None)
    assert (request.content_type, request.http_extension.querystring) == ("text/plain", "x=1")


@pytest.mark.parametrize("way", ["remote", "own"])
def test_the_status_of_an_application_over_grpc_passes(caller, grpc_callee, way):
    answer = invoke(sidecar_of(way, caller, grpc_callee), "grpc-callee", "fail", None)
    assert (answer.code, answer.text) == ("FAILED_PRECONDITION", "app says no")
    info = answer.error_info()
    assert (info.reason, info.domain) == ("APP", "app")
    assert dict(answer.headers)["x-app-hdr"] == "h1"
    assert dict(answer.trailers)["x-err-trailer"] == "et"


@pytest.mark.parametrize("way", ["remote", "own"])
def test_http_callers_reach_an_application_over_grpc(caller, grpc_callee, grpc_app, way):
    sidecar = sidecar_of(way, caller, grpc_callee)
    status, data, headers = sidecar.request("POST", "/v1.0/invoke/grpc-callee/method/m/n?x=1", b"hi",
                                            {"Content-Type": "text/plain", "Accept": "*/*", "X-My": "1"})
    assert (status, json.loads(data)) == (200, {"method": "m/n", "length": 2})
    assert headers["Content-Type"] == "application/json" and headers["X-App-Hdr"] == "h1"
    metadata, request = grpc_app.seen[-1]
    heard = dict(metadata)
    assert (heard["dapr-accept"], heard["dapr-content-type"], heard["x-my"]) == ("*/*", "text/plain", "1")
    assert (request.method, request.http_extension.querystring) == ("m/n", "x=1")
    status, data, headers = sidecar.request("POST", "/v1.0/invoke/grpc-callee/method/fail", b"")
    assert status == 400
    assert json.loads(data) == {"code": 9, "message": "app says no", "details": [
        {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "APP", "domain": "app"}]}


def test_a_body_in_parts_is_gathered_for_on_invoke(caller, grpc_callee):
    status, data, _ = caller.request("POST", "/v1.0/invoke/grpc-callee/method/big", b"x" * (3 << 20))
    assert (status, json.loads(data)["length"]) == (200, 3 << 20)
    answer = invoke(caller, "grpc-callee", "big", data=b"x" * (3 << 20))
    assert json.loads(answer.message.data.value)["length"] == 3 << 20


def test_an_application_that_is_gone_is_unavailable(start):
    app = InvokedApp()
    sidecar = start(Sidecar, "gone", app_port=app.port, flags=["--app-protocol", "grpc"])
    app.close()
    answer = invoke(sidecar, "gone", "m")
    assert answer.code == "UNAVAILABLE"
    assert "connection refused" in answer.text


def test_a_client_that_gives_up_ends_the_call(caller, grpc_callee):
    common, runtime = module("dapr/proto/common/v1/invoke"), module("dapr/proto/runtime/v1/invoke")
    request = runtime.InvokeServiceRequest(id="grpc-callee", message=common.InvokeRequest(method="slow"))
    with grpc.insecure_channel(f"127.0.0.1:{caller.grpc_port}") as channel:
        rpc = channel.unary_unary("/dapr.proto.runtime.v1.Dapr/InvokeService", type(request).SerializeToString)
        with pytest.raises(grpc.RpcError) as failed:
            rpc(request, timeout=0.3)
    assert failed.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert invoke(caller, "grpc-callee", "m").code == "OK"
