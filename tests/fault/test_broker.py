# SPDX-License-Identifier: MIT
"""Redis and its network on bad days: a publish is answered soon and truly, and what was accepted is
delivered when all is well again."""
import collections
import os
import signal
import subprocess
import threading
import time

import pytest

from redis_server import Redis
from sidecar import App, Sidecar, component, sub, wait_until


@pytest.fixture
def redis(start, tmp_path):
    return start(Redis, tmp_path)


@pytest.fixture
def resources(tmp_path, redis):
    def make(**metadata):
        folder = tmp_path / "resources"
        folder.mkdir(exist_ok=True)
        return component(folder, kind="pubsub.redis", **{"redisHost": f"127.0.0.1:{redis.port}", "processingTimeout": "2s",
                                                         "redeliverInterval": "300", **metadata})
    return make


@pytest.fixture
def app(start):
    return start(App, [sub()])


def has(app, *numbers):
    return lambda: set(numbers) <= {event["data"] for event in app.events()}


def refused(sidecar, text, number=0):
    status, body, _ = sidecar.publish("pubsub", "t", number)
    assert status == 500 and b"ERR_PUBSUB_PUBLISH_MESSAGE" in body and text in body, body


def test_a_server_without_memory_refuses_and_recovers(start, redis, resources, app):
    sidecar = start(Sidecar, "orders", resources(), app.port)
    assert sidecar.publish("pubsub", "t", 1)[0] == 204
    redis.cli("CONFIG", "SET", "maxmemory", "1")
    refused(sidecar, b"OOM command not allowed")
    redis.cli("CONFIG", "SET", "maxmemory", "0")
    assert sidecar.publish("pubsub", "t", 2)[0] == 204
    wait_until(has(app, 1, 2), "both")


@pytest.mark.parametrize("deed", [("DEL", "t"), ("FLUSHALL",), ("XGROUP", "DESTROY", "t", "orders"),
                                  ("CLIENT", "KILL", "TYPE", "normal")])
def test_what_is_published_after_the_deed_is_delivered(start, redis, resources, app, deed):
    sidecar = start(Sidecar, "orders", resources(), app.port)
    assert sidecar.publish("pubsub", "t", 1)[0] == 204
    wait_until(has(app, 1), "the first")
    redis.cli(*deed)
    wait_until(lambda: sidecar.publish("pubsub", "t", 2)[0] == 204, "publish")
    wait_until(has(app, 2), "the second")


def test_a_key_of_another_type_is_named_until_it_is_gone(start, redis, resources, app):
    redis.cli("SET", "t", "a string")
    sidecar = start(Sidecar, "orders", resources(), app.port)
    refused(sidecar, b"WRONGTYPE")
    wait_until(lambda: any("subscription to topic t on pubsub pubsub: WRONGTYPE" in line for line in sidecar.log), "log")
    redis.cli("DEL", "t")
    assert sidecar.publish("pubsub", "t", 1)[0] == 204
    wait_until(has(app, 1), "delivery")


