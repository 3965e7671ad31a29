# SPDX-License-Identifier: MIT
"""The official Go SDK, where a Go is installed that can compile it: publishing and subscribing, states, secrets and
invocation, between two programs of it and with an application over HTTP."""
import json
import os
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/support"))
from echo_app import EchoApp  # noqa: E402
from sidecar import Sidecar, component, free_port  # noqa: E402

PROGRAM = pathlib.Path(os.environ.get("SDK_FOLDER", ROOT / "build/sdk")) / "go/sdk"

pytestmark = pytest.mark.skipif(not PROGRAM.exists(), reason="no Go that compiles the SDK")


@pytest.fixture
def caller(start, run, tmp_path, redis_port):
    folder = tmp_path / "resources"
    folder.mkdir()
    host = {"redisHost": f"127.0.0.1:{redis_port}"}
    (tmp_path / "secrets.json").write_text(json.dumps({"plain": "x", "db": {"password": "p&ss"}}))
    component(folder, "pubsub", "pubsub.redis", **host)
    component(folder, "store", "state.redis", **host)
    component(folder, "secrets", "secretstores.local.file", secretsFile=tmp_path / "secrets.json")
    sidecar = start(Sidecar, "caller", folder)
    sidecar.folder = folder

    def call(app):
        program = run(PROGRAM, "call", app, env={"DAPR_GRPC_PORT": str(sidecar.grpc_port)})
        program.wait_for("done")
        return program
    sidecar.call = call
    return sidecar


def test_two_programs_of_the_sdk(start, run, caller):
    port = free_port()
    app = run(PROGRAM, "serve", port)
    app.wait_for("serving")
    start(Sidecar, "served", caller.folder, app_port=port, flags=["--app-protocol", "grpc"])
    calls = caller.call("served")
    mismatch = "failed saving state in state store store: possible etag mismatch. error from state store: "
    refusals = {"stale": f"error saving state: rpc error: code = Aborted desc = {mismatch}failed to set key caller||name",
                "unknown": "error getting state: rpc error: code = InvalidArgument desc = state store nowhere is not found",
                "missing": "rpc error: code = Unknown desc = method not implemented: nothing",
                "nobody": "rpc error: code = Internal desc = failed to invoke, id: nobody, err: couldn't find service: nobody"}
    for word, text in refusals.items():
        assert calls.said(word) == [f"{word} {text}"]
    assert calls.said("published") == ["published <nil> 0"]
    assert calls.said("saved") == ["saved bob true"] and calls.said("deleted") == ["deleted 0"]
    assert calls.said("bulk") == ["bulk a", "bulk b 2", "bulk c 3", "bulk name alice"]
    assert calls.said("secrets") == [
        "secrets map[plain:x] map[db:password:map[db:password:p&ss] plain:map[plain:x]]"]
    assert calls.said("get") == ["get GET  a=1  <nil>"] and calls.said("put") == ["put PUT text/plain  hello <nil>"]
    app.wait_for("Received message:", 7)
    assert sorted(line.removeprefix("Received message: ") for line in app.said("Received message:")) == [
        "one text/plain", "two text/plain", *(f'{{"id":{n}}} application/json' for n in range(5))]


def test_an_application_over_http(start, caller):
    start(Sidecar, "plain", app_port=start(EchoApp).port)
    calls = caller.call("plain")
    for word, asked in (("get", ("GET", "/echo?a=1", "")), ("put", ("PUT", "/echo", "hello"))):
        (line,) = calls.said(word)
        assert line.endswith(" <nil>")
        said = json.loads(line.removeprefix(word).removesuffix("<nil>"))
        assert (said["method"], said["target"], said["body"]) == asked
