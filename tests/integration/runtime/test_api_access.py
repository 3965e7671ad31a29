# SPDX-License-Identifier: MIT
"""Who may call what: access lists of the API, tokens, CORS."""
import contextlib
import http.client
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
from grpc_api import DAPR, Failure, ask, call_bytes  # noqa: E402
from sidecar import Sidecar, component  # noqa: E402

NO_ID = "failed getting app id either from the URL path or the header dapr-app-id"


@contextlib.contextmanager
def running(tmp_path, rules="", flags=(), env=None):
    """A sidecar with a pub/sub component and `spec.api` as given."""
    if rules:
        (tmp_path / "config.yaml").write_text(f"kind: Configuration\nspec:\n  api:\n{rules}")
        flags = [*flags, "--config", str(tmp_path / "config.yaml")]
    folder = tmp_path / "resources"
    folder.mkdir(exist_ok=True)
    sidecar = Sidecar("orders", component(folder), flags=flags, env=env)
    try:
        yield sidecar
    finally:
        assert sidecar.stop() == 0


def refusal(sidecar, path, metadata=()):
    """What a call of gRPC is refused with."""
    with pytest.raises(Failure) as refused:
        call_bytes(sidecar.grpc_port, path, metadata=metadata)
    return refused.value


def explained(refused):
    (detail,) = refused.details
    return dict(detail.metadata)


