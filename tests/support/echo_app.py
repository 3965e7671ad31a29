# SPDX-License-Identifier: MIT
"""An application for invocation tests, on bare sockets: what it gets is kept to the letter, and what it says is said
to the letter, or not to its end."""
import gzip
import json
import socket
import threading
import time

BLOCK = b"0123456789abcdef" * 4096


class Request:
    def __init__(self, method, target, headers, body_file):
        self.method, self.target, self.headers, self.file = method, target, headers, body_file
        self.path = target.partition("?")[0]

    def header(self, name):
        found = [value for key, value in self.headers if key.lower() == name.lower()]
        return found[0] if found else None

    def parts(self):
        """The body as it comes."""
        if self.header("transfer-encoding") == "chunked":
            while size := int(self.file.readline() or "bad", 16):
                yield self.file.read(size)
                self.file.readline()
            self.file.readline()
        else:
            left = int(self.header("content-length") or 0)
            while left:
                part = self.file.read1(min(left, 65536))
                if not part:
                    raise ConnectionError("the body ended early")
                left -= len(part)
                yield part

    def body(self):
        return b"".join(self.parts())


class EchoApp:
    """GET /json, ... say what was asked, as JSON. The other paths are in `answer`."""

    def __init__(self, name="app", port=0):
        self.name = name
        self.requests = []  # (method, target, headers)
        self.uploads = []  # lengths of whole bodies
        self.running = self.most_running = 0
        self.lock = threading.Lock()
        self.hung_up = threading.Event()  # a client went away before its answer
        self.go_on = threading.Event()
        self.script = []
        self.listener = socket.create_server(("127.0.0.1", port), backlog=512)
        self.port = self.listener.getsockname()[1]
        self.connections = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections.append(connection)
            threading.Thread(target=self.serve, args=[connection], daemon=True).start()

    def close(self):
        if self.listener.fileno() < 0:
            return
        self.listener.shutdown(socket.SHUT_RDWR)  # close alone leaves a thread in accept
        self.listener.close()
        for connection in self.connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            connection.close()

    def serve(self, connection):
        file = connection.makefile("rb", buffering=262144)
        try:
            while line := file.readline():
                method, target, _ = line.decode("latin-1").split()
                headers = []
                while (line := file.readline().decode("latin-1").strip()):
                    name, _, value = line.partition(":")
                    headers.append((name, value.strip()))
                request = Request(method, target, headers, file)
                with self.lock:
                    self.requests.append((method, target, headers))
                    self.running += 1
                    self.most_running = max(self.most_running, self.running)
                try:
                    if not self.answer(connection, request):
                        break
                finally:
                    with self.lock:
                        self.running -= 1
        except (OSError, ValueError):  # gone, also inside a chunked body
            self.hung_up.set()
        finally:
            connection.close()

    def say(self, connection, status, headers=(), body=b"", length=True):
        lines = [f"HTTP/1.1 {status}", *headers] + ([f"Content-Length: {len(body)}"] if length else [])
        connection.sendall("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)
        return True

    def answer(self, connection, request):
        handler = getattr(self, "do_" + request.path.strip("/").split("/")[0].replace("-", "_"), self.do_json)
        return handler(connection, request)

    def do_json(self, connection, request):
        body = request.body()
        said = json.dumps({"app": self.name, "method": request.method, "target": request.target,
                           "headers": request.headers, "body": body.decode("latin-1")}).encode()
        headers = ["Content-Type: application/json", "X-App: one", "X-App: two", "Set-Cookie: a=1", "Set-Cookie: b=2",
                   "Keep-Alive: timeout=5", "Server: echo"]
        if request.method == "HEAD":
            connection.sendall(f"HTTP/1.1 200 OK\r\nX-App: one\r\nContent-Length: {len(said)}\r\n\r\n".encode())
            return True
        return self.say(connection, "200 OK", headers, said)

    def do_status(self, connection, request):
        """/status/404?type: that status, with a body."""
        request.body()
        status = request.path.split("/")[2]
        headers = ["Content-Type: text/plain"] if "type" in request.target else []
        if status in ("204", "304"):
            return self.say(connection, status + " x", ["X-App: one"], length=False)
        return self.say(connection, status + " x", headers + ["Location: /elsewhere"], b"body of " + status.encode())

    def do_download(self, connection, request):
        """/download/N: N bytes in chunks; /download/N/counted: with a Content-Length."""
        left = int(request.path.split("/")[2])
        is_counted = request.path.endswith("/counted")
        framing = f"Content-Length: {left}" if is_counted else "Transfer-Encoding: chunked"
        connection.sendall("HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"
                           f"{framing}\r\n\r\n".encode())
        while left:
            part = BLOCK[:min(left, len(BLOCK))]
            connection.sendall(part if is_counted else b"%x\r\n%s\r\n" % (len(part), part))
            left -= len(part)
        if not is_counted:
            connection.sendall(b"0\r\n\r\n")
        return True

    def do_packed(self, connection, request):
        """/packed/N: N zeros packed by gzip, in chunks. Behind that: "cut", without the end; "corrupt"; "counted", with a
        Content-Length; a status."""
        request.body()
        _, _, length, *how = request.path.split("/")
        body = gzip.compress(b"0" * int(length))
        if "cut" in how:
            body = body[:-4]
        if "corrupt" in how:
            body = b"no" + body[2:]
        status = next((one for one in how if one.isdigit()), "200")
        if "counted" in how:
            return self.say(connection, f"{status} x", ["Content-Encoding: gzip", "X-App: one"], body)
        connection.sendall(f"HTTP/1.1 {status} x\r\nContent-Encoding: gzip\r\nX-App: one\r\n"
                           "Transfer-Encoding: chunked\r\n\r\n".encode())
        for at in range(0, len(body), 30000):
            connection.sendall(b"%x\r\n%s\r\n" % (len(body[at:at + 30000]), body[at:at + 30000]))
        connection.sendall(b"0\r\n\r\n")
        return True

    def do_upload(self, connection, request):
        """Counts, and checks that nothing is out of order."""
        total = 0
        for part in request.parts():
            at = total % 16
            assert part[:16] == (BLOCK[:32])[at:at + len(part[:16])]
            total += len(part)
        self.uploads.append(total)
        return self.say(connection, "200 OK", ["Content-Type: text/plain"], str(total).encode())

    def do_cat(self, connection, request):
        """What comes goes back at once."""
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"
                           b"Transfer-Encoding: chunked\r\n\r\n")
        for part in request.parts():
            connection.sendall(b"%x\r\n%s\r\n" % (len(part), part))
        connection.sendall(b"0\r\n\r\n")
        return True

    def do_events(self, connection, request):
        """Three events, the second and third when the test says so."""
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n\r\n")
        for number in range(3):
            if number:
                self.go_on.wait(20)
                self.go_on.clear()
            connection.sendall(b"data: %d\n\n" % number)
        return False

    def do_early(self, connection, request):
        """An answer before the body, which is not read."""
        self.say(connection, "413 x", ["Content-Type: text/plain", "Connection: close"], b"too much")
        return False

    def do_short(self, connection, request):
        """Promises more than it says."""
        request.body()
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1000\r\n\r\nonly this")
        return False

    def do_half(self, connection, request):
        """Breaks off inside a chunked body, after the caller has seen the first part."""
        request.body()
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
                           b"5\r\nfirst\r\n")
        self.go_on.wait(20)
        connection.sendall(b"ff\r\npart of")
        return False

    def do_chunks(self, connection, request):
        """Two chunks and their end in one piece; /chunks/bad: what follows the first is none."""
        end = b"zz\r\n" if request.path.endswith("/bad") else b"6\r\nsecond\r\n0\r\n\r\n"
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
                           b"5\r\nfirst\r\n" + end)
        return True

    def do_script(self, connection, request):
        """What the test has put into `script`: each piece is a write, None waits until the test says so, and an empty
        one ends the connection."""
        request.body()
        for piece in self.script:
            if piece is None:
                self.go_on.wait(20)
            else:
                connection.sendall(piece)
        return b"" not in self.script

    def do_empty(self, connection, request):
        return self.say(connection, "200 OK")

    def do_nothing(self, connection, request):
        return False

    def do_garbage(self, connection, request):
        connection.sendall(b"garbage\r\nand more of it\r\n\r\n")
        return False

    def do_hang(self, connection, request):
        """Waits until the caller is gone, or the test says so."""
        request.body()
        connection.settimeout(0.05)
        end = time.monotonic() + 20
        while time.monotonic() < end and not self.go_on.is_set():
            try:
                if connection.recv(1) == b"":
                    self.hung_up.set()
                    return False
            except TimeoutError:
                pass
        connection.settimeout(None)
        return self.say(connection, "200 OK", ["Content-Type: text/plain"], b"late")

    def do_slow(self, connection, request):
        request.body()
        time.sleep(0.2)
        return self.say(connection, "200 OK", [], b"slow")

    def do_forever(self, connection, request):
        """Says something until nobody listens."""
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            connection.sendall(b"10000\r\n" + BLOCK + b"\r\n")

    def do_big_header(self, connection, request):
        request.body()
        return self.say(connection, "200 OK", ["X-Big: " + "x" * int(request.path.split("/")[2])], b"ok")

    def do_interim(self, connection, request):
        request.body()
        connection.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
        return self.say(connection, "200 OK", ["Content-Type: text/plain"], b"final")
