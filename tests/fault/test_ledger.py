# SPDX-License-Identifier: MIT
"""Keeps a ledger: every publish that was answered with success is delivered, while the publishing
sidecar, the subscribing sidecar, the application and the broker are killed (SIGKILL) in turn at random
moments. Duplicates are allowed; they are counted and printed.

LEDGER_MESSAGES (default 4000) and LEDGER_SEEDS (default 1) make it longer."""
import http.client
import json
import os
import pathlib
import random
import subprocess
import sys
import threading
import time

import pytest

HERE = pathlib.Path(__file__).resolve()
sys.path.insert(0, str(HERE.parents[1] / "support"))
sys.path.insert(0, str(HERE.parents[1] / "integration/pubsub"))
from sidecar import BINARY, component, free_port, wait_until  # noqa: E402
from redis_server import Redis  # noqa: E402

MESSAGES = int(os.environ.get("LEDGER_MESSAGES", "4000"))
SEEDS = range(1, 1 + int(os.environ.get("LEDGER_SEEDS", "1")))

# The application: writes the number of each event to a file before it answers.
APP = """
import http.server, json, sys
out = open(sys.argv[2], "a", buffering=1)
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def reply(self, body):
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        self.reply(b'[{"pubsubname":"pubsub","topic":"t","route":"/t"}]')
    def do_POST(self):
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        out.write("%d\\n" % event["data"])
        self.reply(b"{}")
    def log_message(self, *_): pass
class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


class Process:
    """A process that can be killed and started again with the same command."""

    def __init__(self, args):
        self.args = args
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.args, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def kill(self):
        self.process.kill()
        self.process.wait()


def sidecar(app_id, port, resources, app_port=None):
    args = [BINARY, "sidecar", "--app-id", app_id, "--dapr-http-port", str(port),
            "--dapr-grpc-port", str(free_port()), "--dapr-listen-addresses",
            "127.0.0.1", "--metrics-port", "0", "--resources-path", str(resources), "--log-level", "error"]
    return Process(args + (["--app-port", str(app_port)] if app_port else []))


def publish_all(port, first, last, accepted):
    """Publishes each number until it is answered with success: what is accepted is on the ledger."""
    connection = None
    for number in range(first, last):
        while True:
            try:
                connection = connection or http.client.HTTPConnection("127.0.0.1", port, timeout=20)
                connection.request("POST", "/v1.0/publish/pubsub/t", str(number), {"Content-Type": "application/json"})
                answer = connection.getresponse()
                answer.read()
                if answer.status == 204:
                    accepted.append(number)
                    break
            except (OSError, http.client.HTTPException):
                connection = None
            time.sleep(0.02)


def delivered(path):
    return [int(line) for line in path.read_text().splitlines()] if path.exists() else []


def broker_of(kind, tmp_path):
    """The folder of resources, and the broker's own process where it has one."""
    folder = tmp_path / "resources"
    folder.mkdir()
    if kind == "pubsub.sqlite":
        return component(folder, kind=kind, connectionString=str(tmp_path / "broker.db"), leaseDuration="2s",
                         redeliverInterval="1s"), []
    redis = Redis(tmp_path)
    return component(folder, kind=kind, redisHost=f"127.0.0.1:{redis.port}", processingTimeout="2s",
                     redeliverInterval="500"), [redis]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", ["pubsub.redis", "pubsub.sqlite"])
def test_what_was_accepted_is_delivered_whoever_is_killed(tmp_path, kind, seed):
    chance = random.Random(seed)
    resources, broker = broker_of(kind, tmp_path)
    out, script = tmp_path / "delivered", tmp_path / "app.py"
    script.write_text(APP)
    app_port, publisher_port, subscriber_port = free_port(), free_port(), free_port()
    parts = [Process([sys.executable, str(script), str(app_port), str(out)]),
             sidecar("pub", publisher_port, resources), sidecar("sub", subscriber_port, resources, app_port), *broker]
    accepted = []
    threads = [threading.Thread(target=publish_all,
                                args=(publisher_port, i * MESSAGES // 4, (i + 1) * MESSAGES // 4, accepted))
               for i in range(4)]
    for thread in threads:
        thread.start()
    kills = 0
    while any(thread.is_alive() for thread in threads) or kills < 8:
        time.sleep(chance.uniform(0.2, 0.8))
        part = parts[kills % len(parts)]
        part.kill()
        time.sleep(chance.uniform(0, 0.3))
        part.start()
        kills += 1
        assert kills < 1000
    for thread in threads:
        thread.join()
    try:
        wait_until(lambda: set(accepted) <= set(delivered(out)), "every accepted message", 90)
    finally:
        got = delivered(out)
        missing = sorted(set(accepted) - set(got))
        print(f"\n{kind}, seed {seed}: {len(accepted)} accepted, {len(got)} deliveries, {len(got) - len(set(got))} "
              f"duplicates, {len(missing)} missing {missing[:10]}, {kills} kills")
        for part in parts:
            part.kill()
    assert sorted(accepted) == list(range(MESSAGES))