def headers_of(sidecar, method, path, headers):
    """Status and every header line; `vary` may come more than once."""
    connection = http.client.HTTPConnection("127.0.0.1", sidecar.port, timeout=20)
    connection.request(method, path, None, headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, answer.getheaders()


def test_an_allow_list_leaves_one_group_and_health(tmp_path):
    with running(tmp_path, "    allowed: [{name: publish, version: v1, protocol: http}]\n") as sidecar:
        assert sidecar.publish("pubsub", "t", {})[0] == 204
        status, body, headers = sidecar.get("/v1.0/metadata")
        assert (status, body) == (404, b"404 page not found\n")
        assert headers["Content-Type"] == "text/plain; charset=utf-8"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Traceparent"].startswith("00-0000")
        assert sidecar.request("POST", "/v1.0/state/s", b"[]")[:2] == (404, b"404 page not found\n")
        status, body, headers = sidecar.get("/v1.0/publish/pubsub/t")
        assert (status, body, headers.get_all("Allow")) == (405, b"", ["POST", "PUT"])
        assert sidecar.get("/v1.0/healthz")[0] == 204
        assert ask(sidecar.grpc_port, "GetMetadata")["id"] == "orders"


def test_a_denied_route_is_no_route(tmp_path):
    with running(tmp_path, "    denied: [{name: metadata, version: v1.0, protocol: HTTP}]\n") as sidecar:
        status, body, _ = sidecar.get("/v1.0/metadata")
        assert status == 404 and NO_ID in body.decode()
        assert sidecar.request("PUT", "/v1.0/metadata/k", b"v")[0] == 404
        assert sidecar.publish("pubsub", "t", {})[0] == 204


def test_grpc_lists_concern_daprs_own_calls(tmp_path):
    rules = "    allowed: [{name: publish, version: v1, protocol: grpc}]\n"
    with running(tmp_path, rules, env={"DAPR_API_TOKEN": "secret"}) as sidecar:
        token = [("dapr-api-token", "secret")]
        ask(sidecar.grpc_port, "PublishEvent", {"pubsubName": "pubsub", "topic": "t"}, token)
        for method in "GetMetadata", "SaveState", "NoSuchMethod", "SubscribeTopicEventsAlpha1":
            refused = refusal(sidecar, DAPR + method)  # the list is asked before the token
            assert (refused.code, refused.text) == ("UNIMPLEMENTED", "Not Implemented")
            assert explained(refused) == {"http.code": "501", "http.error_message": "requested endpoint is not available"}
        proxied = refusal(sidecar, "/my.Service/Call", token)
        assert (proxied.code, proxied.text) == (
            "UNKNOWN", "cannot proxy request: missing dapr-callee-app-id or dapr-app-id metadata")
        assert sidecar.request("GET", "/v1.0/metadata", headers={"dapr-api-token": "secret"})[0] == 200


def test_the_token_is_asked_everywhere_but_for_health(tmp_path):
    with running(tmp_path, env={"DAPR_API_TOKEN": "secret"}) as sidecar:
        for method, path in ("GET", "/v1.0/metadata"), ("OPTIONS", "/v1.0/metadata"), ("GET", "/nowhere"), \
                ("POST", "/v1.0/healthz"), ("POST", "/v1.0/shutdown"):
            status, body, headers = sidecar.request(method, path)
            assert (status, body) == (401, b"invalid api token\n"), path
            assert headers["Content-Type"] == "text/plain; charset=utf-8"
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["Content-Length"] == "18"
        for wrong in {"dapr-api-token": "secreT"}, {"dapr-api-token": "secret "[:-2]}, \
                {"Authorization": "Bearer secret"}, {"dapr-api-token": ""}:
            assert sidecar.request("GET", "/v1.0/metadata", headers=wrong)[0] == 401
        assert sidecar.get("/v1.0/healthz/")[0] == 204
        assert sidecar.get("/v1.0/healthz/outbound")[0] == 204
        assert sidecar.request("GET", "/v1.0/metadata", headers={"dapr-api-token": "secret"})[0] == 200
        missing = refusal(sidecar, DAPR + "GetMetadata")
        assert (missing.code, missing.text) == ("UNAUTHENTICATED", "Unauthorized")
        assert explained(missing)["http.error_message"] == "missing api token in request metadata"
        wrong = refusal(sidecar, "/my.Service/Call", [("dapr-api-token", "x")])
        assert wrong.code == "UNAUTHENTICATED"
        assert explained(wrong)["http.error_message"] == "authentication error: api token mismatch"


def preflight(sidecar, origin, method="POST", names=None):
    headers = {"Origin": origin, "Access-Control-Request-Method": method}
    if names:
        headers["Access-Control-Request-Headers"] = names
    return headers_of(sidecar, "OPTIONS", "/v1.0/publish/pubsub/t", headers)


def cors(lines):
    return sorted((k, v) for k, v in lines if k.startswith("Access-Control") or k == "Vary")


VARY = [("Vary", "Access-Control-Request-Headers"), ("Vary", "Access-Control-Request-Method"), ("Vary", "Origin")]


def test_cors_is_off_without_origins(tmp_path):
    with running(tmp_path) as sidecar:
        status, lines = preflight(sidecar, "http://a")
        assert status == 404 and cors(lines) == []
        assert cors(headers_of(sidecar, "GET", "/v1.0/metadata", {"Origin": "http://a"})[1]) == []


def test_every_origin(tmp_path):
    with running(tmp_path, flags=["--allowed-origins", "*"], env={"DAPR_API_TOKEN": "secret"}) as sidecar:
        status, lines = preflight(sidecar, "http://a", names="x-a, content-type,dapr-api-token")
        assert status == 200 and dict(lines)["Content-Length"] == "0"
        assert cors(lines) == [("Access-Control-Allow-Headers", "X-A, Content-Type, Dapr-Api-Token"),
                               ("Access-Control-Allow-Methods", "POST"), ("Access-Control-Allow-Origin", "*"), *VARY]
        status, lines = preflight(sidecar, "http://a", "TRACE")
        assert status == 200 and cors(lines) == VARY
        status, lines = headers_of(sidecar, "GET", "/v1.0/metadata", {"Origin": "http://a"})
        assert status == 401
        assert cors(lines) == [("Access-Control-Allow-Origin", "*"), ("Vary", "Origin")]
        assert cors(headers_of(sidecar, "GET", "/v1.0/healthz", {})[1]) == [("Vary", "Origin")]
        # without the method asked for, OPTIONS is a request like others
        assert headers_of(sidecar, "OPTIONS", "/v1.0/metadata", {"Origin": "http://a"})[0] == 401


def test_some_origins(tmp_path):
    with running(tmp_path, flags=["--allowed-origins", "http://a:1, https://*.b.com"]) as sidecar:
        for origin in "http://a:1", "HTTP://A:1", "https://x.b.com", "https://.b.com":
            assert ("Access-Control-Allow-Origin", origin) in preflight(sidecar, origin)[1]
        for origin in "http://a", "http://a:12", "https://b.com", "https://x.b.com.c", "null":
            status, lines = preflight(sidecar, origin)
            assert status == 200 and cors(lines) == VARY
        status, lines = headers_of(sidecar, "GET", "/v1.0/metadata", {"Origin": "http://evil"})
        assert status == 200 and cors(lines) == [("Vary", "Origin")]
