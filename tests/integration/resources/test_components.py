# SPDX-License-Identifier: MIT
"""Which components of the resources are opened, and in which order."""
import json
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
from sidecar import Sidecar, component  # noqa: E402


@pytest.fixture
def loaded(tmp_path):
    """Names of the components that a sidecar has open, and its log."""
    def run(folder, **kwargs):
        sidecar = Sidecar("orders", folder, **kwargs)
        found = json.loads(sidecar.get("/v1.0/metadata")[1]).get("components", [])
        assert sidecar.stop() == 0
        return [one["name"] for one in found], "\n".join(sidecar.log)
    return run


def test_secret_stores_come_first_and_close_last(loaded, tmp_path):
    component(tmp_path, "a")
    component(tmp_path, "b", "secretstores.local.env")
    component(tmp_path, "c")
    names, log = loaded(tmp_path)
    assert names == ["b", "a", "c"]
    closing = [line.split("Shutting down component ")[1][0] for line in log.splitlines() if "Shutting down c" in line]
    assert closing == ["c", "a", "b"]


def test_denied_types_are_passed_over(loaded, tmp_path):
    folder = tmp_path / "resources"
    folder.mkdir()
    component(folder, "memory")
    component(folder, "env", "secretstores.local.env")
    (folder / "bare.yaml").write_text("apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: bare}\n"
                                      "spec: {type: pubsub.in-memory}\n")
    config = tmp_path / "config.yaml"
    config.write_text("kind: Configuration\nspec:\n  components:\n    deny: [secretstores.local.env/v1, state.redis]\n")
    names, log = loaded(folder, flags=["--config", str(config)])
    assert names == ["memory"]
    assert ("component 'env' cannot be loaded because components of type 'env (secretstores.local.env/v1)' are not "
            "allowed") in log
    assert "scope=dapr.runtime.authorizer" in log
    assert "component 'bare' at" in log


@pytest.mark.parametrize("mine,names", [(None, ["a", "b"]), ("", ["a", "b"]), ("one", ["a"]), ("two", ["b"])])
def test_a_namespace_counts_when_both_have_one(loaded, tmp_path, mine, names, monkeypatch):
    monkeypatch.delenv("NAMESPACE", raising=False)
    for name, space in (("a", "one"), ("b", "two")):
        (tmp_path / f"{name}.yaml").write_text(
            f"apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {{name: {name}, namespace: {space}}}\n"
            "spec: {type: pubsub.in-memory, version: v1}\n")
    assert loaded(tmp_path, env={} if mine is None else {"NAMESPACE": mine})[0] == names


def test_names_of_fields_are_read_in_any_case(loaded, tmp_path):
    (tmp_path / "s.json").write_text('{"x": "y"}')
    (tmp_path / "a.yaml").write_text(
        "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: s}\nspec:\n  type: secretstores.local.file\n"
        f"  metadata:\n  - Name: secretsFile\n    VALUE: {tmp_path}/s.json\n")
    assert loaded(tmp_path)[0] == ["s"]


def test_a_list_is_its_json(loaded, tmp_path):
    """As in Dapr, not joined by commas: the unknown file is named as the component saw it."""
    (tmp_path / "a.yaml").write_text(
        "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: s}\nspec:\n  type: secretstores.local.file\n"
        "  ignoreErrors: true\n  metadata:\n  - name: secretsFile\n    value: [x, 2, {b: 1, a: yes}]\n")
    names, log = loaded(tmp_path)
    assert names == []
    assert 'open [\\"x\\",2,{\\"a\\":true,\\"b\\":1}]: no such file or directory' in log
