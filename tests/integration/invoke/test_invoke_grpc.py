# SPDX-License-Identifier: MIT
"""InvokeService, and gRPC applications that HTTP clients call: what passes, and under which names and codes."""
import json
import time

import grpc
import pytest

import grpc_api
from echo_app import EchoApp
from grpc_service import GrpcApp, long_message
from invoke_service import POST, invoke, refused
from sidecar import Sidecar, free_port, wait_until

ON_INVOKE = "/dapr.proto.runtime.v1.AppCallback/OnInvoke"
NO_TRACE = "00-00000000000000000000000000000000-0000000000000000-00"
GET = 1


@pytest.fixture(scope="module")
def grpc_app():
    app = GrpcApp("gb")
    yield app
    app.close()


@pytest.fixture(scope="module")
def gb(grpc_app):
    sidecar = Sidecar("gb", app_port=grpc_app.port, flags=["--app-protocol", "grpc"],
                      env={"APP_API_TOKEN": "app-secret"})
    yield sidecar
    assert sidecar.stop() == 0, "\n".join(sidecar.log)


@pytest.fixture(params=["own", "remote"])
def side(request, caller, callee, gb):
    """The sidecar that is asked: that of the application itself, or another."""
    return {"own": {"gb": gb, "callee": callee}, "remote": {"gb": caller, "callee": caller}}[request.param]


# ---- HTTP applications ----

def test_an_http_application_is_called_and_answers(side, app):
    answer = invoke(side["callee"], "callee", "json/a", b"body", verb=GET, query="x=1&y=2", content_type="text/x",
                    metadata=[("x-my", "1"), ("x-b-bin", b"\1\2"), ("grpc-x", "kept")])
    said = answer.json()
    assert (said["method"], said["target"], said["body"]) == ("GET", "/json/a?x=1&y=2", "body")
    headers = {name.lower(): value for name, value in said["headers"]}
    assert headers["content-type"] == "text/x" and headers["x-my"] == "1"
    assert headers["dapr-api-token"] == "app-secret" and headers["dapr-authority"].startswith("127.0.0.1:")
    assert "grpc-python" in headers["user-agent"]
    assert not any(name.endswith("-bin") for name in headers)
    assert answer.content_type == "application/json"
    told = dict(answer.headers)
    assert told["dapr-http-status"] == "200" and told["traceparent"] == NO_TRACE
    assert told["dapr-content-type"] == "application/json"
    assert [value for key, value in answer.headers if key == "x-app"] == ["one", "two"]
    assert "content-length" not in told and answer.trailers == []


def test_a_204_has_no_data(side):
    answer = invoke(side["callee"], "callee", "status/204")
    assert answer.data == b"" and dict(answer.headers)["dapr-http-status"] == "204"


@pytest.mark.parametrize("status, code, text", [
    (302, "UNKNOWN", "Found"), (400, "INTERNAL", "Bad Request"), (401, "UNAUTHENTICATED", "Unauthorized"),
    (403, "PERMISSION_DENIED", "Forbidden"), (404, "NOT_FOUND", "Not Found"), (408, "CANCELLED", "Request Timeout"),
    (409, "ALREADY_EXISTS", "Conflict"), (429, "RESOURCE_EXHAUSTED", "Too Many Requests"),
    (500, "UNKNOWN", "Internal Server Error"), (501, "UNIMPLEMENTED", "Not Implemented"),
    (503, "UNAVAILABLE", "Service Unavailable"), (504, "DEADLINE_EXCEEDED", "Gateway Timeout"), (599, "UNKNOWN", "")])
def test_an_error_of_an_http_application_is_a_status_with_details(side, status, code, text):
    got, message, details, headers, trailers = refused(side["callee"], "callee", f"status/{status}", b"z" * 100)
    assert (got, message) == (code, text)
    assert (details[0].reason, details[0].domain, details[0].metadata["http.code"]) == (text, "dapr.io", str(status))
    assert len(details[0].metadata["http.error_message"]) <= 63
    assert headers["dapr-http-status"] == str(status) and headers["traceparent"] == NO_TRACE
    assert set(trailers) <= {"grpc-status-details-bin"}


def test_an_http_application_wants_a_verb(side):
    for verb, text in ((None, "missing HTTP extension field"), (0, "invalid HTTP verb")):
        code, message, *_ = refused(side["callee"], "callee", "json", verb=verb)
        assert code == "INTERNAL"
        assert message.startswith("failed to invoke, id: callee, err: rpc error: code = ")
        assert message.endswith(f"rpc error: code = InvalidArgument desc = {text}")


def test_an_answer_of_an_http_application_that_is_cut_is_an_error(side):
    code, text, *_ = refused(side["callee"], "callee", "short")
    assert code == "INTERNAL" and text.startswith("failed to invoke, id: callee, err: ") and text.endswith("unexpected EOF")


def test_a_protobuf_message_has_its_media_type(side):
    said = invoke(side["callee"], "callee", "json", b"\x08\x01", type_url="type.googleapis.com/x.Y").json()
    assert dict(said["headers"])["Content-Type"] == "application/x-protobuf"


