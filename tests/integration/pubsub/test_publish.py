# SPDX-License-Identifier: MIT
"""Publish and deliver through the real binary: in-memory broker, HTTP application."""
import json
import signal
import sys
import pathlib
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
from sidecar import Pair, Sidecar, component, sub, wait_until  # noqa: E402


@pytest.fixture
def resources(tmp_path):
    return component(tmp_path)


def test_errors_are_daprs(resources):
    with Pair(resources, []) as (_, sidecar):
        status, body, headers = sidecar.publish("nope", "t", {})
        assert status == 404
        assert body == (b'{"errorCode":"ERR_PUBSUB_NOT_FOUND","message":"pubsub nope is not found","details":'
                        b'[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","domain":"dapr.io","metadata":{},'
                        b'"reason":"DAPR_PUBSUB_NOT_FOUND"}]}')
        assert headers["Content-Type"] == "application/json"
        assert sidecar.publish("pubsub", "t", b"x", query="?metadata.rawPayload=maybe")[0] == 400
        assert sidecar.publish("pubsub", "t", b"no", "application/cloudevents+json")[0] == 500
        assert sidecar.get("/v1.0/nothing")[0] == 404
        assert sidecar.get("/v1.0/actors/t/i/state/k")[0] == 501
        assert sidecar.publish("pubsub", "t", b"x" * 5000000)[0] == 413


def test_api_token_is_asked_for(resources):
    sidecar = Sidecar("a", resources, env={"DAPR_API_TOKEN": "secret"})
    assert sidecar.publish("pubsub", "t", 1)[:2] == (401, b"invalid api token\n")
    assert sidecar.request("POST", "/v1.0/publish/pubsub/t", b"1", {"dapr-api-token": "secret"})[0] == 204
    assert sidecar.stop(signal.SIGINT) == 0


def test_metadata_and_shutdown(resources):
    with Pair(resources, [sub()]) as (app, sidecar):
        sidecar.request("PUT", "/v1.0/metadata/cliPID", b"42")
        got = json.loads(sidecar.get("/v1.0/metadata")[1])
        assert got["id"] == "orders" and got["extended"]["cliPID"] == "42"
        assert got["components"] == [{"name": "pubsub", "type": "pubsub.in-memory", "version": "v1",
                                      "capabilities": ["SUBSCRIBE_WILDCARDS"]}]
        assert got["subscriptions"] == [{"pubsubname": "pubsub", "topic": "t", "rules": [{"path": "/t"}],
                                         "deadLetterTopic": "", "type": "PROGRAMMATIC"}]
        assert sidecar.request("POST", "/v1.0/shutdown")[0] == 204
        wait_until(lambda: sidecar.process.poll() is not None, "end")


def test_declarative_subscriptions_are_read(resources):
    (resources / "sub.yaml").write_text(
        "apiVersion: dapr.io/v2alpha1\nkind: Subscription\nmetadata:\n  name: s\nspec:\n  pubsubname: pubsub\n"
        "  topic: declared\n  routes:\n    default: /d\nscopes:\n- orders\n---\n"
        "apiVersion: dapr.io/v1alpha1\nkind: Subscription\nmetadata:\n  name: other\nspec:\n"
        "  pubsubname: pubsub\n  topic: declared1\n  route: /d1\nscopes:\n- somebody-else\n")
    with Pair(resources, []) as (app, sidecar):
        sidecar.publish("pubsub", "declared", 1)
        sidecar.publish("pubsub", "declared1", 1)
        wait_until(lambda: app.received, "delivery")
        time.sleep(0.2)
        assert [r[0] for r in app.received] == ["/d"]


def fails(resources, *flags, **kwargs):
    sidecar = Sidecar(kwargs.get("app_id", "a"), resources, flags=flags, wait=False)
    return sidecar.end(), "\n".join(sidecar.log)


def test_wrong_resources_are_fatal_and_named(tmp_path):
    assert fails(tmp_path / "nowhere")[0] == 1
    assert f"failed to load components: open {tmp_path}/nowhere: no such file or directory" in \
        fails(tmp_path / "nowhere")[1]
    (tmp_path / "a.yaml").write_text("kind: Component\napiVersion: dapr.io/v1alpha1\nmetadata:\n  name: x\nspec: {}\n")
    code, log = fails(tmp_path)
    assert code == 1 and "a.yaml:1: spec.type is missing" in log
    component(tmp_path, "a", "pubsub.nonsense")
    code, log = fails(tmp_path)
    assert code == 1 and "couldn't find message bus pubsub.nonsense/v1" in log
    component(tmp_path, "a")
    (tmp_path / "b.yaml").write_text((tmp_path / "a.yaml").read_text())
    code, log = fails(tmp_path)
    assert code == 1 and "duplicate definition of Component name a" in log


def test_a_port_in_use_is_named(resources):
    first = Sidecar("a", resources)
    code, log = fails(resources, "--dapr-http-port", str(first.port))
    assert code == 1 and "address already in use" in log
    assert first.stop() == 0


def test_wrong_flags_end_with_2(resources):
    code, log = fails(resources, "--no-such-flag")
    assert code == 2 and log.endswith("unknown flag: --no-such-flag")
    assert fails(resources, "--app-id", "")[0] == 1


def test_the_older_size_flags_count_unless_the_newer_is_given(resources):
    old = Sidecar("a", resources, flags=["--dapr-http-max-request-size", "1"])
    both = Sidecar("a", resources, flags=["--max-body-size", "3Mi", "--dapr-http-max-request-size", "1"])
    body = b'"' + b"x" * (2 << 20) + b'"'
    assert old.publish("pubsub", "t", body)[0] == 413
    assert both.publish("pubsub", "t", body)[0] == 204
    assert old.stop() == 0 and both.stop() == 0
