# SPDX-License-Identifier: MIT
"""Applications on their bad days, over HTTP: each message is handled in the end, and nothing is taken for
handled that was not. Every test runs over each durable broker."""
import json
import os
import signal
import socket
import threading
import time

import pytest

from sidecar import App, Sidecar, free_port, sub, wait_until


class RawApp:
    """An application that answers each POST with what `behave(connection, number)` does: the raw bytes it
    returns are sent and the connection goes on; None closes it. Numbers count the POSTs."""

    def __init__(self, behave, port=0):
        self.behave, self.bodies, self.ports = behave, [], []
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", port), backlog=256)
        self.port = self.listener.getsockname()[1]
        self.connections = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        stream = connection.makefile("rb")
        try:
            while True:
                line = stream.readline()
                if not line:
                    return
                headers = {}
                while (header := stream.readline().strip()):
                    name, _, value = header.partition(b":")
                    headers[name.lower()] = value.strip()
                body = stream.read(int(headers.get(b"content-length", 0)))
                if line.startswith(b"GET"):
                    answer = json.dumps([sub()]).encode()
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(answer), answer))
                    continue
                with self.lock:
                    self.bodies.append(json.loads(body))
                    number = len(self.bodies)
                answer = self.behave(connection, number)
                if answer is None:
                    return
                connection.sendall(answer)
        except OSError:
            pass
        finally:
            stream.close()
            connection.close()

    def data(self):
        return [body["data"] for body in list(self.bodies)]

    def close(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)  # else it listens on until accept returns
        except OSError:
            pass
        self.listener.close()
        for connection in self.connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def publish(sidecar, *numbers):
    for number in numbers:
        assert sidecar.publish("pubsub", "t", number)[0] == 204


def steps(sidecar):
    return [note["step"] for note in json.loads(sidecar.get("/v1.0-pillion/messages")[1])["messages"]]


def handled(sidecar):
    """Without "published": the broker's confirmation may come after the first delivery."""
    return [step for step in steps(sidecar) if step != "published"]


def close_after(data):
    def behave(connection, _):
        connection.sendall(data)
    return behave


def stall(connection, _):
    """Sends half an answer and then resets the connection."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{")
    time.sleep(0.2)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


BAD_ANSWERS = {
    "closes without an answer": close_after(b""),
    "closes inside the head": close_after(b"HTTP/1.1 200 OK\r\nContent-Le"),
    "closes inside the body": close_after(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"status":"SUCC'),
    "closes inside a chunk": close_after(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n20\r\n{"),
    "closes between chunks": close_after(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"),
    "resets inside the body": stall,
    "speaks something else": close_after(b"220 mail.example.test ESMTP\r\n"),
    "answers with garbage": lambda connection, number: os.urandom(200),
    "answers with an impossible length": lambda connection, number: b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    "answers without end": lambda connection, number: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                                      + b"10000\r\n" + b"x" * 65536 + b"\r\n" + b"10000\r\n" * 100000,
    "answers 500": lambda connection, number: b"HTTP/1.1 500 No\r\nContent-Length: 5\r\n\r\nnever",
    "answers 301": lambda connection, number: b"HTTP/1.1 301 There\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n",
    "answers RETRY": lambda connection, number: b'HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\n{"status":"RETRY"}',
}


@pytest.mark.parametrize("bad", BAD_ANSWERS)
def test_an_answer_that_is_none_is_a_failure_and_the_message_comes_again(start, resources, bad):
    behave = BAD_ANSWERS[bad]
    app = start(RawApp, lambda connection, number: behave(connection, number) if number <= 2 else GOOD)
    sidecar = start(Sidecar, "orders", resources, app.port)
    publish(sidecar, 7)
    wait_until(lambda: "delivered" in steps(sidecar), "delivery in the end")
    assert app.data() == [7, 7, 7]
    assert handled(sidecar)[:2] == ["delivered", "retrying"]


def test_many_interim_answers_are_no_answer(start, resources):
    app = start(RawApp, lambda connection, number: b"HTTP/1.1 100 Continue\r\n\r\n" * 5000
                + b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + GOOD)
    sidecar = start(Sidecar, "orders", resources, app.port)
    publish(sidecar, 1, 2)
    wait_until(lambda: steps(sidecar).count("delivered") == 2, "deliveries")
    assert sorted(app.data()) == [1, 2]


def test_bytes_that_nobody_asked_for_do_no_harm(start, resources):
    app = start(RawApp, lambda connection, number: GOOD + b"HTTP/1.1 500 Surprise\r\nContent-Length: 0\r\n\r\n")
    sidecar = start(Sidecar, "orders", resources, app.port)
    publish(sidecar, *range(20))
    wait_until(lambda: steps(sidecar).count("delivered") == 20, "deliveries")
    assert sorted(set(app.data())) == list(range(20))


def test_an_answer_byte_by_byte_is_waited_for(start, resources):
    def behave(connection, _):
        for byte in GOOD[:-1]:
            connection.sendall(bytes([byte]))
            time.sleep(0.02)
        return GOOD[-1:]
    app = start(RawApp, behave)
    sidecar = start(Sidecar, "orders", resources, app.port)
    publish(sidecar, 1, 2, 3)
    wait_until(lambda: steps(sidecar).count("delivered") == 3, "deliveries")
    assert sorted(app.data()) == [1, 2, 3]


def test_a_slow_application_gets_each_message_once(start, resources):
    """Longer than processingTimeout and leaseDuration: what is being worked on is nobody else's."""
    app = start(App, [sub()], lambda path, body: time.sleep(3) or (200, {}))
    other = start(App, [sub()])
    sidecar = start(Sidecar, "orders", resources, app.port)
    publish(sidecar, *range(10))
    wait_until(lambda: len(app.received) == 10, "ten at once")
    start(Sidecar, "orders", resources, other.port)
    wait_until(lambda: steps(sidecar).count("delivered") == 10, "ten answers")
    assert sorted(event["data"] for event in app.events()) == list(range(10)) and not other.received


