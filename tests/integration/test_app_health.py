# SPDX-License-Identifier: MIT
"""App health checks: subscriptions run while the application is well, and are read anew when it comes back."""
import json
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from sidecar import App, Sidecar, component, wait_until  # noqa: E402

FLAGS = ["--enable-app-health-check", "--app-health-check-path", "/ready", "--app-health-probe-interval", "1",
         "--app-health-probe-timeout", "400", "--app-health-threshold", "2"]


class SickApp(App):
    """Answers GET /ready with `health`."""

    def __init__(self, subscriptions):
        super().__init__(subscriptions)
        self.health = 200
        app, handler = self, self.server.RequestHandlerClass
        ask = handler.do_GET

        def do_get(request):
            if request.path == "/ready":
                request.reply(app.health, {})
            else:
                ask(request)
        handler.do_GET = do_get


def subscription(topic):
    return [{"pubsubname": "pubsub", "topic": topic, "route": "/" + topic}]


def topics(sidecar):
    return [s["topic"] for s in json.loads(sidecar.get("/v1.0/metadata")[1]).get("subscriptions", [])]


def test_subscriptions_follow_the_applications_health(tmp_path):
    folder = tmp_path / "resources"
    folder.mkdir()
    component(folder, kind="pubsub.sqlite", connectionString=str(tmp_path / "broker.db"))
    app = SickApp(subscription("a"))
    app.health = 503
    sidecar = Sidecar("app", folder, app.port, FLAGS)
    health = json.loads(sidecar.get("/v1.0/metadata")[1])["appConnectionProperties"]["health"]
    assert health == {"healthCheckPath": "/ready", "healthProbeInterval": "1s", "healthProbeTimeout": "400ms",
                      "healthThreshold": 2}
    assert sidecar.publish("pubsub", "a", 1)[0] == 204
    time.sleep(1.5)
    assert topics(sidecar) == [] and app.received == []
    app.health = 200
    wait_until(lambda: len(app.received) == 1, "the first message after the first healthy probe")
    assert topics(sidecar) == ["a"]
    app.health = 500
    wait_until(lambda: topics(sidecar) == [], "no subscriptions of an unhealthy application")
    assert any("App entered un-healthy status: Health check failed with status code: 500" in line
               for line in sidecar.log)
    assert sidecar.publish("pubsub", "a", 2)[0] == 204
    assert sidecar.publish("pubsub", "b", 3)[0] == 204
    app.subscriptions = subscription("b")
    app.health = 204
    wait_until(lambda: [e["data"] for e in app.events("/b")] == [3], "what it subscribes to now")
    assert topics(sidecar) == ["b"] and len(app.events("/a")) == 1
    assert sidecar.stop() == 0, "\n".join(sidecar.log)
    app.close()


def test_a_sidecar_of_an_unhealthy_application_ends_well(tmp_path):
    app = SickApp(subscription("a"))
    app.health = 500
    sidecar = Sidecar("app", component(tmp_path), app.port, FLAGS)
    assert sidecar.stop() == 0, "\n".join(sidecar.log)
    app.close()


def test_a_probe_longer_than_its_interval_is_refused():
    sidecar = Sidecar("app", flags=["--app-health-probe-timeout", "6000"], wait=False)
    assert sidecar.process.wait(10) == 1
    wait_until(lambda: any("'health-probe-timeout' must be smaller" in line for line in sidecar.log), "the reason")
