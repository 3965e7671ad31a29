# SPDX-License-Identifier: MIT
"""What only secretstores.local.file or secretstores.local.env does."""
import json
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
from sidecar import Sidecar, component, wait_until  # noqa: E402

NESTED = {"a": "1", "n": 5, "t": True, "z": None, "o": {"b": "v", "c": {"d": "w"}}, "l": ["x", "y"],
          "lo": [{"k": "v"}], "e": "", "o2": {"": "emptykey"}}


@pytest.fixture
def started(tmp_path):
    running = []

    def make(kind, content=None, env=None, wait=True, cwd=None, **settings):
        folder = tmp_path / "resources"
        folder.mkdir(exist_ok=True)
        if content is not None:
            text = content if isinstance(content, str) else json.dumps(content)
            (tmp_path / "secrets.json").write_text(text)
            settings.setdefault("secretsFile", tmp_path / "secrets.json")
        component(folder, "s", kind, **settings)
        running.append(Sidecar("orders", folder, env=env, wait=wait, cwd=cwd))
        return running[-1]
    yield make
    for sidecar in running:
        sidecar.stop()


def get(sidecar, key):
    status, body, _ = sidecar.get(f"/v1.0/secrets/s/{key}")
    return json.loads(body) if status == 200 else (status, json.loads(body)["message"])


def missing(key):
    return 500, f"failed getting secret with key {key} from secret store s: secret {key} not found"


def test_leaves_are_named_by_their_path(started):
    sidecar = started("secretstores.local.file", NESTED)
    for key, value in {"a": "1", "o:b": "v", "o:c:d": "w", "l:0": "x", "lo:0:k": "v", "e": "", "o2:": "emptykey",
                       "n": "5", "t": "true", "z": ""}.items():
        assert get(sidecar, key) == {key: value}
    for key in ("o", "l", "nope", "o:c", "l:2", "A"):
        assert get(sidecar, key) == missing(key)


def test_numbers_keep_their_text(started):
    sidecar = started("secretstores.local.file", '{"big": 12345678901234567890, "exact": 1.50}')
    assert get(sidecar, "big") == {"big": "12345678901234567890"}
    assert get(sidecar, "exact") == {"exact": "1.50"}


def test_another_separator(started):
    sidecar = started("secretstores.local.file", NESTED, nestedSeparator="__")
    assert get(sidecar, "o__c__d") == {"o__c__d": "w"}
    assert get(sidecar, "o:c:d") == missing("o:c:d")


def test_multi_valued_secrets_are_the_top_level_keys(started):
    sidecar = started("secretstores.local.file", NESTED, multiValued="true")
    assert sidecar.get("/v1.0/secrets/s/bulk")[1] == (
        b'{"a":{"a":"1"},"e":{"e":""},"o":{"b":"v","c:d":"w"},"o2":{"":"emptykey"}}\n')
    assert get(sidecar, "o") == {"b": "v", "c:d": "w"}
    assert get(sidecar, "n") == missing("n")
    listed = json.loads(sidecar.get("/v1.0/metadata")[1])["components"]
    assert listed == [{"name": "s", "type": "secretstores.local.file", "version": "v1",
                       "capabilities": ["MULTIPLE_KEY_VALUES_PER_SECRET"]}]
    wait_until(lambda: any("secret n is passed over" in line for line in list(sidecar.log)), "the warning")


def test_a_name_that_two_paths_share_is_the_first_ones(started):
    sidecar = started("secretstores.local.file", '{"a": {"b": "1"}, "a:b": "2", "z": "3"}')
    assert get(sidecar, "a:b") == {"a:b": "1"}
    assert get(sidecar, "z") == {"z": "3"}
    wait_until(lambda: any("two secrets have the name a:b" in line for line in list(sidecar.log)), "the warning")


def test_a_relative_path_starts_at_the_working_directory(started, tmp_path):
    sidecar = started("secretstores.local.file", {"k": "v"}, secretsFile="secrets.json", cwd=tmp_path)
    assert get(sidecar, "k") == {"k": "v"}


@pytest.mark.parametrize("content,settings,why", [
    (None, {}, "missing local secrets file in metadata"),
    (None, {"secretsFile": "/nowhere/s.json"}, "open /nowhere/s.json: no such file or directory"),
    ("", {}, "unexpected end of JSON input"),
    ("[1]", {}, "json: cannot unmarshal array into Go value of type map[string]interface {}"),
    ("true", {}, "json: cannot unmarshal bool into Go value of type map[string]interface {}"),
    ('{"a": hunter2}', {}, "invalid character 'h' looking for beginning of value"),
    ('{"a": "b"} x', {}, "there is more after the JSON object, from byte 12 on"),
])
def test_a_file_that_cannot_be_used_ends_the_start(started, content, settings, why):
    sidecar = started("secretstores.local.file", content, wait=False, **settings)
    assert sidecar.end() == 1
    assert "Fatal error from runtime: process component s error" in sidecar.log[-1]
    assert why in sidecar.log[-1]
    assert "hunter2" not in "".join(sidecar.log)


def test_a_deep_file_is_refused_not_followed(started):
    sidecar = started("secretstores.local.file", '{"a":' * 5000 + "1" + "}" * 5000, wait=False)
    assert sidecar.end() == 1


def test_the_environment_is_read_when_asked(started):
    sidecar = started("secretstores.local.env", env={"PLAIN": "p", "DAPR_SECRET": "never", "APP_API_TOKEN": "never"})
    assert get(sidecar, "PLAIN") == {"PLAIN": "p"}
    assert get(sidecar, "NO_SUCH_VARIABLE") == {"NO_SUCH_VARIABLE": ""}
    for name in ("DAPR_SECRET", "dapr_secret", "APP_API_TOKEN", "app_api_token"):
        assert get(sidecar, name) == {name: ""}
        warning = f"Access to env var {name} is forbidden"
        wait_until(lambda: any(warning in line for line in list(sidecar.log)), warning)
    everything = json.loads(sidecar.get("/v1.0/secrets/s/bulk")[1])
    assert everything["PLAIN"] == {"PLAIN": "p"}
    assert not [key for key in everything if key.startswith("DAPR_") or key == "APP_API_TOKEN"]


def test_a_name_with_a_zero_byte_opens_nothing(started):
    sidecar = started("secretstores.local.env", env={"APP_API_TOKEN": "never"})
    status, body, _ = sidecar.get("/v1.0/secrets/s/APP_API_TOKEN%00x")
    assert status == 200 and list(json.loads(body).values()) == [""]


def test_a_prefix_does_not_open_what_is_forbidden(started):
    sidecar = started("secretstores.local.env", env={"DAPR_SECRET": "never"}, prefix="DAPR_")
    assert get(sidecar, "SECRET") == {"SECRET": ""}
    assert sidecar.get("/v1.0/secrets/s/bulk")[1] == b"{}\n"


@pytest.mark.parametrize("kind", ["secretstores.kubernetes", "secretstores.nosuch"])
def test_a_store_that_is_not_there_is_named(started, kind):
    sidecar = started(kind, wait=False)
    assert sidecar.end() == 1
    assert f"couldn't find secret store {kind}/v1" in sidecar.log[-1]
