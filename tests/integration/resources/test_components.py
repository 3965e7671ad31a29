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


def write(folder, name, kind, **spec):
    (folder / f"{name}.yaml").write_text(json.dumps({
        "apiVersion": "dapr.io/v1alpha1", "kind": "Component", "metadata": {"name": name},
        "spec": {"type": kind, "version": "v1", **spec}}))


TWICE = ("process component x error: [INIT_COMPONENT_FAILURE]: initialization error occurred for x ({0}/v1): "
         "[{1}]: initialization error occurred for x ({0}/v1): ")


@pytest.mark.parametrize("kind,reason,cause", [
    ("state.nosuch", "CREATE_COMPONENT_FAILURE", "couldn't find state store state.nosuch/v1"),
    ("pubsub.nosuch", "CREATE_COMPONENT_FAILURE", "couldn't find message bus pubsub.nosuch/v1"),
    ("conversation.nosuch", "CREATE_COMPONENT_FAILURE", "couldn't find conversation conversation.nosuch/v1"),
    ("secretstores.local.file", "INIT_COMPONENT_FAILURE", "missing local secrets file in metadata"),
])
@pytest.mark.parametrize("is_ignored", [False, True])
def test_what_cannot_be_opened_is_told_as_dapr_tells_it(tmp_path, kind, reason, cause, is_ignored):
    write(tmp_path, "x", kind, ignoreErrors=is_ignored)
    sidecar = Sidecar("orders", tmp_path, wait=is_ignored)
    code = sidecar.stop() if is_ignored else sidecar.end()
    log = "\n".join(sidecar.log)
    why = TWICE.format(kind, reason) + cause
    assert code == (0 if is_ignored else 1)
    assert f"Failed to init component x ({kind}/v1): {why.split('[INIT_COMPONENT_FAILURE]: ', 1)[1].split('/v1): ', 1)[1]}" in log
    if is_ignored:
        assert "Ignoring error processing component: " + why in log
    else:
        assert "Error processing component, daprd will exit gracefully: " + why in log
        assert "Fatal error from runtime: " + why in sidecar.log[-1]


@pytest.mark.parametrize("kind", ["foo.bar", "nameresolution.sqlite", "State.in-memory"])
def test_a_type_of_no_kind_is_incorrect(loaded, tmp_path, kind):
    write(tmp_path, "x", kind, ignoreErrors=True)
    write(tmp_path, "y", "state.in-memory")
    names, log = loaded(tmp_path)
    assert names == ["y"]
    assert f"Ignoring error processing component: process component x error: incorrect type {kind}" in log
    assert "Failed to init component x" not in log