def test_a_hanging_application_that_is_restarted_gets_its_messages_again(start, resources):
    hold = threading.Event()
    hanging = start(RawApp, lambda connection, number: hold.wait(30) and None)
    sidecar = start(Sidecar, "orders", resources, hanging.port)
    publish(sidecar, *range(5))
    wait_until(lambda: len(hanging.bodies) == 5, "five that hang")
    assert steps(sidecar).count("delivered") == 0
    hanging.close()
    app = start(RawApp, lambda connection, number: GOOD, hanging.port)
    wait_until(lambda: steps(sidecar).count("delivered") == 5, "all", 30)
    assert sorted(app.data()) == list(range(5))
    hold.set()


def test_a_hanging_application_does_not_keep_the_sidecar_from_ending(start, resources):
    """After the graceful seconds it ends with 1, and the next one of the group has the messages."""
    hold = threading.Event()
    hanging = start(RawApp, lambda connection, number: hold.wait(30) and None)
    sidecar = start(Sidecar, "orders", resources, hanging.port, ["--dapr-graceful-shutdown-seconds", "2"])
    publish(sidecar, *range(5))
    wait_until(lambda: len(hanging.bodies) == 5, "five that hang")
    began = time.monotonic()
    sidecar.process.send_signal(signal.SIGTERM)
    assert sidecar.process.wait(15) == 1
    assert 1.5 < time.monotonic() - began < 6
    wait_until(lambda: "Graceful shutdown timeout exceeded" in sidecar.log[-1], "the last line")
    app = start(App, [sub()])
    start(Sidecar, "orders", resources, app.port)
    wait_until(lambda: sorted(event["data"] for event in app.events()) == list(range(5)), "all", 30)
    hold.set()


def test_an_application_that_never_comes_is_waited_for_while_the_api_works(start, resources):
    port = free_port()
    sidecar = start(Sidecar, "orders", resources, port, wait=False)
    wait_until(lambda: any("waiting on port" in line for line in sidecar.log), "start")
    sidecar.wait_ready("/v1.0/healthz/outbound")
    publish(sidecar, *range(3))
    assert sidecar.get("/v1.0/healthz")[0] == 500
    app = start(App, [sub()], port=port)
    wait_until(lambda: sorted(event["data"] for event in app.events()) == [0, 1, 2], "what waited")
    assert sidecar.get("/v1.0/healthz")[0] == 204


def test_a_sidecar_ends_well_while_it_waits_for_its_application(start, resources):
    sidecar = start(Sidecar, "orders", resources, free_port(), wait=False)
    sidecar.wait_ready("/v1.0/healthz/outbound")
    began = time.monotonic()
    assert sidecar.stop() == 0, "\n".join(sidecar.log)
    assert time.monotonic() - began < 2


def test_restarts_of_the_application_lose_nothing(start, resources):
    apps = [start(RawApp, lambda connection, number: GOOD)]
    port = apps[0].port
    sidecar = start(Sidecar, "orders", resources, port)
    for first in range(0, 200, 50):
        publish(sidecar, *range(first, first + 25))
        apps[-1].close()
        publish(sidecar, *range(first + 25, first + 50))
        apps.append(start(RawApp, lambda connection, number: GOOD, port))
    wait_until(lambda: {number for app in apps for number in app.data()} == set(range(200)), "all 200", 40)


@pytest.mark.parametrize("answer, said", [
    (b"[{]", "error getting topic list from app"),
    (b"{}", "error getting topic list from app"),
    (b'[{"pubsubname": "pubsub", "topic": "t", "routes": {"rules": [{"match": "((", "path": "/x"}]}}]',
     "error getting topic list from app"),
    (b'[{"pubsubname": "nowhere", "topic": "t", "route": "/t"}]', "pubsub nowhere is not found"),
])
def test_a_list_of_subscriptions_that_makes_no_sense_is_named(start, resources, answer, said):
    class Odd(App):
        def __init__(self):
            super().__init__([])
            handler = self.server.RequestHandlerClass

            def do_get(request):
                request.send_response(200)
                request.send_header("Content-Length", str(len(answer)))
                request.end_headers()
                request.wfile.write(answer)
            handler.do_GET = do_get
    app = start(Odd)
    sidecar = start(Sidecar, "orders", resources, app.port)
    wait_until(lambda: any(said in line for line in sidecar.log), said)
    publish(sidecar, 1)