# ---- gRPC applications ----

def test_a_grpc_application_is_called_and_answers(side, grpc_app):
    answer = invoke(side["gb"], "gb", "m/n", b"hi", query="x=1", content_type="text/plain",
                    metadata=[("x-my", "1"), ("x-b-bin", b"\1\xff")])
    assert answer.json() == {"app": "gb", "method": "m/n", "data": "hi", "content_type": "text/plain", "has_data": True,
                             "type_url": "", "verb": POST, "query": "x=1"}
    assert answer.content_type == "application/json"
    assert ("x-app", "gb") in answer.headers and ("x-app", "again") in answer.headers
    assert ("x-raw-bin", b"\x00\xff") in answer.headers and ("traceparent", NO_TRACE) in answer.headers
    assert ("x-end", "trailer") in answer.trailers and ("x-end-bin", b"\x01") in answer.trailers
    assert ("traceparent", NO_TRACE) in answer.trailers
    got = grpc_app.metadata_of(ON_INVOKE)
    assert ("x-my", "1") in got and ("x-b-bin", b"\1\xff") in got and ("dapr-api-token", "app-secret") in got
    assert dict(got)["traceparent"] == NO_TRACE


def test_only_calls_from_elsewhere_say_who_calls(caller, gb, grpc_app):
    invoke(gb, "gb", "m")
    own = dict(grpc_app.metadata_of(ON_INVOKE))
    assert not {"x-forwarded-for", "forwarded", "dapr-caller-app-id", "dapr-callee-app-id"} & set(own)
    invoke(caller, "gb", "m")
    got = dict(grpc_app.metadata_of(ON_INVOKE))
    assert (got["dapr-caller-app-id"], got["dapr-caller-namespace"], got["dapr-callee-app-id"]) == \
        ("caller", "default", "gb")
    assert got["x-forwarded-for"] and got["forwarded"].startswith("for=") and "destination-app-id" not in got


def test_the_method_arrives_as_it_was_said_but_clean(side):
    for said, heard in (("/m", "/m"), ("m", "m"), ("../x/../y", "y"), ("a//b/", "a/b"), ("", "")):
        assert invoke(side["gb"], "gb", said).json()["method"] == heard, said
    code, text, *_ = refused(side["gb"], "gb", "a#b")
    assert code == "INTERNAL" and 'invalid method: method contains forbidden character: "a#b"' in text


def test_no_data_and_no_extension_are_fine_for_a_grpc_application(side):
    said = invoke(side["gb"], "gb", "m", data=None, verb=None).json()
    assert (said["has_data"], said["verb"], said["data"]) == (True, None, "")


def test_a_status_of_a_grpc_application_passes(side):
    code, text, details, headers, trailers = refused(side["gb"], "gb", "fail")
    assert (code, text) == ("FAILED_PRECONDITION", "app says no")
    assert (details[0].reason, details[0].domain) == ("APP", "app")
    assert headers["x-app"] and headers["traceparent"] == NO_TRACE
    assert trailers["x-end"] == "trailer" and trailers["traceparent"] == NO_TRACE


@pytest.mark.parametrize("length", [439, 441, 10000])
def test_a_long_message_of_a_status_passes_whole(side, length):
    code, text, *_ = refused(side["gb"], "gb", "fail-long", str(length).encode())
    assert (code, text) == ("ABORTED", long_message(length))
    status, data, _ = side["gb"].request("POST", "/v1.0/invoke/gb/method/fail-long", str(length).encode())
    assert (status, json.loads(data)) == (409, {"code": 10, "message": long_message(length)})


def test_a_message_longer_than_headers_may_be_fails_the_call(side):
    code, *_ = refused(side["gb"], "gb", "fail-long", b"300000")
    assert code == "UNAVAILABLE"
    assert invoke(side["gb"], "gb", "m").json()["app"] == "gb"


def test_a_long_url_does_not_hide_why_a_call_failed(side):
    """The application closes the connection without an answer."""
    code, text, *_ = refused(side["callee"], "callee", "nothing/" + "x" * 5000, verb=GET)
    assert code == "INTERNAL" and text.endswith("x" * 5000 + '": EOF')
    status, data, _ = side["callee"].get("/v1.0/invoke/callee/method/nothing/" + "x" * 5000)
    assert status == 500 and json.loads(data)["message"].endswith("x" * 5000 + '": EOF')


def test_large_answers_up_to_the_limit(side):
    assert len(invoke(side["gb"], "gb", "size", b"4000000").data) == 4000000
    code, text, *_ = refused(side["gb"], "gb", "size", b"4194304")
    assert code == "RESOURCE_EXHAUSTED" and "larger than max" in text


def test_the_deadline_of_the_client_ends_the_call(side, grpc_app):
    grpc_app.cancelled.clear()
    began = time.monotonic()
    code, *_ = refused(side["gb"], "gb", "hang", timeout=0.5)
    assert code == "DEADLINE_EXCEEDED" and time.monotonic() - began < 5
    assert grpc_app.cancelled.wait(10), "the application was told"


# ---- HTTP clients of gRPC applications ----

