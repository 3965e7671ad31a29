# SPDX-License-Identifier: MIT
import pathlib
import sys
import tempfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests/support"))
from cli import Cli  # noqa: E402
from sidecar import component  # noqa: E402


@pytest.fixture
def user(tmp_path):
    one = Cli(tmp_path / "home")
    yield one
    one.close()


@pytest.fixture
def resources(tmp_path):
    (tmp_path / "resources").mkdir()
    return component(tmp_path / "resources")


@pytest.fixture
def sockets():
    """A folder whose name leaves room for the name of a socket."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield folder


@pytest.fixture(params=[False, True], ids=["pipe", "terminal"])
def terminal(request):
    return request.param


@pytest.fixture
def other_sidecar(user, tmp_path):
    """A process that looks like a sidecar of Dapr's own: named daprd, with its flags; it answers metadata,
    health and everything else as told, and writes down what it was asked."""
    from sidecar import free_port, wait_until
    folder = tmp_path / "other"
    folder.mkdir()
    program = folder / "daprd"
    program.write_text('''#!/usr/bin/python3
import http.server, json, sys
answers = json.load(open(sys.argv[sys.argv.index("--answers") + 1]))
class Handler(http.server.BaseHTTPRequestHandler):
    def do(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        sys.stdout.write(json.dumps([self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body]) + "\\n")
        sys.stdout.flush()
        status, text = answers.get(self.path.split("?")[0], [404, ""])
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())
    do_GET = do_POST = do_PUT = do_DELETE = do_OPTIONS = do
    def log_message(self, *_): pass
port = int(sys.argv[sys.argv.index("--dapr-http-port") + 1])
http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
''')
    program.chmod(0o755)

    def start(app_id, answers, *flags):
        import json
        import socket
        port = free_port()
        (folder / app_id).write_text(json.dumps({"/v1.0/healthz": [204, ""], **answers}))
        session = user.start(program, "--app-id", app_id, "--dapr-http-port", port, "--answers", folder / app_id,
                             *flags)

        def listens():
            with socket.socket() as s:
                return s.connect_ex(("127.0.0.1", port)) == 0
        wait_until(listens, "the other sidecar listens")
        session.port = port
        session.asked = lambda path: wait_until(
            lambda: [r for r in map(json.loads, session.lines) if r[1].split("?")[0] == path], f"somebody asks {path}")
        return session
    return start
