# SPDX-License-Identifier: MIT
"""Sidecars that find each other through one SQLite file, in Dapr's table."""
import json
import socket
import sqlite3
import time

import pytest

from echo_app import EchoApp
from sidecar import Sidecar, free_port, wait_until

PATH = "/v1.0/invoke/worker/method/json"


class Names:
    """A Configuration that names a file, and a look into the file."""

    def __init__(self, folder, **settings):
        self.file = folder / "names.db"
        self.config = folder / "config.yaml"
        settings = {"connectionString": str(self.file), **settings}
        lines = "".join(f"      {name}: {json.dumps(value)}\n" for name, value in settings.items())
        self.config.write_text("apiVersion: dapr.io/v1alpha1\nkind: Configuration\nmetadata:\n  name: c\nspec:\n"
                               f"  nameResolution:\n    component: sqlite\n    configuration:\n{lines}")

    def flags(self):
        return ["--config", str(self.config), "--dapr-internal-grpc-listen-address", "127.0.0.1"]

    def query(self, sql):
        with sqlite3.connect(self.file, timeout=10) as db:
            rows = db.execute(sql).fetchall()
        db.close()
        return rows

    def apps(self):
        return sorted(row[0] for row in self.query("SELECT app_id FROM hosts"))


@pytest.fixture
def names(tmp_path):
    return Names(tmp_path)


def said(sidecar, text):
    """The line of its log, once it is there."""
    return wait_until(lambda: next((line for line in list(sidecar.log) if text in line), None), f"says {text}")


def ask(caller, path=PATH):
    status, data, _ = caller.get(path)
    assert status == 200, data
    return json.loads(data)["app"]


def worker(start, names, name):
    return start(Sidecar, "worker", app_port=start(EchoApp, name).port, flags=names.flags())


def test_two_sidecars_find_each_other(start, names):
    worker(start, names, "one")
    caller = start(Sidecar, "caller", flags=names.flags())
    said(caller, "Initialized name resolution to sqlite")
    assert ask(caller) == "one"
    assert ask(caller, "/v1.0/invoke/worker.anywhere/method/json") == "one"  # namespaces do not keep apart, as in Dapr
    status, data, _ = caller.get("/v1.0/invoke/nobody/method/json")
    assert status == 500
    assert json.loads(data) == {"errorCode": "ERR_DIRECT_INVOKE",
                                "message": "failed to invoke, id: nobody, err: no host found with the given ID"}


def test_the_table_is_dapr_s(start, names):
    flags = [*names.flags(), "--dapr-internal-grpc-port", "0"]
    start(Sidecar, "caller", flags=flags)
    (row,) = names.query("SELECT * FROM hosts")
    assert len(row) == 5 and len(row[0]) == 36
    assert row[1].startswith("127.0.0.1:") and row[2:4] == ("caller", "")
    assert abs(row[4] - time.time()) < 10
    columns = [(name, kind, key) for _, name, kind, _, _, key in names.query("PRAGMA table_info(hosts)")]
    assert columns == [("registration_id", "TEXT", 1), ("address", "TEXT", 0), ("app_id", "TEXT", 0),
                       ("namespace", "TEXT", 0), ("last_update", "INTEGER", 0)]
    indexes = {row[1]: row[2] for row in names.query("PRAGMA index_list(hosts)")}
    assert indexes["hosts_address_idx"] == 1 and indexes["hosts_last_update_idx"] == 0
    assert ("nr-migrations", "1") in names.query("SELECT key, value FROM metadata")
    assert names.query("PRAGMA journal_mode") == [("wal",)]


def test_another_s_row_is_found(start, names):
    """As a sidecar of another make writes it."""
    stranger = worker(start, names, "stranger")
    caller = start(Sidecar, "caller", flags=names.flags())
    ((address,),) = names.query("SELECT address FROM hosts WHERE app_id = 'worker'")
    assert stranger.stop() == 0
    assert names.apps() == ["caller"]  # it took its row away
    back = start(Sidecar, "worker", app_port=start(EchoApp, "back").port,
                 flags=[*names.flags()[:2], "--dapr-internal-grpc-port", address.rpartition(":")[2],
                        "--dapr-internal-grpc-listen-address", "127.0.0.1"])
    wait_until(lambda: caller.get(PATH)[0] == 200, "found again")
    assert back.process.poll() is None


def test_instances_share_the_calls(start, names):
    for name in ("a", "b", "c"):
        worker(start, names, name)
    caller = start(Sidecar, "caller", flags=names.flags())
    assert sorted(ask(caller) for _ in range(9)) == ["a"] * 3 + ["b"] * 3 + ["c"] * 3


def test_a_killed_instance_is_passed_over_and_expires(start, tmp_path):
    names = Names(tmp_path, updateInterval="2s", cleanupInterval="1s")
    first = worker(start, names, "first")
    worker(start, names, "second")
    caller = start(Sidecar, "caller", flags=names.flags())
    assert {ask(caller) for _ in range(4)} == {"first", "second"}
    first.process.kill()
    first.process.wait()
    assert {ask(caller) for _ in range(20)} == {"second"}
    assert not any("DaprBuiltInServiceRetries" in line for line in caller.log)  # no call waited for another attempt
    wait_until(lambda: names.apps() == ["caller", "worker"], "its row is deleted")
    assert ask(caller) == "second"


