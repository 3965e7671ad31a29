# SPDX-License-Identifier: MIT
"""The floor under a row: floor.c does the reads, writes and waits of a sidecar's path with the bytes of that sidecar.

It is measured right after the row. What lies between the two is what the sidecar adds; where the floor itself lies
tells what this machine allows.
"""
import codecs
import contextlib
import pathlib
import re
import socket
import subprocess

import rig as rigs


def request(method, path, body=""):
    return (f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}").encode()


def words_of(line):
    """The command in a line of MONITOR."""
    quoted = re.findall(rb'"((?:[^"\\]|\\.)*)"', line.split(b"] ", 1)[1])
    return [codecs.escape_decode(word)[0] for word in quoted]


def answer_to(port, content, end):
    """The bytes that come for `content`, until `end` is among them."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as s:
        s.sendall(content)
        answer = b""
        while end not in answer:
            part = s.recv(65536)
            if not part:
                raise rigs.Failed(f"port {port} ended in the middle of an answer: {answer!r}")
            answer += part
        return answer


class Floor:
    def __init__(self, rig):
        self.rig = rig
        self.binary = pathlib.Path(__file__).resolve().parents[1] / "build/release/bench/floor"

    def file(self, name, content):
        path = self.rig.folder / name
        path.write_bytes(content)
        return path

    @contextlib.contextmanager
    def server(self, mode, *args):
        """Yields its port and its process ID."""
        port = rigs.free_port()
        process = self.rig.start([self.binary, mode, str(port), *map(str, args)])
        rigs.wait_for(lambda: rigs.listens(port), f"floor {mode} listens")
        yield port, process.pid
        self.rig.stop(process)

    def recorded(self, sidecar, content, name):
        """The command with `name` in it that a sidecar sends to Redis for the request `content`, as words, and what it
        answers."""
        with socket.create_connection(("127.0.0.1", self.rig.redis_port), timeout=60) as s:
            monitor = s.makefile("rwb")
            monitor.write(rigs.redis_command(b"MONITOR"))
            monitor.flush()
            monitor.readline()
            answer = answer_to(sidecar.http, content, b"\r\n\r\n")
            while name not in (line := monitor.readline()):
                pass
        return words_of(line), answer

    def relay(self, words, answer):
        """A server that answers `answer` once Redis has answered the command `words`."""
        command = rigs.redis_command(*words)
        reply = answer_to(self.rig.redis_port, command, b"\n")
        return self.server("relay", self.rig.redis_port, self.file("command", command), self.file("answer", answer),
                           reply.count(b"\n"))

    def log(self, entry, answer):
        """A server that answers `answer` once as many bytes as `entry` has are on the disk for it."""
        return self.server("log", self.rig.folder / "floor.log", len(entry), self.file("answer", answer))

    def load(self, server, connections, script=""):
        with server as (port, pid):
            before = sum(rigs.cpu_ticks(pid))
            got = self.rig.wrk(connections, f"http://127.0.0.1:{port}/", script)
            got["cpu_us"] = (sum(rigs.cpu_ticks(pid)) - before) * rigs.TICK_US / got["count"]
            return got

    def post(self, connections, body):
        """Requests to the application, each connection's next one after an answer, as a sidecar delivers."""
        content = self.file("request", request("POST", "/deliver", body.decode()))
        process = self.rig.start([self.binary, "post", str(self.rig.app), str(connections), str(self.rig.seconds), content],
                                 subprocess.PIPE)
        count, cpu_us = (int(word) for word in process.stdout.read().split())
        process.stdout.close()
        self.rig.stop(process)
        return {"rate": count / self.rig.seconds, "cpu_us": cpu_us / count}
