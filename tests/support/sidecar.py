# SPDX-License-Identifier: MIT
"""Runs the real binary and a small HTTP application for it, each on ports of its own."""
import gzip
import http.client
import http.server
import itertools
import json
import os
import pathlib
import select
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time

# A registry of sidecars for this process alone: other tests run beside it, with the same app ids.
REGISTRY = tempfile.TemporaryDirectory(prefix="pillion-registry-")
os.environ["XDG_RUNTIME_DIR"] = REGISTRY.name

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("PILLION", str(ROOT / "build/dev/pillion"))


# Below those that the kernel picks itself (32768 and up), and a stretch of them for each process: what one test was
# given and has not opened yet, no other gets.
PORTS = itertools.cycle(range(12000 + os.getpid() % 40 * 500, 12500 + os.getpid() % 40 * 500))


def hear_end(connection):
    """All that is heard before the connection ends, however it does."""
    heard = b""
    try:
        while part := connection.recv(65536):
            heard += part
    except ConnectionError:
        pass
    return heard


def free_port():
    """A port that nobody has."""
    for port in PORTS:
        with socket.socket() as s:
            try:
                s.bind(("", port))
                return port
            except OSError:
                pass


def wait_until(check, what, seconds=15):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = check()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s: {what}")


def certificates(folder):
    """Makes what tests/support/certificates.sh describes; returns its folder."""
    made = folder / "certificates"
    made.mkdir(exist_ok=True)
    subprocess.run([ROOT / "tests/support/certificates.sh", made], check=True)
    return made


def tls_server(certificate):
    """A context for a server that has the certificate NAME.pem, whose key is NAME.key."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    return context


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256  # with Python's 5, connections made at once wait a second


class App:
    """An application: answers GET /dapr/subscribe, and every POST as `answer(path, body)` says. With the
    path of a certificate it speaks TLS. `packs`: answers are packed by gzip for who accepts that."""

    def __init__(self, subscriptions, answer=None, certificate=None, port=0, packs=False):
        self.received = []
        self.subscriptions = subscriptions
        self.answer = answer or (lambda path, body: (200, {}))
        app = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # head and body leave in two writes: 40 ms an answer else

            def reply(self, status, body):
                data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                if packs and "gzip" in self.headers.get("Accept-Encoding", ""):
                    data = gzip.compress(data)
                    self.send_header("Content-Encoding", "gzip")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def do_GET(self):
                if self.path == "/dapr/subscribe":
                    self.reply(200, app.subscriptions)
                else:
                    self.reply(404, {})

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                app.received.append((self.path, dict(self.headers), body))
                self.reply(*app.answer(self.path, body))

            def log_message(self, *_):
                pass

        self.server = Server(("127.0.0.1", port), Handler)
        if certificate:  # the thread of the connection shakes hands, not the one that accepts
            self.server.socket = tls_server(certificate).wrap_socket(self.server.socket, server_side=True,
                                                                     do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=[0.05], daemon=True).start()

    def events(self, path=None):
        return [json.loads(body) for got, _, body in list(self.received) if path in (None, got)]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Sidecar:
    def __init__(self, app_id, resources=None, app_port=None, flags=(), env=None, wait=True, cwd=None, ports=None,
                 prefix=(), ready_seconds=15):
        self.port, self.grpc_port = ports or (free_port(), free_port())
        self.said, self.half_line, self.is_mute, self.reading = [], b"", False, threading.Lock()
        args = [*prefix, BINARY, "sidecar", "--app-id", app_id, "--dapr-http-port", str(self.port),
                "--dapr-grpc-port", str(self.grpc_port),
                "--dapr-listen-addresses", "127.0.0.1", "--metrics-listen-address", "127.0.0.1",
                "--metrics-port", "0", *flags]
        if resources:
            args += ["--resources-path", str(resources)]
        if app_port:
            args += ["--app-port", str(app_port)]
        self.process = subprocess.Popen(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        env={**os.environ, **(env or {})}, cwd=cwd)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        if wait:
            self.wait_ready("/v1.0/healthz", ready_seconds)

    def _read(self):
        while not self.is_mute:
            self._speaks(None)
            self._take()

    def _speaks(self, timeout_ms):
        poll = select.poll()
        poll.register(self.process.stdout, select.POLLIN)
        return poll.poll(timeout_ms)

    def _take(self):
        """What is in the pipe now. A sidecar writes its lines before it answers."""
        with self.reading:
            while not self.is_mute and self._speaks(0):
                data = os.read(self.process.stdout.fileno(), 65536)
                self.is_mute = not data
                *lines, self.half_line = (self.half_line + data).split(b"\n")
                self.said += [line.decode("utf-8", "replace").rstrip() for line in lines]

    @property
    def log(self):
        """The lines until now: after an answer, those that led to it are there."""
        self._take()
        return self.said

    def wait_ready(self, path, seconds=15):
        def ready():
            if self.process.poll() is not None:
                raise AssertionError("ended:\n" + "\n".join(self.log))
            try:
                return self.get(path)[0] == 204
            except OSError:
                return False
        wait_until(ready, f"ready; log:\n" + "\n".join(self.log), seconds)

    def request(self, method, path, body=b"", headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        return answer.status, data, answer.headers

    def get(self, path):
        return self.request("GET", path)

    def metrics(self):
        """The page: {"name{labels}": value}, labels as written."""
        started = [line for line in self.log if "metrics server started on" in line][0]
        port = int(started.split("metrics server started on ")[1].split("/")[0].split(":")[-1])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        connection.close()
        return {name: float(value) for name, value in
                (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))}

    def publish(self, pubsub, topic, data, content_type="application/json", query=""):
        body = data if isinstance(data, bytes) else json.dumps(data).encode()
        return self.request("POST", f"/v1.0/publish/{pubsub}/{topic}{query}", body, {"Content-Type": content_type})

    def stop(self, sig=signal.SIGTERM, timeout=15):
        if self.process.poll() is None:
            self.process.send_signal(sig)
        return self.end(timeout)

    def end(self, timeout=15):
        """The exit code, when it ends by itself; the log is complete then."""
        code = self.process.wait(timeout)
        self.reader.join(timeout)
        return code


class Pair:
    """An application and its sidecar, which must end well."""

    def __init__(self, resources, subscriptions, answer=None, flags=()):
        self.app = App(subscriptions, answer)
        self.sidecar = Sidecar("orders", resources, self.app.port, flags)

    def __enter__(self):
        return self.app, self.sidecar

    def __exit__(self, *_):
        code = self.sidecar.stop()
        self.app.close()
        assert code == 0, "\n".join(self.sidecar.log)
        assert "Daprd shutdown gracefully" in self.sidecar.log[-1]


def sub(topic="t", route="/t", **more):
    return {"pubsubname": "pubsub", "topic": topic, "route": route, **more}


def component(folder, name="pubsub", kind="pubsub.in-memory", **metadata):
    lines = "".join(f"  - name: {k}\n    value: {json.dumps(str(v))}\n" for k, v in metadata.items())
    (folder / f"{name}.yaml").write_text(
        f"apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata:\n  name: {name}\nspec:\n  type: {kind}\n"
        f"  version: v1\n" + (f"  metadata:\n{lines}" if lines else ""))
    return folder
