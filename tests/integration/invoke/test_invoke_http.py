# SPDX-License-Identifier: MIT
"""Service invocation over HTTP through two sidecars: who is meant, what passes, what comes back."""
import base64
import json
import socket
import time

import pytest

from sidecar import Sidecar, free_port, wait_until

PREFIX = "/v1.0/invoke/callee/method/"


def raw(port, text, wait_for=None, timeout=10):
    """What comes back on a connection of its own, up to its end or `wait_for`."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as connection:
        connection.sendall(text if isinstance(text, bytes) else text.encode("latin-1"))
        heard = b""
        while not (wait_for and wait_for in heard):
            part = connection.recv(65536)
            if not part:
                break
            heard += part
        return heard


def call(sidecar, method="GET", path="json", body=b"", headers=None):
    status, data, _ = sidecar.request(method, PREFIX + path, body, headers)
    assert status == 200, data
    return json.loads(data)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_every_verb_passes_with_its_body(caller, method):
    said = call(caller, method, "json/a?x=1&y=%20", b"some body", {"Content-Type": "text/x"})
    assert (said["method"], said["target"], said["body"]) == (method, "/json/a?x=1&y=%20", "some body")
    headers = dict(said["headers"])
    assert headers["Content-Type"] == "text/x"
    assert headers["Content-Length"] == "9"


def test_trace_passes_and_unknown_verbs_become_post(caller):
    for method, want in (("TRACE", b"TRACE"), ("PROPFIND", b"POST"), ("BREW", b"POST")):
        heard = raw(caller.port, f"{method} {PREFIX}json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert b'"method": "' + want in heard


def test_empty_bodies_are_framed_as_dapr_does(caller):
    for method, framing in (("GET", None), ("DELETE", None), ("OPTIONS", None), ("POST", "chunked"), ("PUT", "chunked"),
                            ("PATCH", "chunked")):
        headers = dict(call(caller, method)["headers"])
        assert headers.get("Transfer-Encoding") == framing, method
        assert "Content-Length" not in headers, method


def test_head_has_headers_and_no_body(caller):
    status, data, headers = caller.request("HEAD", PREFIX + "json")
    assert (status, data) == (200, b"")
    assert headers["X-App"] == "one"
    assert "Content-Length" not in headers


@pytest.mark.parametrize("path, want", [
    ("a/", "/a"), ("a//b", "/a/b"), ("a/../b", "/b"), ("../a", "/a"), (".", "/"), ("%2F", "/"), ("a%2Fb", "/a/b"),
    ("a%252Fb", "/a%2Fb"), ("a%20b", "/a%20b"), ("a+b", "/a+b"), ("%C3%BC", "/%C3%BC"), ("a%7Cb", "/a%7Cb"),
    ("a%5Cb", "/a%5Cb"), ("a;b=1", "/a;b=1"), ("%2e%2e/b", "/b"), ("a?", "/a"), ("?q=1", "/?q=1"),
    ("x/method/y", "/x/method/y"), ("", "/"),
])
def test_paths_arrive_as_dapr_sends_them(caller, path, want):
    assert call(caller, path=path)["target"] == want


@pytest.mark.parametrize("path, error", [
    ("a%3Fb", 'invalid method: method contains forbidden character: \\"a?b\\"'),
    ("a%23b", 'invalid method: method contains forbidden character: \\"a#b\\"'),
    ("a%00b", "invalid method: method contains forbidden character"),
    ("a%01b", "invalid method: method contains control character at position 1"),
    ("a%25b", "invalid URL escape"),
])
def test_methods_that_no_path_can_hold_are_refused(caller, path, error):
    status, data, _ = caller.get(PREFIX + path)
    assert status == 500
    assert b'"errorCode":"ERR_DIRECT_INVOKE"' in data and error.encode() in data


def test_the_id_may_be_in_a_header_or_in_basic_authentication(caller):
    basic = base64.b64encode(b"Dapr-App-Id:callee").decode()
    for headers in ({"dapr-app-id": "callee"}, {"Authorization": "Basic " + basic}):
        status, data, _ = caller.request("POST", "/orders//new/?a=b", b"x", headers)
        assert status == 200
        said = json.loads(data)
        assert said["target"] == "/orders/new?a=b"
        assert "Dapr-App-Id" not in dict(said["headers"])
        assert ("Authorization" in dict(said["headers"])) == ("Authorization" in headers)
    status, data, _ = caller.request("GET", "/v1.0/invoke/a/method/b", headers={"dapr-app-id": "callee"})
    assert json.loads(data)["target"] == "/v1.0/invoke/a/method/b"
    assert caller.request("GET", "/v1.0/healthz", headers={"dapr-app-id": "callee"})[0] == 204


def test_slashes_around_invoke_do_not_matter(caller):
    assert caller.get("//v1.0//invoke//callee/method/json")[0] == 200
    assert b"id: callee/" in caller.get("/v1.0/invoke/callee//method/json")[1]


def test_namespaces_are_part_of_the_id(caller):
    assert caller.get("/v1.0/invoke/callee.default/method/json")[0] == 200
    status, data, _ = caller.get("/v1.0/invoke/callee.other/method/json")
    assert (status, json.loads(data)["message"]) == (
        500, "failed to invoke, id: callee.other, err: couldn't find service: callee")
    status, data, _ = caller.get("/v1.0/invoke/a.b.c/method/json")
    assert json.loads(data)["message"] == "failed to invoke, id: a.b.c, err: invalid app id a.b.c"


def test_nobody_meant_is_404_and_nobody_there_is_500(caller):
    for path in ("/nothing", "/v1.0/invoke/callee", "/v1.0/invoke//method/x"):
        status, data, _ = caller.get(path)
        assert (status, json.loads(data)) == (404, {
            "errorCode": "ERR_DIRECT_INVOKE",
            "message": "failed getting app id either from the URL path or the header dapr-app-id"})
    status, data, _ = caller.get("/v1.0/invoke/nobody/method/x")
    assert (status, json.loads(data)["message"]) == (
        500, "failed to invoke, id: nobody, err: couldn't find service: nobody")


def test_request_headers_pass_but_for_those_of_the_connection(caller):
    said = raw(caller.port, f"GET {PREFIX}json HTTP/1.1\r\nHost: x\r\nX-Two: 1\r\nx-two: 2\r\nX_Under: u\r\n"
               "Keep-Alive: 5\r\nProxy-Authorization: p\r\nTE: trailers\r\nUpgrade: foo\r\nTrailer: t\r\n"
               "Connection: close, X-Named\r\nX-Named: n\r\nx-raw-bin: AAAA\r\ngrpc-timeout: 1S\r\n"
               "destination-app-id: d\r\nAccept-Encoding: br\r\nUser-Agent: me\r\ndapr-api-token: t\r\n\r\n")
    headers = json.loads(said[said.index(b"{"):said.rindex(b"}") + 1])["headers"]
    names = [name for name, _ in headers]
    assert [value for name, value in headers if name == "X-Two"] == ["1", "2"]
    for name in ("Keep-Alive", "Proxy-Authorization", "Te", "Upgrade", "Trailer", "Connection", "X-Named", "X-Raw-Bin",
                 "Grpc-Timeout", "Destination-App-Id"):
        assert name not in names, name
    want = {"X_under": "u", "Dapr-Grpc-Timeout": "1S", "User-Agent": "me", "Accept-Encoding": "br",
            "Dapr-Caller-App-Id": "caller", "Dapr-Caller-Namespace": "default", "Dapr-Callee-App-Id": "callee",
            "Dapr-Api-Token": "app-secret", "Traceparent": "00-" + "0" * 32 + "-" + "0" * 16 + "-00"}
    for name, value in want.items():
        assert [name, value] in headers, name
    assert any(name == "Forwarded" and value.startswith("for=") for name, value in headers)
    assert {"X-Forwarded-For", "X-Forwarded-Host"} <= set(names)


def test_a_trace_reaches_the_application(caller):
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    said = call(caller, headers={"traceparent": parent, "tracestate": "a=b", "baggage": "k=v"})
    headers = dict(said["headers"])
    assert (headers["Traceparent"], headers["Tracestate"], headers["Baggage"]) == (parent, "a=b", "k=v")


def test_answer_headers_come_back(caller):
    heard = raw(caller.port, f"GET {PREFIX}json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    head = heard.partition(b"\r\n\r\n")[0]
    for line in (b"X-App: one", b"X-App: two", b"Set-Cookie: a=1", b"Set-Cookie: b=2", b"Server: echo",
                 b"Content-Type: application/json", b"Traceparent: 00-0"):
        assert line in head, line
    assert b"Keep-Alive" not in head


def test_statuses_come_back_with_their_bodies(caller):
    for status in (200, 201, 302, 303):
        got, data, headers = caller.get(f"{PREFIX}status/{status}?type")
        assert (got, data) == (status, f"body of {status}".encode())
        assert headers["Location"] == "/elsewhere"
    for status in (400, 404, 500, 503):
        got, data, headers = caller.get(f"{PREFIX}status/{status}?type")
        assert (got, data, headers["Content-Type"]) == (status, f"body of {status}".encode(), "text/plain")
        assert headers["Content-Length"] == "11"
    assert caller.get(PREFIX + "status/404")[2]["Content-Type"] == "application/json"
    for status in (204, 304):
        got, data, headers = caller.get(f"{PREFIX}status/{status}")
        assert (got, data, headers["X-App"]) == (status, b"", "one")
        assert headers["Transfer-Encoding"] is None
    assert raw(caller.port, f"GET {PREFIX}status/599 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").startswith(
        b"HTTP/1.1 599 status code 599\r\n")
    assert caller.get(PREFIX + "interim")[:2] == (200, b"final")


def test_the_own_application_is_called_without_the_callers_headers(callee):
    said = call(callee, "POST", "json", b"x", {"dapr-caller-app-id": "forged"})
    headers = dict(said["headers"])
    assert headers["Dapr-Caller-App-Id"] == "forged"
    assert "Dapr-Callee-App-Id" not in headers and "X-Forwarded-For" not in headers
    assert headers["Dapr-Api-Token"] == "app-secret"


def test_expect_continue_is_answered(caller):
    with socket.create_connection(("127.0.0.1", caller.port), timeout=10) as connection:
        connection.sendall(f"POST {PREFIX}json HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nConnection: close\r\n"
                           "Expect: 100-continue\r\n\r\n".encode())
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"abc")
        heard = b""
        while part := connection.recv(65536):
            heard += part
    assert b'"body": "abc"' in heard


def test_large_headers_pass_up_to_the_limit(caller):
    said = call(caller, headers={"X-Large": "x" * 7000})
    assert dict(said["headers"])["X-Large"] == "x" * 7000
    assert raw(caller.port, f"GET {PREFIX}json HTTP/1.1\r\nHost: x\r\nX-Large: {'x' * 9000}\r\n\r\n").startswith(
        b"HTTP/1.1 431 ")
    status, _, headers = caller.get(PREFIX + "big-header/30000")
    assert (status, len(headers["X-Big"])) == (200, 30000)


def test_text_that_is_no_utf8_is_refused(caller):
    heard = raw(caller.port, f"GET {PREFIX}json HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Raw: \xff\xfe\r\n\r\n")
    assert heard.startswith(b"HTTP/1.1 500 ")
    assert b"string field contains invalid UTF-8" in heard


def test_http2_callers_are_served_too(caller):
    from subprocess import run
    got = run(["curl", "-s", "-i", "--http2-prior-knowledge", "-d", "over two",
               f"http://127.0.0.1:{caller.port}{PREFIX}json"], capture_output=True, timeout=20, check=True).stdout
    head, _, body = got.partition(b"\r\n\r\n")
    assert json.loads(body)["body"] == "over two"
    assert b"content-length: %d\r\n" % len(body) in head and b"transfer-encoding" not in head


def test_an_application_that_is_down_or_talks_nonsense_is_told_so(caller, app):
    text = "failed to invoke, id: callee, err: rpc error: code = Internal desc = error invoking app channel: "
    for path, want in (("nothing", ": EOF"),
                       ("garbage", ": net/http: HTTP/1.x transport connection broken: malformed HTTP response "
                                   '"garbage"')):
        status, data, _ = caller.request("POST", f"{PREFIX}{path}?a=1", b"x")
        assert (status, json.loads(data)["message"]) == (
            500, f'{text}Post "http://127.0.0.1:{app.port}/{path}?a=1"{want}')


def test_an_application_that_does_not_listen():
    port = free_port()
    sidecar = Sidecar("down", app_port=port, wait=False)
    other = Sidecar("caller-of-down")
    try:
        sidecar.wait_ready("/v1.0/healthz/outbound")
        refused = f'Get "http://127.0.0.1:{port}/x": dial tcp 127.0.0.1:{port}: connect: connection refused'
        for asked, text in ((other, "rpc error: code = Internal desc = error invoking app channel: "), (sidecar, "")):
            status, data, _ = asked.get("/v1.0/invoke/down/method/x")
            assert (status, json.loads(data)["message"]) == (500, f"failed to invoke, id: down, err: {text}{refused}")
    finally:
        sidecar.stop()
        other.stop()


def test_a_sidecar_without_an_application(caller):
    other = Sidecar("other")
    try:
        for asked, text in ((other, "rpc error: code = Internal desc = app channel is not initialized"),
                            (caller, "cannot invoke local endpoint: app channel not initialized")):
            status, data, _ = asked.get("/v1.0/invoke/caller/method/x")
            assert (status, json.loads(data)["message"]) == (500, "failed to invoke, id: caller, err: " + text)
    finally:
        assert other.stop() == 0


def test_a_caller_that_goes_away_is_gone_for_the_application_too(caller, app):
    app.hung_up.clear()
    app.go_on.clear()
    with socket.create_connection(("127.0.0.1", caller.port)) as connection:
        connection.sendall(f"GET {PREFIX}hang HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        wait_until(lambda: any(target == "/hang" for _, target, _ in app.requests), "the application is asked")
    wait_until(app.hung_up.is_set, "the application hears of it")


def test_the_api_token_is_asked_for_and_not_passed_on(app):
    token = Sidecar("with-token", app_port=app.port, env={"DAPR_API_TOKEN": "secret"}, wait=False)
    try:
        token.wait_ready("/v1.0/healthz")
        path = "/v1.0/invoke/with-token/method/json"
        assert token.get(path)[:2] == (401, b"invalid api token\n")
        heard = raw(token.port, f"POST {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
                    b"invalid api token")
        assert heard.startswith(b"HTTP/1.1 401 ")
        status, data, _ = token.request("GET", path, headers={"dapr-api-token": "secret"})
        assert status == 200
        assert "Dapr-Api-Token" not in dict(json.loads(data)["headers"])
    finally:
        assert token.stop() == 0


def test_at_most_so_many_calls_at_a_time(app):
    narrow = Sidecar("narrow", app_port=app.port, flags=["--app-max-concurrency", "2"])
    try:
        import threading
        app.most_running = 0
        statuses = []
        threads = [threading.Thread(target=lambda: statuses.append(narrow.get("/v1.0/invoke/narrow/method/slow")[0]))
                   for _ in range(8)]
        start = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert statuses == [200] * 8
        assert app.most_running == 2
        assert time.monotonic() - start >= 0.75
    finally:
        assert narrow.stop() == 0


def test_access_control_without_identities_is_the_global_action(app, tmp_path):
    (tmp_path / "config.yaml").write_text("apiVersion: dapr.io/v1alpha1\nkind: Configuration\nmetadata:\n  name: c\n"
                                          "spec:\n  accessControl:\n    defaultAction: deny\n    policies:\n    - appId: a\n"
                                          "      namespace: default\n      trustDomain: public\n"
                                          "      defaultAction: allow\n")
    closed = Sidecar("closed", app_port=app.port, flags=["--config", str(tmp_path / "config.yaml")])
    other = Sidecar("caller-of-closed")
    try:
        status, data, _ = other.request("POST", "/v1.0/invoke/closed/method/a/b", b"")
        assert (status, json.loads(data)["message"]) == (
            403, "failed to invoke, id: closed, err: rpc error: code = PermissionDenied desc = access control policy "
                 "has denied access to id:  operation: a/b verb: POST")
        assert any("the defaultAction 'deny' counts for every caller" in line for line in closed.log)
        assert closed.get("/v1.0/invoke/closed/method/json")[0] == 200  # the own application is never asked about
    finally:
        assert closed.stop() == 0
        assert other.stop() == 0
