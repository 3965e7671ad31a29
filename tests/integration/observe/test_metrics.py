# SPDX-License-Identifier: MIT
"""The metrics page: names, labels and figures of what happened."""
import gzip
import http.client
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
from sidecar import Pair, Sidecar, component, free_port, sub, wait_until  # noqa: E402


def labels(**values):
    return "{" + ",".join(f'{k}="{v}"' for k, v in sorted(values.items())) + "}"


def configuration(folder, spec):
    path = folder / "config.yaml"
    path.write_text(f"apiVersion: dapr.io/v1alpha1\nkind: Configuration\nmetadata:\n  name: c\nspec:\n{spec}")
    return ["--config", str(path)]


def page(port, path="/", method="GET", headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request(method, path, headers=headers or {})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer, body


def test_every_path_and_verb_answers_the_page(tmp_path):
    port = free_port()
    with_page = Sidecar("a", component(tmp_path), flags=["--metrics-port", str(port)])
    for method, path in [("GET", "/"), ("GET", "/metrics"), ("POST", "/x/y"), ("PROPFIND", "/")]:
        answer, body = page(port, path, method)
        assert answer.status == 200
        assert answer.getheader("Content-Type") == "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"
        assert b"\nprocess_resident_memory_bytes " in body
    answer, body = page(port, headers={"Accept-Encoding": "br, gzip"})
    assert answer.getheader("Content-Encoding") == "gzip" and b"process_open_fds" in gzip.decompress(body)
    assert with_page.stop() == 0


def test_port_in_use_ends_the_start_and_the_page_can_be_off(tmp_path):
    port = free_port()
    component(tmp_path)
    first = Sidecar("a", tmp_path, flags=["--metrics-port", str(port)])
    second = Sidecar("a", tmp_path, flags=["--metrics-port", str(port)], wait=False)
    assert second.end() == 1
    assert (f"Fatal error from runtime: failed to listen on 127.0.0.1:{port}: listen tcp 127.0.0.1:{port}: "
            "bind: address already in use") in second.log[-1]
    off = Sidecar("a", tmp_path, flags=["--metrics-port", str(port), "--enable-metrics=false"])
    assert off.stop() == 0 and first.stop() == 0
    wrong = Sidecar("a", tmp_path, flags=["--metrics-port", "x"], wait=False)
    assert wrong.end() == 1 and "failed to parse metrics port: strconv.Atoi" in "\n".join(wrong.log)


def test_http_requests_components_and_publishes_are_counted(tmp_path):
    component(tmp_path)
    (tmp_path / "bad.yaml").write_text(
        "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata:\n  name: bad\nspec:\n  type: pubsub.nonsense\n"
        "  version: v1\n  ignoreErrors: true\n")
    one = Sidecar("a", tmp_path, env={"NAMESPACE": "ns"})
    for _ in range(3):
        assert one.publish("pubsub", "t", {"a": 1})[0] == 204
    assert one.request("PROPFIND", "/nowhere")[0] >= 400
    got = one.metrics()
    path = "/v1.0/publish/pubsub/t"
    assert got["dapr_http_server_request_count" + labels(app_id="a", method="POST", path=path, status="204")] == 3
    assert got["dapr_http_server_response_count" + labels(app_id="a", method="POST", path=path, status="204")] == 3
    assert any('method="UNKNOWN",path="/nowhere"' in name for name in got)
    assert got["dapr_http_server_request_bytes_sum" + labels(app_id="a")] >= 3 * len('{"a": 1}')
    egress = labels(app_id="a", component="pubsub", namespace="ns", success="true", topic="t")
    assert got["dapr_component_pubsub_egress_count" + egress] == 3
    assert got["dapr_component_pubsub_egress_latencies_count" + egress] == 3
    assert got["dapr_runtime_component_loaded" + labels(app_id="a")] == 1
    assert got["dapr_runtime_component_init_total" + labels(app_id="a", component="pubsub.in-memory")] == 1
    for reason in ("creation", "init"):
        assert got["dapr_runtime_component_init_fail_total" + labels(
            app_id="a", component="pubsub.nonsense", componentName="bad", reason=reason)] == 1
    assert one.stop() == 0


def test_deliveries_are_counted_by_what_became_of_them(tmp_path):
    answers = {"/ok": (200, {}), "/drop": (200, {"status": "DROP"}), "/gone": (404, {}), "/bad": (500, {})}
    subscriptions = [sub("ok", "/ok"), sub("drop", "/drop"), sub("gone", "/gone"),
                     sub("bad", "/bad", deadLetterTopic="dead"),
                     sub("bulk", "/bulk", bulkSubscribe={"enabled": True, "maxMessagesCount": 2})]

    def answer(path, body):
        if path == "/bulk":
            return 200, {"statuses": [{"entryId": e["entryId"], "status": "SUCCESS"} for e in json.loads(body)["entries"]]}
        return answers[path]

    with Pair(component(tmp_path), subscriptions, answer) as (app, one):
        for topic in ("ok", "drop", "gone", "bad"):
            one.publish("pubsub", topic, 1)
        for _ in range(2):
            one.publish("pubsub", "bulk", 1)
        ingress = "dapr_component_pubsub_ingress_count"

        def key(topic, process_status, status, name=ingress):
            return name + labels(app_id="orders", component="pubsub", namespace="", topic=topic,
                                 process_status=process_status, status=status)
        wait_until(lambda: key("bad", "drop", "drop") in one.metrics(), "the bad message is dead-lettered", 30)
        got = one.metrics()
        assert got[key("ok", "success", "success")] == 1
        assert got[key("ok", "success", "success", "dapr_component_pubsub_ingress_latencies_count")] == 1
        assert got[key("drop", "drop", "success")] == 1
        assert got[key("gone", "drop", "drop")] == 1
        assert got[key("bad", "retry", "retry")] >= 1
        bulk = labels(app_id="orders", component="pubsub", namespace="", process_status="", topic="bulk")
        assert got["dapr_component_pubsub_ingress_bulk_count" + bulk] == 1
        assert got["dapr_component_pubsub_ingress_bulk_event_count" + bulk.replace('status=""', 'status="SUCCESS"')] == 1
        client = labels(app_id="orders", method="POST", path="/ok", status="200")
        assert got["dapr_http_client_completed_count" + client] == 1
        assert got["dapr_http_client_sent_bytes_count" + labels(app_id="orders", method="POST", path="/ok",
                                                                status="")] == 1
        assert got["dapr_http_client_completed_count" + labels(app_id="orders", method="GET",
                                                               path="/dapr/subscribe", status="200")] == 1


def test_cardinality_follows_the_configuration(tmp_path):
    component(tmp_path)
    config = tmp_path / "c"
    config.mkdir()
    one = Sidecar("a", tmp_path, flags=configuration(config, """
  metric:
    latencyDistributionBuckets: [5, 50]
    http:
      increasedCardinality: false
      excludeVerbs: true
      pathMatching:
      - /v1.0/publish/{pubsub}/{topic}
    rules:
    - name: dapr_component_pubsub_egress_count
      labels:
      - name: topic
        regex:
          "t": "^topic-[0-9]+$"
"""))
    for topic in ("topic-1", "topic-2"):
        assert one.publish("pubsub", topic, 1)[0] == 204
    got = one.metrics()
    assert got["dapr_http_server_request_count" + labels(
        app_id="a", method="", path="/v1.0/publish/{pubsub}/{topic}", status="204")] == 2
    assert got["dapr_http_server_request_count" + labels(app_id="a", method="", path="", status="204")] >= 1
    assert not any(name.startswith("dapr_http_server_response_count") for name in got)
    bounds = [name for name in got if name.startswith("dapr_http_server_latency_bucket") and "publish" in name]
    assert [name.split('le="')[1].split('"')[0] for name in bounds] == ["5", "50", "+Inf"]
    assert got["dapr_component_pubsub_egress_count" + labels(
        app_id="a", component="pubsub", namespace="", success="true", topic="t")] == 2
    assert one.stop() == 0


def test_metrics_can_be_switched_off_and_bad_patterns_end_the_start(tmp_path):
    component(tmp_path)
    config = tmp_path / "c"
    config.mkdir()
    off = Sidecar("a", tmp_path, flags=configuration(config, "  metrics:\n    enabled: false\n"))
    assert off.publish("pubsub", "t", 1)[0] == 204
    assert all(name.startswith("process_") for name in off.metrics())
    assert off.stop() == 0
    bad = Sidecar("a", tmp_path, wait=False, flags=configuration(
        config, "  metric:\n    http:\n      pathMatching: ['/a/{x}', '/a/{y}']\n"))
    assert bad.end() == 1 and "'/a/{y}' and '/a/{x}' conflict" in bad.log[-1]
    rule = Sidecar("a", tmp_path, flags=configuration(
        config, "  metric:\n    rules:\n    - name: x\n      labels:\n      - name: path\n"
                "        regex: {'a': '('}\n"))
    assert any("[INIT_FAILURE]: initialization error occurred for metrics" in line for line in rule.log)
    assert rule.stop() == 0


def test_health_probes_are_counted(tmp_path):
    with Pair(component(tmp_path), [], flags=["--enable-app-health-check", "--app-health-check-path", "/ok"]) as (_, one):
        key = "dapr_http_healthprobes_completed_count" + labels(app_id="orders", status="404")
        assert wait_until(lambda: one.metrics().get(key), "a probe was counted") >= 1


def test_error_codes_are_counted_when_asked_for(tmp_path):
    component(tmp_path)
    config = tmp_path / "c"
    config.mkdir()
    one = Sidecar("a", tmp_path, flags=configuration(config, "  metric:\n    recordErrorCodes: true\n"))
    assert one.publish("none", "t", 1)[0] == 404
    assert one.metrics()["dapr_error_code_total" + labels(
        app_id="a", category="pubsub", error_code="ERR_PUBSUB_NOT_FOUND")] == 1
    assert one.stop() == 0
