# SPDX-License-Identifier: MIT
"""Invocation calls of the official SDKs through two sidecars, Python and JavaScript, to applications over HTTP and
over gRPC."""
import os
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/support"))
from echo_app import EchoApp  # noqa: E402
from sidecar import Sidecar, free_port  # noqa: E402

APPS = pathlib.Path(__file__).parent / "apps"
SDKS = pathlib.Path(os.environ.get("SDK_FOLDER", ROOT / "build/sdk"))


@pytest.fixture
def over_http():
    app = EchoApp()
    sidecar = Sidecar("sdk-http", app_port=app.port)
    yield "sdk-http"
    assert sidecar.stop() == 0
    app.close()


@pytest.fixture
def caller():
    sidecar = Sidecar("sdk-caller")
    yield sidecar
    assert sidecar.stop() == 0


@pytest.mark.parametrize("version", ["1.16.0", "newest"])
def test_python(version, run, caller, over_http):
    python = SDKS / f"python-{version}" / "bin/python"
    port = free_port()
    callee = run(python, APPS / "invoked.py", port)
    sidecar = Sidecar("sdk-grpc", app_port=port, flags=["--app-protocol", "grpc"])
    try:
        app = run(python, APPS / "invoke.py", "sdk-grpc", over_http,
                  env={"DAPR_HTTP_PORT": str(caller.port), "DAPR_GRPC_PORT": str(caller.grpc_port),
                       "DAPR_API_METHOD_INVOCATION_PROTOCOL": "grpc"})
        app.wait_for("done")
    finally:
        sidecar.stop()
    assert callee.said("greet") == ["greet bob text/plain ['1']"]
    assert app.said("grpc") == ['grpc {"hello":"bob"} application/json one']
    assert app.said("http") == ["http PUT /json?a=1 bob"]
    unknown, missing, nobody = app.said("failed")
    assert unknown.startswith("failed UNIMPLEMENTED")
    assert missing == "failed NOT_FOUND Not Found"
    assert nobody.startswith("failed INTERNAL failed to invoke, id: nobody, err: ")


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_javascript(protocol, run, caller, over_http):
    port = caller.grpc_port if protocol == "grpc" else caller.port
    app = run("node", APPS / "invoke.mjs", protocol, port, over_http, env={"SDK_MODULES": str(SDKS / "js")})
    app.wait_for("done")
    said = app.said("said")
    assert [line.split()[1] for line in said] == ["GET", "POST", "PUT", "DELETE"]
    assert all(line.split()[2] == "/json/a" for line in said)
    assert all('{"n":1}' in line for line in said[1:]), said
    assert app.said("failed") == ["failed true"]
