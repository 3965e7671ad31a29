# SPDX-License-Identifier: MIT
"""daprd's command line: what is printed where, exit codes, files, ports."""
import json
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
from sidecar import BINARY, Sidecar, component, free_port, wait_until  # noqa: E402


def run(*flags, name=None, env=None):
    return subprocess.run([*(name or [BINARY, "sidecar"]), *flags], capture_output=True, text=True, timeout=30, env=env)


def test_what_ends_at_once():
    done = run("--version", "--app-id", "a.b")
    assert (done.returncode, done.stderr) == (0, "") and re.fullmatch(r"[0-9.]+\n", done.stdout)
    built = run("--build-info")
    assert (built.returncode, built.stderr) == (0, "")
    assert built.stdout.startswith(f"Version: {done.stdout}Git Commit: ")
    usage = run("--help")
    assert (usage.returncode, usage.stdout) == (0, "")
    lines = usage.stderr.splitlines()
    assert lines[0] == "Usage of daprd:"
    assert any("--app-id" in line for line in lines)
    assert not any("--components-path" in line or "--app-ssl" in line for line in lines)  # deprecated


def test_a_wrong_flag_prints_usage_and_the_reason_last():
    for flags, reason in (["--nope"], "unknown flag: --nope"), (["-q"], "unknown shorthand flag: 'q' in -q"), \
            (["--app-id"], "flag needs an argument: --app-id"), \
            (["--app-max-concurrency", "x"], 'invalid argument "x" for "--app-max-concurrency" flag: '
                                             'strconv.ParseInt: parsing "x": invalid syntax'):
        done = run(*flags)
        assert (done.returncode, done.stdout) == (2, "")
        lines = done.stderr.splitlines()
        assert lines[0] == "Usage of daprd:" and lines[-1] == reason


def test_what_is_wrong_before_the_log_is_one_line(tmp_path):
    for flags, reason in (["--max-body-size", "4x"], "Failed to parse flags: invalid value for 'max-body-size' option"), \
            (["--log-level", "loud"], "invalid value for --log-level: loud"), \
            (["--log-file", str(tmp_path / "no" / "log")], "failed to open log file"):
        done = run("--app-id", "orders", *flags)
        lines = done.stdout.splitlines()
        assert done.returncode == 1 and len(lines) == 1 and " level=fatal " in lines[0] and reason in lines[0]


def test_a_wrong_value_ends_the_start(tmp_path):
    for flags, reason in ([], "parameter app-id cannot be empty"), \
            (["--app-id", "a", "--dapr-http-port", "x"], "error parsing dapr-http-port flag: "), \
            (["--app-id", "a", "--app-port", "70000"], "error parsing app-port: '70000' is not a port"), \
            (["--app-id", "a", "--mode", "kubernetes"], "invalid mode: kubernetes"):
        done = run(*flags)
        lines = done.stdout.splitlines()
        assert done.returncode == 1 and "Starting Dapr Runtime" in lines[0]
        assert "Fatal error from runtime: " + reason in lines[-1]


def test_deprecated_flags_are_named_and_work(tmp_path):
    folder = component(tmp_path)
    sidecar = Sidecar("orders", flags=["--components-path", str(folder), "--dapr-http-max-request-size", "1"])
    try:
        assert sidecar.publish("pubsub", "t", b"x" * 1048576, "text/plain")[0] == 204
        assert sidecar.publish("pubsub", "t", b"x" * 1048577, "text/plain")[0] == 413
    finally:
        assert sidecar.stop() == 0
    assert "Flag --components-path has been deprecated, use --resources-path" in sidecar.log
    assert "Flag --dapr-http-max-request-size has been deprecated, use '--max-body-size 4Mi'" in sidecar.log


