# SPDX-License-Identifier: MIT
"""Invocation by the official SDKs through two sidecars: Python and JavaScript call applications of theirs, over HTTP
and over gRPC, and an application without any SDK."""
import json
import os
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/support"))
from echo_app import EchoApp  # noqa: E402
from sidecar import Sidecar, free_port  # noqa: E402

APPS = pathlib.Path(__file__).parent / "apps"
SDKS = pathlib.Path(os.environ.get("SDK_FOLDER", ROOT / "build/sdk"))
VERSIONS = ["1.16.0", "newest"]
PROTOCOLS = ["http", "grpc"]
JS = {"SDK_MODULES": str(SDKS / "js")}


def python(version):
    return SDKS / f"python-{version}/bin/python"


@pytest.fixture
def plain_app(start):
    """An application without an SDK, over HTTP."""
    start(Sidecar, "plain", app_port=start(EchoApp).port)
    return "plain"


@pytest.fixture(params=VERSIONS)
def python_app(request, start, run):
    """Methods of dapr.ext.grpc."""
    port = free_port()
    run(python(request.param), APPS / "invoked.py", port)
    start(Sidecar, "python", app_port=port, flags=["--app-protocol", "grpc"])
    return "python"


@pytest.fixture(params=PROTOCOLS)
def js_app(request, start, run):
    """DaprServer.invoker. It asks its sidecar for its health before it listens: neither waits for the other."""
    port = free_port()
    sidecar = start(Sidecar, "js", app_port=port, flags=["--app-protocol", request.param], wait=False)
    own = sidecar.grpc_port if request.param == "grpc" else sidecar.port
    run("node", APPS / "invoked.mjs", request.param, port, own, env=JS).wait_for("listening")
    sidecar.wait_ready("/v1.0/healthz")
    return request.param


def answers(app, calls):
    app.wait_for("done")
    got = [json.loads(line) for line in app.said("{")]
    assert len(got) == len(calls), app.lines
    return got


@pytest.fixture
def from_python(start, run):
    def ask(version, protocol, *calls):
        caller = start(Sidecar, "caller")
        return answers(run(python(version), APPS / "invoke.py", json.dumps(calls),
                           env={"DAPR_HTTP_PORT": str(caller.port), "DAPR_GRPC_PORT": str(caller.grpc_port),
                                "DAPR_API_METHOD_INVOCATION_PROTOCOL": protocol}), calls)
    return ask


@pytest.fixture
def from_js(start, run):
    def ask(protocol, *calls):
        caller = start(Sidecar, "caller")
        port = caller.grpc_port if protocol == "grpc" else caller.port
        return answers(run("node", APPS / "invoke.mjs", protocol, port, json.dumps(calls), env=JS), calls)
    return ask


VERBS = ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]
JS_VERBS = VERBS[:5]  # HttpMethod has no more


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("version", VERSIONS)
def test_python_calls_an_application_over_http(version, protocol, from_python, plain_app):
    bodies = {verb: "" if verb == "GET" else "bob" for verb in VERBS}
    *got, created, missing, nobody = from_python(version, protocol, *[
        {"app": plain_app, "method": "json/a", "verb": verb, "body": body, "type": "text/plain",
         "query": [["a", "1"], ["b", "x y"]], "headers": {"x-mine": "1"}} for verb, body in bodies.items()],
        *[{"app": plain_app, "method": f"status/{status}", "verb": "POST"} for status in ("201", "404")],
        {"app": "nobody", "method": "m", "verb": "POST"})
    for answer, (verb, body) in zip(got, bodies.items()):
        assert answer["type"] == "application/json"
        said = json.loads(answer["body"])
        assert (said["method"], said["target"], said["body"]) == (verb, "/json/a?a=1&b=x+y", body)
        assert ["X-Mine", "1"] in said["headers"] and ["Dapr-Caller-App-Id", "caller"] in said["headers"]
    assert created["body"] == "body of 201"
    if protocol == "http":
        assert (got[0]["status"], got[0]["headers"]["X-App"], created["status"]) == (200, ["one", "two"], 201)
        assert missing["text"] == "HTTP status code: 404"
        assert nobody == {"refused": "ERR_DIRECT_INVOKE",
                          "text": "failed to invoke, id: nobody, err: couldn't find service: nobody"}
    else:
        assert got[0]["headers"]["x-app"] == ["one", "two"] and created["headers"]["dapr-http-status"] == ["201"]
        assert missing == {"refused": "NOT_FOUND", "text": "Not Found"}
        assert nobody == {"refused": "INTERNAL",
                          "text": "failed to invoke, id: nobody, err: couldn't find service: nobody"}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_python_calls_methods_of_python(protocol, from_python, python_app):
    calls = {"echo": {"body": "bob", "type": "text/plain", "headers": {"x-mine": "1"}}, "text": {"body": "bob"},
             "message": {"message": "bob"}, "break": {}, "nothing": {}}
    echo, text, message, broken, missing = from_python(
        "newest", protocol, *[{"app": python_app, "method": name, "verb": "POST", **call} for name, call in calls.items()])
    assert json.loads(echo["body"]) == {"body": "bob", "type": "text/plain", "mine": ["1"]}
    assert echo["type"] == "application/json" and echo["headers"]["X-App" if protocol == "http" else "x-app"] == ["one"]
    assert text["body"] == '"bob!"'
    said = "Exception calling application: "
    assert broken == {"refused": "UNKNOWN", "text": said + "out of order"}
    if protocol == "http":  # the SDK sends a message as bytes; a status text may end in a space
        assert message == {"refused": "UNKNOWN", "text": said + "invalid type. serialized message type: "}
        assert missing == {"refused": "UNKNOWN", "text": said + "nothing method not implemented!"}
    else:
        assert message["message"] == "bob!"
        assert missing == {"refused": "UNIMPLEMENTED", "text": said + "nothing method not implemented!"}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("version", VERSIONS)
