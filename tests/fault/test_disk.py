# SPDX-License-Identifier: MIT
"""pubsub.sqlite and its file on bad days: no room, not allowed, broken, locked, taken away."""
import os
import sqlite3
import subprocess
import time

import pytest

from sidecar import App, Sidecar, component, sub, wait_until


@pytest.fixture
def resources(tmp_path):
    folder = tmp_path / "resources"
    folder.mkdir()
    (tmp_path / "data").mkdir()
    return component(folder, kind="pubsub.sqlite", connectionString=str(tmp_path / "data/broker.db"),
                     leaseDuration="2s", redeliverInterval="500ms", pollInterval="200ms", busyTimeout="500ms")


@pytest.fixture
def app(start):
    return start(App, [sub()])


def publish(sidecar, number, fill=0):
    status, body, _ = sidecar.publish("pubsub", "t", {"n": number, "fill": "x" * fill})
    return status, body.decode()


def has(app, numbers):
    return lambda: {event["data"]["n"] for event in app.events()} >= set(numbers)


def said(sidecar, text):
    wait_until(lambda: any(text in line for line in sidecar.log), text)


@pytest.fixture
def small_disk(tmp_path, resources):
    """A disk of one MiB in place of the folder; its function makes it larger."""
    folder = tmp_path / "data"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.strip()}")
    yield lambda: subprocess.run(["mount", "-o", "remount,size=20m", folder], check=True)
    subprocess.run(["umount", "-l", folder], check=True)


def fill_up(sidecar, app, make_room):
    accepted = []
    for number in range(200):
        status, body = publish(sidecar, number, 20000)
        if status != 204:
            break
        accepted.append(number)
    assert status == 500 and accepted
    wait_until(lambda: "make room on its disk" in publish(sidecar, 900, 20000)[1], "the reason and the way out")
    assert sidecar.get("/v1.0/healthz")[0] == 204
    make_room()
    wait_until(lambda: publish(sidecar, 901)[0] == 204, "room again")
    wait_until(has(app, [*accepted, 901]), "all")
    assert 900 not in {event["data"]["n"] for event in app.events()}


def test_a_full_disk_fails_publishes_and_loses_nothing(start, small_disk, resources, app):
    fill_up(start(Sidecar, "orders", resources, app.port), app, small_disk)


def test_verdicts_that_find_no_room_are_written_later(start, small_disk, resources, tmp_path):
    """The application handled messages while nothing could be written: they are not given out twice for it."""
    handled, full = [], {"is": False}

    def answer(path, body):
        handled.append(body)
        if not full["is"]:
            try:
                with open(tmp_path / "data/filler", "wb", buffering=0) as filler:
                    while True:
                        filler.write(b"x" * 4096)
            except OSError:
                full["is"] = True
        return 200, {}
    app = start(App, [sub()], answer)
    sidecar = start(Sidecar, "orders", resources, app.port)
    assert publish(sidecar, 1)[0] == 204
    wait_until(lambda: full["is"], "a full disk")
    time.sleep(0.5)
    os.unlink(tmp_path / "data/filler")
    wait_until(lambda: publish(sidecar, 2)[0] == 204, "room again")
    wait_until(has(app, [1, 2]), "both")
    with sqlite3.connect(tmp_path / "data/broker.db") as db:
        wait_until(lambda: db.execute("select count(*) from deliveries").fetchone() == (0,), "verdicts")
    assert len(handled) == 2


def test_a_limit_of_the_process_is_as_good_as_a_full_disk(start, resources, app):
    """RLIMIT_FSIZE, for those who may not mount."""
    sidecar = start(Sidecar, "orders", resources, app.port)
    assert publish(sidecar, 1000)[0] == 204
    subprocess.run(["prlimit", "--fsize=200000:", "--pid", str(sidecar.process.pid)], check=True)
    accepted = [1000]
    for number in range(40):
        if publish(sidecar, number, 20000)[0] == 204:
            accepted.append(number)
    assert len(accepted) < 40 and sidecar.process.poll() is None
    subprocess.run(["prlimit", "--fsize=unlimited:", "--pid", str(sidecar.process.pid)], check=True)
    wait_until(lambda: publish(sidecar, 1001)[0] == 204, "room again")
    wait_until(has(app, [*accepted, 1001]), "all")


