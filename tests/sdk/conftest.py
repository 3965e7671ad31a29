# SPDX-License-Identifier: MIT
import pathlib
import subprocess
import sys
import threading

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/support"))
from sidecar import free_port, wait_until  # noqa: E402


class Program:
    """A process whose output lines are kept."""

    def __init__(self, args, env=None, cwd=None):
        import os
        self.lines = []
        self.process = subprocess.Popen([str(a) for a in args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        text=True, env={**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})}, cwd=cwd)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip())

    def said(self, start):
        return [line for line in list(self.lines) if line.startswith(start)]

    def wait_for(self, start, count=1, seconds=40):
        try:
            wait_until(lambda: len(self.said(start)) >= count, f"{count} lines '{start}'", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\n" + "\n".join(self.lines)) from None

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def run():
    programs = []

    def start(*args, **kwargs):
        programs.append(Program(args, **kwargs))
        return programs[-1]

    yield start
    for program in programs:
        program.stop()


@pytest.fixture
def redis_port(redis_server):
    """An empty Redis."""
    subprocess.run(["redis-cli", "-p", str(redis_server), "flushall"], check=True, stdout=subprocess.DEVNULL)
    return redis_server


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory):
    port = free_port()
    server = subprocess.Popen(["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "",
                               "--dir", str(tmp_path_factory.mktemp("redis"))], stdout=subprocess.DEVNULL)
    import socket

    def is_up():
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", port)) == 0
    wait_until(is_up, "redis-server listens")
    yield port
    server.terminate()
    server.wait(10)
