# SPDX-License-Identifier: MIT
"""Every setting of pubsub.redis does what the reference says, seen from the application and from Redis."""
import json
import os
import time

import pytest

from redis_server import Redis
from sidecar import App, Sidecar, component, free_port, sub, wait_until


@pytest.fixture
def redis(start, tmp_path):
    return start(Redis, tmp_path, "--unixsocket", str(tmp_path / "redis.sock"))


@pytest.fixture
def resources(tmp_path, redis):
    def make(**metadata):
        folder = tmp_path / "resources"
        folder.mkdir(exist_ok=True)
        return component(folder, kind="pubsub.redis",
                         **{"redisHost": f"127.0.0.1:{redis.port}", "poolTimeout": "500", **metadata})
    return make


def publish(sidecar, first, last, topic="t"):
    for number in range(first, last):
        assert sidecar.publish("pubsub", topic, number)[0] == 204


def numbers(app):
    return sorted(event["data"] for event in app.events())


def groups(redis, topic="t"):
    return redis.cli("XINFO", "GROUPS", topic).splitlines()[1::12]


def consumers(redis, group, topic="t"):
    """Names, each with how much is pending for it."""
    lines = redis.cli("XINFO", "CONSUMERS", topic, group).splitlines()
    return dict(zip(lines[1::6], map(int, lines[3::6])))


# ---- where and who ----

@pytest.mark.parametrize("hosts", ["{ip}", "127.0.0.1+", "localhost:{port}", "{socket}", "unix://{socket}"])
def test_hosts_ports_and_sockets(start, redis, resources, tmp_path, hosts):
    more = {"redisPort": str(redis.port)} if hosts in ("{ip}", "127.0.0.1+") else {}
    host = hosts.rstrip("+").format(ip="127.0.0.1", port=redis.port, socket=tmp_path / "redis.sock")
    publish(start(Sidecar, "orders", resources(redisHost=host, **more)), 0, 1)
    assert redis.cli("XLEN", "t") == "1"


@pytest.mark.parametrize("wrong, said", [
    ({"redisPort": "1"}, "but redisPort says 1"),
    ({"redisHost": "127.0.0.1:99999"}, "redisHost: port '99999' is not in 1..65535"),
    ({"redisHost": "a:1,b:1"}, "redisHost names 2 hosts, which needs redisType 'cluster' or failover 'true'"),
    ({"redisDB": "0x1"}, "metadata 'redisDB': '0x1' is not a whole number"),
    ({"redisDB": "-1"}, "redisDB: -1 is no database"),
    ({"failover": "true"}, "sentinelMasterName is needed when failover is true"),
    ({"enableTLS": "maybe"}, "metadata 'enableTLS': 'maybe' is not true or false"),
    ({"dialTimeout": "soon"}, "metadata 'dialTimeout': 'soon' is not a duration like 500ms, 10s or 1h30m"),
    ({"queueDepth": "-1"}, "metadata 'queueDepth': '-1' is not a whole number from 0"),
    ({"useEntraID": "true"}, "useEntraID: signing in by Entra ID is not offered"),
    ({"useOIDC": "true"}, "useOIDC: signing in by OIDC is not offered"),
])
def test_what_cannot_work_ends_the_start_and_is_named(start, resources, wrong, said):
    sidecar = start(Sidecar, "orders", resources(**wrong), wait=False)
    assert sidecar.process.wait(15) == 1
    wait_until(lambda: any(said in line for line in sidecar.log), said)


@pytest.mark.parametrize("odd, said", [
    ({"redisType": "standalone"}, "redisType 'standalone' is neither node nor cluster: taken as node"),
    ({"redisUsername": "joe"}, "redisUsername has no effect without redisPassword"),
    ({"poolSize": "20"}, "metadata 'poolSize': has no effect: one pipelined connection per node"),
    ({"redisHots": "x"}, "metadata 'redisHots' is no setting of pubsub.redis and has no effect"),
    ({"maxLenApprox": "5", "streamTTL": "5s"}, "both maxLenApprox and streamTTL are set: maxLenApprox is used"),
])
def test_what_has_no_effect_is_told(start, resources, odd, said):
    sidecar = start(Sidecar, "orders", resources(**odd))
    publish(sidecar, 0, 1)
    assert any(said in line for line in sidecar.log)


def test_a_database_is_selected_for_publishing_and_reading(start, redis, resources):
    app = start(App, [sub()])
    sidecar = start(Sidecar, "orders", resources(redisDB="3"), app.port)
    publish(sidecar, 0, 5)
    wait_until(lambda: numbers(app) == list(range(5)), "5 events")
    assert redis.cli("-n", "3", "XLEN", "t") == "5" and redis.cli("XLEN", "t") == "0"
    other = start(Sidecar, "other", resources(redisDB="99"))
    status, body, _ = other.publish("pubsub", "t", 1)
    assert status == 500 and b"does not take the database, check redisDB: ERR DB index is out of range" in body


