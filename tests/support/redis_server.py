# SPDX-License-Identifier: MIT
"""A redis-server of a test's own, on a free port."""
import subprocess

from sidecar import free_port, wait_until


class Redis:
    def __init__(self, folder, *flags):
        self.folder, self.flags, self.port = folder, flags, free_port()
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder),
             "--appendonly", "yes", "--appendfsync", "always", "--save", "", *self.flags],
            stdout=subprocess.DEVNULL)
        wait_until(lambda: self.cli("PING") in ("PONG", "NOAUTH Authentication required."), "redis-server")

    def cli(self, *words):
        return subprocess.run(["redis-cli", "-p", str(self.port), *words], capture_output=True,
                              text=True).stdout.strip()

    def kill(self):
        self.process.kill()
        self.process.wait()
