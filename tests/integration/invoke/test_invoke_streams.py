# SPDX-License-Identifier: MIT
"""Bodies of any length and answers that are not whole: flat memory, events at once, and never a truncated success."""
import http.client
import socket
import subprocess
import threading

import pytest

from echo_app import BLOCK, EchoApp
from sidecar import Sidecar, hear_end, wait_until

GIGABYTE = 1 << 30
PREFIX = "/v1.0/invoke/callee/method/"


@pytest.fixture(scope="module")
def pair():
    """Sidecars without a limit on bodies; freed memory goes back at once, so that growth can be seen."""
    app = EchoApp()
    env = {"ASAN_OPTIONS": "quarantine_size_mb=1"}
    callee = Sidecar("callee", app_port=app.port, env=env, flags=["--max-body-size", "0"])
    caller = Sidecar("caller", env=env, flags=["--max-body-size", "0"])
    yield app, caller, callee
    for sidecar in (caller, callee):
        assert sidecar.stop() == 0, "\n".join(sidecar.log)
    app.close()


def resident_mb(sidecar):
    with open(f"/proc/{sidecar.process.pid}/status") as status:
        return int(next(line for line in status if line.startswith("VmRSS")).split()[1]) / 1024


def flat_memory(*sidecars):
    before = [resident_mb(sidecar) for sidecar in sidecars]

    def check():
        for sidecar, was in zip(sidecars, before):
            assert resident_mb(sidecar) - was < 48, (resident_mb(sidecar), was)
    return check


def connect(sidecar):
    return socket.create_connection(("127.0.0.1", sidecar.port), timeout=60)


def hear(connection, until, heard=b"", times=1):
    """`heard` and what comes behind it, up to the piece with which `until` is there so many times."""
    while heard.count(until) < times:
        part = connection.recv(65536)
        assert part, heard
        heard += part
    return heard


