# SPDX-License-Identifier: MIT
"""secretKeyRef and envRef in components: where the values come from, in which order, and that none is ever printed."""
import json
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
from redis_server import Redis  # noqa: E402
from sidecar import Sidecar, component  # noqa: E402

PASSWORD = "s3cr3t-pa55word"


def resource(folder, name, kind, metadata, store=None, **more):
    document = {"apiVersion": "dapr.io/v1alpha1", "kind": "Component", "metadata": {"name": name},
                "spec": {"type": kind, "version": "v1", "metadata": metadata, **more}}
    if store is not None:
        document["auth"] = {"secretStore": store}
    (folder / f"{name}.yaml").write_text(json.dumps(document, indent=1))


def ref(setting, name, key=None):
    return {"name": setting, "secretKeyRef": {"name": name, **({"key": key} if key else {})}}


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "resources"
    made.mkdir()
    (tmp_path / "secrets.json").write_text(json.dumps({"redis": {"password": PASSWORD, "db": "not-a-number-but-secret"},
                                                       "second": str(tmp_path / "more.json"), "empty": ""}))
    (tmp_path / "more.json").write_text(json.dumps({"redis": {"pw": PASSWORD}}))
    return made


@pytest.fixture
def started():
    running = []

    def make(*args, **kwargs):
        running.append(Sidecar(*args, **kwargs))
        return running[-1]
    yield make
    for sidecar in running:
        sidecar.stop()
        assert PASSWORD not in "\n".join(sidecar.log)


def store(folder, name="zz-store", **settings):
    component(folder, name, "secretstores.local.file", secretsFile=folder.parent / "secrets.json", **settings)


def log_of(sidecar):
    """Complete once it has ended."""
    sidecar.stop()
    return sidecar.log


def names(sidecar):
    status, body, _ = sidecar.get("/v1.0/metadata")
    assert status == 200 and PASSWORD.encode() not in body
    return [one["name"] for one in json.loads(body).get("components", [])]


def test_a_password_from_a_store_opens_redis(folder, started, tmp_path, request):
    redis = Redis(tmp_path, "--requirepass", PASSWORD)
    request.addfinalizer(redis.kill)
    store(folder)
    resource(folder, "pubsub", "pubsub.redis", [{"name": "redisHost", "value": f"127.0.0.1:{redis.port}"},
                                                ref("redisPassword", "redis:password")], "zz-store")
    sidecar = started("orders", folder)
    assert names(sidecar) == ["zz-store", "pubsub"]
    assert sidecar.publish("pubsub", "t", {"a": 1})[0] == 204


def test_a_secret_overrides_a_literal_and_a_key_picks_the_value(folder, started, tmp_path, request):
    redis = Redis(tmp_path, "--requirepass", PASSWORD)
    request.addfinalizer(redis.kill)
    store(folder, multiValued="true")
    resource(folder, "pubsub", "pubsub.redis",
             [{"name": "redisHost", "value": f"127.0.0.1:{redis.port}"},
              {**ref("redisPassword", "redis", "password"), "value": "wrong"}], "zz-store")
    assert started("orders", folder).publish("pubsub", "t", {})[0] == 204


def test_stores_may_refer_to_stores(folder, started, tmp_path, request):
    """The second store's file name is a secret of the first, though its file comes first."""
    redis = Redis(tmp_path, "--requirepass", PASSWORD)
    request.addfinalizer(redis.kill)
    store(folder, "zz-first")
    resource(folder, "a-second", "secretstores.local.file", [ref("secretsFile", "second")], "zz-first")
    resource(folder, "pubsub", "pubsub.redis", [{"name": "redisHost", "value": f"127.0.0.1:{redis.port}"},
                                                ref("redisPassword", "redis:pw")], "a-second")
    sidecar = started("orders", folder)
    assert names(sidecar) == ["zz-first", "a-second", "pubsub"]
    assert sidecar.publish("pubsub", "t", {})[0] == 204
    assert any("Component a-second references a secret store that isn't loaded: zz-first" in line for line in log_of(sidecar))


def test_a_missing_secret_is_named_with_its_place(folder, started):
    store(folder)
    resource(folder, "pubsub", "pubsub.redis", [{"name": "redisHost", "value": "127.0.0.1:1"},
                                                ref("redisPassword", "nope"), ref("redisUsername", "empty", "other")],
             "zz-store")
    sidecar = started("orders", folder)
    found = [line for line in log_of(sidecar) if "Error getting secret: secret nope not found" in line]
    assert len(found) == 1 and "scope=dapr.runtime.processor.secret" in found[0]
    line = (folder / "pubsub.yaml").read_text().splitlines().index('    "name": "redisPassword",') + 1
    assert f"Component pubsub, 'redisPassword' at {folder}/pubsub.yaml:{line}:" in found[0]
    assert any("secret empty of secret store zz-store has nothing under the key 'other'" in line for line in log_of(sidecar))


