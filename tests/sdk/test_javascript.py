# SPDX-License-Identifier: MIT
"""The official JavaScript SDK, over HTTP and over gRPC, against the real binary."""
import json
import os
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/support"))
from sidecar import Sidecar, component, free_port  # noqa: E402

APP = pathlib.Path(__file__).parent / "apps/orders.mjs"
MODULES = pathlib.Path(os.environ.get("SDK_FOLDER", ROOT / "build/sdk")) / "js"


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_orders_are_published_and_received(run, tmp_path, redis_port, protocol):
    app_port = free_port()
    folder = component(tmp_path, kind="pubsub.redis", redisHost=f"127.0.0.1:{redis_port}")
    # The SDK's server asks the sidecar for its health before it listens: neither waits for the other.
    sidecar = Sidecar("orders", folder, app_port=app_port, flags=["--app-protocol", protocol], wait=False)
    try:
        port = sidecar.grpc_port if protocol == "grpc" else sidecar.port
        app = run("node", APP, protocol, app_port, port, 10, env={"SDK_MODULES": str(MODULES)})
        app.wait_for("Bulk failures: 0")
        app.wait_for("Received message:", 12)
        got = sorted(json.loads(line.split(": ", 1)[1])["id"] for line in app.said("Received message:"))
        assert got == [*range(10), 100, 101]
    finally:
        sidecar.stop()
