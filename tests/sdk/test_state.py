# SPDX-License-Identifier: MIT
"""State calls of the official SDKs, Python (the version the tutorials name and the newest) and JavaScript."""
import os
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/support"))
from sidecar import Sidecar, component  # noqa: E402

APPS = pathlib.Path(__file__).parent / "apps"
SDKS = pathlib.Path(os.environ.get("SDK_FOLDER", ROOT / "build/sdk"))


@pytest.fixture(params=["state.in-memory", "state.redis", "state.sqlite"])
def sidecar(request, tmp_path):
    metadata = {"state.in-memory": lambda: {},
                "state.redis": lambda: {"redisHost": f"127.0.0.1:{request.getfixturevalue('redis_port')}"},
                "state.sqlite": lambda: {"connectionString": str(tmp_path / "state.db")}}[request.param]()
    one = Sidecar("app", component(tmp_path, "store", request.param, **metadata))
    one.more = ["query"] if request.param == "state.in-memory" else []
    yield one
    assert one.stop() == 0


@pytest.mark.parametrize("version", ["1.16.0", "newest"])
def test_python(version, run, sidecar):
    app = run(SDKS / f"python-{version}" / "bin/python", APPS / "state.py", "store", *sidecar.more,
              env={"DAPR_HTTP_PORT": str(sidecar.port), "DAPR_GRPC_PORT": str(sidecar.grpc_port)})
    app.wait_for("done")
    bulk = [(f"bulk{n}", str(n), "") for n in range(5)] + [("bulk5", "", "")]
    expected = ["saved bob True", "updated alice", "stale ABORTED True", "json 12345678901234567890", f"bulk {bulk}",
                "transaction 1 ''", "deleted b''",
                "unknown INVALID_ARGUMENT state store nowhere is not found DAPR_STATE_NOT_FOUND"]
    expected += ["query ['json', 'q3'] 2"] if sidecar.more else []
    assert [line for line in app.lines if line in expected] == expected, app.lines


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_javascript(protocol, run, sidecar):
    port = sidecar.grpc_port if protocol == "grpc" else sidecar.port
    app = run("node", APPS / "state.mjs", protocol, port, "store", *sidecar.more, env={"SDK_MODULES": str(SDKS / "js")})
    app.wait_for("done")
    nothing = '""' if protocol == "grpc" else "null"
    expected = ["saved {}", 'got {"n":[1,"x"]} text 3', f'bulk [["a",{{"n":[1,"x"]}}],["b","text"],["missing",{nothing}]]',
                "etag true new", "stale true", "transaction 1", "deleted"]
    expected += ['query ["q3","q2"] 2'] if sidecar.more else []
    assert [line for line in app.lines if line in expected] == expected, app.lines
