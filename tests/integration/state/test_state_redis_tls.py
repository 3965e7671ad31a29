# SPDX-License-Identifier: MIT
"""state.redis over TLS, against a redis-server that demands a certificate; and what is said when it does not work."""
import json

import pytest

from redis_server import WRONG_CERTIFICATES, WRONG_FILES, Redis, certificate_flags, tls_metadata
from sidecar import Sidecar, component, wait_until
from state_client import APIS, Http, Refused


@pytest.fixture
def store(start, tmp_path):
    def make(server, **metadata):
        return start(Sidecar, "app1", component(tmp_path, "store", "state.redis", redisHost=f"127.0.0.1:{server.port}",
                                                poolTimeout="1500", **metadata))
    return make


@pytest.mark.parametrize("kind", APIS)
def test_every_call_goes_over_tls(tls_files, tls_redis, store, kind):
    api = APIS[kind](store(tls_redis, **tls_metadata(tls_files)))
    tls_redis.cli("FLUSHALL")
    large = json.dumps("x" * 1_000_000).encode()
    api.save({"key": "a", "value": b"1"}, {"key": "large", "value": large})
    api.save({"key": "a", "value": b"2", "etag": api.get("a").etag})
    with pytest.raises(Refused) as refused:
        api.save({"key": "a", "value": b"3", "etag": "77"})
    assert refused.value.kind == "mismatch"
    assert (api.get("a").data, api.get("large").data) == (b"2", large)
    api.transact(("upsert", {"key": "b", "value": b"3"}), ("delete", {"key": "a"}))
    assert api.get("a") is None and api.bulk(["a", "b"])["b"]["data"] == 3
    api.delete("b")
    assert tls_redis.cli("KEYS", "*") == "app1||large"
    api.close()


def test_the_loss_of_the_server_is_survived(tls_files, tls_redis, store):
    http = Http(store(tls_redis, **tls_metadata(tls_files)))
    http.save({"key": "kept", "value": b"1"})
    tls_redis.kill()
    with pytest.raises(Refused):
        http.save({"key": "kept", "value": b"2"})
    tls_redis.start()

    def works():
        try:
            return http.get("kept").data == b"1"
        except Refused:
            return False
    wait_until(works, "the server is used again")
    http.save({"key": "kept", "value": b"3"})
    assert http.get("kept").data == b"3"


def test_the_server_is_not_verified_when_so_asked(tls_files, tls_redis, store):
    http = Http(store(tls_redis, insecureSkipTLSVerify="true", **tls_metadata(tls_files, caCert=None)))
    http.save({"key": "a", "value": b"1"})
    assert http.get("a").data == b"1"


def refusal(sidecar):
    """What reading and writing are answered, the same over both APIs."""
    said = []
    for make in APIS.values():
        api = make(sidecar)
        for ask in (lambda: api.get("k"), lambda: api.save({"key": "k", "value": b"1"}), lambda: api.delete("k"),
                    lambda: api.transact(("upsert", {"key": "k", "value": b"1"}))):
            with pytest.raises(Refused) as refused:
                ask()
            assert refused.value.kind == "error"
            said.append(refused.value.text)
        api.close()
    assert sidecar.process.poll() is None and "PRIVATE KEY" not in "\n".join(sidecar.log)
    return said


@pytest.mark.parametrize("wrong, said", WRONG_FILES)
def test_a_refusal_names_the_field_to_set(tls_files, tls_redis, store, wrong, said):
    for text in refusal(store(tls_redis, **tls_metadata(tls_files, **wrong))):
        assert said in text


@pytest.mark.parametrize("certificate, said", WRONG_CERTIFICATES)
def test_a_server_with_a_wrong_certificate_is_refused(tls_files, start, tmp_path, store, certificate, said):
    server = start(Redis, tmp_path, *certificate_flags(tls_files, certificate), tls=tls_files)
    for text in refusal(store(server, **tls_metadata(tls_files))):
        assert said in text
    assert server.cli("DBSIZE") == "0"
