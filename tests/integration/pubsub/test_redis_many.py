# SPDX-License-Identifier: MIT
"""pubsub.redis with Sentinel and with Cluster: real servers, which fail over and move slots."""
from redis_server import Cluster, Sentinel, tls_metadata
from sidecar import App, Sidecar, component, sub, wait_until


def resources(tmp_path, hosts, tls, **metadata):
    folder = tmp_path / "resources"
    folder.mkdir(exist_ok=True)
    return component(folder, kind="pubsub.redis", redisHost=hosts, processingTimeout="2s", redeliverInterval="500",
                     **(tls_metadata(tls) if tls else {}), **metadata)


def publish(sidecar, topic, data, seconds=30):
    """Until it is answered with success, as a client would."""
    wait_until(lambda: sidecar.publish("pubsub", topic, data)[0] == 204, f"publish of {data}", seconds)


def test_sentinel_tells_the_master_and_a_failover_is_followed(start, tmp_path, tls):
    redis = start(Sentinel, tmp_path, tls=tls)
    app = start(App, [sub()])
    folder = resources(tmp_path, f"127.0.0.1:1,127.0.0.1:{redis.port}", tls, failover="true", sentinelMasterName="main")
    sidecar = start(Sidecar, "orders", folder, app.port)
    for number in range(20):
        publish(sidecar, "t", number)
    wait_until(lambda: len(app.received) == 20, "20 events")
    old = redis.master()
    replica = next(server for server in redis.servers if server is not old)
    wait_until(lambda: replica.cli("XLEN", "t") == "20", "replication")
    old.kill()
    wait_until(lambda: redis.master() is not old, "failover", 30)
    for number in range(20, 40):
        publish(sidecar, "t", number)
    wait_until(lambda: {event["data"] for event in app.events()} == set(range(40)), "all events", 30)
    assert any("connecting again" in line for line in sidecar.log)


def test_a_wrong_name_or_password_of_the_sentinel_is_named(start, tmp_path):
    redis = start(Sentinel, tmp_path, password="s3ntinel")
    wrong = [({"sentinelMasterName": "nobody", "sentinelPassword": "s3ntinel"},
              b"knows no master 'nobody', check sentinelMasterName"),
             ({"sentinelMasterName": "main", "sentinelPassword": "wr0ng"}, b"check sentinelPassword"),
             ({"sentinelMasterName": "main"}, b"set sentinelPassword")]
    for metadata, said in wrong:
        folder = resources(tmp_path, f"127.0.0.1:{redis.port}", None, failover="true", poolTimeout="500", **metadata)
        sidecar = start(Sidecar, "orders", folder)
        status, body, _ = sidecar.publish("pubsub", "t", 1)
        assert status == 500 and said in body, body
        assert sidecar.stop() == 0
        assert "wr0ng" not in "\n".join(sidecar.log) and b"wr0ng" not in body
    folder = resources(tmp_path, f"127.0.0.1:{redis.port}", None, failover="true", sentinelMasterName="main",
                       sentinelPassword="s3ntinel")
    sidecar = start(Sidecar, "orders", folder)
    assert sidecar.publish("pubsub", "t", 1)[0] == 204
    assert sidecar.stop() == 0


TOPICS = ["a", "b", "c", "d"]  # of these each of the three nodes has at least one


def test_a_cluster_serves_every_topic_and_slots_may_move(start, tmp_path, tls):
    redis = start(Cluster, tmp_path, tls=tls)
    assert len({redis.owner(topic).port for topic in TOPICS}) == 3
    app = start(App, [sub(topic, f"/{topic}") for topic in TOPICS])
    folder = resources(tmp_path, f"127.0.0.1:1,127.0.0.1:{redis.servers[1].port}", tls, redisType="cluster")
    sidecar = start(Sidecar, "orders", folder, app.port)
    for number in range(20):
        for topic in TOPICS:
            assert sidecar.publish("pubsub", topic, number)[0] == 204
    for topic in TOPICS:
        wait_until(lambda: len(app.events(f"/{topic}")) == 20, f"events of {topic}")
    new = next(server for server in redis.servers if server is not redis.owner("a"))
    redis.move_slot("a", new)
    for number in range(20, 40):
        for topic in TOPICS:
            publish(sidecar, topic, number)
    for topic in TOPICS:
        wait_until(lambda: {event["data"] for event in app.events(f"/{topic}")} == set(range(40)), f"all of {topic}")
    assert new.cli("XLEN", "a") == "40"
    wait_until(lambda: new.cli("XPENDING", "a", "orders").split()[0] == "0", "acknowledgements")


def test_a_replica_of_a_cluster_takes_over(start, tmp_path):
    redis = start(Cluster, tmp_path, replicas=1)
    app = start(App, [sub(topic, f"/{topic}") for topic in TOPICS])
    sidecar = start(Sidecar, "orders", resources(tmp_path, f"127.0.0.1:{redis.servers[0].port}", None, redisType="cluster"),
                      app.port)
    for topic in TOPICS:
        assert sidecar.publish("pubsub", topic, 1)[0] == 204
    for topic in TOPICS:
        wait_until(lambda: app.events(f"/{topic}"), f"an event of {topic}")
    old = redis.owner("a")
    others = [topic for topic in TOPICS if redis.owner(topic) is not old]
    old.kill()
    for topic in others:  # the rest goes on
        assert sidecar.publish("pubsub", topic, 2)[0] == 204
    publish(sidecar, "a", 2)
    assert redis.owner("a") is not old
    for topic in TOPICS[:1] + others:
        wait_until(lambda: 2 in {event["data"] for event in app.events(f"/{topic}")}, f"the second event of {topic}", 30)
