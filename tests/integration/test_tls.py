# SPDX-License-Identifier: MIT
"""TLS as a user meets it: applications behind https, and the module wherever the binary is run from."""
import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import sidecar as support  # noqa: E402
from sidecar import BINARY, App, Sidecar, certificates, component, free_port, sub, wait_until  # noqa: E402


def metadata(sidecar):
    return json.loads(sidecar.get("/v1.0/metadata")[1])


@pytest.mark.parametrize("certificate", ["server", "expired", "named"])
@pytest.mark.parametrize("flags", [["--app-protocol", "https"], ["--app-ssl"]], ids=["https", "app-ssl"])
def test_an_https_application_gets_its_events_whatever_its_certificate(tmp_path, certificate, flags):
    app = App([sub()], certificate=certificates(tmp_path) / f"{certificate}.pem")
    sidecar = Sidecar("orders", component(tmp_path), app.port, flags)
    for number in range(50):
        assert sidecar.publish("pubsub", "t", {"n": number, "filler": "x" * 20000})[0] == 204
    wait_until(lambda: len(app.received) == 50, "50 events")
    assert sorted(event["data"]["n"] for event in app.events("/t")) == list(range(50))
    assert metadata(sidecar)["appConnectionProperties"]["protocol"] == "https"
    assert sidecar.stop() == 0, "\n".join(sidecar.log)
    app.close()


def test_health_is_probed_over_https(tmp_path):
    app = App([sub()], certificate=certificates(tmp_path) / "server.pem")
    sidecar = Sidecar("orders", component(tmp_path), app.port, ["--app-protocol", "https", "--enable-app-health-check",
                                                                "--app-health-check-path", "/dapr/subscribe"])
    wait_until(lambda: any("App entered healthy status" in line for line in sidecar.log), "health")
    wait_until(lambda: metadata(sidecar).get("subscriptions"), "subscriptions")
    assert sidecar.publish("pubsub", "t", 1)[0] == 204
    wait_until(lambda: app.events("/t"), "the event")
    assert sidecar.stop() == 0, "\n".join(sidecar.log)
    app.close()


def test_an_application_without_tls_is_told_of_and_waited_for(tmp_path):
    made = certificates(tmp_path)
    plain = App([sub()])
    sidecar = Sidecar("orders", component(tmp_path), plain.port, ["--app-protocol", "https"], wait=False)
    wait_until(lambda: any("does not complete the TLS handshake that app-protocol https asks for" in line
                           for line in sidecar.log), "the warning")
    assert sum("does not complete the TLS handshake" in line for line in sidecar.log) == 1
    plain.close()
    app = App([sub()], certificate=made / "server.pem", port=plain.port)
    sidecar.wait_ready("/v1.0/healthz")
    assert sidecar.publish("pubsub", "t", 1)[0] == 204
    wait_until(lambda: app.events("/t"), "the event")
    assert sidecar.stop() == 0, "\n".join(sidecar.log)
    app.close()


# ---- where the module is found ----

def starts_with_tls(tmp_path, monkeypatch, binary):
    """Runs `binary` with an application that needs the module."""
    monkeypatch.setattr(support, "BINARY", str(binary))
    app = App([sub()], certificate=certificates(tmp_path) / "server.pem")
    sidecar = Sidecar("orders", component(tmp_path), app.port, ["--app-protocol", "https"])
    assert sidecar.publish("pubsub", "t", 1)[0] == 204
    wait_until(lambda: app.events("/t"), "the event")
    assert sidecar.stop() == 0, "\n".join(sidecar.log)
    app.close()


def test_the_module_is_found_in_a_prefix_and_through_a_link(tmp_path, monkeypatch):
    prefix = tmp_path / "prefix"
    subprocess.run(["cmake", "--install", pathlib.Path(BINARY).parent, "--prefix", prefix], check=True,
                   stdout=subprocess.DEVNULL)
    assert (prefix / "lib/pillion/pillion-tls.so").exists()
    starts_with_tls(tmp_path, monkeypatch, prefix / "bin/pillion")
    (tmp_path / "links").mkdir()
    link = tmp_path / "links/pillion"
    link.symlink_to(prefix / "bin/pillion")
    starts_with_tls(tmp_path, monkeypatch, link)
    second = tmp_path / "links/again"
    second.symlink_to("pillion")
    starts_with_tls(tmp_path, monkeypatch, second)


def run_without_module(binary, env=None):
    return subprocess.run([binary, "sidecar", "--app-id", "a", "--app-port", "1", "--app-protocol", "grpcs",
                           "--dapr-http-port", str(free_port()), "--dapr-grpc-port", str(free_port())],
                          capture_output=True, text=True, env={**os.environ, **(env or {})}, timeout=20)


def test_a_binary_without_its_module_says_where_it_looked(tmp_path):
    alone = tmp_path / "bin/pillion"
    alone.parent.mkdir()
    shutil.copy(BINARY, alone)
    ended = run_without_module(alone)
    assert ended.returncode == 1
    assert "app-protocol grpcs: TLS: module pillion-tls.so is not there" in ended.stdout
    assert f"{tmp_path}/bin/modules/pillion-tls.so, {tmp_path}/bin/../lib/pillion/pillion-tls.so" in ended.stdout
    assert "set PILLION_MODULES" in ended.stdout
    (tmp_path / "pillion-tls.so").write_text("no ELF")
    ended = run_without_module(BINARY, {"PILLION_MODULES": str(tmp_path)})
    assert ended.returncode == 1 and "pillion-tls.so cannot be loaded" in ended.stdout


def test_a_sidecar_without_tls_does_not_load_it(tmp_path):
    sidecar = Sidecar("orders", component(tmp_path))
    maps = pathlib.Path(f"/proc/{sidecar.process.pid}/maps").read_text()
    assert "libssl" not in maps and "pillion-tls" not in maps
    assert sidecar.stop() == 0