def test_an_acl_user_needs_no_more_than_the_commands_of_streams(start, redis, resources):
    redis.cli("ACL", "SETUSER", "joe", "on", ">s3cret", "~t", "resetchannels", "+xadd", "+xgroup", "+xreadgroup",
              "+xack", "+xclaim", "+xautoclaim")
    app = start(App, [sub()])
    sidecar = start(Sidecar, "orders", resources(redisUsername="joe", redisPassword="s3cret"), app.port)
    publish(sidecar, 0, 20)
    wait_until(lambda: numbers(app) == list(range(20)), "20 events")
    status, body, _ = sidecar.publish("pubsub", "forbidden", 1)
    assert status == 500 and b"NOPERM" in body
    assert sidecar.stop() == 0, "\n".join(sidecar.log)
    assert redis.cli("XPENDING", "t", "orders").split()[0] == "0"
    assert len(consumers(redis, "orders")) == 1  # it may not ask what is pending, so it stays
    wrong = start(Sidecar, "wrong", resources(redisUsername="joe", redisPassword="wr0ng"))
    status, body, _ = wrong.publish("pubsub", "t", 1)
    assert status == 500 and b"check redisPassword and redisUsername: WRONGPASS" in body and b"wr0ng" not in body


# ---- retries and limits ----

def test_a_loading_server_is_tried_again_as_often_as_asked(start, tmp_path, redis, resources):
    """READONLY, like LOADING, says that nothing was done; a replica says it to every XADD."""
    redis.cli("REPLICAOF", "127.0.0.1", str(free_port()))
    before = calls(redis, "xadd")
    sidecar = start(Sidecar, "orders", resources(redisMaxRetries="2", redisMinRetryInterval="10ms",
                                                 redisMaxRetryInterval="20"))
    status, body, _ = sidecar.publish("pubsub", "t", 1)
    assert status == 500 and b"READONLY" in body
    assert calls(redis, "xadd") - before == 3
    never = start(Sidecar, "never", resources(redisMaxRetries="-1"))
    assert never.publish("pubsub", "t", 1)[0] == 500
    assert calls(redis, "xadd") - before == 4
    at_once = start(Sidecar, "at-once", resources(redisMaxRetries="50", redisMinRetryInterval="-1"))
    assert at_once.publish("pubsub", "t", 1)[0] == 500
    assert calls(redis, "xadd") - before == 55
    redis.cli("REPLICAOF", "NO", "ONE")
    publish(sidecar, 0, 1)


def calls(redis, command):
    """How often the server was asked, refusals included."""
    for line in redis.cli("INFO", "commandstats").splitlines():
        if line.startswith(f"cmdstat_{command}:"):
            figures = dict(part.split("=") for part in line.partition(":")[2].split(","))
            return int(figures["calls"]) + int(figures["rejected_calls"])
    return 0


def test_a_silent_server_is_given_up_after_readtimeout_and_a_command_waits_pooltimeout(start, redis, resources):
    sidecar = start(Sidecar, "orders", resources(readTimeout="300ms", writeTimeout="200", poolTimeout="700ms",
                                                 dialTimeout="400"))
    publish(sidecar, 0, 1)
    os.kill(redis.process.pid, 19)
    try:
        began = time.monotonic()
        status, body, _ = sidecar.publish("pubsub", "t", 1)
        assert status == 500 and b"does not answer: i/o timeout" in body and b"it is not known" in body
        assert 0.4 < time.monotonic() - began < 3
        began = time.monotonic()
        status, body, _ = sidecar.publish("pubsub", "t", 1)
        assert status == 500 and 0.5 < time.monotonic() - began < 3
    finally:
        os.kill(redis.process.pid, 18)
    wait_until(lambda: sidecar.publish("pubsub", "t", 1)[0] == 204, "publishing again")


def test_streams_are_kept_about_as_long_as_asked(start, redis, resources):
    sidecar = start(Sidecar, "orders", resources(maxLenApprox="100"))
    publish(sidecar, 0, 500)
    assert 100 <= int(redis.cli("XLEN", "t")) < 300
    by_time = start(Sidecar, "by-time", resources(streamTTL="1s"))
    publish(by_time, 0, 300, "u")
    time.sleep(1.2)
    publish(by_time, 300, 301, "u")
    assert int(redis.cli("XLEN", "u")) < 150


