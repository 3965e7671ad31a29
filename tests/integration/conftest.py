# SPDX-License-Identifier: MIT
"""What the tests of several components stand on."""
import pytest

from redis_server import Redis
from sidecar import certificates


@pytest.fixture(scope="session")
def tls_files(tmp_path_factory):
    """The folder of tests/support/certificates.sh."""
    return certificates(tmp_path_factory.mktemp("tls"))


@pytest.fixture(params=["plain", "tls"])
def tls(request, tls_files):
    """A server without TLS and one with: None, or the folder."""
    return tls_files if request.param == "tls" else None


@pytest.fixture(scope="module")
def tls_redis(tls_files, tmp_path_factory):
    """A redis-server that demands a certificate of its clients."""
    server = Redis(tmp_path_factory.mktemp("redis"), tls=tls_files)
    yield server
    server.kill()
