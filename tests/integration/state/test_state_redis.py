# SPDX-License-Identifier: MIT
"""state.redis: what is in the server, field by field as a Go sidecar writes it, and bad days."""
import threading
import time

import pytest

from state_client import Grpc, Http, Redis, Refused, component
from sidecar import Sidecar, wait_until


@pytest.fixture(scope="module")
def redis(tmp_path_factory):
    server = Redis(tmp_path_factory.mktemp("redis"))
    yield server
    server.kill()


@pytest.fixture
def start(tmp_path, redis):
    running = []

    def go(app_id="app1", env=None, server=redis, **metadata):
        folder = tmp_path / f"resources{len(running)}"
        folder.mkdir()
        component(folder, "store", "state.redis", redisHost=f"127.0.0.1:{server.port}", **metadata)
        running.append(Sidecar(app_id, folder, env=env))
        return running[-1]
    redis.cli("FLUSHALL")
    yield go
    for one in running:
        assert one.stop() == 0, "\n".join(one.log)


def hash_of(redis, key):
    words = redis.cli("HGETALL", key).split("\n")
    return dict(zip(words[::2], words[1::2]))


def test_keys_and_fields_are_those_of_dapr(redis, start):
    sidecar = start()
    http, grpc = Http(sidecar), Grpc(sidecar)
    grpc.save({"key": "k1", "value": b"abc"})
    assert redis.cli("TYPE", "app1||k1") == "hash"
    assert hash_of(redis, "app1||k1") == {"data": "abc", "version": "1"}
    grpc.save({"key": "k1", "value": b"abd"})
    assert hash_of(redis, "app1||k1") == {"data": "abd", "version": "2"}
    assert grpc.get("k1").etag == "2"
    http.save({"key": "h2", "value": b'"str"'})
    assert hash_of(redis, "app1||h2") == {"data": '"str"', "version": "1"}
    sidecar.request("POST", "/v1.0/state/store", b'[{"key":"none"}]')
    assert hash_of(redis, "app1||none") == {"data": "null", "version": "1"}
    grpc.save({"key": "fw", "value": b"1", "concurrency": "first-write"})
    assert hash_of(redis, "app1||fw") == {"data": "1", "version": "1", "first-write": "0"}
    grpc.transact(("upsert", {"key": "x1", "value": b"v1"}),
                  ("upsert", {"key": "x2", "value": b"v2", "metadata": {"ttlInSeconds": "50"}}),
                  ("delete", {"key": "nope"}))
    assert hash_of(redis, "app1||x1") == {"data": "v1", "version": "1"} and redis.cli("TTL", "app1||x1") == "-1"
    assert hash_of(redis, "app1||x2") == {"data": "v2", "version": "1"} and 48 <= int(redis.cli("TTL", "app1||x2")) <= 50
    grpc.close()


def test_what_a_go_sidecar_wrote_is_read_and_written_on(redis, start):
    sidecar = start()
    http = Http(sidecar)
    redis.cli("HSET", "app1||a", "data", '{"n":1}', "version", "7")
    assert (http.get("a").data, http.get("a").etag) == (b'{"n":1}', "7")
    http.save({"key": "a", "value": b"2", "etag": "07"})  # compared as numbers
    assert hash_of(redis, "app1||a") == {"data": "2", "version": "8"}
    redis.cli("HSET", "app1||f", "data", "1", "version", "3", "first-write", "0")
    for item in ({}, {"concurrency": "last-write"}, {"concurrency": "last-write", "etag": "3"}):
        with pytest.raises(Refused):
            http.save({"key": "f", "value": b"2", **item})
    http.save({"key": "f", "value": b"2", "etag": "3"})
    assert hash_of(redis, "app1||f") == {"data": "2", "version": "4", "first-write": "0"}
    redis.cli("SET", "app1||plain", "text")
    assert (http.get("plain").data, http.get("plain").etag) == (b"text", None)
    redis.cli("RPUSH", "app1||list", "x")
    with pytest.raises(Refused, match="WRONGTYPE"):
        http.get("list")
    redis.cli("HSET", "app1||half", "data", "1")
    with pytest.raises(Refused, match="required hash field 'data' or 'version' was not found"):
        http.get("half")
    for key in ("plain", "list", "half"):
        http.save({"key": key, "value": b"1"})
        assert hash_of(redis, f"app1||{key}") == {"data": "1", "version": "1"}
    redis.cli("HSET", "app1||odd", "data", "1", "version", "x")
    with pytest.raises(Refused):
        http.save({"key": "odd", "value": b"2"})
    assert hash_of(redis, "app1||odd") == {"data": "1", "version": "x"}


