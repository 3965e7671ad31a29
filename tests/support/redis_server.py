# SPDX-License-Identifier: MIT
"""A redis-server of a test's own, on a free port; with the folder of tests/support/certificates.sh it
speaks TLS and demands a certificate from its clients."""
import subprocess

from sidecar import free_port, wait_until


def tls_flags(folder):
    return ["--tls-cert-file", f"{folder}/server.pem", "--tls-key-file", f"{folder}/server.key",
            "--tls-ca-cert-file", f"{folder}/ca.pem"]


def cli_tls_flags(folder):
    return ["--tls", "--insecure", "--cert", f"{folder}/client.pem", "--key", f"{folder}/client.key"]


def tls_metadata(folder):
    """The component's settings for such a server."""
    return {"enableTLS": "true", "caCert": (folder / "ca.pem").read_text(),
            "clientCert": (folder / "client.pem").read_text(), "clientKey": (folder / "client.key").read_text()}


class Redis:
    def __init__(self, folder, *flags, tls=None):
        self.folder, self.flags, self.tls, self.port = folder, flags, tls, free_port()
        self.start()

    def start(self):
        ports = (["--port", "0", "--tls-port", str(self.port), *tls_flags(self.tls)] if self.tls
                 else ["--port", str(self.port)])
        self.process = subprocess.Popen(
            ["redis-server", *ports, "--bind", "127.0.0.1", "--dir", str(self.folder),
             "--appendonly", "yes", "--appendfsync", "always", "--save", "", *self.flags],
            stdout=subprocess.DEVNULL)
        wait_until(lambda: self.cli("PING") in ("PONG", "NOAUTH Authentication required."), "redis-server")

    def cli(self, *words):
        return subprocess.run(["redis-cli", "-p", str(self.port), *(cli_tls_flags(self.tls) if self.tls else []),
                               *words], capture_output=True, text=True).stdout.strip()

    def kill(self):
        self.process.kill()
        self.process.wait()
