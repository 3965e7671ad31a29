# SPDX-License-Identifier: MIT
"""pubsub.redis over TLS, against a redis-server that demands a certificate; and what is said when it
does not work."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
from redis_server import Redis, tls_metadata  # noqa: E402
from sidecar import App, Sidecar, certificates, component, sub, wait_until  # noqa: E402


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return certificates(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def redis(made, tmp_path_factory):
    server = Redis(tmp_path_factory.mktemp("redis"), tls=made)
    yield server
    server.kill()


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


def test_messages_get_through_and_survive_the_loss_of_the_server(made, redis, resources):
    app = App([sub()])
    sidecar = Sidecar("orders", resources(redis, **tls_metadata(made)), app.port)
    for number in range(100):
        assert sidecar.publish("pubsub", "t", {"n": number, "filler": "x" * 50000})[0] == 204
    wait_until(lambda: len(app.received) == 100, "100 events")
    redis.kill()
    redis.start()
    wait_until(lambda: sidecar.publish("pubsub", "t", {"n": 100})[0] == 204, "publishing again")
    wait_until(lambda: {event["data"]["n"] for event in app.events()} == set(range(101)), "all events")
    wait_until(lambda: redis.cli("XPENDING", "t", "orders").split()[0] == "0", "acknowledgements")
    assert sidecar.stop() == 0, "\n".join(sidecar.log)
    app.close()


def test_the_server_is_not_verified_when_so_asked(made, redis, resources):
    metadata = tls_metadata(made)
    metadata.pop("caCert")
    sidecar = Sidecar("orders", resources(redis, insecureSkipTLSVerify="true", **metadata))
    assert sidecar.publish("pubsub", "other", 1)[0] == 204
    assert sidecar.stop() == 0


def test_the_systems_authorities_are_trusted_without_cacert(made, redis, resources):
    metadata = tls_metadata(made)
    metadata.pop("caCert")
    sidecar = Sidecar("orders", resources(redis, **metadata), env={"SSL_CERT_FILE": str(made / "ca.pem")})
    assert sidecar.publish("pubsub", "other", 1)[0] == 204
    assert sidecar.stop() == 0


@pytest.mark.parametrize("wrong, said", [
    ({"caCert": "other-ca.pem"}, "x509: certificate signed by unknown authority; set caCert to the authority"),
    ({"clientCert": None, "clientKey": None}, "tls: certificate required; set clientCert and clientKey"),
    ({"clientCert": "other-ca.pem", "clientKey": "other-ca.key"}, "unknown certificate authority; set clientCert"),
])
def test_a_refusal_names_the_field_to_set(made, redis, resources, wrong, said):
    metadata = tls_metadata(made)
    for field, name in wrong.items():
        if name:
            metadata[field] = (made / name).read_text()
        else:
            del metadata[field]
    assert said in refusal(resources(redis, **metadata))


@pytest.mark.parametrize("certificate, said", [
    ("expired", "x509: certificate has expired or is not yet valid: current time"),
    ("named", "x509: cannot validate certificate for 127.0.0.1 because it doesn't contain any IP SANs"),
])
def test_a_server_with_a_wrong_certificate_is_refused(made, tmp_path_factory, resources, certificate, said):
    server = Redis(tmp_path_factory.mktemp("redis"), "--tls-cert-file", f"{made}/{certificate}.pem", "--tls-key-file",
                   f"{made}/{certificate}.key", tls=made)
    assert said in refusal(resources(server, **tls_metadata(made)))
    server.kill()


def test_plain_text_to_a_tls_port_and_tls_to_a_plain_port_are_told(made, redis, resources, tmp_path_factory):
    assert "if the server speaks TLS on this port, set enableTLS" in refusal(resources(redis))
    plain = Redis(tmp_path_factory.mktemp("redis"))
    said = refusal(resources(plain, dialTimeout="300ms", **tls_metadata(made)))
    assert "tls: handshake with 127.0.0.1" in said and "If not, leave out enableTLS" in said
    plain.kill()


@pytest.mark.parametrize("wrong, said", [
    ({"clientKey": ""}, "clientCert is set without clientKey"),
    ({"caCert": "no PEM"}, "enableTLS: caCert holds no certificate in PEM form"),
    ({"redisHost": "/tmp/redis.sock"}, "redis has no TLS on the Unix socket /tmp/redis.sock; leave out enableTLS"),
])
def test_settings_that_cannot_work_end_the_start(made, tmp_path, wrong, said):
    folder = component(tmp_path, kind="pubsub.redis", **{"redisHost": "127.0.0.1:1", **tls_metadata(made), **wrong})
    sidecar = Sidecar("orders", folder, wait=False)
    assert sidecar.process.wait(15) == 1
    wait_until(lambda: any(said in line for line in sidecar.log), said)
    assert "PRIVATE KEY" not in "\n".join(sidecar.log)
