# SPDX-License-Identifier: MIT
"""The release build over time: nothing grows, nothing leaks, valgrind has nothing to say."""
import http.client
import json
import pathlib
import shutil
import socket

import pytest

import grpc_api
import sidecar as support
from redis_server import Redis, tls_metadata
from sidecar import ROOT, App, Sidecar, certificates, component, sub, wait_until
from slow_app import SlowApp

RELEASE = ROOT / "build/release/pillion"


@pytest.fixture
def release(monkeypatch):
    """Sanitizers keep what was freed; the real thing is measured."""
    if not RELEASE.exists():
        pytest.skip("there is no release build: ./dev build release")
    monkeypatch.setattr(support, "BINARY", str(RELEASE))


class Counter(App):
    """Counts messages, one by one or in bulk."""

    def __init__(self):
        self.count = 0

        def answer(path, body):
            self.received.clear()
            if path == "/single":
                self.count += 1
                return 200, {}
            entries = json.loads(body)["entries"]
            self.count += len(entries)
            return 200, {"statuses": [{"entryId": entry["entryId"], "status": "SUCCESS"} for entry in entries]}
        super().__init__([sub("single", "/single"),
                          sub("bulk", "/bulk", bulkSubscribe={"enabled": True, "maxMessagesCount": 100})], answer)


def resident_kb(sidecar):
    return int(pathlib.Path(f"/proc/{sidecar.process.pid}/statm").read_text().split()[1]) * 4


@pytest.mark.parametrize("kind", ["pubsub.redis", "pubsub.sqlite", "pubsub.in-memory"])
def test_seventy_thousand_messages_leave_the_memory_as_it_was(start, tmp_path, release, kind):
    folder = tmp_path / "resources"
    folder.mkdir()
    if kind == "pubsub.redis":
        redis = start(Redis, tmp_path, "--appendonly", "no")
        component(folder, kind=kind, redisHost=f"127.0.0.1:{redis.port}")
    elif kind == "pubsub.sqlite":
        component(folder, kind=kind, connectionString=str(tmp_path / "broker.db"), synchronous="normal")
    else:
        component(folder, kind=kind)
    app = start(Counter)
    sidecar = start(Sidecar, "orders", folder, app.port)
    connection = http.client.HTTPConnection("127.0.0.1", sidecar.port)

    def post(path, body):
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 204

    def round_(number):
        """10,000 messages there and back."""
        many = json.dumps([{"entryId": str(i), "event": {"n": i, "fill": "x" * 200}, "contentType": "application/json"}
                           for i in range(100)])
        for _ in range(90):
            post("/v1.0/publish/bulk/pubsub/bulk", many)
        for i in range(1000):
            post("/v1.0/publish/pubsub/single", json.dumps({"n": i, "fill": "y" * 500}))
        wait_until(lambda: app.count == (number + 1) * 10000, f"round {number}", 60)
        return resident_kb(sidecar)
    memory = [round_(number) for number in range(7)]
    print(f"{kind}: {memory} kB")
    assert max(memory[2:]) - max(memory[:2]) < 2048, memory  # a leak of 40 bytes a message would show
    assert max(memory) < 20000, memory


def test_connections_that_come_and_go_leave_the_memory_as_it_was(start, tmp_path, release):
    sidecar = start(Sidecar, "orders", component(tmp_path))

    def round_():
        for _ in range(1500):
            assert sidecar.publish("pubsub", "t", 1)[0] == 204  # a connection each
        for _ in range(60):
            grpc_api.ask(sidecar.grpc_port, "GetMetadata")
        return resident_kb(sidecar)
    memory = [round_() for _ in range(5)]
    print(f"connections: {memory} kB")
    assert max(memory[2:]) - max(memory[:2]) < 1024, memory


