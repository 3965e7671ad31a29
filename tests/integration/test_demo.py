# SPDX-License-Identifier: MIT
"""`./dev demo` and `./dev demo chat`, as a newcomer sees them, over the build that is tested."""
import json
import os
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def demo(name, *args):
    done = subprocess.run([f"scripts/demo_{name}.sh", *args], cwd=ROOT, capture_output=True, text=True, timeout=120,
                          env={**os.environ, "DEMO_BUILD": "build/dev"})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("broker", ["embedded", "redis"])
def test_every_message_is_shown_and_it_ends_by_itself(broker):
    shown = demo("orders", broker, "20")
    for verb in ("Published", "Received"):
        ids = re.findall(rf'^{verb} message: {{"id": (\d+), "message": "Hello from publisher - message \1"', shown, re.M)
        assert sorted(map(int, ids)) == list(range(20))
    for line in ("messages ", "rate ", "latency ", "memory "):
        assert re.search(rf"^{line}", shown, re.M), shown


@pytest.mark.parametrize("broker", ["embedded", "redis"])
def test_the_tutorials_walk_shows_what_the_tutorial_prints(broker):
    shown = demo("chat", broker)
    lines = iter(shown.splitlines())
    for wanted in ('{"status":"success","user_id":"alice","message_count":5}',
                   '{"status":"success","user_id":"bob","message_count":3}',
                   '{"message_count":5}', '{"message_count":3}', '{"detail":"User not found"}',
                   "== APP == Received event: {'event_type': 'MessageSent', 'user_id': 'alice'}",
                   "== APP == Set message count for alice: 6", '{"message_count":6}',
                   "== APP == Set message count for bob: 4", '{"message_count":4}',
                   '{"status":"registered","user_id":"dora"}', "== APP == Set message count for dora: 0",
                   '{"message_count":0}', "== APP == Published MessageSent event for user bob"):
        assert wanted in lines, f"{wanted} is missing, or out of order, in\n{shown}"
    reply = json.loads(next(line for line in shown.splitlines() if line.startswith('{"user_id":"bob","reply"')))["reply"]
    assert "The user has sent 3 messages so far" in reply
    assert re.search(r"'get_current_time': \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$", reply)
