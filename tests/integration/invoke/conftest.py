# SPDX-License-Identifier: MIT
"""Two sidecars: "caller", without an application, and "callee", with one."""
import pytest

from echo_app import EchoApp
from sidecar import Sidecar


@pytest.fixture(scope="module")
def app():
    app = EchoApp()
    yield app
    app.close()


@pytest.fixture(scope="module")
def callee(app):
    sidecar = Sidecar("callee", app_port=app.port, env={"APP_API_TOKEN": "app-secret"})
    yield sidecar
    assert sidecar.stop() == 0, "\n".join(sidecar.log)


@pytest.fixture(scope="module")
def caller(callee):
    sidecar = Sidecar("caller")
    yield sidecar
    assert sidecar.stop() == 0, "\n".join(sidecar.log)
