# SPDX-License-Identifier: MIT
"""What the sidecar asks the application at start, and what it tells about itself."""
import json
import pathlib
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
from grpc_api import Api, module  # noqa: E402
from sidecar import App, Sidecar, component, sub, wait_until  # noqa: E402


class AskedApp(App):
    """Keeps the GET requests it got, with their headers, and answers /dapr/config as told."""

    def __init__(self, subscriptions, config):
        super().__init__(subscriptions)
        self.asked = []
        app, handler = self, self.server.RequestHandlerClass
        ask = handler.do_GET

        def do_get(request):
            app.asked.append((request.path, dict(request.headers)))
            if request.path != "/dapr/config":
                ask(request)
                return
            status, body = config() if callable(config) else config
            request.send_response(status)
            request.send_header("Content-Length", str(len(body)))
            request.end_headers()
            request.wfile.write(body)
        handler.do_GET = do_get


def messages(sidecar):
    return "\n".join(sidecar.log)


def run(tmp_path, config, flags=(), env=None):
    """The application and the log of a sidecar that started and ended well."""
    app = AskedApp([sub()], config)
    sidecar = Sidecar("orders", component(tmp_path), app.port, flags=flags, env=env)
    assert sidecar.publish("pubsub", "t", {})[0] == 204
    wait_until(lambda: app.received, "a delivery, whatever the configuration was")
    assert sidecar.stop() == 0
    app.close()
    return app, messages(sidecar)


def test_the_configuration_is_asked_before_the_subscriptions(tmp_path):
    app, log = run(tmp_path, (200, b"{}"), env={"APP_API_TOKEN": "secret"})
    assert [path for path, _ in app.asked] == ["/dapr/config", "/dapr/subscribe"]
    for _, headers in app.asked:
        assert headers["Dapr-App-Id"] == "orders"
        assert headers["Content-Type"] == "application/json"
        assert headers["User-Agent"] == "Go-http-client/1.1"
        assert headers["Dapr-Api-Token"] == "secret"
    assert "Application configuration loaded" in log


def test_what_counts_as_an_answer(tmp_path):
    for config, is_loaded in ((404, b"{}"), True), ((500, b"x"), True), ((200, b""), False), ((200, b"x"), False), \
            ((200, b"[]"), False):
        log = run(tmp_path, config)[1]
        assert ("Application configuration loaded" in log) == is_loaded, config


def test_actors_are_warned_about(tmp_path):
    log = run(tmp_path, (200, json.dumps({"entities": ["Cat", "Dog"], "actorIdleTimeout": "1h"}).encode()))[1]
    assert "the application hosts actors (Cat, Dog, in its answer to GET /dapr/config); actors are not implemented" in log
    assert "hosts actors" not in run(tmp_path, (200, b'{"entities": []}'))[1]


def test_questions_can_be_left_out(tmp_path):
    app = AskedApp([sub()], (200, b"{}"))
    sidecar = Sidecar("orders", component(tmp_path), app.port, flags=["--disable-init-endpoints", " config,SUBSCRIBE"])
    assert sidecar.stop() == 0
    app.close()
    assert app.asked == []
    assert "Skipping programmatic dapr configuration loading (see 'disable-init-endpoints' flag/annotation)" in \
        messages(sidecar)
    assert "Skipping programmatic subscription loading (see 'disable-init-endpoints' flag/annotation)" in messages(sidecar)


def test_an_end_while_the_application_thinks(tmp_path):
    hold = threading.Event()
    app = AskedApp([sub()], lambda: (hold.wait(20), (200, b"{}"))[1])
    sidecar = Sidecar("orders", component(tmp_path), app.port, wait=False)
    wait_until(lambda: app.asked, "asked")
    assert sidecar.get("/v1.0/healthz")[0] == 500  # not ready before the application has answered
    assert sidecar.stop() == 0
    hold.set()
    app.close()


SUBSCRIPTION = ("apiVersion: dapr.io/v1alpha1\nkind: Subscription\nmetadata: {name: s}\n"
                "spec: {pubsubname: pubsub, topic: declared, route: /d, metadata: {a: b}}\n")
ENDPOINT = ("apiVersion: dapr.io/v1alpha1\nkind: HTTPEndpoint\nmetadata: {name: github}\n"
            "spec: {baseUrl: https://api.github.com}\n")


