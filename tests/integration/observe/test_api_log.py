# SPDX-License-Identifier: MIT
"""--enable-api-logging and spec.logging.apiLogging."""
import json
import pathlib
import re
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
from grpc_api import DAPR, Failure, call_bytes  # noqa: E402
from sidecar import Sidecar, component, wait_until  # noqa: E402


def configuration(folder, **settings):
    (folder / "c").mkdir()
    path = folder / "c" / "config.yaml"
    lines = "".join(f"      {key}: {value}\n" for key, value in settings.items())
    path.write_text(f"kind: Configuration\nspec:\n  logging:\n    apiLogging:\n{lines}")
    return ["--config", str(path)]


def lines(sidecar, text, count=1):
    """At least `count` lines that hold `text`; the exchange ends a moment after its answer."""
    def found():
        all_lines = [line for line in sidecar.log if text in line]
        return all_lines if len(all_lines) >= count else None
    return wait_until(found, f"{count} lines '{text}'")


def test_every_call_is_a_line_at_any_level(tmp_path):
    one = Sidecar("al", component(tmp_path), flags=["--enable-api-logging", "--log-level", "error"],
                  env={"DAPR_API_TOKEN": "right"})
    one.request("GET", "/v1.0/metadata", headers={"dapr-api-token": "wrong"})
    one.request("POST", "/v1.0/publish/none/t?x=1", b"1", {"User-Agent": "my agent/1.0", "dapr-api-token": "right"})
    line = lines(one, "publish/none")[0]
    assert re.search(r'level=info msg="HTTP API Called" app_id=al code=404 duration=\d+ instance=\S+ '
                     r'method="POST /v1.0/publish/none/t" scope=dapr.runtime.http-info size=\d+ type=log '
                     r'useragent="my agent/1.0" ver=\S+$', line)
    with pytest.raises(Failure):
        call_bytes(one.grpc_port, DAPR + "GetState", metadata=[("dapr-api-token", "right")])
    line = lines(one, "gRPC API Called")[0]
    assert re.search(r'code=9 duration=\d+ instance=\S+ method=/dapr.proto.runtime.v1.Dapr/GetState '
                     r'scope=dapr.runtime.grpc.api-info type=log useragent="?grpc-python', line)
    assert not [x for x in one.log if "/v1.0/metadata" in x], "a call with a wrong token is not logged"
    assert one.stop() == 0


def test_urls_can_be_hidden_and_health_checks_left_out(tmp_path):
    one = Sidecar("al", component(tmp_path), flags=[
        "--log-as-json", *configuration(tmp_path, enabled="true", obfuscateURLs="true", omitHealthChecks="true")])
    one.publish("pubsub", "secret-topic", 1)
    one.request("GET", "/v1.0/state/st/key")
    one.request("GET", "/nowhere")
    lines(one, "InvokeService")
    # Other programs of this machine may look sidecars over, as "list" does.
    called = [call for call in map(json.loads, lines(one, "HTTP API Called", 3)) if call["method"] != "GetMetadata"]
    assert [x["method"] for x in called] == ["PublishEvent", "GetState", "InvokeService"]
    assert called[0]["code"] == 204 and called[0]["size"] == 0 and isinstance(called[0]["duration"], int)
    assert one.stop() == 0


def test_the_flag_wins_over_the_configuration(tmp_path):
    one = Sidecar("al", component(tmp_path),
                  flags=["--enable-api-logging=false", *configuration(tmp_path, enabled="true")])
    one.publish("pubsub", "t", 1)
    assert one.stop() == 0
    assert not [x for x in one.log if "API Called" in x]