def test_etags_as_redis_counts_them(redis, start):
    sidecar = start()
    grpc = Grpc(sidecar)
    with pytest.raises(Refused) as refused:
        grpc.save({"key": "k", "value": b"1", "etag": "zzz"})
    assert (refused.value.kind, refused.value.text) == (
        "invalid", 'failed saving state in state store store: invalid etag value: strconv.Atoi: parsing "zzz": '
        "invalid syntax")
    grpc.save({"key": "k", "value": b"1", "etag": "9"})  # nothing is there: made, with version 1
    assert hash_of(redis, "app1||k") == {"data": "1", "version": "1"}
    with pytest.raises(Refused) as refused:
        grpc.save({"key": "k", "value": b"2", "etag": "-1"})
    assert refused.value.kind == "mismatch" and "failed to set key app1||k" in refused.value.text
    with pytest.raises(Refused) as refused:
        grpc.delete("k", "zzz")
    assert refused.value.kind == "mismatch"
    grpc.save({"key": "k", "value": b"2", "etag": "77", "concurrency": "last-write"})
    grpc.delete("missing", "5")
    grpc.close()


def test_times_to_live(redis, start):
    sidecar = start(ttlInSeconds="77")
    grpc = Grpc(sidecar)
    grpc.save({"key": "d", "value": b"1"})
    assert 75 <= int(redis.cli("TTL", "app1||d")) <= 77
    grpc.save({"key": "d", "value": b"1", "metadata": {"ttlInSeconds": "5"}})
    assert 3 <= int(redis.cli("TTL", "app1||d")) <= 5
    grpc.save({"key": "d", "value": b"1", "metadata": {"ttlInSeconds": "-1"}})
    assert redis.cli("TTL", "app1||d") == "-1"
    grpc.close()
    other = Grpc(start())
    other.save({"key": "t", "value": b"1", "metadata": {"ttlInSeconds": "100"}})
    other.save({"key": "t", "value": b"2"})  # keeps the time that runs
    assert 98 <= int(redis.cli("TTL", "app1||t")) <= 100 and hash_of(redis, "app1||t")["version"] == "2"
    other.close()


@pytest.mark.parametrize("prefix,env,key", [
    (None, {}, "App1||k"), ("appid", {}, "App1||k"), ("name", {}, "store||k"), ("none", {}, "k"),
    ("namespace", {"NAMESPACE": "N1"}, "N1.App1||k"), ("namespace", {"NAMESPACE": ""}, "App1||k"),
    ("MyTeam", {}, "myteam||k"), ("", {}, "||k")])
def test_key_prefixes(redis, start, prefix, env, key):
    http = Http(start("App1", env=env, **({} if prefix is None else {"keyPrefix": prefix})))
    http.save({"key": "k", "value": b"1"})
    assert redis.cli("KEYS", "*") == key
    assert http.get("k").data == b"1" and http.bulk(["k"])["k"]["data"] == 1
    http.transact(("delete", {"key": "k"}))
    assert redis.cli("KEYS", "*") == ""


def test_a_prefix_with_the_separator_ends_the_start(tmp_path, redis):
    component(tmp_path, "store", "state.redis", redisHost=f"127.0.0.1:{redis.port}", keyPrefix="a||b")
    sidecar = Sidecar("app1", tmp_path, wait=False)
    assert sidecar.process.wait(10) == 1
    wait_until(lambda: any("input key/keyPrefix 'a||b' can't contain '||'" in line for line in sidecar.log), "it is said")


def test_a_server_that_goes_away_is_told_and_comes_back(tmp_path, start):
    server = Redis(tmp_path)
    sidecar = start(server=server, readTimeout="500ms", poolTimeout="500ms")
    http, grpc = Http(sidecar), Grpc(sidecar)
    http.save({"key": "k", "value": b"1"})
    server.kill()
    for attempt, text in ((lambda: http.save({"key": "k", "value": b"2"}), "failed saving state in state store store: "),
                          (lambda: http.get("k"), "fail to get k from state store store: "),
                          (lambda: http.delete("k"), "failed deleting state with key k: "),
                          (lambda: grpc.transact(("delete", {"key": "k"})),
                           "error while executing state transaction: ")):
        with pytest.raises(Refused) as refused:
            attempt()
        assert refused.value.kind == "error" and refused.value.text.startswith(text), refused.value
        assert "connection refused" in refused.value.text or "connection lost" in refused.value.text
    rows = http.bulk(["k"])
    assert set(rows["k"]) == {"key", "error"}
    server.start()

    def works():
        try:
            return http.get("k").data == b"1"
        except Refused:
            return False
    wait_until(works, "the server is used again")
    http.save({"key": "k", "value": b"3"})  # its scripts are gone
    assert http.get("k").data == b"3"
    grpc.close()
    server.kill()


