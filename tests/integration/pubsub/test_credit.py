# SPDX-License-Identifier: MIT
"""How many messages a sidecar holds of all its subscriptions together: about a thousand, one of each at least
(src/component/credit.h)."""
import json

import pytest

from redis_server import Redis
from sidecar import Sidecar, component, sub, wait_until
from slow_app import SlowApp

TOPICS = [f"t{number}" for number in range(60)]
EACH = 60
BOUND = 1000 + len(TOPICS)
PENDING = ("local n = 0 for _, topic in ipairs(ARGV) do n = n + redis.call('xpending', topic, 'orders')[1] end "
           "return n")


def reply_to_bulk(body):
    return {"statuses": [{"entryId": entry["entryId"], "status": "SUCCESS"} for entry in json.loads(body)["entries"]]}


def publish_backlog(start, folder, topics, each, fill=""):
    publisher = start(Sidecar, "publisher", folder)
    for topic in topics:
        entries = [{"entryId": str(n), "event": {"n": n, "fill": fill}, "contentType": "application/json"}
                   for n in range(each)]
        assert publisher.request("POST", f"/v1.0/publish/bulk/pubsub/{topic}", json.dumps(entries),
                                 {"Content-Type": "application/json"})[0] == 204
    assert publisher.stop() == 0


@pytest.fixture(params=["redis", "sqlite"])
def broker(request, start, tmp_path):
    """A folder of resources, and how many messages the broker has given out that are not settled."""
    folder = tmp_path / "resources"
    folder.mkdir()
    if request.param == "sqlite":
        return component(folder, kind="pubsub.sqlite", connectionString=str(tmp_path / "broker.db")), None
    redis = start(Redis, tmp_path)
    component(folder, kind="pubsub.redis", redisHost=f"127.0.0.1:{redis.port}")
    return folder, lambda: int(redis.cli("EVAL", PENDING, "0", *TOPICS))


def test_many_subscriptions_hold_no_more_than_the_bound_and_all_get_theirs(start, broker):
    folder, given_out = broker
    publish_backlog(start, folder, TOPICS, EACH)
    app = start(SlowApp, [sub(topic, f"/{topic}") for topic in TOPICS])
    sidecar = start(Sidecar, "orders", folder, app.port)
    wait_until(lambda: set(app.held) == {f"/{topic}" for topic in TOPICS} and len(app.held) > BOUND / 2,
               "messages of every topic with the application", 30)
    if given_out:
        assert BOUND / 2 < given_out() <= BOUND
    app.release()
    wait_until(lambda: len(app.done) >= len(TOPICS) * EACH, "all messages", 60)
    got = sorted((event["topic"], event["data"]["n"]) for event in map(json.loads, app.done))
    assert got == sorted((topic, n) for topic in TOPICS for n in range(EACH))
    assert app.most_held <= BOUND
    if given_out:
        wait_until(lambda: given_out() == 0, "all acknowledged")
    assert sidecar.stop() == 0


def test_a_busy_subscription_does_not_keep_a_new_one_waiting(start, broker):
    """One that asks for more than the bound has it raised, and still leaves some."""
    folder, _ = broker
    publish_backlog(start, folder, ["t0"], 3000)
    app = start(SlowApp, [sub("t0", "/busy", metadata={"maxInFlight": "900"}), sub("t1", "/other")])
    sidecar = start(Sidecar, "orders", folder, app.port)
    wait_until(lambda: len(app.held) == 900, "all that it asks for with the application", 30)
    for number in range(10):
        assert sidecar.publish("pubsub", "t1", number)[0] == 204
    wait_until(lambda: app.held.count("/other") == 10, "the messages of the other", 30)
    app.release()
    wait_until(lambda: len(app.done) == 3010, "all messages", 60)
    assert sidecar.stop() == 0


def test_large_messages_count_by_their_size(start, broker):
    folder, given_out = broker
    publish_backlog(start, folder, TOPICS[:4], 40, "x" * 90000)  # 4 MB a topic and publish
    for _ in range(6):
        publish_backlog(start, folder, TOPICS[:4], 40, "x" * 90000)
    app = start(SlowApp, [sub(topic, f"/{topic}") for topic in TOPICS])
    sidecar = start(Sidecar, "orders", folder, app.port)
    wait_until(lambda: {f"/{topic}" for topic in TOPICS[:4]} <= set(app.held) and len(app.held) > 100,
               "messages of every topic with the application", 30)
    if given_out:
        assert given_out() <= 500  # of 1,120, which are 100 MB
    app.release()
    wait_until(lambda: len(app.done) == 4 * 40 * 7, "all messages", 60)
    assert app.most_held <= 500
    assert sidecar.stop() == 0


def test_a_bulk_that_can_not_fill_is_sent(start, broker):
    """With so many bulk subscriptions no one has credit for its whole batch; none waits for more than it can have."""
    folder, _ = broker
    publish_backlog(start, folder, TOPICS, EACH)
    bulk = {"enabled": True, "maxMessagesCount": EACH, "maxAwaitDurationMs": 3600000}
    app = start(SlowApp, [sub(topic, f"/{topic}", bulkSubscribe=bulk) for topic in TOPICS], reply_to_bulk)
    sidecar = start(Sidecar, "orders", folder, app.port)
    wait_until(lambda: len(set(app.held)) == len(TOPICS), "a bulk of each topic with the application", 30)
    app.release()
    wait_until(lambda: len(app.done) >= len(TOPICS), "the bulks")
    assert min(len(json.loads(body)["entries"]) for body in app.done) < EACH
    assert sidecar.stop() == 0
