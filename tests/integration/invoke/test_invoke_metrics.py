# SPDX-License-Identifier: MIT
"""What both sidecars count of an invocation."""
from sidecar import wait_until


def labels(**values):
    return "{" + ",".join(f'{key}="{value}"' for key, value in sorted(values.items())) + "}"


def test_both_sides_count_requests_answers_and_access(caller, callee):
    for _ in range(3):
        assert caller.request("POST", "/v1.0/invoke/callee/method/json", b"x")[0] == 200
    name = "dapr_runtime_service_invocation_"

    def received():
        return callee.metrics().get(name + "res_sent_total" + labels(app_id="callee", dst_app_id="caller", status=200)) == 3
    wait_until(received, "three answers are counted")
    sent, got = caller.metrics(), callee.metrics()
    assert sent[name + "req_sent_total" + labels(app_id="caller", dst_app_id="callee", type="unary")] == 3
    assert sent[name + "res_recv_total" + labels(app_id="caller", src_app_id="callee", status=200, type="unary")] == 3
    assert sent[name + "res_recv_latency_ms_count" + labels(app_id="caller", src_app_id="callee", status=200)] == 3
    assert got[name + "req_recv_total" + labels(app_id="callee", src_app_id="caller")] == 3
    assert got["dapr_runtime_acl_global_policy_action_allowed_total" + labels(app_id="", namespace="", trustDomain="")] == 3
    assert got["dapr_http_client_completed_count" + labels(app_id="callee", method="POST", path="/json", status=200)] == 3


def test_a_peer_that_is_not_there_is_no_request(caller):
    assert caller.request("GET", "/v1.0/invoke/nobody/method/x")[0] == 500
    assert not any('dst_app_id="nobody"' in key for key in caller.metrics())
