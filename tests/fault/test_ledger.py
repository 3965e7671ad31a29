# SPDX-License-Identifier: MIT
"""Keeps a ledger: every publish that was answered with success is delivered or dead-lettered, while the
publishing sidecar, the subscribing sidecar, the application and the broker are killed (SIGKILL), in turn or
by chance, at random moments. Duplicates are allowed; they are counted and printed.

LEDGER_MESSAGES (default 2500) and LEDGER_SEEDS (default 2) set the size; the full one is 20000 and 5. Even
seeds kill by chance, odd ones in turn. With LEDGER_REPORT=FILE a line for each run is added there."""
import http.client
import os
import random
import signal
import subprocess
import sys
import threading
import time

import pytest

from redis_server import Redis
from sidecar import BINARY, component, free_port, wait_until

MESSAGES = int(os.environ.get("LEDGER_MESSAGES", "2500"))
SEEDS = range(1, 1 + int(os.environ.get("LEDGER_SEEDS", "2")))
PUBLISHERS = 4
DROPPED = 40  # every so many-th message is answered DROP: it belongs into the dead-letter topic
FAILED = 400  # and every so many-th fails until it is dead-lettered

# The application: writes topic and number of each event to a file before it answers.
APP = f"""
import http.server, json, sys
out = open(sys.argv[2], "a", buffering=1)
SUBSCRIPTIONS = json.dumps([{{"pubsubname": "pubsub", "topic": "t", "route": "/t", "deadLetterTopic": "dead"}},
                            {{"pubsubname": "pubsub", "topic": "dead", "route": "/dead"}}]).encode()
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def reply(self, body, status=200):
        self.send_response(status); self.send_header("Content-Length", str(len(body))); self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        self.reply(SUBSCRIPTIONS)
    def do_POST(self):
        number = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["data"]
        if self.path == "/t" and number % {FAILED} == 1:
            self.reply(b"", 500)
        elif self.path == "/t" and number % {DROPPED} == 2:
            self.reply(b'{{"status":"DROP"}}')
        else:
            out.write("%s %d\\n" % (self.path, number))
            self.reply(b"{{}}")
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
    args = [BINARY, "sidecar", "--app-id", app_id, "--dapr-http-port", str(port), "--dapr-grpc-port", str(free_port()),
            "--dapr-listen-addresses", "127.0.0.1", "--enable-metrics=false", "--resources-path", str(resources),
            "--log-level", "error"]
    return Process(args + (["--app-port", str(app_port)] if app_port else []))


def publish_all(port, numbers, accepted):
    """Publishes each number until it is answered with success: what is accepted is on the ledger."""
    connection = None
    for number in numbers:
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


def ledger(path):
    """(topic, number) of all that the application handled."""
    lines = path.read_text().split("\n")[:-1] if path.exists() else []  # a last line may be half
    return [(topic, int(number)) for topic, _, number in (line.partition(" ") for line in lines)]


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


def kill_on(parts, publishers, chance, in_turn):
    """Until all is published, and everybody was killed at least twice. Returns how often each was."""
    kills = [0] * len(parts)
    while any(publisher.is_alive() for publisher in publishers) or min(kills) < 2:
        time.sleep(chance.uniform(0.1, 0.7))
        which = sum(kills) % len(parts) if in_turn else chance.randrange(len(parts))
        parts[which].kill()
        time.sleep(chance.uniform(0, 0.3))
        parts[which].start()
        kills[which] += 1
        assert sum(kills) < 5000
    return kills


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", ["pubsub.redis", "pubsub.sqlite"])
def test_what_was_accepted_is_delivered_whoever_is_killed(tmp_path, kind, seed):
    chance, began = random.Random(seed), time.monotonic()
    resources, broker = broker_of(kind, tmp_path)
    out, script = tmp_path / "ledger", tmp_path / "app.py"
    script.write_text(APP)
    app_port, publisher_port, subscriber_port = free_port(), free_port(), free_port()
    parts = [Process([sys.executable, str(script), str(app_port), str(out)]),
             sidecar("pub", publisher_port, resources), sidecar("sub", subscriber_port, resources, app_port), *broker]
    accepted, kills = [], []
    publishers = [threading.Thread(target=publish_all, daemon=True,
                                   args=(publisher_port, range(i, MESSAGES, PUBLISHERS), accepted))
                  for i in range(PUBLISHERS)]
    try:
        for publisher in publishers:
            publisher.start()
        kills = kill_on(parts, publishers, chance, seed % 2 == 1)
        wait_until(lambda: set(accepted) <= {number for _, number in ledger(out)}, "every accepted message",
                   60 + MESSAGES / 100)
    finally:
        report(kind, seed, accepted, ledger(out), kills, time.monotonic() - began)
        for part in parts:
            part.kill()
    assert sorted(accepted) == list(range(MESSAGES))
    letters = {number for topic, number in ledger(out) if topic == "/dead"}
    assert letters >= {n for n in range(MESSAGES) if n % FAILED == 1 or n % DROPPED == 2}


def report(kind, seed, accepted, handled, kills, seconds):
    numbers = {number for _, number in handled}
    missing = sorted(set(accepted) - numbers)
    line = (f"{kind}, seed {seed}: {len(accepted)} accepted, {len(numbers)} handled of which "
            f"{len({n for topic, n in handled if topic == '/dead'})} dead letters, {len(handled) - len(numbers)} duplicates, "
            f"{len(missing)} missing {missing[:10]}, kills (application, publisher, subscriber, broker) {kills}, "
            f"{seconds:.0f} s")
    print("\n" + line)
    if "LEDGER_REPORT" in os.environ:
        with open(os.environ["LEDGER_REPORT"], "a") as file:
            file.write(line + "\n")


def test_a_stop_is_as_good_as_a_kill(tmp_path):
    """SIGTERM, and SIGSTOP for longer than every lease: what was accepted is delivered."""
    resources, _ = broker_of("pubsub.sqlite", tmp_path)
    out, script = tmp_path / "ledger", tmp_path / "app.py"
    script.write_text(APP)
    app_port, publisher_port = free_port(), free_port()
    parts = [Process([sys.executable, str(script), str(app_port), str(out)]),
             sidecar("pub", publisher_port, resources)]
    subscribers = [sidecar("sub", free_port(), resources, app_port) for _ in range(2)]
    accepted = []
    publisher = threading.Thread(target=publish_all, args=(publisher_port, range(1000), accepted), daemon=True)
    try:
        publisher.start()
        for _ in range(2):
            for one, other in (subscribers, subscribers[::-1]):
                one.process.send_signal(signal.SIGSTOP)
                time.sleep(2.5)
                one.process.send_signal(signal.SIGCONT)
                other.process.terminate()
                assert other.process.wait(15) == 0
                other.start()
        publisher.join(60)
        wait_until(lambda: set(accepted) == {number for _, number in ledger(out)} == set(range(1000)), "all", 60)
    finally:
        for part in [*parts, *subscribers]:
            part.kill()
