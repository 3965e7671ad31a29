# SPDX-License-Identifier: MIT
"""Sidecars that find each other by multicast DNS, on both ends of a cable that leads nowhere else."""
import json
import subprocess
import sys

from mdns_peer import Stranger
from network import TwoNetworks
from sidecar import Sidecar, wait_until


class MdnsNet(TwoNetworks):
    """`start` is the fixture; what is made on a side is closed by it."""

    configuration = ("apiVersion: dapr.io/v1alpha1\nkind: Configuration\nmetadata:\n  name: c\nspec:\n"
                     "  nameResolution:\n    component: mdns\n")

    def __init__(self, start, folder):
        super().__init__()
        self.start = start
        self.config = folder / "mdns.yaml"
        self.config.write_text(self.configuration)

    def make(self, side, kind, *args, **kwargs):
        with self.of(side):
            return self.start(kind, *args, **kwargs)

    def sidecar(self, side, app_id, app=None, flags=(), **more):
        flags = ["--config", str(self.config), *flags]
        made = self.make(side, Sidecar, app_id, app_port=app.port if app else None, flags=flags, **more)
        made.side = side
        return made

    def stranger(self, side, v6=False):
        return self.make(side, Stranger, self.interfaces[side], v6=v6)

    def get(self, sidecar, path):
        with self.of(sidecar.side):
            return sidecar.get(path)

    def ask(self, sidecar, app_id="worker"):
        """Which application answers."""
        status, data, _ = self.get(sidecar, f"/v1.0/invoke/{app_id}/method/json")
        assert status == 200, data
        return json.loads(data)["app"]

    def refusal(self, sidecar, app_id="worker"):
        """Why none answers."""
        status, data, _ = self.get(sidecar, f"/v1.0/invoke/{app_id}/method/json")
        assert status == 500, data
        return json.loads(data)["message"]

    def grpc(self, sidecar, path, message, headers=()):
        """An answer's bytes. In a process of its own: the threads of the library are where they were made."""
        program = ("import sys; from grpc_api import call_bytes\n"
                   "port, path, message, *headers = sys.argv[1:]\n"
                   "headers = [tuple(header.split('=')) for header in headers]\n"
                   "print(call_bytes(int(port), path, bytes.fromhex(message), headers).hex())")
        with self.of(sidecar.side):
            done = subprocess.run([sys.executable, "-c", program, str(sidecar.grpc_port), path, message.hex(), *headers],
                                  capture_output=True, text=True, timeout=60, env={"PYTHONPATH": ":".join(sys.path)})
        assert done.returncode == 0, done.stderr
        return bytes.fromhex(done.stdout)


def said(sidecar, text):
    """The line of its log, once it is there."""
    return wait_until(lambda: next((line for line in list(sidecar.log) if text in line), None), f"says {text}")
