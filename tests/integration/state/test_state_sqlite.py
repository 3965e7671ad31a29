# SPDX-License-Identifier: MIT
"""state.sqlite: the file row by row as a Go sidecar writes it, several sidecars on one, and bad days."""
import base64
import re
import sqlite3
import threading
import time

import pytest

from state_client import Grpc, Http, Refused, component
from sidecar import Sidecar, wait_until

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")
TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$")


@pytest.fixture
def start(tmp_path):
    running = []

    def go(app_id="app1", wait=True, file="state.db", **metadata):
        folder = tmp_path / f"resources{len(running)}"
        folder.mkdir()
        component(folder, "store", "state.sqlite", **{"connectionString": str(tmp_path / file), **metadata})
        running.append(Sidecar(app_id, folder, wait=wait))
        return running[-1]
    yield go
    for one in running:
        one.stop()


def rows(tmp_path, sql, *values, file="state.db"):
    with sqlite3.connect(tmp_path / file, isolation_level=None, timeout=10) as db:
        return db.execute(sql, values).fetchall()


def test_tables_and_rows_are_those_of_dapr(tmp_path, start):
    sidecar = start()
    store, grpc = Http(sidecar), Grpc(sidecar)
    assert [row[1:] for row in rows(tmp_path, "PRAGMA table_info(state)")] == [
        ("key", "TEXT", 1, None, 1), ("value", "TEXT", 1, None, 0), ("is_binary", "BOOLEAN", 1, None, 0),
        ("etag", "TEXT", 1, None, 0), ("expiration_time", "TIMESTAMP", 0, "NULL", 0),
        ("update_time", "TIMESTAMP", 1, "CURRENT_TIMESTAMP", 0)]
    assert rows(tmp_path, "SELECT * FROM metadata") == [("migrations", "1")]
    assert rows(tmp_path, "PRAGMA journal_mode") == [("wal",)]
    grpc.save({"key": "k1", "value": b"4"})
    grpc.save({"key": "ev", "value": b""})
    grpc.save({"key": "j", "value": b'{"a":1}', "metadata": {"contentType": "application/json"}})
    store.save({"key": "h2", "value": b'"str"'}, {"key": "h3", "value": b"null"})
    grpc.transact(("upsert", {"key": "x2", "value": b"v2", "metadata": {"ttlInSeconds": "50"}}))
    found = {row[0]: row[1:] for row in rows(tmp_path, "SELECT * FROM state")}
    assert {key: row[:2] for key, row in found.items()} == {
        "app1||k1": ("NA==", 1), "app1||ev": ("", 1), "app1||j": ('{"a":1}', 0), "app1||h2": ('"str"', 0),
        "app1||h3": ("null", 0), "app1||x2": ("djI=", 1)}
    assert all(UUID.match(row[2]) and TIME.match(row[4]) for row in found.values())
    assert {key for key, row in found.items() if row[3]} == {"app1||x2"} and TIME.match(found["app1||x2"][3])
    assert rows(tmp_path, "SELECT unixepoch(expiration_time) - unixepoch(update_time) FROM state WHERE key = 'app1||x2'") \
        == [(50,)]
    grpc.close()


def test_what_a_go_sidecar_wrote_is_read(tmp_path, start):
    store = Http(start())
    for key, value, binary, expires in (("a", '{"x": 1}', 0, None), ("b", base64.b64encode(b"\0\xff").decode(), 1, None),
                                        ("c", "1", 0, "2999-01-02 03:04:05"), ("gone", "1", 0, "2001-01-02 03:04:05")):
        rows(tmp_path, "INSERT INTO state (key, value, is_binary, etag, expiration_time) VALUES (?, ?, ?, ?, ?)",
             f"app1||{key}", value, binary, f"etag-{key}", expires)
    assert (store.get("a").data, store.get("a").etag) == (b'{"x": 1}', "etag-a")
    assert store.get("b").data == b"\0\xff"
    assert store.get("c").metadata == {"ttlExpireTime": "2999-01-02T03:04:05Z"}
    assert store.get("gone") is None
    store.save({"key": "a", "value": b"2", "etag": "etag-a"})
    assert store.get("a").data == b"2" and UUID.match(store.get("a").etag)
    with pytest.raises(Refused) as refused:
        store.delete("missing", "5")
    assert refused.value.text == ("failed deleting state with key missing: possible etag mismatch. "
                                  "error from state store")


def test_names_of_tables_and_options_of_the_driver(tmp_path, start):
    store = Http(start(connectionString=f"file:{tmp_path}/other.db?_pragma=synchronous(normal)&cache=private",
                      tableName="t_1", metadataTableName="m_1", disableWAL="true", busyTimeout="500ms"))
    store.save({"key": "k", "value": b"1"})
    assert rows(tmp_path, "SELECT value FROM t_1", file="other.db") == [("1",)]
    assert rows(tmp_path, "SELECT * FROM m_1", file="other.db") == [("migrations", "1")]
    assert rows(tmp_path, "PRAGMA journal_mode", file="other.db") == [("delete",)]


