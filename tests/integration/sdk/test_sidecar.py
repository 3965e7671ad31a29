# SPDX-License-Identifier: MIT
"""The programs of docs/c-client.md against a real sidecar."""
import os
import signal
import subprocess
import threading

from sidecar import Sidecar, component, free_port, wait_until


def env_of(sidecar, **more):
    return {**os.environ, "DAPR_HTTP_PORT": str(sidecar.port), "DAPR_GRPC_PORT": str(sidecar.grpc_port), **more}


class Program:
    """A program that runs until it is told to end; its lines as they come."""

    def __init__(self, path, env, *args):
        self.process = subprocess.Popen([path, *args], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        text=True)
        self.lines = []
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def has(self, line):
        assert self.process.poll() is None, self.lines
        return line in self.lines

    def end(self, sig=signal.SIGTERM):
        self.process.send_signal(sig)
        code = self.process.wait(20)
        self.reader.join()
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
        assert sorted(app.lines[1:]) == sorted(f'order {{"orderId":{n}}}' for n in range(100))
    finally:
        sidecar.stop()
        assert app.end() == 0, app.lines


def test_a_stream_brings_events_without_an_open_port(programs, tmp_path):
    """Also after its sidecar was killed: the stream comes back, and with it what was published meanwhile."""
    component(tmp_path, kind="pubsub.sqlite", connectionString=str(tmp_path / "broker.db"))
    publisher = Sidecar("publisher", tmp_path)
    sidecar = Sidecar("orders", tmp_path)
    program = Program(programs["stream"], env_of(sidecar))
    wait_until(lambda: b"STREAMING" in sidecar.get("/v1.0/metadata")[1], "the subscription")
    publisher.publish("pubsub", "orders", 1)
    wait_until(lambda: program.has("order 1"), "the first order")
    sidecar.stop(signal.SIGKILL)
    publisher.publish("pubsub", "orders", 2)
    again = Sidecar("orders", tmp_path, ports=(sidecar.port, sidecar.grpc_port))
    wait_until(lambda: program.has("order 2"), "the second order")
    program.end()
    assert again.stop() == 0
    assert publisher.stop() == 0


def test_a_stream_that_is_refused_says_why(programs, tmp_path):
    sidecar = Sidecar("orders", component(tmp_path, name="other"))
    done = subprocess.run([programs["stream"]], env=env_of(sidecar), text=True, capture_output=True, timeout=20)
    assert sidecar.stop() == 0
    assert (done.returncode, done.stderr) == (1, "pubsub pubsub is not found\n")


def test_no_count_is_lost(programs, tmp_path):
    """Programs that count at the same time: each adds one, whatever the others write in between."""
    sidecar = Sidecar("counter", component(tmp_path, "statestore", "state.in-memory"))
    runs = [subprocess.Popen([programs["count"]], env=env_of(sidecar), stdout=subprocess.PIPE, text=True)
            for _ in range(12)]
    counts = sorted(int(run.communicate(timeout=60)[0].split()[1]) for run in runs)
    assert sidecar.stop() == 0
    assert counts == list(range(1, 13))


def test_a_refusal_is_told(programs, tmp_path):
    sidecar = Sidecar("orders", component(tmp_path, name="other"))
    done = subprocess.run([programs["publish"]], env=env_of(sidecar), text=True, capture_output=True, timeout=20)
    sidecar.stop()
    assert (done.returncode, done.stderr) == (1, "not published: pubsub pubsub is not found\n")
