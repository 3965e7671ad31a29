# SPDX-License-Identifier: MIT
"""Automatic encryption: records as a Go sidecar writes them, rotation of keys, records that cannot be read."""
import base64
import json

import pytest

from state_client import Grpc, Http, Redis, Refused
from sidecar import Sidecar, wait_until

K1, K2 = "00112233445566778899aabbccddeeff", "0f" * 32
FROM_GO = "po9pVJFp8AlVd9UyAAwnMwPI9FDKschOZLtOQ519q3iN||k1"  # "hello" under K1


@pytest.fixture(scope="module")
def redis(tmp_path_factory):
    server = Redis(tmp_path_factory.mktemp("redis"))
    yield server
    server.kill()


@pytest.fixture
def start(tmp_path, redis):
    running = []

    def go(secrets, wait=True, kind="state.redis", literal=None, **refs):
        folder = tmp_path / f"resources{len(running)}"
        folder.mkdir()
        (folder / "secrets.json").write_text(json.dumps(secrets))
        host = f"127.0.0.1:{redis.port}"
        (folder / "all.yaml").write_text(
            "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: vault}\nspec:\n"
            "  type: secretstores.local.file\n  version: v1\n  metadata:\n"
            f"  - {{name: secretsFile, value: '{folder}/secrets.json'}}\n---\n"
            "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: store}\nauth: {secretStore: vault}\nspec:\n"
            f"  type: {kind}\n  version: v1\n  metadata:\n  - {{name: redisHost, value: '{host}'}}\n"
            f"  - {{name: connectionString, value: '{tmp_path}/state.db'}}\n"
            + "".join(f"  - {{name: {name}, secretKeyRef: {{name: '{ref}', key: '{ref}'}}}}\n" for name, ref in refs.items())
            + (f"  - {{name: primaryEncryptionKey, value: '{literal}'}}\n" if literal else ""))
        running.append(Sidecar("app1", folder, wait=wait))
        return running[-1]
    redis.cli("FLUSHALL")
    yield go
    for one in running:
        one.stop()


@pytest.mark.parametrize("kind", ["state.redis", "state.sqlite", "state.in-memory"])
@pytest.mark.parametrize("key", [K1, "0f" * 24, K2])
def test_values_come_back(start, kind, key):
    sidecar = start({"k1": key}, kind=kind, primaryEncryptionKey="k1")
    http, grpc = Http(sidecar), Grpc(sidecar)
    for value in (b'{"a":[1,"<x>"]}', b'"text"', b"12345678901234567890", b"null"):
        http.save({"key": "k", "value": value})
        assert http.get("k").data == value and grpc.get("k").data == value
        assert http.bulk(["k"])["k"]["data"] == json.loads(value)
    grpc.save({"key": "b", "value": b"\0\xff||x", "metadata": {"contentType": "text/plain"}})
    assert grpc.get("b").data == b"\0\xff||x"
    grpc.transact(("upsert", {"key": "t", "value": b"abc"}), ("delete", {"key": "b"}))
    assert grpc.get("t").data == b"abc" and grpc.get("b") is None
    etag = grpc.get("t").etag
    grpc.save({"key": "t", "value": b"abd", "etag": etag})
    with pytest.raises(Refused):
        grpc.save({"key": "t", "value": b"abe", "etag": etag})
    grpc.save({"key": "e", "value": b""})
    assert grpc.get("e").data == b""
    assert any("Automatic encryption enabled for state store store" in line for line in sidecar.log)
    grpc.close()


def test_records_are_those_of_dapr(redis, start):
    grpc = Grpc(start({"k1": K1}, primaryEncryptionKey="k1"))
    redis.cli("HSET", "app1||go", "data", FROM_GO, "version", "1")
    assert grpc.get("go").data == b"hello"
    grpc.save({"key": "ours", "value": b"hello"})
    sealed, name = redis.cli("HGET", "app1||ours", "data").split("||")
    assert name == "k1" and len(base64.b64decode(sealed, validate=True)) == 12 + 5 + 16
    grpc.save({"key": "again", "value": b"hello"})
    assert redis.cli("HGET", "app1||again", "data") != f"{sealed}||{name}"
    grpc.close()


def test_keys_are_rotated(redis, start):
    first = Grpc(start({"k1": K1}, primaryEncryptionKey="k1"))
    first.save({"key": "old", "value": b"1"})
    both = Grpc(start({"k1": K1, "nest:k2": K2}, primaryEncryptionKey="nest:k2", secondaryEncryptionKey="k1"))
    assert both.get("old").data == b"1"
    both.save({"key": "new", "value": b"2"})
    assert redis.cli("HGET", "app1||new", "data").endswith("||nest:k2")
    with pytest.raises(Refused, match="encryption key name not found on record"):
        first.get("new")


def test_records_that_cannot_be_read_are_errors_of_their_key_alone(redis, start):
    sidecar = start({"k1": K1}, primaryEncryptionKey="k1")
    grpc, http = Grpc(sidecar), Http(sidecar)
    body = FROM_GO.split("||")[0]
    wrong = {"tampered": f"A{body[1:]}||k1", "short": "AAAA||k1", "garbage": "???||k1", "unnamed": body, "other": f"{body}||k9",
             "empty": "", "noname": f"{body}||"}
    for key, record in wrong.items():
        redis.cli("HSET", f"app1||{key}", "data", record, "version", "1")
    redis.cli("HSET", "app1||fine", "data", FROM_GO, "version", "1")
    said = {"tampered": "cipher: message authentication failed", "short": "cipher: message authentication failed",
            "garbage": "illegal base64 data"}
    for key in wrong:
        with pytest.raises(Refused) as refused:
            grpc.get(key)
        assert refused.value.kind == "error"
        assert refused.value.text.startswith(f"fail to get {key} from state store store: ")
        assert said.get(key, "could not decrypt data for state store store: encryption key name not found on record") \
            in refused.value.text
    rows = http.bulk([*wrong, "fine"])
    assert all(set(rows[key]) == {"key", "error"} for key in wrong) and rows["fine"]["data"] == "hello"
    grpc.close()


@pytest.mark.parametrize("secrets,literal,said", [
    ({"k1": "zz" * 16}, None, "metadata 'primaryEncryptionKey': encoding/hex: invalid byte"),
    ({"k1": "00" * 5}, None, "metadata 'primaryEncryptionKey': crypto/aes: invalid key size 5"),
    ({}, K1, "metadata 'primaryEncryptionKey' must be a secretKeyRef")])
def test_keys_that_cannot_be_end_the_start_and_are_not_printed(start, secrets, literal, said):
    sidecar = start(secrets, wait=False, literal=literal, **({} if literal else {"primaryEncryptionKey": "k1"}))
    assert sidecar.process.wait(10) == 1
    wait_until(lambda: any(said in line for line in sidecar.log), f"'{said}' is said")
    assert not any((literal or secrets["k1"]) in line for line in sidecar.log)