def test_the_log_goes_to_a_file(tmp_path):
    path = tmp_path / "log"
    path.write_text("before\n")
    sidecar = Sidecar("orders", flags=["--log-file", str(path), "--log-as-json"])
    assert sidecar.stop() == 0
    assert sidecar.log == []
    lines = path.read_text().splitlines()
    assert lines[0] == "before" and json.loads(lines[1])["msg"].startswith("Starting Dapr Runtime")
    assert json.loads(lines[-1])["msg"] == "Daprd shutdown gracefully"


def test_the_public_port_has_health_and_metadata_alone(tmp_path):
    port = free_port()
    flags = ["--dapr-public-port", str(port), "--dapr-public-listen-address", "127.0.0.1", "--allowed-origins", "*"]
    sidecar = Sidecar("orders", component(tmp_path), flags=flags, env={"DAPR_API_TOKEN": "secret"})
    api, sidecar.port = sidecar.port, port
    try:
        assert sidecar.get("/v1.0/healthz")[0] == 204
        assert sidecar.get("/v1.0/healthz/outbound")[0] == 204
        assert sidecar.request("PUT", "/v1.0/metadata/color", b"blue")[0] == 204
        status, body, headers = sidecar.request("GET", "/v1.0/metadata", headers={"Origin": "http://a"})
        assert json.loads(body)["extended"]["color"] == "blue"
        assert headers["Access-Control-Allow-Origin"] is None
        assert sidecar.publish("pubsub", "t", {})[:2] == (404, b"404 page not found\n")
        assert sidecar.request("POST", "/v1.0/shutdown")[:2] == (404, b"404 page not found\n")
        status, body, headers = sidecar.request("POST", "/v1.0/metadata")
        assert (status, body, headers.get_all("Allow")) == (405, b"", ["GET"])
        sidecar.port = api
        assert sidecar.get("/v1.0/metadata")[0] == 401
    finally:
        assert sidecar.stop() == 0


def test_a_busy_public_port_is_named(tmp_path):
    first = Sidecar("orders")
    second = Sidecar("other", flags=["--dapr-public-port", str(first.port), "--dapr-public-listen-address",
                                     "127.0.0.1"], wait=False)
    assert second.end() == 1
    assert f"failed to start public HTTP server: listen tcp 127.0.0.1:{first.port}: bind: address already in use" in \
        second.log[-1]
    assert first.stop() == 0


def test_wait_returns_when_the_sidecar_can_be_called(tmp_path):
    port = free_port()
    waiting = subprocess.Popen([BINARY, "sidecar", "--wait", "--dapr-http-port", str(port)], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    sidecar = Sidecar("orders", flags=["--dapr-http-port", str(port)], wait=False)
    try:
        out, err = waiting.communicate(timeout=20)
        assert (waiting.returncode, out) == (0, "")
        assert err.startswith("Waiting for Dapr to be outbound ready (timeout: 60 seconds): url=http://localhost:")
        assert err.endswith("Dapr is outbound ready!\n\n")
    finally:
        assert sidecar.stop() == 0


def test_an_application_finds_its_ports_in_the_configuration(tmp_path):
    (tmp_path / "config.yaml").write_text("spec:\n  features: [{name: \"$APP_ID-$DAPR_HTTP_PORT-$APP_PORT\", enabled: 7}]\n")
    port = free_port()
    done = run("--app-id", "orders", "--config", str(tmp_path / "config.yaml"), "--dapr-http-port", str(port))
    assert done.returncode == 1 and "spec.features[0].enabled is '7'" in done.stdout


def test_http2_can_be_turned_off(tmp_path):
    for value, want in ("1", "0"), ("0", "2"):
        sidecar = Sidecar("orders", env={"DAPR_HTTP_DISABLE_H2C": value})
        asked = subprocess.run(["curl", "-s", "--http2-prior-knowledge", "-o", "/dev/null", "-w", "%{http_version}",
                                f"http://127.0.0.1:{sidecar.port}/v1.0/healthz"], capture_output=True, text=True)
        assert asked.stdout == want
        assert sidecar.stop() == 0