def test_a_script_flush_is_not_noticed(redis, start):
    http = Http(start())
    http.save({"key": "k", "value": b"1"})
    redis.cli("SCRIPT", "FLUSH")
    http.save({"key": "k", "value": b"2"})
    assert hash_of(redis, "app1||k")["version"] == "2"


def test_a_wrong_password_is_named_and_never_printed(tmp_path):
    server = Redis(tmp_path, "--requirepass", "right")
    component(tmp_path, "store", "state.redis", redisHost=f"127.0.0.1:{server.port}", redisPassword="wrong-secret",
              poolTimeout="300ms")
    sidecar = Sidecar("app", tmp_path)
    with pytest.raises(Refused, match="check redisPassword and redisUsername"):
        Http(sidecar).get("k")
    assert not any("wrong-secret" in line for line in sidecar.log)
    sidecar.stop()
    server.kill()


@pytest.mark.parametrize("name,value,said", [
    ("ttlInSeconds", "abc", "metadata 'ttlInSeconds'"), ("queryIndexes", "{", "metadata 'queryIndexes'"),
    ("queryIndexes", '[{"name":"x"}]', "needs a name and a list"), ("redisDB", "x", "redisDB"),
    ("maxRetryBackoff", "soon", "maxRetryBackoff")])
def test_wrong_settings_end_the_start_and_are_named(tmp_path, name, value, said):
    component(tmp_path, "store", "state.redis", redisHost="127.0.0.1:1", **{name: value})
    sidecar = Sidecar("app1", tmp_path, wait=False)
    assert sidecar.process.wait(10) == 1
    wait_until(lambda: any(said in line for line in sidecar.log), f"'{said}' is said")


def test_replicas_confirm_strong_writes_and_nothing_else_waits_for_them(tmp_path, redis, start):
    folder = tmp_path / "replica"
    folder.mkdir()
    replica = Redis(folder, "--replicaof", "127.0.0.1", str(redis.port))
    wait_until(lambda: "state=online" in redis.cli("INFO", "replication"), "the replica is in step")
    http = Http(start())

    def save_strong(key):
        http.save({"key": key, "value": b"1", "consistency": "strong"})
        return True
    assert save_strong("a")
    assert replica.cli("HGET", "app1||a", "data") == "1"
    waits = "cmdstat_wait:calls="
    wait_until(lambda: save_strong("b") and waits in redis.cli("INFO", "commandstats"), "WAIT is used")
    replica.process.send_signal(19)  # SIGSTOP: it is connected but does not answer

    def overtakes():
        """A write that waits for nobody, behind one that waits a second: a machine that sleeps as long tries again."""
        thread = threading.Thread(target=save_strong, args=("c",))
        thread.start()
        wait_until(lambda: "blocked_clients:1" in redis.cli("INFO", "clients") or not thread.is_alive(), "WAIT")
        http.save({"key": "d", "value": b"1"})
        is_first = thread.is_alive()
        thread.join()
        return is_first
    wait_until(overtakes, "a write is not behind the one that waits")
    assert any("was confirmed by 0 of 1 replicas" in line for line in http.sidecar.log)
    replica.process.send_signal(18)
    replica.kill()


def test_pairs_written_in_transactions_are_never_torn_by_kills(tmp_path, start):
    """Redis is killed and started again while transactions write a pair of keys."""
    server = Redis(tmp_path)
    sidecar = start(server=server, readTimeout="500ms", poolTimeout="500ms")
    stop = threading.Event()
    accepted = [0] * 4

    def write(worker):
        http, n = Http(sidecar), 0
        while not stop.is_set():
            n += 1
            try:
                http.transact(("upsert", {"key": f"a{worker}", "value": b"%d" % n}),
                              ("upsert", {"key": f"b{worker}", "value": b"%d" % n}))
                accepted[worker] = n
            except Refused:
                time.sleep(0.02)
    threads = [threading.Thread(target=write, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(4):
        time.sleep(0.3)
        server.kill()
        server.start()
        for i in range(4):
            a, b = server.cli("EVAL", "return {redis.call('HGET', KEYS[1], 'data'), redis.call('HGET', KEYS[2], 'data')}",
                              "2", f"app1||a{i}", f"app1||b{i}").split("\n")
            assert a == b
    stop.set()
    for thread in threads:
        thread.join()
    server.kill()
    server.start()
    for i in range(4):
        a, b = (server.cli("HGET", f"app1||{k}{i}", "data") for k in "ab")
        assert a == b and int(a) >= accepted[i] > 0
    server.kill()