# ---- groups and consumers ----

@pytest.mark.parametrize("given, group", [
    ("  workers  ", "workers"), ("", "orders"), ("{appID}-x", "orders-x"), ("{podName}/{appID}", "pod-7/orders"),
])
def test_the_group_is_the_consumer_id(start, redis, resources, given, group):
    app = start(App, [sub()])
    sidecar = start(Sidecar, "orders", resources(consumerID=given), app.port, env={"POD_NAME": "pod-7"})
    publish(sidecar, 0, 1)
    wait_until(lambda: numbers(app) == [0], "the event")
    assert groups(redis) == [group]


def test_a_uuid_as_consumer_id_gives_every_start_every_message(start, redis, resources):
    seen = []
    for _ in range(2):
        app = start(App, [sub()])
        sidecar = start(Sidecar, "orders", resources(consumerID="{uuid}"), app.port)
        if not seen:
            publish(sidecar, 0, 3)
        wait_until(lambda: numbers(app) == [0, 1, 2], "all three")
        seen.append(app)
        assert sidecar.stop() == 0
    assert len(set(groups(redis))) == 2 and all(len(name) == 36 for name in groups(redis))


def test_a_namespace_anywhere_in_the_settings_prefixes_the_topics(start, redis, resources):
    app = start(App, [sub()])
    sidecar = start(Sidecar, "orders", resources(consumerID="{namespace}"), app.port, env={"NAMESPACE": "N1"})
    publish(sidecar, 0, 1)
    wait_until(lambda: app.events(), "the event")
    assert redis.cli("KEYS", "*") == "N1t"
    assert groups(redis, "N1t") == ["N1.orders"]
    assert app.events()[0]["topic"] == "t"


def test_nothing_is_lost_while_sidecars_end_and_start(start, redis, resources):
    folder = resources()
    publisher = start(Sidecar, "publisher", folder)
    published = 0
    for _ in range(4):
        app = start(App, [sub()])
        sidecar = start(Sidecar, "orders", folder, app.port)
        wait_until(lambda: app.events() or published == 0, "what came before")
        publish(publisher, published, published + 20)
        published += 20
        sidecar.process.terminate()  # while messages come
        publish(publisher, published, published + 20)
        published += 20
        assert sidecar.process.wait(15) == 0, "\n".join(sidecar.log)
    app = start(App, [sub()])
    last = start(Sidecar, "orders", folder, app.port)
    publish(publisher, published, published + 1)
    wait_until(lambda: published in numbers(app), "the last")
    wait_until(lambda: redis.cli("XPENDING", "t", "orders").split()[0] == "0", "acknowledgements")
    lag = redis.cli("XINFO", "GROUPS", "t").splitlines()
    assert lag[lag.index("lag") + 1] == "0"
    assert last.process.poll() is None


def test_an_idle_sidecar_leaves_at_once(start, redis, resources):
    app = start(App, [sub(), sub("u", "/u")])
    sidecar = start(Sidecar, "orders", resources(), app.port)
    publish(sidecar, 0, 5)
    wait_until(lambda: len(app.received) == 5, "5 events")
    assert len(consumers(redis, "orders")) == 1
    began = time.monotonic()
    assert sidecar.stop() == 0
    assert time.monotonic() - began < 1
    assert consumers(redis, "orders") == {} == consumers(redis, "orders", "u")


def test_a_consumer_that_still_has_messages_stays(start, redis, resources):
    app = start(App, [sub()], lambda path, body: (500, {}))
    sidecar = start(Sidecar, "orders", resources(processingTimeout="60s"), app.port)
    publish(sidecar, 0, 3)
    wait_until(lambda: len(app.received) >= 3, "attempts")
    sidecar.stop()
    assert redis.cli("XPENDING", "t", "orders").split()[0] == "3"


def test_consumers_of_sidecars_that_died_are_swept_up(start, redis, resources):
    """Dead is five times processingTimeout plus the length of a read."""
    redis.cli("XGROUP", "CREATE", "t", "orders", "0", "MKSTREAM")
    for name in ("host-12-0123abcd", "host-13-0123abce", "orders", "host-1x-0123abcd", "x-1-0123ABCD"):
        redis.cli("XGROUP", "CREATECONSUMER", "t", "orders", name)
    redis.cli("XADD", "t", "*", "data", "x")
    redis.cli("XREADGROUP", "GROUP", "orders", "host-13-0123abce", "COUNT", "1", "STREAMS", "t", ">")
    time.sleep(5.3)
    app = start(App, [sub()])
    sidecar = start(Sidecar, "orders", resources(readTimeout="1s", processingTimeout="20ms", redeliverInterval="0"),
                    app.port)
    wait_until(lambda: any("1 consumers of sidecars that are gone are removed" in line for line in sidecar.log), "log")
    wait_until(lambda: "host-12-0123abcd" not in consumers(redis, "orders"), "one removed")
    assert {"host-13-0123abce", "orders", "host-1x-0123abcd", "x-1-0123ABCD"} <= set(consumers(redis, "orders"))


