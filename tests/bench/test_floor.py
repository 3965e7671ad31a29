# SPDX-License-Identifier: MIT
"""What the floor sends is what the sidecar sent."""
import pathlib
import socket
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench"))
import floor  # noqa: E402
import rig  # noqa: E402

WORDS = [b"XADD", b"", b'a "quoted" \\ word', b"\r\n\t\x00\xff", b"] \"", "é".encode()]


@pytest.fixture
def redis():
    port = rig.free_port()
    process = subprocess.Popen(["redis-server", "--port", str(port), "--save", "", "--bind", "127.0.0.1"],
                               stdout=subprocess.DEVNULL)
    rig.wait_for(lambda: rig.listens(port), "redis-server listens")
    yield port
    process.terminate()
    process.wait()


def test_a_command_is_read_back_from_what_redis_tells_of_it(redis):
    with socket.create_connection(("127.0.0.1", redis)) as s:
        monitor = s.makefile("rwb")
        monitor.write(rig.redis_command(b"MONITOR"))
        monitor.flush()
        monitor.readline()
        floor.answer_to(redis, rig.redis_command(*WORDS), b"\r\n")
        assert floor.words_of(monitor.readline()) == WORDS


def test_a_server_that_ends_in_the_middle_is_an_error(redis):
    with pytest.raises(rig.Failed, match="ended in the middle of an answer"):
        floor.answer_to(redis, rig.redis_command(b"QUIT"), b"never said")
