# SPDX-License-Identifier: MIT
"""`./dev demo`, as a newcomer sees it."""
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("broker", ["embedded", "redis"])
def test_every_message_is_shown_and_it_ends_by_itself(broker):
    done = subprocess.run(["scripts/demo.sh", broker, "20"], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    for verb in ("Published", "Received"):
        shown = re.findall(rf'^{verb} message: {{"id": (\d+), "message": "Hello from publisher - message \1"', done.stdout,
                           re.M)
        assert sorted(map(int, shown)) == list(range(20))
    for line in ("messages ", "rate ", "latency ", "memory "):
        assert re.search(rf"^{line}", done.stdout, re.M), done.stdout
