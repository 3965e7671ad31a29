# SPDX-License-Identifier: MIT
"""The programs of docs/c-client.md against a real sidecar."""
import http.server
import os
import pathlib
import re
import signal
import subprocess
import threading

import pytest

from sidecar import Server, Sidecar, certificates, component, free_port, tls_server, wait_until


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
        if self.process.poll() is None:
            self.process.send_signal(sig)
        code = self.process.wait(20)
        self.reader.join()
        return code


@pytest.fixture
def started():
    """What a test started; ended with it, however it ends."""
    things = []
    yield lambda thing: things.append(thing) or thing
    for thing in reversed(things):
        thing.end(signal.SIGKILL) if isinstance(thing, Program) else thing.stop(signal.SIGKILL)


def env_of(sidecar):
    return {**os.environ, "DAPR_HTTP_PORT": str(sidecar.port), "DAPR_GRPC_PORT": str(sidecar.grpc_port)}


def run(program, sidecar):
    return subprocess.run([program], env=env_of(sidecar), text=True, capture_output=True, timeout=30)


def test_an_event_goes_from_program_to_program(programs, started, tmp_path):
    port = free_port()
    component(tmp_path, kind="pubsub.in-memory")
    app = started(Program(programs["subscribe"], {**os.environ, "APP_PORT": str(port)}))
    sidecar = started(Sidecar("orders", tmp_path, port))
    assert run(programs["publish"], sidecar).returncode == 0
    wait_until(lambda: app.has('order {"orderId":7}'), "the order")
    assert run(programs["several"], sidecar).stdout == "100 of 100 published\n"
    wait_until(lambda: app.has('order {"orderId":99}'), "the last order")
    assert sorted(app.lines[1:]) == sorted(f'order {{"orderId":{n}}}' for n in range(100))
    assert sidecar.stop() == 0
    assert app.end() == 0, app.lines


def test_a_stream_brings_events_without_an_open_port(programs, started, tmp_path):
    """Also after its sidecar was killed: the stream comes back, and with it what was published meanwhile."""
    component(tmp_path, kind="pubsub.sqlite", connectionString=str(tmp_path / "broker.db"))
    publisher = started(Sidecar("publisher", tmp_path))
    sidecar = started(Sidecar("orders", tmp_path))
    program = started(Program(programs["stream"], env_of(sidecar)))
    wait_until(lambda: b"STREAMING" in sidecar.get("/v1.0/metadata")[1], "the subscription")
    publisher.publish("pubsub", "orders", 1)
    wait_until(lambda: program.has("order 1"), "the first order")
    sidecar.stop(signal.SIGKILL)
    publisher.publish("pubsub", "orders", 2)
    again = started(Sidecar("orders", tmp_path, ports=(sidecar.port, sidecar.grpc_port)))
    wait_until(lambda: program.has("order 2"), "the second order", 40)
    program.end()
    assert again.stop() == 0
    assert publisher.stop() == 0


def test_a_stream_that_is_refused_says_why(programs, started, tmp_path):
    sidecar = started(Sidecar("orders", component(tmp_path, name="other")))
    done = run(programs["stream"], sidecar)
    assert sidecar.stop() == 0
    assert (done.returncode, done.stderr) == (1, "pubsub pubsub is not found\n")


def test_no_count_is_lost(programs, started, tmp_path):
    """Programs that count at the same time: each adds one, whatever the others write in between."""
    sidecar = started(Sidecar("counter", component(tmp_path, "statestore", "state.in-memory")))
    runs = [subprocess.Popen([programs["count"]], env=env_of(sidecar), stdout=subprocess.PIPE, text=True)
            for _ in range(12)]
    counts = sorted(int(one.communicate(timeout=60)[0].split()[1]) for one in runs)
    assert sidecar.stop() == 0
    assert counts == list(range(1, 13))