def test_the_last_instance_gone_is_not_found_any_more(start, tmp_path):
    names = Names(tmp_path, updateInterval="2s")
    only = worker(start, names, "only")
    caller = start(Sidecar, "caller", flags=names.flags())
    assert ask(caller) == "only"
    only.process.kill()
    only.process.wait()
    wait_until(lambda: b"no host found with the given ID" in caller.get(PATH)[1], "its row counts no more", 30)
    assert names.apps() == ["caller", "worker"]  # the row is still there


def test_a_living_sidecar_is_found_longer_than_its_row_lives(start, tmp_path):
    names = Names(tmp_path, updateInterval="2s")
    worker(start, names, "steady")
    caller = start(Sidecar, "caller", flags=names.flags())
    ((first,),) = names.query("SELECT last_update FROM hosts WHERE app_id = 'worker'")
    wait_until(lambda: names.query("SELECT last_update FROM hosts WHERE app_id = 'worker'")[0][0] >= first + 3,
               "the row is renewed")
    assert ask(caller) == "steady"


@pytest.mark.parametrize("how", ["row", "file"])
def test_what_somebody_removed_comes_back(start, tmp_path, how):
    names = Names(tmp_path, updateInterval="2s")
    worker(start, names, "again")
    caller = start(Sidecar, "caller", flags=names.flags())
    if how == "row":
        names.query("DELETE FROM hosts")
    else:
        for file in tmp_path.glob("names.db*"):
            file.unlink()

    def is_back():
        try:
            return names.apps() == ["caller", "worker"]
        except sqlite3.OperationalError:
            return False  # the tables are not there yet
    wait_until(is_back, "both are registered again")
    assert ask(caller) == "again"


@pytest.mark.parametrize("settings, message", [
    ({"connectionString": ""}, "missing connection string"),
    ({"connectionString": "/nonexistent/folder/names.db"}, "/nonexistent/folder/names.db"),
    ({"connectionString": ":memory:"}, "is memory of this process"),
    ({"connectionString": "x.db?mode=ro"}, "lets nobody write"),
    ({"connectionString": "x.db?_pragma=busy_timeout(1)"}, "found forbidden option '_pragma=busy_timeout'"),
    ({"tableName": "a-b"}, "invalid identifier: a-b"),
    ({"updateInterval": "1s"}, "updateInterval (1000 ms) must be at least a second longer than timeout (1000 ms)"),
    ({"updateInterval": "2500ms"}, "updateInterval counts whole seconds"),
    ({"timeout": "0"}, "timeout must be longer than 0"),
    ({"cleanupInterval": "10ms"}, "cleanupInterval is a second or more"),
])
def test_settings_that_cannot_work_are_named(start, tmp_path, settings, message):
    names = Names(tmp_path, **settings)
    caller = start(Sidecar, "caller", flags=names.flags())
    line = said(caller, "[INIT_COMPONENT_FAILURE]: initialization error occurred for nr (sqlite/v1): ")
    assert message in line
    status, data, _ = caller.get(PATH)
    assert status == 500 and b"name resolver not initialized" in data


def test_a_file_of_a_later_version_is_left_alone(start, names):
    with sqlite3.connect(names.file) as db:
        db.execute("CREATE TABLE metadata (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL)")
        db.execute("INSERT INTO metadata VALUES ('nr-migrations', '2')")
    db.close()
    caller = start(Sidecar, "caller", flags=names.flags())
    said(caller, "the tables are of version 2, this program knows 1")
    assert names.query("SELECT name FROM sqlite_master WHERE type = 'table'") == [("metadata",)]


def test_a_file_that_somebody_holds_is_said_and_waited_for(start, tmp_path):
    names = Names(tmp_path, updateInterval="2s", busyTimeout="50ms")
    worker(start, names, "patient")
    caller = start(Sidecar, "caller", flags=names.flags())
    db = sqlite3.connect(names.file, isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    said(caller, "this sidecar could not be renewed in the name resolver's file")
    db.execute("ROLLBACK")
    db.close()
    said(caller, "this sidecar is in the name resolver's file again")
    wait_until(lambda: caller.get(PATH)[0] == 200, "found again")


@pytest.mark.parametrize("end", ["registers", "stops"])
def test_the_api_answers_while_a_sidecar_waits_to_register(start, tmp_path, end):
    """Its file is held from before it announces itself; only the port that it waits for keeps it from that."""
    busy = "10s" if end == "registers" else "2s"
    names = Names(tmp_path, busyTimeout=busy, timeout="11s", updateInterval="20s")
    ports = free_port(), free_port()
    with socket.create_server(("127.0.0.1", ports[0])):
        sidecar = start(Sidecar, "slow", flags=names.flags(), ports=ports, wait=False)
        said(sidecar, "trying again for")
        db = sqlite3.connect(names.file, isolation_level=None)
        db.execute("BEGIN IMMEDIATE")

    def answers():
        try:
            return sidecar.get("/v1.0/metadata")[0] == 200
        except ConnectionError:
            return False
    wait_until(answers, "the API is open")
    if end == "stops":
        assert sidecar.stop() == 0, "\n".join(sidecar.log)
        assert names.apps() == []
        db.close()
        return
    assert sidecar.get("/v1.0/healthz")[0] == 500  # others would not find it
    db.execute("ROLLBACK")
    db.close()
    sidecar.wait_ready("/v1.0/healthz")
    assert names.apps() == ["slow"]
    assert not any("others do not find" in line for line in sidecar.log)
