# SPDX-License-Identifier: MIT
"""state.redis with Sentinel and with Cluster: real servers, which fail over and move slots while states are written."""
import http.client
import signal
import threading
import time

import pytest

from redis_server import Cluster, Sentinel, tls_metadata
from sidecar import Sidecar, component, wait_until
from state_client import APIS, Http, Refused

STRONG = {"consistency": "strong"}


def sidecar_of(start, tmp_path, port, tls=None, **metadata):
    folder = tmp_path / "resources"
    folder.mkdir(exist_ok=True)
    component(folder, "store", "state.redis", redisHost=f"127.0.0.1:1,127.0.0.1:{port}", readTimeout="1s",
              poolTimeout="2s", **(tls_metadata(tls) if tls else {}), **metadata)
    return start(Sidecar, "app1", folder)


def sentinel_of(start, tmp_path, redis, tls=None):
    return sidecar_of(start, tmp_path, redis.port, tls, failover="true", sentinelMasterName="main")


class Writers:
    """Threads that write one key after another, with `options`, until they are stopped. Keys are `names` with a number."""

    def __init__(self, sidecar, names, options=None):
        self.sidecar, self.options, self.accepted, self.refused = sidecar, options or {}, {name: [] for name in names}, 0
        self.is_over = False
        self.threads = [threading.Thread(target=self.write, args=[name]) for name in names]
        for thread in self.threads:
            thread.start()

    def write(self, name):
        client, number = Http(self.sidecar), 0
        while not self.is_over:
            number += 1
            try:
                client.save({"key": f"{name}{number}", "value": b"%d" % number, **self.options})
                self.accepted[name].append(number)
            except (Refused, OSError, http.client.HTTPException):
                self.refused += 1
                time.sleep(0.01)  # not a wait for anything: a client that is refused does not hammer

    def wait_for_more(self, count=20, seconds=60):
        """Each has written so many more."""
        before = {name: len(numbers) for name, numbers in self.accepted.items()}
        wait_until(lambda: all(len(self.accepted[name]) >= n + count for name, n in before.items()),
                   f"{count} more writes each; {self.refused} refused", seconds)

    def close(self):
        self.is_over = True
        for thread in self.threads:
            thread.join()

    def lost(self):
        """Stops; the keys whose write was accepted and that are not there."""
        self.close()
        keys = {f"{name}{n}": n for name, numbers in self.accepted.items() for n in numbers}
        rows, client, names = {}, Http(self.sidecar), list(keys)
        for at in range(0, len(names), 10000):
            rows |= client.bulk(names[at:at + 10000])
        return [key for key, number in keys.items() if rows[key].get("data") != number]


def confirms(sidecar, *servers):
    """Strong writes wait for the replicas of these servers."""
    client = Http(sidecar)

    def waits():
        for n in range(12):
            client.save({"key": f"warm{n}", "value": b"1", **STRONG})
        return all("cmdstat_wait:" in server.cli("INFO", "commandstats") for server in servers)
    wait_until(waits, "WAIT is used")


def test_a_failover_loses_no_write_that_the_replica_confirmed(start, tmp_path, tls):
    redis = start(Sentinel, tmp_path, tls=tls)
    sidecar = sentinel_of(start, tmp_path, redis, tls)
    old = redis.master()
    confirms(sidecar, old)
    writers = start(Writers, sidecar, ["a", "b", "c"], STRONG)
    writers.wait_for_more(100)
    old.kill()
    wait_until(lambda: redis.master() is not old, "failover", 60)
    writers.wait_for_more()
    assert writers.lost() == []
    assert any("connecting again" in line for line in sidecar.log)
    assert redis.master().cli("HGET", "app1||a1", "data") == "1"