def test_a_bad_value_from_a_store_is_not_printed(folder, started):
    store(folder)
    resource(folder, "pubsub", "pubsub.redis", [{"name": "redisHost", "value": "127.0.0.1:1"},
                                                ref("redisDB", "redis:db")], "zz-store")
    sidecar = started("orders", folder, wait=False)
    assert sidecar.end() == 1
    assert "redisDB" in sidecar.log[-1] and "not-a-number-but-secret" not in "".join(sidecar.log)


@pytest.mark.parametrize("store_name,why", [
    ("nowhere", "its auth.secretStore names nowhere, and no secret store of that name was loaded"),
    (None, "nothing says which secret store; add auth.secretStore"),
])
def test_a_component_without_its_store_is_not_loaded(folder, started, store_name, why):
    resource(folder, "lost", "pubsub.in-memory", [ref("x", "redis:password")], store_name)
    component(folder, "pubsub")
    sidecar = started("orders", folder)
    assert names(sidecar) == ["pubsub"]
    assert any(f"Component lost references a secret store that isn't loaded: {store_name or ''}" in line
               for line in log_of(sidecar))
    assert any("Component lost at " in line and why in line for line in log_of(sidecar))


def test_a_variable_of_the_environment(folder, started, tmp_path, request):
    redis = Redis(tmp_path, "--requirepass", PASSWORD)
    request.addfinalizer(redis.kill)
    resource(folder, "pubsub", "pubsub.redis", [{"name": "redisHost", "value": f"127.0.0.1:{redis.port}"},
                                                {"name": "redisPassword", "envRef": "MY_REDIS_PASSWORD"},
                                                {"name": "consumerID", "value": "literal", "envRef": "UNUSED"}])
    sidecar = started("orders", folder, env={"MY_REDIS_PASSWORD": PASSWORD})
    assert sidecar.publish("pubsub", "t", {})[0] == 204


@pytest.mark.parametrize("name", ["DAPR_API_TOKEN", "dapr_x", "APP_API_TOKEN", "A B", "UNLISTED"])
def test_a_variable_that_is_not_open_is_refused(folder, started, name):
    resource(folder, "pubsub", "pubsub.in-memory", [{"name": "x", "envRef": name}])
    sidecar = started("orders", folder, env={"DAPR_ENV_KEYS": "LISTED OTHER"})
    assert any(f"Component pubsub references an env variable that isn't allowed: {name}" in line for line in log_of(sidecar))


def test_a_listed_variable_is_open(folder, started):
    resource(folder, "pubsub", "pubsub.in-memory", [{"name": "x", "envRef": "Listed"}])
    sidecar = started("orders", folder, env={"DAPR_ENV_KEYS": "OTHER LISTED"})
    assert not [line for line in log_of(sidecar) if "isn't allowed" in line]


def test_templates_are_filled_in(folder, started, tmp_path):
    """The file's name holds all of them; the store opens only when each is right."""
    (tmp_path / "orders-default.orders-pod7.json").write_text('{"k": "v"}')
    resource(folder, "s", "secretstores.local.file",
             [{"name": "secretsFile", "value": f"{tmp_path}/{{appID}}-{{namespace}}-{{podName}}.json"}])
    sidecar = started("orders", folder, env={"POD_NAME": "pod7"})
    assert sidecar.get("/v1.0/secrets/s/k")[1] == b'{"k":"v"}\n'


def test_a_pod_without_a_name_ends_the_start(folder, started):
    resource(folder, "s", "secretstores.local.env", [{"name": "prefix", "value": "{podName}"}])
    sidecar = started("orders", folder, wait=False, env={"POD_NAME": ""})
    assert sidecar.end() == 1
    assert "failed to parse metadata: property prefix refers to {podName} but podName is not set" in sidecar.log[-1]


@pytest.mark.parametrize("item,why", [
    ({"name": "x", "secretKeyRef": {"key": "k"}}, "secretKeyRef has no name"),
    ({"name": "x", "secretKeyRef": "redis"}, "secretKeyRef is a mapping with name and key"),
    ({"secretKeyRef": {"name": "k"}}, "an entry of spec.metadata has no name"),
    ("x", "a value is a mapping with value, secretKeyRef or envRef"),
])
def test_a_wrong_reference_is_named_with_its_place(folder, started, item, why):
    resource(folder, "pubsub", "pubsub.in-memory", [item], "zz-store")
    sidecar = started("orders", folder)
    assert "components" not in json.loads(sidecar.get("/v1.0/metadata")[1])  # passed over, as Dapr does
    lines = [line for line in log_of(sidecar) if why in line]
    assert len(lines) == 1 and "level=warning" in lines[0] and "pubsub.yaml:" in lines[0]