@pytest.mark.parametrize("how, length", [("", GIGABYTE), ("/counted", GIGABYTE // 4)])
def test_a_gigabyte_down_with_flat_memory(pair, how, length):
    _, caller, callee = pair
    check = flat_memory(caller, callee)
    connection = http.client.HTTPConnection("127.0.0.1", caller.port, timeout=60)
    connection.request("GET", f"{PREFIX}download/{length}{how}")
    answer = connection.getresponse()
    total = 0
    while part := answer.read1(1 << 20):
        total += len(part)
        if total % (64 << 20) < len(part):
            check()
    assert total == length
    check()


@pytest.mark.parametrize("length, total", [("known", GIGABYTE), ("chunked", GIGABYTE // 4)])
def test_a_gigabyte_up_with_flat_memory(pair, length, total):
    _, caller, callee = pair
    check = flat_memory(caller, callee)
    with connect(caller) as connection:
        framing = f"Content-Length: {total}" if length == "known" else "Transfer-Encoding: chunked"
        connection.sendall(f"POST {PREFIX}upload HTTP/1.1\r\nHost: x\r\n{framing}\r\n\r\n".encode())
        piece = BLOCK if length == "known" else b"%x\r\n%s\r\n" % (len(BLOCK), BLOCK)
        for number in range(total // len(BLOCK)):
            connection.sendall(piece)
            if number % 2048 == 0:
                check()
        if length == "chunked":
            connection.sendall(b"0\r\n\r\n")
        hear(connection, b"\r\n\r\n" + str(total).encode())
    check()


@pytest.mark.parametrize("path", ["forever", f"download/{1 << 40}/counted"], ids=["chunks", "counted"])
def test_a_slow_reader_slows_the_application_down(pair, path):
    app, caller, callee = pair
    check = flat_memory(caller, callee)
    app.hung_up.clear()
    with connect(caller) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        connection.sendall(f"GET {PREFIX}{path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        hear(connection, b"0123")
        for _ in range(50):
            connection.recv(4096)
            check()
    wait_until(app.hung_up.is_set, "the application hears that nobody listens")


def test_both_directions_at_once(pair):
    _, caller, _ = pair
    length = 64 << 20
    with connect(caller) as connection:
        connection.sendall(f"POST {PREFIX}cat HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode())

        def send():
            for _ in range(length // len(BLOCK)):
                connection.sendall(b"%x\r\n%s\r\n" % (len(BLOCK), BLOCK))
            connection.sendall(b"0\r\n\r\n")
        sender = threading.Thread(target=send)
        sender.start()
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        got = 0
        while part := answer.read1(1 << 20):
            got += len(part)
        sender.join()
    assert got == length


def test_pieces_pass_as_they_come(pair):
    _, caller, _ = pair
    with connect(caller) as connection:
        connection.sendall(f"POST {PREFIX}cat HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        hear(connection, b"\r\n\r\n")  # the answer has begun, the body has not
        for word in (b"one", b"two", b"three"):
            connection.sendall(b"%x\r\n%s\r\n" % (len(word), word))
            assert hear(connection, word)
        connection.sendall(b"0\r\n\r\n")
        hear(connection, b"0\r\n\r\n")


# ---- how the end of an answer is told ----


@pytest.fixture(params=["remote", "own", "url"])
def target(request, pair):
    """(the sidecar that is asked, what leads to the application's method)"""
    app, caller, callee = pair
    sidecar, name = {"remote": (caller, "callee"), "own": (callee, "callee"),
                     "url": (caller, f"http://127.0.0.1:{app.port}")}[request.param]
    app.go_on.clear()
    return sidecar, f"/v1.0/invoke/{name}/method"


@pytest.fixture
def send(target):
    """Sends a request on a new connection, or on `to`; `line` has METHOD in place of what leads to the application's
    method."""
    connections = []

    def send(line, times=1, to=None):
        connections.append(to or connect(target[0]))
        line = line.replace("METHOD", target[1])
        connections[-1].sendall(f"{line}\r\nHost: x\r\n\r\n".encode() * times)
        return connections[-1]

    yield send
    for connection in connections:
        connection.close()


def parted(heard):
    """The lines of a head, and what follows."""
    head, _, body = heard.partition(b"\r\n\r\n")
    return head.split(b"\r\n"), body


def framing(lines):
    """Those that tell how long the body is."""
    return [line for line in lines if line.startswith((b"Content-Length", b"Transfer-Encoding"))]


def hear_times(connection, body, times):
    """Answers that end with `body`, one behind the other."""
    heard = hear(connection, body, times=times)
    assert heard.endswith(b"\r\n\r\n" + body)
    return heard


OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
COUNTED = OK + b"Content-Length: 11\r\n\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
GET_SCRIPT = "GET METHOD/script HTTP/1.1"


@pytest.mark.parametrize("path, body", [("status/200?type", b"body of 200"), ("status/201", b"body of 201"),
                                        ("chunks", b"firstsecond")])
def test_an_answer_that_is_whole_at_once_has_a_length(send, path, body):
    for version in ("1.1", "1.0"):
        lines, got = parted(hear(send(f"GET METHOD/{path} HTTP/{version}"), body))
        assert got == body
        assert b"Content-Length: 11" in lines and b"Transfer-Encoding: chunked" not in lines
        assert any(line.startswith(b"Content-Type: text/plain") for line in lines)
    heard = hear_times(send(f"GET METHOD/{path} HTTP/1.1", times=2), body, 2)  # which stays open, and in step
    assert heard.count(b"Content-Length: 11\r\n") == 2


def test_an_answer_without_a_body(send):
    for method, path, length in (("GET", "empty", [b"Content-Length: 0"]), ("GET", "status/204", []),
                                 ("GET", "status/304", []), ("HEAD", "json", [])):
        lines, body = parted(hear(send(f"{method} METHOD/{path} HTTP/1.1"), b"\r\n\r\n"))
        assert body == b""
        assert [line for line in lines if line.startswith((b"Content-", b"Transfer-"))] == length


@pytest.mark.parametrize("pieces", [(b"firstsecond",), (b"first", b"second"), (b"first", b"sec", b"ond")])
@pytest.mark.parametrize("waits", [False, True], ids=["at once", "later"])
def test_a_length_that_the_application_announced_comes_back(pair, send, pieces, waits):
    """Its head is a write of its own, as in most frameworks, and is not kept back."""
    app = pair[0]
    app.script = [COUNTED, None, *pieces] if waits else [COUNTED, *pieces]
    for version in ("1.1", "1.0"):
        app.go_on.clear()
        connection = send(f"GET METHOD/script HTTP/{version}")
        heard = hear(connection, b"\r\n\r\n")
        assert not waits or heard.endswith(b"\r\n\r\n")
        app.go_on.set()
        lines, body = parted(hear(connection, b"second", heard))
        assert framing(lines) == [b"Content-Length: 11"] and b"Content-Type: text/plain" in lines
        assert body == b"firstsecond"
    heard = hear_times(send(GET_SCRIPT, times=3), b"firstsecond", 3)
    assert heard.count(b"Content-Length: 11\r\n") == 3 and b"chunked" not in heard


def test_a_type_is_found_out_under_a_length_too(pair, send):
    pair[0].script = [b"HTTP/1.1 201 Created\r\nContent-Length: 11\r\n\r\n", None, b"<html>", b"hello"]
    connection = send(GET_SCRIPT)
    pair[0].go_on.set()
    lines, _ = parted(hear(connection, b"<html>hello"))
    assert framing(lines) == [b"Content-Length: 11"] and b"Content-Type: text/html; charset=utf-8" in lines


@pytest.mark.parametrize("head, first, second, end", [(CHUNKED, b"5\r\nfirst\r\n", b"6\r\nsecond\r\n0\r\n\r\n", []),
                                                      (OK + b"\r\n", b"first", b"second", [b""])], ids=["chunks", "until the end"])
def test_an_answer_without_a_length_goes_on_in_chunks(pair, send, head, first, second, end):
    app = pair[0]
    app.script = [head + first, None, second, *end]
    connection = send(GET_SCRIPT)
    heard = hear(connection, b"first")  # nobody has sent the second yet
    app.go_on.set()
    lines, body = parted(hear(connection, b"\r\n0\r\n\r\n", heard))
    assert framing(lines) == [b"Transfer-Encoding: chunked"]
    assert body == b"5\r\nfirst\r\n6\r\nsecond\r\n0\r\n\r\n"


def test_ten_megabytes_have_their_length(send):
    length, connection = 10_000_000, None
    for _ in range(2):
        connection = send(f"GET METHOD/download/{length}/counted HTTP/1.1", to=connection)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert (answer.getheader("Transfer-Encoding"), answer.getheader("Content-Length")) == (None, str(length))
        assert answer.read() == (BLOCK * (length // len(BLOCK) + 1))[:length]


def test_callers_over_http2_are_told_the_length(pair, target):
    sidecar, method = target
    ask = ["curl", "-sSi", "--http2-prior-knowledge", f"http://127.0.0.1:{sidecar.port}{method}/script"]
    pair[0].go_on.set()
    pair[0].script = [COUNTED, b"first", b"second"]
    head, _, body = subprocess.run(ask, capture_output=True, timeout=20, check=True).stdout.partition(b"\r\n\r\n")
    assert b"\r\ncontent-length: 11\r\n" in head and body == b"firstsecond"
    for script in ([COUNTED, b"first", b""], [COUNTED, b"first", None, b""], [COUNTED, b""]):
        pair[0].script = script
        assert subprocess.run(ask, capture_output=True, timeout=20).returncode != 0


@pytest.mark.parametrize("end", [[], [b"first"], [b"first", b"sec"]], ids=["0", "5", "8"])
@pytest.mark.parametrize("waits", [[], [None]], ids=["at once", "later"])
def test_nothing_follows_an_answer_that_is_too_short(pair, send, end, waits):
    """Neither an end nor the answer to the next request, which would be taken for the rest of it."""
    app = pair[0]
    app.script = [COUNTED, *end, *waits, b""]
    connection = send(GET_SCRIPT, times=2)
    heard = hear(connection, b"\r\n\r\n" + b"".join(end)) if waits else b""
    app.go_on.set()
    lines, body = parted(heard + hear_end(connection))
    assert framing(lines) == [b"Content-Length: 11"] and body == b"".join(end)


def test_what_stands_behind_an_answer_is_no_answer(pair, send):
    """More than announced goes nowhere, and the connection stays in step."""
    evil = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
    for script in ([COUNTED + b"firstsecond" + evil], [COUNTED, b"firstsecond" + evil], [COUNTED, b"firstsecond", evil]):
        pair[0].script = script
        heard = hear_times(send(GET_SCRIPT, times=3), b"firstsecond", 3)
        assert heard.count(b"HTTP/1.1 200 OK\r\n") == heard.count(b"Content-Length: 11\r\n") == 3
        assert b"evil" not in heard


@pytest.mark.parametrize("lines", [
    b"Content-Length: 5\r\nContent-Length: 5", b"Content-Length: 5\r\nContent-Length: 6", b"Content-Length: 5, 5",
    b"Content-Length: +5", b"Content-Length: -5", b"Content-Length: 0x5", b"Content-Length: 5 5", b"Content-Length: five",
    b"Content-Length:", b"Content-Length: 9223372036854775808", b"Content-Length: 5\r\nTransfer-Encoding: chunked"])
def test_a_length_that_is_none_is_an_error(pair, send, lines):
    pair[0].script = [OK + lines + b"\r\n\r\nfirst", b""]
    connection = send(GET_SCRIPT, times=2)
    heard = hear(connection, b"ERR_DIRECT_INVOKE", times=2)
    assert heard.count(b"HTTP/1.1 500 Internal Server Error\r\n") == 2 and b"200 OK" not in heard


def test_a_long_answer_goes_on_in_chunks(send):
    connection = send("GET METHOD/download/300000 HTTP/1.1")
    answer = http.client.HTTPResponse(connection)
    answer.begin()
    assert (answer.getheader("Transfer-Encoding"), answer.getheader("Content-Length")) == ("chunked", None)
    assert answer.read() == (BLOCK * 5)[:300000]


def test_an_answer_that_breaks_as_it_begins_has_no_end(send):
    lines, body = parted(hear_end(send("GET METHOD/chunks/bad HTTP/1.1")))
    assert lines[0] == b"HTTP/1.1 200 OK" and b"Transfer-Encoding: chunked" in lines
    assert body == b"5\r\nfirst\r\n"


@pytest.mark.parametrize("which", ["remote", "own"])
def test_events_are_flushed_as_they_come(pair, which):
    app, caller, callee = pair
    app.go_on.clear()
    with connect(caller if which == "remote" else callee) as connection:
        connection.sendall(f"GET {PREFIX}events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n".encode())
        assert b"Content-Type: text/event-stream" in hear(connection, b"data: 0\n\n")
        for number in (1, 2):
            app.go_on.set()
            heard = hear(connection, b"data: %d\n\n" % number)
        assert heard.endswith(b"0\r\n\r\n") or hear(connection, b"0\r\n\r\n")


@pytest.mark.parametrize("which", ["remote", "own"])
@pytest.mark.parametrize("path, first", [("short", b"only this"), ("half", b"first")])
def test_a_cut_answer_is_never_a_success(pair, which, path, first):
    app, caller, callee = pair
    sidecar = caller if which == "remote" else callee
    app.go_on.clear()
    connection = http.client.HTTPConnection("127.0.0.1", sidecar.port, timeout=20)
    connection.request("GET", PREFIX + path)
    answer = connection.getresponse()
    assert answer.status == 200
    app.go_on.set()
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        answer.read()
    assert first
    wait_until(lambda: any("HTTP service invocation failed to complete with error" in line for line in sidecar.log),
               "the cut is logged")


def test_a_killed_peer_cuts_the_answer(pair):
    _, caller, _ = pair
    app = EchoApp()
    victim = Sidecar("victim", app_port=app.port)
    with connect(caller) as connection:
        connection.sendall(b"GET /v1.0/invoke/victim/method/forever HTTP/1.1\r\nHost: x\r\n\r\n")
        hear(connection, b"0123")
        victim.process.kill()
        assert not hear_end(connection).endswith(b"0\r\n\r\n")
    app.close()


@pytest.mark.parametrize("head", ["Content-Length: 50000000", "Transfer-Encoding: chunked"])
def test_an_early_answer_does_not_wait_for_the_body(pair, head):
    _, caller, _ = pair
    with connect(caller) as connection:
        connection.sendall(f"POST {PREFIX}early HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n".encode())
        connection.sendall(b"x" * 100000 if "Length" in head else b"186a0\r\n" + b"x" * 100000)
        lines, _ = parted(hear(connection, b"too much"))
        assert lines[0].startswith(b"HTTP/1.1 413 ") and framing(lines) == [b"Content-Length: 8"]


def test_a_body_over_the_limit_is_refused():
    app = EchoApp()
    callee = Sidecar("callee", app_port=app.port)
    caller = Sidecar("caller", flags=["--max-body-size", "2Mi"])
    try:
        for head, body in ((b"Content-Length: 3000000", b""),
                           (b"Transfer-Encoding: chunked", b"%x\r\n%s\r\n" % (46 * len(BLOCK), 46 * BLOCK))):
            with connect(caller) as connection:
                connection.sendall(b"POST " + PREFIX.encode() + b"upload HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n\r\n")
                try:
                    connection.sendall(body)
                except ConnectionError:
                    pass
                heard = hear(connection, b"--max-body-size")
                assert heard.startswith(b"HTTP/1.1 413 ")
                assert b"over the limit of 2097152" in heard
        assert app.uploads == []  # nothing that looked whole
    finally:
        for sidecar in (caller, callee):
            assert sidecar.stop() == 0
        app.close()