def test_a_file_in_memory(start):
    store = Http(start(connectionString=":memory:"))
    store.save({"key": "k", "value": b"1"})
    assert store.get("k").data == b"1"


def test_expired_rows_are_deleted_by_one_of_the_sidecars(tmp_path, start):
    sidecars = [start(cleanupInterval="1s"), start(app_id="app2", cleanupInterval="1s")]
    store = Http(sidecars[0])
    store.save({"key": "stays", "value": b"1"})
    with sqlite3.connect(tmp_path / "state.db", timeout=10) as db:
        db.executemany("INSERT OR REPLACE INTO state (key, value, is_binary, etag, expiration_time) VALUES (?, 1, 0, 1, ?)",
                       [(f"x||{i}", "2001-01-02 03:04:05") for i in range(2500)])
    wait_until(lambda: rows(tmp_path, "SELECT key FROM state") == [("app1||stays",)], "only what lives is left")
    assert TIME.match(rows(tmp_path, "SELECT value FROM metadata WHERE key = 'last-cleanup'")[0][0])


@pytest.mark.parametrize("metadata,said", [
    ({"connectionString": ""}, "missing connection string"), ({"tableName": "a-b"}, "invalid identifier: a-b"),
    ({"timeout": "500ms"}, "invalid value for 'timeout': must be greater than 1s"),
    ({"connectionString": "x.db?_pragma=busy_timeout(1)"},
     "found forbidden option '_pragma=busy_timeout' in the connection string"),
    ({"connectionString": "/nonexistent/x.db"}, "unable to open database file"), ({"busyTimeout": "x"}, "busyTimeout")])
def test_wrong_settings_end_the_start_and_are_named(start, metadata, said):
    sidecar = start(wait=False, **metadata)
    assert sidecar.process.wait(10) == 1
    wait_until(lambda: any(said in line for line in sidecar.log), f"'{said}' is said")


def test_a_file_that_is_none_ends_the_start(tmp_path, start):
    (tmp_path / "state.db").write_bytes(b"this is no database" * 100)
    sidecar = start(wait=False)
    assert sidecar.process.wait(10) == 1
    wait_until(lambda: any("file is not a database" in line and "state.db" in line for line in sidecar.log), "it is said")


def test_a_file_that_goes_bad_is_told(tmp_path, start):
    store = Http(start())
    store.save(*({"key": f"k{i}", "value": b'"' + b"x" * 1000 + b'"'} for i in range(200)))
    rows(tmp_path, "PRAGMA wal_checkpoint(TRUNCATE)")
    with open(tmp_path / "state.db", "r+b") as file:
        file.seek(8192)
        file.write(b"\xff" * 100_000)
    seen = set()
    for i in range(0, 200, 7):
        try:
            store.get(f"k{i}")
        except Refused as refused:
            assert refused.kind == "error"
            seen.add(refused.text.split("sqlite: ")[1])
    assert any("malformed" in text for text in seen), seen


def test_a_full_disk_fails_writes_and_nothing_else(tmp_path, start):
    sidecar = start(connectionString=f"{tmp_path}/state.db?_pragma=max_page_count(40)")
    store = Http(sidecar)
    store.save({"key": "small", "value": b"1"})
    with pytest.raises(Refused) as refused:
        store.save({"key": "big", "value": b'"' + b"x" * 500_000 + b'"'})
    assert refused.value.kind == "error" and "database or disk is full" in refused.value.text
    with pytest.raises(Refused, match="database or disk is full"):
        store.transact(("upsert", {"key": "small", "value": b"2"}),
                      ("upsert", {"key": "big", "value": b'"' + b"x" * 500_000 + b'"'}))
    assert store.get("small").data == b"1" and store.get("big") is None
    store.save({"key": "small", "value": b"3"})
    assert store.get("small").data == b"3"


def test_a_file_that_another_process_holds_is_waited_for_and_then_told(tmp_path, start):
    store = Http(start(busyTimeout="1s"))
    with sqlite3.connect(tmp_path / "state.db", isolation_level=None) as db:
        db.execute("BEGIN IMMEDIATE")
        begun = time.monotonic()
        with pytest.raises(Refused, match="database is locked"):
            store.save({"key": "k", "value": b"1"})
        assert time.monotonic() - begun > 0.8
        assert store.get("k") is None  # reads go on
        thread = threading.Thread(target=store.save, args=({"key": "k", "value": b"2"},))
        thread.start()
        time.sleep(0.2)
        db.execute("ROLLBACK")
        thread.join()
    assert store.get("k").data == b"2"
