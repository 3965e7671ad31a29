# SPDX-License-Identifier: MIT
"""Secrets through the official Python and JavaScript SDKs, against the real binary."""
import json
import os
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/support"))
from sidecar import Sidecar, component  # noqa: E402

APPS = pathlib.Path(__file__).parent / "apps"
SDKS = pathlib.Path(os.environ.get("SDK_FOLDER", ROOT / "build/sdk"))


@pytest.fixture
def sidecar(tmp_path):
    folder = tmp_path / "resources"
    folder.mkdir()
    (tmp_path / "secrets.json").write_text(json.dumps({"db": {"password": "p&ss"}, "plain": "x", "denied": "no"}))
    (tmp_path / "config.yaml").write_text("kind: Configuration\nspec:\n  secrets:\n    scopes:\n"
                                          "    - {storeName: store, deniedSecrets: [denied]}\n")
    component(folder, "store", "secretstores.local.file", secretsFile=tmp_path / "secrets.json")
    one = Sidecar("app", folder, flags=["--config", str(tmp_path / "config.yaml")])
    yield one
    assert one.stop() == 0


@pytest.mark.parametrize("version", ["1.16.0", "newest"])
def test_python_reads_secrets(run, sidecar, version):
    app = run(SDKS / f"python-{version}/bin/python", APPS / "secrets.py",
              env={"DAPR_HTTP_PORT": str(sidecar.port), "DAPR_GRPC_PORT": str(sidecar.grpc_port)})
    app.wait_for("done")
    assert app.said("one") == ["one {'db:password': 'p&ss'}"]
    assert app.said("metadata") == ["metadata {'plain': 'x'}"]
    assert app.said("all") == ["all [('db:password', {'db:password': 'p&ss'}), ('plain', {'plain': 'x'})]"]
    assert app.said("refused") == [
        "refused INTERNAL failed getting secret with key nope from secret store store: secret nope not found",
        'refused PERMISSION_DENIED access denied by policy to get "denied" from "store"',
        "refused INVALID_ARGUMENT failed finding secret store with key nowhere"]


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_javascript_reads_secrets(run, sidecar, protocol):
    app = run("node", APPS / "secrets.mjs", protocol, sidecar.grpc_port if protocol == "grpc" else sidecar.port,
              env={"SDK_MODULES": str(SDKS / "js")})
    app.wait_for("done")
    assert app.said("one") == ['one {"db:password":"p&ss"}']
    assert app.said("all") == ['all {"db:password":{"db:password":"p&ss"},"plain":{"plain":"x"}}']
    refused = app.said("refused")
    assert len(refused) == 3 and "let in" not in app.lines
    for line, part in zip(refused, ("secret nope not found", "access denied by policy", "failed finding secret store")):
        assert part in line