def test_the_metadata_document(tmp_path):
    folder = component(tmp_path)
    (folder / "s.yaml").write_text(SUBSCRIPTION + "---\n" + ENDPOINT)
    (tmp_path / "config").write_text("spec: {features: [{name: X, enabled: true}, {name: HotReload, enabled: true}]}")
    app = AskedApp([sub("asked", deadLetterTopic="dead")], (200, b"{}"))
    app_health = app.server.RequestHandlerClass.do_GET

    def do_get(request):
        if request.path == "/healthz":
            request.reply(200, {})
        else:
            app_health(request)
    app.server.RequestHandlerClass.do_GET = do_get
    flags = ["--config", str(tmp_path / "config"), "--enable-app-health-check", "--app-max-concurrency", "3",
             "--app-health-probe-interval", "90", "--app-health-probe-timeout", "1500"]
    sidecar = Sidecar("orders", folder, app.port, flags=flags)
    wait_until(lambda: "app is subscribed" in messages(sidecar), "subscribed")
    assert sidecar.request("PUT", "/v1.0/metadata/my%20key", "<\u00e9>".encode() + b"\xff")[0] == 204
    assert sidecar.request("PUT", "/v1.0/metadata/daprRuntimeVersion", b"9")[0] == 204
    status, body, headers = sidecar.get("/v1.0/metadata")
    assert (status, headers["Content-Type"], body[-2:]) == (200, "application/json", b"}\n")
    document = json.loads(body)
    assert list(document) == ["id", "runtimeVersion", "enabledFeatures", "components", "extended", "subscriptions",
                              "httpEndpoints", "appConnectionProperties", "actorRuntime"]
    assert document == {
        "id": "orders", "runtimeVersion": document["runtimeVersion"], "enabledFeatures": ["X"],
        "components": [{"name": "pubsub", "type": "pubsub.in-memory", "version": "v1",
                        "capabilities": ["SUBSCRIBE_WILDCARDS"]}],
        "extended": {"daprRuntimeVersion": document["runtimeVersion"], "my key": "<\u00e9>\ufffd"},
        "subscriptions": [
            {"pubsubname": "pubsub", "topic": "declared", "metadata": {"a": "b"}, "rules": [{"path": "/d"}],
             "deadLetterTopic": "", "type": "DECLARATIVE"},
            {"pubsubname": "pubsub", "topic": "asked", "rules": [{"path": "/t"}], "deadLetterTopic": "dead",
             "type": "PROGRAMMATIC"}],
        "httpEndpoints": [{"name": "github"}],
        "appConnectionProperties": {
            "port": app.port, "protocol": "http", "channelAddress": "127.0.0.1", "maxConcurrency": 3,
            "health": {"healthCheckPath": "/healthz", "healthProbeInterval": "1m30s", "healthProbeTimeout": "1.5s",
                       "healthThreshold": 3}},
        "actorRuntime": {"runtimeStatus": "DISABLED", "hostReady": False, "placement": "placement: disconnected"}}
    assert b"\\u003c" in body  # as Go escapes it
    api, metadata = Api(sidecar.grpc_port), module("dapr/proto/runtime/v1/metadata")
    answer = api.call("GetMetadata", metadata.GetMetadataRequest(), metadata.GetMetadataResponse)
    api.close()
    assert answer.extended_metadata["my key"] == "<\u00e9>\ufffd"
    assert answer.id == "orders" and list(answer.enabled_features) == ["X"]
    assert [e.name for e in answer.http_endpoints] == ["github"]
    assert [s.topic for s in answer.subscriptions] == ["declared", "asked"]
    assert answer.app_connection_properties.health.health_probe_interval == "1m30s"
    assert sidecar.stop() == 0
    app.close()


def resident_kb(sidecar):
    status = pathlib.Path(f"/proc/{sidecar.process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0])


def test_values_that_are_replaced_leave_nothing_behind(tmp_path):
    sidecar = Sidecar("orders", env={"ASAN_OPTIONS": "quarantine_size_mb=1"})
    for n in range(100):
        assert sidecar.request("PUT", "/v1.0/metadata/k", b"%d" % n + b"x" * 500000)[0] == 204
        if n == 20:
            before = resident_kb(sidecar)
    assert resident_kb(sidecar) < before + 20000  # 40 MB were put
    assert json.loads(sidecar.get("/v1.0/metadata")[1])["extended"]["k"].startswith("99x")
    assert sidecar.request("PUT", "/v1.0/metadata/l", b"x" * 600000)[0] == 413
    assert sidecar.stop() == 0


def test_declarative_subscriptions_are_listed_without_an_application(tmp_path):
    folder = component(tmp_path)
    (folder / "s.yaml").write_text(SUBSCRIPTION)
    sidecar = Sidecar("orders", folder)
    assert [s["topic"] for s in json.loads(sidecar.get("/v1.0/metadata")[1])["subscriptions"]] == ["declared"]
    assert sidecar.stop() == 0


def test_health_may_ask_for_the_application(tmp_path):
    sidecar = Sidecar("orders")
    assert sidecar.get("/v1.0/healthz?appid=orders")[0] == 204
    for query in "appid=other", "appid=", "appid=Orders":
        status, body, headers = sidecar.get(f"/v1.0/healthz?{query}")
        assert (status, json.loads(body)) == (500, {"errorCode": "ERR_HEALTH_APPID_NOT_MATCH",
                                                    "message": "dapr app-id does not match"})
        assert headers["Traceparent"] is None
    assert sidecar.get("/v1.0/healthz?AppID=x")[0] == 204
    assert sidecar.get("/v1.0/healthz/outbound?appid=x")[0] == 204
    assert sidecar.stop() == 0