# ---- fetching ----

class SlowApp(App):
    """Holds every message until `release`d, and knows how many it held at once."""

    def __init__(self, subscriptions):
        import threading
        self.most = self.now = 0
        self.gate, lock = threading.Event(), threading.Lock()

        def answer(path, body):
            with lock:
                self.now += 1
                self.most = max(self.most, self.now)
            self.gate.wait(20)
            time.sleep(0.005)
            with lock:
                self.now -= 1
            return 200, {}
        super().__init__(subscriptions, answer)


@pytest.mark.parametrize("concurrency, at_once", [("1", 1), ("3", 3), ("", 20)])
def test_concurrency_is_a_limit_on_all_topics_together(start, redis, resources, concurrency, at_once):
    app = start(SlowApp, [sub("a", "/a"), sub("b", "/b")])
    sidecar = start(Sidecar, "orders", resources(concurrency=concurrency), app.port)
    for topic in ("a", "b"):
        publish(sidecar, 0, 10, topic)
    wait_until(lambda: app.now == at_once, f"{at_once} at once")
    app.gate.set()
    wait_until(lambda: len(app.received) == 20 and app.now == 0, "all")
    assert app.most == at_once
    if at_once == 1:  # topics take turns
        paths = [path for path, _, _ in app.received]
        assert max(len(list(run)) for run in runs(paths)) <= 2


def runs(items):
    import itertools
    return (group for _, group in itertools.groupby(items))


def test_queue_depth_is_the_size_of_a_read(start, redis, resources):
    app = start(App, [sub()])
    publish(start(Sidecar, "publisher", resources()), 0, 50)
    redis.cli("CONFIG", "SET", "slowlog-log-slower-than", "0")
    redis.cli("SLOWLOG", "RESET")
    sidecar = start(Sidecar, "orders", resources(queueDepth="7"), app.port)
    wait_until(lambda: numbers(app) == list(range(50)), "all")
    reads = [line for line in redis.cli("SLOWLOG", "GET", "-1").split("XREADGROUP")[1:]]
    assert reads and all("COUNT\n7\n" in read.replace(" ", "") for read in reads)
    assert sidecar.process.poll() is None


@pytest.mark.parametrize("settings", [{"processingTimeout": "0"}, {"redeliverInterval": "0"}])
def test_zero_turns_redelivery_off(start, redis, resources, settings):
    redis.cli("XGROUP", "CREATE", "t", "orders", "0", "MKSTREAM")
    publisher = start(Sidecar, "publisher", resources())
    publish(publisher, 0, 1)
    redis.cli("XREADGROUP", "GROUP", "orders", "gone", "COUNT", "1", "STREAMS", "t", ">")
    app = start(App, [sub()])
    start(Sidecar, "orders", resources(**{"processingTimeout": "100", "redeliverInterval": "100", **settings}), app.port)
    publish(publisher, 1, 2)
    wait_until(lambda: numbers(app) == [1], "the new one")
    time.sleep(0.8)
    assert numbers(app) == [1] and calls(redis, "xautoclaim") == 0


def test_a_readtimeout_is_the_length_of_a_blocking_read(start, redis, resources):
    app = start(App, [sub()])
    start(Sidecar, "orders", resources(readTimeout="1s"), app.port)
    wait_until(lambda: calls(redis, "xreadgroup") >= 3, "three reads in a few seconds")
    publish(start(Sidecar, "publisher", resources()), 0, 1)
    wait_until(lambda: numbers(app) == [0], "delivery")


def test_what_was_trimmed_before_it_was_acknowledged_is_told(start, redis, resources):
    app = start(App, [sub()], lambda path, body: (200, {"status": "RETRY"}))
    sidecar = start(Sidecar, "orders", resources(processingTimeout="300ms", redeliverInterval="200"), app.port)
    publish(sidecar, 0, 2)
    wait_until(lambda: any("released" in m["step"] for m in
                           json.loads(sidecar.get("/v1.0-pillion/messages")[1])["messages"]), "a message at rest", 30)
    redis.cli("XTRIM", "t", "MAXLEN", "0")
    wait_until(lambda: any("messages of stream t" in line and "are lost: they were trimmed" in line
                           for line in sidecar.log), "the log line", 30)