def test_many_subscriptions_with_a_backlog_take_little(start, tmp_path, release):
    """200 of them with 20,000 messages, of which the sidecar holds about a thousand while the application is slow."""
    topics = [f"t{number}" for number in range(200)]
    folder = tmp_path / "resources"
    folder.mkdir()
    redis = start(Redis, tmp_path, "--appendonly", "no")
    component(folder, kind="pubsub.redis", redisHost=f"127.0.0.1:{redis.port}")
    publisher = start(Sidecar, "publisher", folder)
    many = json.dumps([{"entryId": str(n), "event": {"n": n, "fill": "x" * 500}, "contentType": "application/json"}
                       for n in range(100)])
    for topic in topics:
        assert publisher.request("POST", f"/v1.0/publish/bulk/pubsub/{topic}", many)[0] == 204
    assert publisher.stop() == 0
    app = start(SlowApp, [sub(topic, "/t") for topic in topics])
    sidecar = start(Sidecar, "orders", folder, app.port)
    wait_until(lambda: len(app.held) > 800, "messages with the application")
    memory = [resident_kb(sidecar)]
    app.release()
    wait_until(lambda: len(app.done) == len(topics) * 100, "all messages", 60)
    memory.append(resident_kb(sidecar))
    print(f"200 subscriptions: {memory} kB")
    assert app.most_held <= 1000 + len(topics)
    assert max(memory) < 40000, memory  # 20,000 messages in memory would be 200 MB


def test_memory_of_many_connections_is_given_back(start, tmp_path, release):
    sidecar = start(Sidecar, "orders", component(tmp_path))
    request = b"POST /v1.0/publish/pubsub/t HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}"
    assert sidecar.publish("pubsub", "t", 1)[0] == 204
    at_start = resident_kb(sidecar)
    connections = [socket.create_connection(("127.0.0.1", sidecar.port)) for _ in range(2000)]
    for connection in connections:
        connection.sendall(request)
    for connection in connections:
        assert b" 204 " in connection.recv(4096)
    at_most = resident_kb(sidecar)
    for connection in connections:
        connection.close()
    wait_until(lambda: resident_kb(sidecar) < at_start + 2048, "memory given back", 30)
    print(f"2,000 connections: {at_start}, {at_most}, {resident_kb(sidecar)} kB")
    assert at_most > at_start + 4096  # else this shows nothing


def test_a_whole_life_under_valgrind_is_clean(start, tmp_path, release):
    """Start, publish, deliver, retry, dead letter, errors, stop; over every broker, TLS on both sides."""
    if not shutil.which("valgrind"):
        pytest.skip("valgrind is not installed")
    made, folder, report = certificates(tmp_path), tmp_path / "resources", tmp_path / "valgrind"
    folder.mkdir()
    redis = start(Redis, tmp_path, tls=made)
    component(folder, kind="pubsub.redis", redisHost=f"127.0.0.1:{redis.port}", **tls_metadata(made))
    component(folder, "file", kind="pubsub.sqlite", connectionString=str(tmp_path / "broker.db"))
    component(folder, "memory")
    brokers = ["pubsub", "file", "memory"]
    seen = []

    def answer(path, body):
        data = json.loads(body)["data"]
        seen.append((path, data))
        if path.endswith("/t") and data == 1:
            return 200, {"status": "DROP"}
        return (500, {}) if path.endswith("/t") and data == 2 and seen.count((path, 2)) == 1 else (200, {})
    app = start(App, [{"pubsubname": broker, "topic": topic, "route": f"/{broker}/{topic}",
                       **({"deadLetterTopic": "dead"} if topic == "t" else {})}
                      for broker in brokers for topic in ("t", "dead")], answer, certificate=made / "server.pem")
    sidecar = start(Sidecar, "orders", folder, app.port, ["--app-protocol", "https"],
                    prefix=["valgrind", "--leak-check=full", "--error-exitcode=99", f"--log-file={report}"],
                    ready_seconds=90)
    for broker in brokers:
        for number in range(10):
            assert sidecar.publish(broker, "t", number)[0] == 204
        fields = {"pubsubName": broker, "topic": "t", "data": "MTA=", "dataContentType": "application/json"}
        grpc_api.ask(sidecar.grpc_port, "PublishEvent", fields)
        expected = {(f"/{broker}/t", number) for number in range(11)} | {(f"/{broker}/dead", 1)}
        wait_until(lambda: expected <= set(seen) and seen.count((f"/{broker}/t", 2)) == 2, f"all over {broker}", 60)
    assert sidecar.publish("nowhere", "t", 1)[0] == 404
    assert sidecar.publish("pubsub", "t", b"x" * 5000000)[0] == 413
    assert sidecar.get("/v1.0/metadata")[0] == 200
    code = sidecar.stop(timeout=60)
    said = report.read_text()
    assert code == 0, said[-6000:]
    assert "ERROR SUMMARY: 0 errors" in said and "definitely lost: 0 bytes" in said or "no leaks are possible" in said, said