LINES = """\
wait: OK
set a: OK
set b/c: OK
get a: OK
  a {"n": 1} etag
get none: OK
  none (none) -
get bulk: OK
  a {"n": 1} etag
  b/c "text" etag
  none (none) -
set a, stale: Aborted ERR_STATE_SAVE
set a, first: Aborted ERR_STATE_SAVE
set n, first: OK
set a, fresh: OK
delete a, stale: Aborted ERR_STATE_DELETE
delete a: OK
set bulk: OK
transact, stale: Aborted ERR_STATE_TRANSACTION
get x: OK
  x 1 etag
transact: OK
get x: OK
  x (none) -
update: OK
  u [0,1] -
update: OK
  u [[0,1],2] -
get of no store: NotFound ERR_STATE_STORE_NOT_FOUND
key with ||: InvalidArgument ERR_MALFORMED_REQUEST
query: answered
publish: OK
publish with metadata: OK
publish bulk: OK
publish to nobody: NotFound ERR_PUBSUB_NOT_FOUND
secret: OK
  s3cret
secret of no name: NotFound ERR_SECRET_GET
secret of no store: NotFound ERR_SECRET_STORE_NOT_FOUND
all secrets: OK
  s3cret
set metadata: OK
metadata: OK
  orders value
health: OK
invoke nobody: Internal ERR_DIRECT_INVOKE
api: OK
shutdown: OK
"""


@pytest.mark.parametrize("token", ["", "t0ken"])
@pytest.mark.parametrize("state", ["state.in-memory", "state.sqlite"])
def test_every_operation(installed, started, tmp_path, state, token):
    program = installed.compile(pathlib.Path(__file__).parent / "operations.c", tmp_path / "operations")
    folder = tmp_path / "resources"
    folder.mkdir()
    component(folder, "pubsub", "pubsub.in-memory")
    component(folder, "store", state, **({"connectionString": tmp_path / "s.db"} if "sqlite" in state else {}))
    (tmp_path / "secrets.json").write_text('{"password": "s3cret"}')
    component(folder, "secrets", "secretstores.local.file", secretsFile=tmp_path / "secrets.json")
    component(folder, "echo", "conversation.echo")
    sidecar = started(Sidecar("orders", folder, env={"DAPR_API_TOKEN": token}))
    env = {**env_of(sidecar), "DAPR_API_TOKEN": token}
    done = subprocess.run([program], env=env, text=True, capture_output=True, timeout=60)
    # a store that has no queries says so
    shown = re.sub("^query: (OK|Unimplemented ERR_STATE_STORE_NOT_SUPPORTED)$", "query: answered", done.stdout, flags=re.M)
    assert (shown, done.stderr, done.returncode) == (LINES, "", 0)
    assert sidecar.process.wait(20) == 0
    assert not any("s3cret" in line for line in sidecar.log)


class TlsPeer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


def test_an_endpoint_may_be_behind_https(programs, tmp_path):
    """The module that speaks TLS is found where it was installed, beside the library."""
    made = certificates(tmp_path)
    server = Server(("127.0.0.1", 0), TlsPeer)
    server.bodies = []
    server.socket = tls_server(made / "server.pem").wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    env = {**os.environ, "DAPR_HTTP_ENDPOINT": f"https://localhost:{server.server_address[1]}"}
    try:
        good = subprocess.run([programs["publish"]], env={**env, "SSL_CERT_FILE": str(made / "ca.pem")}, text=True,
                              capture_output=True, timeout=30)
        assert (good.returncode, good.stderr, server.bodies) == (0, "", [b'{"orderId":7}'])
        bad = subprocess.run([programs["publish"]], env={**env, "SSL_CERT_FILE": str(made / "other-ca.pem")},
                             text=True, capture_output=True, timeout=30)
        assert bad.returncode == 1 and "certificate" in bad.stderr and len(server.bodies) == 1
    finally:
        server.shutdown()
        server.server_close()


def test_a_refusal_is_told(programs, started, tmp_path):
    sidecar = started(Sidecar("orders", component(tmp_path, name="other")))
    done = run(programs["publish"], sidecar)
    assert (done.returncode, done.stderr) == (1, "not published: pubsub pubsub is not found\n")