def test_an_http_client_calls_a_grpc_application(side, grpc_app):
    status, data, headers = side["gb"].request("POST", "/v1.0/invoke/gb/method/m/n?x=1", b"hi",
                                               {"Content-Type": "text/plain", "X-My": "1", "Accept": "*/*"})
    assert status == 200
    assert json.loads(data) == {"app": "gb", "method": "m/n", "data": "hi", "content_type": "text/plain",
                                "has_data": True, "type_url": "", "verb": POST, "query": "x=1"}
    assert headers["Content-Type"] == "application/json"
    assert headers.get_all("X-App") == ["gb", "again"]
    assert not any(name.lower().endswith("-bin") or name.lower() == "x-end" for name in headers)
    got = dict(grpc_app.metadata_of(ON_INVOKE))
    assert (got["dapr-content-type"], got["dapr-content-length"], got["dapr-accept"]) == ("text/plain", "2", "*/*")
    assert got["x-my"] == "1" and "host" not in got and "dapr-host" not in got


def test_an_http_client_gets_a_grpc_status_as_json(side):
    status, data, headers = side["gb"].get("/v1.0/invoke/gb/method/fail")
    assert status == 400 and headers["Content-Type"] == "text/plain; charset=utf-8"
    assert json.loads(data) == {"code": 9, "message": "app says no", "details": [
        {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "APP", "domain": "app"}]}
    assert "X-App" not in headers


def test_a_long_body_is_one_message_to_a_grpc_application(side):
    body = b"q" * 3_000_000
    status, data, _ = side["gb"].request("POST", "/v1.0/invoke/gb/method/m", body)
    assert status == 200 and json.loads(data)["data"] == body.decode()
    status, data, headers = side["gb"].request("POST", "/v1.0/invoke/gb/method/size", b"3000000")
    assert status == 200 and len(data) == 3_000_000
    assert headers["Content-Length"] == "3000000"  # which a message always has


# ---- failures ----

@pytest.mark.parametrize("app_id, text", [
    ("", "app id is empty"), ("a.b.c", "invalid app id a.b.c"), ("nobody", "couldn't find service: nobody"),
    ("caller", "cannot invoke local endpoint: app channel not initialized")])
def test_who_cannot_be_called(caller, app_id, text):
    code, message, *_ = refused(caller, app_id, "m")
    assert code == "INTERNAL" and message.startswith(f"failed to invoke, id: {app_id}, err: {text}")


def test_an_application_that_is_gone(start, caller):
    """gRPC applications: an answer like any other. HTTP ones: no answer."""
    grpc_app, http_app = start(GrpcApp, "brief"), start(EchoApp, "brief")
    grpc_side = start(Sidecar, "brief-grpc", app_port=grpc_app.port, flags=["--app-protocol", "grpc"])
    http_side = start(Sidecar, "brief-http", app_port=http_app.port)
    grpc_app.close()
    http_app.close()
    for sidecar in caller, grpc_side:
        code, text, *_ = refused(sidecar, "brief-grpc", "m")
        assert code == "UNAVAILABLE" and "connection refused" in text
        status, data, _ = sidecar.get("/v1.0/invoke/brief-grpc/method/m")
        assert status == 503 and json.loads(data)["code"] == 14
    for sidecar in caller, http_side:
        code, text, *_ = refused(sidecar, "brief-http", "m")
        assert code == "INTERNAL" and "connection refused" in text


def test_a_sidecar_that_is_gone_costs_the_built_in_retries(start, caller):
    app = start(GrpcApp, "mortal")
    port = free_port()
    sidecar = start(Sidecar, "mortal", app_port=app.port, flags=["--app-protocol", "grpc", "--dapr-internal-grpc-port",
                                                                 str(port)])
    assert invoke(caller, "mortal", "m").json()["app"] == "mortal"
    sidecar.process.kill()
    sidecar.process.wait()
    code, text, *_ = refused(caller, "mortal", "m")
    assert code == "INTERNAL" and "mortal" in text


def test_one_at_a_time_when_the_sidecar_says_so(start, caller):
    app = start(GrpcApp, "narrow")
    sidecar = start(Sidecar, "narrow", app_port=app.port,
                    flags=["--app-protocol", "grpc", "--app-max-concurrency", "1"])
    app.cancelled.clear()
    with grpc.insecure_channel(f"127.0.0.1:{caller.grpc_port}") as channel:
        request = grpc_api.module("dapr/proto/runtime/v1/invoke").InvokeServiceRequest(id="narrow")
        request.message.method = "hang"
        rpc = channel.unary_unary("/dapr.proto.runtime.v1.Dapr/InvokeService")
        first = rpc.future(request.SerializeToString(), timeout=30)
        wait_until(lambda: any(path == ON_INVOKE for path, _ in app.calls), "the first call")
        assert refused(sidecar, "narrow", "m", timeout=0.5)[0] == "DEADLINE_EXCEEDED"
        assert sum(path == ON_INVOKE for path, _ in app.calls) == 1
        app.cancelled.set()
        first.result()
    assert invoke(caller, "narrow", "m").json()["app"] == "narrow"
