# SPDX-License-Identifier: MIT
"""The programs of docs/c-client.md against a real sidecar."""
import os
import signal
import subprocess

from sidecar import Sidecar, component, free_port, wait_until


def env_of(sidecar, **more):
    return {**os.environ, "DAPR_HTTP_PORT": str(sidecar.port), "DAPR_GRPC_PORT": str(sidecar.grpc_port), **more}


class Program:
    """A program that runs until it is told to end; its lines as they come."""

    def __init__(self, path, env, *args):
        self.process = subprocess.Popen([path, *args], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        text=True)
        os.set_blocking(self.process.stdout.fileno(), False)
        self.text = ""

    def has(self, line):
        self.text += self.process.stdout.read() or ""
        assert self.process.poll() is None, self.text
        return line in self.text.splitlines()

    def end(self, sig=signal.SIGTERM):
        self.process.send_signal(sig)
        code = self.process.wait(20)
        self.text += self.process.stdout.read() or ""
        return code


def test_an_event_goes_from_program_to_program(programs, tmp_path):
    port = free_port()
    component(tmp_path, kind="pubsub.in-memory")
    app = Program(programs["subscribe"], {**os.environ, "APP_PORT": str(port)})
    sidecar = Sidecar("orders", tmp_path, port)
    try:
        subprocess.run([programs["publish"]], env=env_of(sidecar), check=True, timeout=20)
        wait_until(lambda: app.has('order {"orderId":7}'), "the order")
        assert subprocess.run([programs["several"]], env=env_of(sidecar), text=True, capture_output=True,
                              timeout=20).stdout == "100 of 100 published\n"
        wait_until(lambda: app.has('order {"orderId":99}'), "the last order")
        assert sorted(app.text.splitlines()[1:]) == sorted(f'order {{"orderId":{n}}}' for n in range(100))
    finally:
        sidecar.stop()
        assert app.end() == 0, app.text


def test_a_refusal_is_told(programs, tmp_path):
    sidecar = Sidecar("orders", component(tmp_path, name="other"))
    done = subprocess.run([programs["publish"]], env=env_of(sidecar), text=True, capture_output=True, timeout=20)
    sidecar.stop()
    assert (done.returncode, done.stderr) == (1, "not published: pubsub pubsub is not found\n")
