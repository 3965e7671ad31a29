# SPDX-License-Identifier: MIT
"""pubsub.redis over TLS, against a redis-server that demands a certificate; and what is said when it
does not work."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
from redis_server import WRONG_CERTIFICATES, WRONG_FILES, Redis, certificate_flags, tls_metadata  # noqa: E402
from sidecar import App, Sidecar, component, sub, wait_until  # noqa: E402


@pytest.fixture
def resources(tmp_path):
    def make(redis, **metadata):
        return component(tmp_path, kind="pubsub.redis", redisHost=f"127.0.0.1:{redis.port}", poolTimeout="1500",
                         **metadata)
    return make


def refusal(folder):
    """What a publish is answered, once it is known what is wrong."""
    sidecar = Sidecar("orders", folder)
    status, body, _ = sidecar.publish("pubsub", "t", 1)
    assert status == 500
    assert sidecar.stop() == 0, "\n".join(sidecar.log)
    return body.decode()


def test_messages_get_through_and_survive_the_loss_of_the_server(tls_files, tls_redis, resources):
    app = App([sub()])
    sidecar = Sidecar("orders", resources(tls_redis, **tls_metadata(tls_files)), app.port)
    for number in range(100):
        assert sidecar.publish("pubsub", "t", {"n": number, "filler": "x" * 50000})[0] == 204
    wait_until(lambda: len(app.received) == 100, "100 events")
    tls_redis.kill()
    tls_redis.start()
    wait_until(lambda: sidecar.publish("pubsub", "t", {"n": 100})[0] == 204, "publishing again")
    wait_until(lambda: {event["data"]["n"] for event in app.events()} == set(range(101)), "all events")
    wait_until(lambda: tls_redis.cli("XPENDING", "t", "orders").split()[0] == "0", "acknowledgements")
    assert sidecar.stop() == 0, "\n".join(sidecar.log)
    app.close()


def test_the_server_is_not_verified_when_so_asked(tls_files, tls_redis, resources):
    metadata = tls_metadata(tls_files, caCert=None)
    sidecar = Sidecar("orders", resources(tls_redis, insecureSkipTLSVerify="true", **metadata))
    assert sidecar.publish("pubsub", "other", 1)[0] == 204
    assert sidecar.stop() == 0


def test_the_systems_authorities_are_trusted_without_cacert(tls_files, tls_redis, resources):
    metadata = tls_metadata(tls_files, caCert=None)
    sidecar = Sidecar("orders", resources(tls_redis, **metadata), env={"SSL_CERT_FILE": str(tls_files / "ca.pem")})
    assert sidecar.publish("pubsub", "other", 1)[0] == 204
    assert sidecar.stop() == 0


@pytest.mark.parametrize("wrong, said", WRONG_FILES)
def test_a_refusal_names_the_field_to_set(tls_files, tls_redis, resources, wrong, said):
    assert said in refusal(resources(tls_redis, **tls_metadata(tls_files, **wrong)))


@pytest.mark.parametrize("certificate, said", WRONG_CERTIFICATES)
def test_a_server_with_a_wrong_certificate_is_refused(tls_files, tmp_path_factory, resources, certificate, said):
    server = Redis(tmp_path_factory.mktemp("redis"), *certificate_flags(tls_files, certificate), tls=tls_files)
    assert said in refusal(resources(server, **tls_metadata(tls_files)))
    server.kill()


def test_plain_text_to_a_tls_port_and_tls_to_a_plain_port_are_told(tls_files, tls_redis, resources, tmp_path_factory):
    assert "if the server speaks TLS on this port, set enableTLS" in refusal(resources(tls_redis))
    plain = Redis(tmp_path_factory.mktemp("redis"))
    said = refusal(resources(plain, dialTimeout="300ms", **tls_metadata(tls_files)))
    assert "tls: handshake with 127.0.0.1" in said and "If not, leave out enableTLS" in said
    plain.kill()


@pytest.mark.parametrize("wrong, said", [
    ({"clientKey": ""}, "clientCert is set without clientKey"),
    ({"caCert": "no PEM"}, "enableTLS: caCert holds no certificate in PEM form"),
    ({"redisHost": "/tmp/redis.sock"}, "redis has no TLS on the Unix socket /tmp/redis.sock; leave out enableTLS"),
])
def test_settings_that_cannot_work_end_the_start(tls_files, tmp_path, wrong, said):
    folder = component(tmp_path, kind="pubsub.redis", **{"redisHost": "127.0.0.1:1", **tls_metadata(tls_files), **wrong})
    sidecar = Sidecar("orders", folder, wait=False)
    assert sidecar.process.wait(15) == 1
    wait_until(lambda: any(said in line for line in sidecar.log), said)
    assert "PRIVATE KEY" not in "\n".join(sidecar.log)