@pytest.mark.parametrize("how", ["it hangs", "it is made a replica"])
def test_the_new_master_is_used_though_the_old_one_lives(start, tmp_path, how):
    redis = start(Sentinel, tmp_path)
    sidecar = sentinel_of(start, tmp_path, redis)
    old = redis.master()
    writers = start(Writers, sidecar, ["a", "b"])
    writers.wait_for_more()

    def is_replica():
        return "role:slave" in old.cli("INFO", "replication")
    if how == "it hangs":
        old.process.send_signal(signal.SIGSTOP)
        wait_until(lambda: redis.master() is not old, "failover", 60)
    else:
        assert redis.cli("SENTINEL", "FAILOVER", "main") == "OK"
        wait_until(is_replica, "failover", 60)  # until then it takes writes, which Redis forgets
    writers.wait_for_more()
    writers.close()
    new = redis.master()
    assert new is not old
    for name, numbers in writers.accepted.items():
        assert new.cli("EXISTS", f"app1||{name}{numbers[-1]}") == "1"
    old.process.send_signal(signal.SIGCONT)
    wait_until(is_replica, "the old one is a replica", 60)
    Http(sidecar).save({"key": "after", "value": b"1"})
    assert new.cli("HGET", "app1||after", "data") == "1"


@pytest.mark.parametrize("kind", APIS)
def test_a_master_that_is_named_wrongly_is_told(start, tmp_path, kind):
    redis = start(Sentinel, tmp_path)
    api = APIS[kind](sidecar_of(start, tmp_path, redis.port, failover="true", sentinelMasterName="nobody"))
    with pytest.raises(Refused, match="knows no master 'nobody', check sentinelMasterName"):
        api.get("k")
    api.close()


def test_a_cluster_holds_keys_on_every_node(start, tmp_path, tls):
    redis = start(Cluster, tmp_path, tls=tls)
    client = Http(sidecar_of(start, tmp_path, redis.servers[1].port, tls, redisType="cluster"))
    client.save(*({"key": f"k{i}", "value": b"%d" % i} for i in range(60)))
    assert [client.get(f"k{i}").data for i in range(60)] == [b"%d" % i for i in range(60)]
    assert all(int(server.cli("DBSIZE")) > 5 for server in redis.servers)
    rows = client.bulk([f"k{i}" for i in range(60)])
    assert [rows[f"k{i}"]["data"] for i in range(60)] == list(range(60))
    client.transact(*(("upsert", {"key": f"k{i}", "value": b"1"}) for i in range(60)), ("delete", {"key": "k7"}))
    assert client.get("k3").data == b"1" and client.get("k7") is None
    with pytest.raises(Refused):
        client.transact(("upsert", {"key": "{t}a", "value": b"1"}),
                        ("upsert", {"key": "{t}b", "value": b"1", "etag": "9"}),
                        ("upsert", {"key": "{t}b", "value": b"1", "etag": "no"}))
    assert client.get("{t}a") is None


# Names of which each node has at least one: with braces around it, a name decides about the slot alone.
TAGS = ["{app1a}", "{app1b}", "{app1c}", "{app1d}"]


def test_a_slot_that_moves_takes_its_states_along(start, tmp_path, tls):
    redis = start(Cluster, tmp_path, tls=tls)
    sidecar = sidecar_of(start, tmp_path, redis.servers[0].port, tls, redisType="cluster")
    writers = start(Writers, sidecar, TAGS)
    writers.wait_for_more()
    for _ in range(2):
        new = next(server for server in redis.servers if server is not redis.owner(TAGS[0]))
        redis.move_slot(TAGS[0], new)
        writers.wait_for_more()
    assert writers.lost() == []
    assert new.cli("EXISTS", f"app1||{TAGS[0]}1") == "1"


def test_a_replica_of_a_cluster_takes_over_what_it_confirmed(start, tmp_path):
    redis = start(Cluster, tmp_path, replicas=1)
    sidecar = sidecar_of(start, tmp_path, redis.servers[0].port, redisType="cluster")
    old = redis.owner(TAGS[0])
    confirms(sidecar, old)
    writers = start(Writers, sidecar, TAGS, STRONG)
    writers.wait_for_more(50)
    old.kill()
    wait_until(lambda: redis.owner(TAGS[0]) not in (old, None), "failover", 60)
    writers.wait_for_more()
    assert writers.lost() == []