@pytest.mark.parametrize("damage", ["header", "half"])
def test_a_file_that_is_broken_from_the_first_ends_the_start(start, resources, tmp_path, damage):
    write(start, resources, tmp_path)
    path = tmp_path / "data/broker.db"
    with open(path, "r+b") as file:
        if damage == "header":
            file.write(b"This is text, which stands where SQLite's own header is looked for by everybody.")
        else:
            file.truncate(path.stat().st_size // 2)
    sidecar = start(Sidecar, "orders", resources, wait=False)
    assert sidecar.process.wait(15) == 1
    said(sidecar, f"{path}: restore it from a copy, or move it away to begin anew")


def write(start, resources, tmp_path):
    """A file with a hundred messages, closed."""
    publisher = start(Sidecar, "publisher", resources)
    for number in range(100):
        assert publish(publisher, number, 5000)[0] == 204
    assert publisher.stop() == 0
    assert os.listdir(tmp_path / "data") == ["broker.db"]


def test_a_file_that_is_broken_inside_is_told_and_can_be_moved_away(start, resources, tmp_path, app):
    write(start, resources, tmp_path)
    path = tmp_path / "data/broker.db"
    with open(path, "r+b") as file:
        file.seek(4096 * 2)
        file.write(os.urandom(path.stat().st_size - 4096 * 3))
    sidecar = start(Sidecar, "orders", resources, app.port)
    said(sidecar, "database disk image is malformed")
    assert "restore it from a copy, or move it away" in publish(sidecar, 1)[1]
    path.rename(tmp_path / "data/broken.db")
    wait_until(lambda: publish(sidecar, 2)[0] == 204, "a new file")
    wait_until(has(app, [2]), "delivery")
    said(sidecar, "was removed or replaced while it was in use: what it held went with it")


@pytest.mark.parametrize("deed", ["remove", "replace"])
def test_a_file_that_is_taken_away_is_noticed_at_the_next_publish(start, resources, tmp_path, app, deed):
    """Written to a file without a name, a message would be gone with the process."""
    folder = tmp_path / "data"
    sidecar = start(Sidecar, "orders", resources, app.port)
    assert publish(sidecar, 1)[0] == 204
    wait_until(has(app, [1]), "delivery")
    for name in os.listdir(folder):
        os.unlink(folder / name)
    if deed == "replace":
        other = start(Sidecar, "other", resources)
        assert publish(other, 2)[0] == 204
    assert publish(sidecar, 3)[0] == 204
    said(sidecar, "broker.db was removed or replaced while it was in use")
    with sqlite3.connect(folder / "broker.db") as db:
        assert db.execute("select count(*) from messages").fetchone() == (2 if deed == "replace" else 1,)
    wait_until(has(app, [3] if deed == "remove" else [2, 3]), "delivery from the new file")


def test_a_lock_of_another_process_is_waited_for_and_told(start, resources, tmp_path, app):
    sidecar = start(Sidecar, "orders", resources, app.port)
    assert publish(sidecar, 1)[0] == 204
    other = sqlite3.connect(tmp_path / "data/broker.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    began = time.monotonic()
    status, body = publish(sidecar, 2)
    assert status == 500 and "another process holds it, see busyTimeout" in body
    assert time.monotonic() - began < 10  # half a second, on a machine that is idle
    other.execute("ROLLBACK")
    wait_until(lambda: publish(sidecar, 3)[0] == 204, "publish again")
    wait_until(has(app, [1, 3]), "both")
    other.execute("BEGIN EXCLUSIVE")
    began = time.monotonic()
    assert sidecar.stop() == 0, "\n".join(sidecar.log)
    assert time.monotonic() - began < 4
    other.close()


@pytest.mark.parametrize("path, why", [("nowhere/broker.db", "no such file or directory"), (".", "is a directory")])
def test_a_place_where_no_file_can_be_is_named(start, resources, tmp_path, path, why):
    component(resources, kind="pubsub.sqlite", connectionString=str(tmp_path / path))
    sidecar = start(Sidecar, "orders", resources, wait=False)
    assert sidecar.process.wait(15) == 1
    said(sidecar, f"unable to open database file ({why})")


BROKEN_SYNC = """
#include <errno.h>
#include <unistd.h>

int fdatasync(int fd)
{
    if (access(BROKEN, F_OK) != 0)
        return fsync(fd);
    errno = EIO;
    return -1;
}
"""


@pytest.fixture
def breakable_disk(tmp_path):
    """A file whose being there makes each sync of data fail, and the environment in which it does."""
    broken, library = tmp_path / "broken", tmp_path / "broken_sync.so"
    subprocess.run(["cc", "-shared", "-fPIC", f'-DBROKEN="{broken}"', "-x", "c", "-", "-o", library], check=True,
                   input=BROKEN_SYNC.encode())
    return broken, {"LD_PRELOAD": str(library), "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "")
                    + ":verify_asan_link_order=0"}


def test_only_what_is_on_the_disk_is_confirmed(start, breakable_disk, resources, app):
    broken, env = breakable_disk
    sidecar = start(Sidecar, "orders", resources, app.port, env=env)
    assert publish(sidecar, 1)[0] == 204
    broken.touch()
    status, body = publish(sidecar, 2)
    assert status == 500 and "broker.db-wal" in body and "nput/output error" in body
    said(sidecar, "publishes cannot be confirmed")
    broken.unlink()
    assert publish(sidecar, 3)[0] == 204
    wait_until(has(app, [1, 3]), "what was confirmed")


def test_what_needs_no_disk_is_confirmed_without(start, breakable_disk, resources, app):
    broken, env = breakable_disk
    settings = resources / "pubsub.yaml"
    settings.write_text(settings.read_text() + '  - name: synchronous\n    value: "normal"\n')
    sidecar = start(Sidecar, "orders", resources, app.port, env=env)
    assert publish(sidecar, 1)[0] == 204
    broken.touch()
    assert publish(sidecar, 2)[0] == 204
