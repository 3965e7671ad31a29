# SPDX-License-Identifier: MIT
"""Clients on their bad days: ten thousand at once, a byte a second, those that ask and do not read. The
others are served meanwhile, memory stays bounded, and each is told or closed."""
import concurrent.futures
import pathlib
import resource
import socket
import threading
import time

import pytest

from sidecar import Sidecar, component, wait_until

REQUEST = b"GET /v1.0/healthz HTTP/1.1\r\nHost: x\r\n\r\n"
CONNECTIONS = 10000


def resident_kb(sidecar):
    return int(pathlib.Path(f"/proc/{sidecar.process.pid}/statm").read_text().split()[1]) * 4


def cpu_ticks(sidecar):
    fields = pathlib.Path(f"/proc/{sidecar.process.pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def connect(port, data=b"", timeout=20):
    connection = socket.create_connection(("127.0.0.1", port), timeout=timeout)
    connection.sendall(data)
    return connection


def heard(connection):
    """All that comes until the other side closes."""
    got = b""
    while (part := connection.recv(65536)):
        got += part
    return got


@pytest.fixture
def sidecar(start, tmp_path):
    """Of what it frees a sanitizer keeps little, so that its memory tells something."""
    return start(Sidecar, "orders", component(tmp_path), env={"ASAN_OPTIONS": "quarantine_size_mb=1"})


def test_ten_thousand_connections_are_served_and_the_next_waits(start, tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < CONNECTIONS + 1200:
        pytest.skip(f"the hard limit of open files is {hard}, this needs {CONNECTIONS + 1200}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 2 * CONNECTIONS)), hard))
    sidecar = start(Sidecar, "orders", component(tmp_path))
    connections = []
    try:
        for _ in range(CONNECTIONS):
            connections.append(connect(sidecar.port, REQUEST))
        assert all(connection.recv(4096).startswith(b"HTTP/1.1 204") for connection in connections)
        late = connect(sidecar.port, REQUEST, 0.3)
        with pytest.raises(TimeoutError):
            late.recv(100)
        connections.pop().close()
        late.settimeout(10)
        assert late.recv(4096).startswith(b"HTTP/1.1 204")
        late.close()
        assert all_answer(connections[::100])  # those that were idle meanwhile
    finally:
        for connection in connections:
            connection.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    wait_until(lambda: sidecar.get("/v1.0/healthz")[0] == 204, "the usual")


def all_answer(connections):
    for connection in connections:
        connection.sendall(REQUEST)
    return all(connection.recv(4096).startswith(b"HTTP/1.1 204") for connection in connections)


def test_a_low_limit_of_open_files_is_told_and_kept(start, tmp_path):
    sidecar = start(Sidecar, "orders", component(tmp_path), prefix=["prlimit", "--nofile=300:300"])
    assert any("no more than 225 connections to a port at a time, others wait: the limit of open files is 300" in line
               for line in sidecar.log)
    connections = [connect(sidecar.port, REQUEST) for _ in range(400)]
    served = []
    wait_until(lambda: len(served) >= 224 or served.extend(c for c in connections[len(served):225]
                                                           if c.recv(4096).startswith(b"HTTP/1.1 204")), "224 served")
    before = cpu_ticks(sidecar)
    time.sleep(1)
    assert cpu_ticks(sidecar) - before < 20  # it does not turn in circles
    for connection in connections[:225]:
        connection.close()
    assert connections[-1].recv(4096).startswith(b"HTTP/1.1 204")
    for connection in connections:
        connection.close()


def drip(connection, data, pause=0.5):
    """A byte at a time until the other side has enough; what it said."""
    connection.setblocking(False)
    got = b""
    for byte in data:
        try:
            connection.send(bytes([byte]))
        except OSError:
            break
        end = time.monotonic() + pause
        while time.monotonic() < end:
            try:
                part = connection.recv(4096)
            except BlockingIOError:
                time.sleep(0.02)
                continue
            except OSError:
                return got
            if not part:
                return got
            got += part
    connection.settimeout(30)
    return got + heard(connection)


def test_peers_that_send_a_byte_now_and_then_are_told_and_disturb_nobody(sidecar):
    """The head of a request may take ten seconds, in whatever pieces; so may what HTTP/2 begins with."""
    head = b"POST /v1.0/publish/pubsub/t HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(40)
    said = {}
    cases = {"head": (sidecar.port, head), "preface": (sidecar.port, preface), "grpc": (sidecar.grpc_port, preface)}
    threads = [threading.Thread(target=lambda name=name, port=port, data=data:
                                said.__setitem__(name, drip(connect(port), data))) for name, (port, data) in cases.items()]
    idle = [connect(sidecar.port, b"G") for _ in range(200)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    while time.monotonic() - began < 9:
        asked = time.monotonic()
        assert sidecar.publish("pubsub", "t", 1)[0] == 204
        assert time.monotonic() - asked < 5
        time.sleep(0.2)
    for thread in threads:
        thread.join()
    assert said["head"].startswith(b"HTTP/1.1 408 Request Timeout"), said
    assert b"the request head is not complete after 10000 ms" in said["head"]
    assert said["preface"] == b"" and b"SETTINGS expected" in said["grpc"]  # that one may take twenty
    assert all(heard(connection).startswith(b"HTTP/1.1 408") for connection in idle)


def test_a_body_that_comes_slowly_is_taken(sidecar):
    connection = connect(sidecar.port, b"POST /v1.0/publish/pubsub/t HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                                       b"Connection: close\r\nContent-Length: 8\r\n\r\n")
    assert drip(connection, b'"slowly"', 0.2).startswith(b"HTTP/1.1 204")


def flood(port, data, seconds):
    """Sends over and over without reading, as far as the other side lets it."""
    connection = connect(port)
    connection.setblocking(False)
    end, sent, at = time.monotonic() + seconds, 0, 0
    while time.monotonic() < end:
        try:
            count = connection.send(data[at:])
        except BlockingIOError:
            time.sleep(0.01)
            continue
        sent, at = sent + count, (at + count) % len(data)
    connection.settimeout(20)
    return connection, sent


def take_answers(connection, expected):
    line, count, rest = b"HTTP/1.1 200 OK", 0, b""
    while count < expected:
        data = connection.recv(1 << 20)
        assert data, f"closed after {count} of {expected} answers"
        rest += data
        count += rest.count(line)
        rest = rest[1 - len(line):]
    connection.close()


def test_who_asks_and_does_not_read_costs_little_and_gets_it_all_in_the_end(sidecar):
    one = b"GET /v1.0/metadata HTTP/1.1\r\nHost: x\r\n\r\n"
    before = resident_kb(sidecar)
    floods = [flood(sidecar.port, one * 1000, 0.4) for _ in range(3)]
    assert resident_kb(sidecar) - before < 40000
    assert sidecar.get("/v1.0/healthz")[0] == 204
    with concurrent.futures.ThreadPoolExecutor() as pool:  # all at once: who takes nothing for long is given up
        for taken in [pool.submit(take_answers, connection, sent // len(one)) for connection, sent in floods]:
            taken.result()


def frame(kind, flags, stream, payload):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def literal(name, value):
    return b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value


def h2_requests(count):
    """That many GETs, with windows that let nothing back."""
    head = literal(b":method", b"GET") + literal(b":scheme", b"http") + literal(b":path", b"/v1.0/metadata") \
        + literal(b":authority", b"x")
    return b"".join(frame(1, 5, 2 * i + 1, head) for i in range(count))


def test_a_client_of_http2_that_takes_nothing_is_bounded(sidecar):
    settings = frame(4, 0, 0, (4).to_bytes(2, "big") + (0).to_bytes(4, "big"))  # no window for answers
    before = resident_kb(sidecar)
    connections = []
    for _ in range(4):
        connection = connect(sidecar.port, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings)
        connection.setblocking(False)
        try:
            connection.sendall(h2_requests(5000))
        except OSError:
            pass  # it had enough
        connections.append(connection)
    time.sleep(0.5)
    assert resident_kb(sidecar) - before < 60000
    assert sidecar.get("/v1.0/healthz")[0] == 204
    for connection in connections:
        connection.close()


def test_peers_that_vanish_leave_nothing(sidecar):
    files = pathlib.Path(f"/proc/{sidecar.process.pid}/fd")
    before = len(list(files.iterdir()))
    for data in (b"", REQUEST[:20], REQUEST, REQUEST * 50, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"):
        for port in (sidecar.port, sidecar.grpc_port):
            for abrupt in (False, True):
                for _ in range(20):
                    connection = connect(port, data)
                    if abrupt:
                        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                    connection.close()
    wait_until(lambda: len(list(files.iterdir())) <= before, "all closed")