def test_python_calls_methods_of_javascript(version, protocol, from_python, js_app):
    got = from_python(version, protocol, *[
        {"app": "js", "method": "echo", "verb": verb, "body": "" if verb == "GET" else '{"n":1}', "query": [["a", "1"]],
         "type": "application/json"} for verb in JS_VERBS])
    nothing, query = ("{}", "/echo?a=1") if js_app == "http" else ("", "a=1")  # express makes an object of no body
    assert [json.loads(answer["body"]) for answer in got] == [
        {"verb": verb.lower(), "body": nothing if verb == "GET" else '{"n":1}', "query": query, "type": "application/json"}
        for verb in JS_VERBS]


def js_calls(app):
    """Every verb, and every kind of body."""
    bodies = {"GET": {}, **{verb: {"body": {"n": 1}} for verb in JS_VERBS[1:]}}
    return [{"app": app, "method": "echo", "verb": verb.lower(), **body} for verb, body in bodies.items()] + [
        {"app": app, "method": "echo", "verb": "post", **body}
        for body in ({"body": "text", "headers": {"x-mine": "1"}}, {"body": [1, 2]}, {"bytes": [97, 0, 98]})]


# What arrives of these calls: the body and its type. The gRPC client sends an object where there is no body.
JS_GOT = [*[('{"n":1}', "application/json")] * 4, ("text", "text/plain"), ("[1,2]", "application/json"),
          ("a\0b", "application/octet-stream")]
JS_FIRST = {"http": "", "grpc": "{}"}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_javascript_calls_an_application_over_http(protocol, from_js, plain_app):
    *got, missing, nobody = from_js(protocol, *js_calls(plain_app), {"app": plain_app, "method": "status/404"},
                                    {"app": "nobody", "method": "m"})
    said = [answer["body"] for answer in got]
    assert [one["method"] for one in said] == [*JS_VERBS, "POST", "POST", "POST"]
    assert {one["target"] for one in said} == {"/echo"}
    headers = [dict(one["headers"]) for one in said]
    assert said[0]["body"] == JS_FIRST[protocol]
    assert [(one["body"], h["Content-Type"]) for one, h in zip(said[1:], headers[1:])] == JS_GOT
    if protocol == "http":  # over gRPC the SDK ignores its options
        assert headers[5]["X-Mine"] == "1"
        assert json.loads(missing["refused"]) == {"error": "Not Found", "error_msg": "body of 404", "status": 404}
    else:
        assert missing["refused"] == "[not_found] Not Found"
    assert "failed to invoke, id: nobody, err: couldn't find service: nobody" in nobody["refused"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_javascript_calls_methods_of_python(protocol, from_js, python_app):
    *got, text, broken, missing = from_js(
        protocol, *js_calls(python_app),
        *[{"app": python_app, "method": method, "verb": "post", "body": "x"} for method in ("text", "break", "nothing")])
    said = [answer["body"] for answer in got]
    assert said[0]["body"] == JS_FIRST[protocol]
    assert [(one["body"], one["type"]) for one in said[1:]] == JS_GOT
    assert said[5]["mine"] == (["1"] if protocol == "http" else None)
    assert text == {"body": "x!"}
    assert "Exception calling application: out of order" in broken["refused"]
    assert "Exception calling application: nothing method not implemented!" in missing["refused"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_javascript_calls_methods_of_javascript(protocol, from_js, js_app):
    got = from_js(protocol, *js_calls("js")[:6])
    assert [answer["body"]["verb"] for answer in got] == [*map(str.lower, JS_VERBS), "post"]
    text = '"text"' if js_app == "http" else "text"  # the SDK's HTTP server writes what it parsed as JSON
    assert [(answer["body"]["body"], answer["body"]["type"]) for answer in got[1:]] == [
        *JS_GOT[:4], (text, "text/plain")]
