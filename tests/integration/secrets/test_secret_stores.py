# SPDX-License-Identifier: MIT
"""What every secret store does alike, over HTTP and gRPC: one suite over all of them."""
import json
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
from grpc_api import Failure, ask  # noqa: E402
from sidecar import Sidecar, component  # noqa: E402

SECRETS = {"db": "pa<ss>&word", "empty": "", "api-key": "k\u00e9y \"quoted\"", "list": "[1,2]"}


def start(tmp_path, kind, scope=None):
    """A sidecar with a store "s" that holds SECRETS."""
    folder = tmp_path / "resources"
    folder.mkdir()
    env = {"STORE_" + name: value for name, value in SECRETS.items()}
    flags = []
    if kind == "secretstores.local.file":
        (tmp_path / "secrets.json").write_text(json.dumps(SECRETS))
        component(folder, "s", kind, secretsFile=tmp_path / "secrets.json")
    else:
        component(folder, "s", kind, prefix="STORE_")
    if scope:
        config = tmp_path / "config.yaml"
        config.write_text(json.dumps({"apiVersion": "dapr.io/v1alpha1", "kind": "Configuration", "metadata": {"name": "c"},
                                      "spec": {"secrets": {"scopes": [{"storeName": "s", **scope}]}}}))
        flags = ["--config", str(config)]
    return Sidecar("orders", folder, env=env, flags=flags)


@pytest.fixture(params=["secretstores.local.file", "secretstores.local.env"])
def store(request, tmp_path):
    running = []

    def make(scope=None):
        running.append(start(tmp_path, request.param, scope))
        return running[-1]
    yield make
    for sidecar in running:
        assert sidecar.stop() == 0


def get(sidecar, key, store="s"):
    return ask(sidecar.grpc_port, "GetSecret", {"storeName": store, "key": key}).get("data", {})


def get_all(sidecar, store="s"):
    found = ask(sidecar.grpc_port, "GetBulkSecret", {"storeName": store}).get("data", {})
    return {key: value.get("secrets", {}) for key, value in found.items()}


def refusal(read, *args):
    with pytest.raises(Failure) as caught:
        read(*args)
    assert not caught.value.details
    return caught.value.code, caught.value.text


def problem(code, text):
    return json.dumps({"errorCode": code, "message": text}, separators=(",", ":")).encode()


def test_every_secret_is_handed_out_as_it_is(store):
    sidecar = store()
    for key, value in SECRETS.items():
        status, body, headers = sidecar.get(f"/v1.0/secrets/s/{key}?metadata.version_id=3")
        assert (status, headers["Content-Type"]) == (200, "application/json")
        assert json.loads(body) == {key: value} and body.endswith(b"}\n")
        assert get(sidecar, key) == {key: value}
    assert sidecar.get("/v1.0/secrets/s/db")[1] == b'{"db":"pa\\u003css\\u003e\\u0026word"}\n'


def test_bulk_hands_out_all_sorted_by_key(store):
    sidecar = store()
    status, body, _ = sidecar.get("/v1.0/secrets/s/bulk")
    assert status == 200 and body.endswith(b"}\n")
    everything = {key: {key: value} for key, value in SECRETS.items()}
    assert json.loads(body) == everything
    assert list(json.loads(body)) == sorted(everything)
    assert get_all(sidecar) == everything


def test_an_unknown_store_is_named(store):
    sidecar = store()
    for path in ("/v1.0/secrets/zz/db", "/v1.0/secrets/zz/bulk"):
        status, body, headers = sidecar.get(path)
        assert (status, headers["Content-Type"]) == (401, "application/json")
        assert body == problem("ERR_SECRET_STORE_NOT_FOUND", "failed finding secret store with key zz")
    for ask, args in ((get, ("db", "zz")), (get_all, ("zz",))):
        assert refusal(ask, sidecar, *args) == ("INVALID_ARGUMENT", "failed finding secret store with key zz")


def test_there_is_only_get(store):
    sidecar = store()
    for method, path in (("POST", "/v1.0/secrets/s/db"), ("GET", "/v1.0/secrets/s"), ("GET", "/v1.0/secrets/s/db/x")):
        assert sidecar.request(method, path)[0] == 404


@pytest.mark.parametrize("scope,open_keys", [
    ({"allowedSecrets": ["db"]}, {"db"}),
    ({"allowedSecrets": ["db"], "deniedSecrets": ["db"], "defaultAccess": "deny"}, {"db"}),
    ({"deniedSecrets": ["db"]}, set(SECRETS) - {"db"}),
    ({"defaultAccess": "DENY"}, set()),
    ({"defaultAccess": "allow"}, set(SECRETS)),
])
def test_a_scope_decides(store, scope, open_keys):
    sidecar = store(scope)
    assert json.loads(sidecar.get("/v1.0/secrets/s/bulk")[1]) == {key: {key: SECRETS[key]} for key in open_keys}
    assert set(get_all(sidecar)) == open_keys
    for key in [*SECRETS, "nope"]:
        text = f'access denied by policy to get "{key}" from "s"'
        status, body, _ = sidecar.get(f"/v1.0/secrets/s/{key}")
        if key in open_keys:
            assert status == 200
        elif key != "nope" or scope.get("defaultAccess") == "DENY" or "allowedSecrets" in scope:
            assert status == 403 and json.loads(body) == {"errorCode": "ERR_PERMISSION_DENIED", "message": text}
            assert refusal(get, sidecar, key) == ("PERMISSION_DENIED", text)


def test_without_a_store_there_are_no_secrets(tmp_path):
    sidecar = Sidecar("orders")
    for path in ("/v1.0/secrets/s/db", "/v1.0/secrets/s/bulk"):
        status, body, _ = sidecar.get(path)
        assert status == 500
        assert body == problem("ERR_SECRET_STORES_NOT_CONFIGURED", "secret store is not configured")
    assert refusal(get, sidecar, "db") == ("FAILED_PRECONDITION", "secret store is not configured")
    assert refusal(get_all, sidecar) == ("FAILED_PRECONDITION", "secret store is not configured")
    assert sidecar.stop() == 0


def test_a_thousand_at_once(store):
    """Pipelined on one connection: each answer stands at its place."""
    import socket
    sidecar = store()
    keys = list(SECRETS) * 250
    with socket.create_connection(("127.0.0.1", sidecar.port)) as s:
        s.settimeout(20)
        for at in range(0, len(keys), 100):
            part = keys[at:at + 100]
            s.sendall(b"".join(b"GET /v1.0/secrets/s/%s HTTP/1.1\r\nHost: x\r\n\r\n" % key.encode() for key in part))
            got = b""
            while got.count(b"}\n") < len(part):
                got += s.recv(65536)
            bodies = [line for line in got.split(b"\n") if line.startswith(b"{")]
            assert [json.loads(body) for body in bodies] == [{key: SECRETS[key]} for key in part]


def test_reads_are_counted(store):
    sidecar = store({"deniedSecrets": ["empty"]})
    for path in ("s/db", "s/db", "s/empty", "s/bulk", "zz/db"):
        sidecar.get(f"/v1.0/secrets/{path}")
    found = sidecar.metrics()

    def count(operation):
        return found[f'dapr_component_secret_count{{app_id="orders",component="s",namespace="",'
                     f'operation="{operation}",success="true"}}']
    assert (count("get"), count("bulk_get")) == (2, 1)
    assert [name for name in found if name.startswith("dapr_component_secret_latencies_count")]