def test_while_it_is_down_publishes_wait_within_bounds_and_are_told(start, redis, resources, app):
    """1,000 wait for poolTimeout, the rest is refused at once; memory stays bounded."""
    sidecar = start(Sidecar, "orders", resources(poolTimeout="8s"), app.port)
    assert sidecar.publish("pubsub", "t", 1)[0] == 204
    redis.kill()
    answers = collections.Counter()

    def one(number):
        status, body, _ = sidecar.publish("pubsub", "t", number)
        answers[(status, b"1000 commands wait already" in body, b"connection refused" in body)] += 1
    threads = [threading.Thread(target=one, args=(number,)) for number in range(100, 1400)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(answers) <= {(500, True, True), (500, False, True)}
    assert answers[(500, True, True)] >= 100 and answers.total() == 1300
    assert sidecar.get("/v1.0/healthz")[0] == 204
    redis.start()
    wait_until(lambda: sidecar.publish("pubsub", "t", 2)[0] == 204, "publish again")
    wait_until(has(app, 1, 2), "both")
    assert not {event["data"] for event in app.events()} & set(range(100, 1400))  # refused is refused


def test_what_waits_is_published_when_it_comes_back_in_time(start, redis, resources, app):
    sidecar = start(Sidecar, "orders", resources(poolTimeout="15s"), app.port)
    assert sidecar.publish("pubsub", "t", 0)[0] == 204
    redis.kill()
    answers = []
    threads = [threading.Thread(target=lambda n=number: answers.append(sidecar.publish("pubsub", "t", n)[0]))
               for number in range(1, 51)]
    for thread in threads:
        thread.start()
    time.sleep(1)
    redis.start()
    for thread in threads:
        thread.join()
    assert answers == [204] * 50
    wait_until(has(app, *range(51)), "all")


def test_a_server_that_hangs_is_noticed_and_does_not_hold_up_the_end(start, redis, resources, app):
    sidecar = start(Sidecar, "orders", resources(readTimeout="1s", writeTimeout="1s", poolTimeout="1s"), app.port)
    assert sidecar.publish("pubsub", "t", 1)[0] == 204
    wait_until(has(app, 1), "delivery")
    os.kill(redis.process.pid, signal.SIGSTOP)
    try:
        refused(sidecar, b"does not answer: i/o timeout")
        refused(sidecar, b"i/o timeout")
        began = time.monotonic()
        assert sidecar.stop() == 0, "\n".join(sidecar.log)
        assert time.monotonic() - began < 4.5
    finally:
        os.kill(redis.process.pid, signal.SIGCONT)


def test_a_server_that_loads_its_data_is_waited_for(start, redis, resources, app):
    """After a restart Redis answers LOADING for as long as it reads its file."""
    sidecar = start(Sidecar, "orders", resources(poolTimeout="20s", redisMaxRetries="10"), app.port)
    assert sidecar.publish("pubsub", "t", 1)[0] == 204
    wait_until(has(app, 1), "delivery")
    for _ in range(3):
        redis.cli("DEBUG", "RELOAD")
        assert sidecar.publish("pubsub", "t", 2)[0] == 204
    redis.kill()
    redis.start()
    assert sidecar.publish("pubsub", "t", 3)[0] == 204
    wait_until(has(app, 2, 3), "delivery")


def test_no_room_on_its_disk_is_told_as_redis_tells_it(start, tmp_path):
    """With appendfsync always a write that cannot be stored ends the server: nothing was accepted."""
    redis = start(Redis, tmp_path)
    folder = tmp_path / "resources"
    folder.mkdir()
    component(folder, kind="pubsub.redis", redisHost=f"127.0.0.1:{redis.port}", poolTimeout="500")
    app = start(App, [sub()])
    sidecar = start(Sidecar, "orders", folder, app.port)
    subprocess.run(["prlimit", f"--fsize={200000}:", "--pid", str(redis.process.pid)], check=True)
    accepted, refusals = [], 0
    for number in range(40):
        status, _, _ = sidecar.publish("pubsub", "t", {"n": number, "fill": "x" * 20000})
        if status == 204:
            accepted.append(number)
        else:
            refusals += 1
        if refusals == 2:
            break
    assert refusals == 2 and accepted
    redis.kill()
    redis.start()
    wait_until(lambda: sidecar.publish("pubsub", "t", {"n": 100})[0] == 204, "publish again")
    wait_until(lambda: {event["data"]["n"] for event in app.events()} >= {*accepted, 100}, "all that was accepted")


class Wire:
    """Carries bytes between sidecar and Redis, and can be cut or slowed to `pause` seconds a piece."""

    def __init__(self, port):
        import socket
        self.socket, self.target, self.pause, self.cut_after = socket, port, 0, None
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port, self.open = self.listener.getsockname()[1], []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
                far = self.socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                return
            self.open += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(source, sink), daemon=True).start()

    def _carry(self, source, sink):
        try:
            while (data := source.recv(65536 if not self.pause else 7)):
                if self.pause:
                    time.sleep(self.pause)
                if self.cut_after is not None:
                    data = data[:self.cut_after]
                    self.cut_after = max(0, self.cut_after - len(data))
                sink.sendall(data)
                if self.cut_after == 0:
                    break
        except OSError:
            pass
        self.drop(source, sink)

    def drop(self, *sockets):
        for one in sockets or list(self.open):
            try:
                one.shutdown(self.socket.SHUT_RDWR)
            except OSError:
                pass
            one.close()

    def kill(self):
        self.listener.close()
        self.drop()


def test_a_slow_line_is_only_slow(start, redis, resources, app):
    wire = start(Wire, redis.port)
    sidecar = start(Sidecar, "orders", resources(redisHost=f"127.0.0.1:{wire.port}"), app.port)
    wire.pause = 0.002
    for number in range(5):
        assert sidecar.publish("pubsub", "t", number)[0] == 204
    wait_until(has(app, *range(5)), "all", 40)


def test_a_line_that_is_cut_anywhere_loses_nothing_that_was_accepted(start, redis, resources, app):
    wire = start(Wire, redis.port)
    sidecar = start(Sidecar, "orders", resources(redisHost=f"127.0.0.1:{wire.port}", poolTimeout="5s"), app.port)
    accepted = []
    for number in range(120):
        if number % 10 == 5:
            wire.cut_after = number  # bytes of whatever comes next
        if sidecar.publish("pubsub", "t", number)[0] == 204:
            accepted.append(number)
        wire.cut_after = None
    assert len(accepted) > 100
    wait_until(has(app, *accepted), "all that was accepted", 40)
