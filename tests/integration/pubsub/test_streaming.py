# SPDX-License-Identifier: MIT
"""SubscribeTopicEventsAlpha1, case by case (pub/sub semantics, section 5)."""
import json
import pathlib
import queue
import sys

import grpc
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
from grpc_api import Failure, module  # noqa: E402
from sidecar import Sidecar, component, wait_until  # noqa: E402

PATH = "/dapr.proto.runtime.v1.Dapr/SubscribeTopicEventsAlpha1"


class Stream:
    def __init__(self, sidecar, topic="t", pubsub="pubsub", **more):
        self.messages = module("dapr/proto/runtime/v1/pubsub")
        self.request = self.messages.SubscribeTopicEventsRequestAlpha1
        self.to_send = queue.Queue()
        self.channel = grpc.insecure_channel(f"127.0.0.1:{sidecar.grpc_port}")
        self.call = self.channel.stream_stream(
            PATH, self.request.SerializeToString, self.messages.SubscribeTopicEventsResponseAlpha1.FromString)(
                iter(self.to_send.get, None), timeout=30)  # nothing here takes as long
        if topic is not None:
            self.begin(topic, pubsub, **more)

    def begin(self, topic="t", pubsub="pubsub", **more):
        self.to_send.put(self.request(initial_request={"pubsub_name": pubsub, "topic": topic, **more}))

    def opened(self):
        assert next(self.call).WhichOneof("subscribe_topic_events_response_type") == "initial_response"
        return self

    def next(self):
        return next(self.call).event_message

    def answer(self, id, status=None):
        processed = {"id": id}
        if status is not None:
            processed["status"] = {"status": status}
        self.to_send.put(self.request(event_processed=processed))

    def half_close(self):
        self.to_send.put(None)

    def failure(self):
        try:
            while True:
                next(self.call)
        except grpc.RpcError as error:
            return Failure(error)

    def close(self):
        self.call.cancel()
        self.half_close()
        self.channel.close()


@pytest.fixture
def sidecar(tmp_path):
    (tmp_path / "resources").mkdir()
    folder = component(tmp_path / "resources",
                       subscriptionScopes="orders=t,u,t2,dead")
    made = Sidecar("orders", folder)
    yield made
    assert made.stop() == 0, "\n".join(made.log)


@pytest.fixture
def stream(sidecar):
    made = []

    def make(*args, **more):
        made.append(Stream(sidecar, *args, **more))
        return made[-1]
    yield make
    for one in made:
        one.close()


def steps(sidecar, topic="t"):
    return [m["step"] for m in json.loads(sidecar.get(f"/v1.0-pillion/messages?topic={topic}")[1])["messages"]]


def listed(sidecar):
    return json.loads(sidecar.get("/v1.0/metadata")[1]).get("subscriptions", [])


def test_events_are_answered_in_any_order(sidecar, stream):
    one = stream(metadata={"maxInFlight": "5"}).opened()  # in memory one at a time goes out otherwise
    assert listed(sidecar) == [{"pubsubname": "pubsub", "topic": "t", "metadata": {"maxInFlight": "5"},
                                "rules": [{"path": "/"}], "deadLetterTopic": "", "type": "STREAMING"}]
    for n in range(5):
        assert sidecar.publish("pubsub", "t", n, query="?metadata.k=v")[0] == 204
    events = [one.next() for _ in range(5)]
    assert sorted(int(e.data) for e in events) == list(range(5))
    assert {(e.path, e.topic, e.pubsub_name, e.source) for e in events} == {("/", "t", "pubsub", "orders")}
    for i, event in enumerate(reversed(events)):
        one.answer(event.id, 0 if i % 2 else None)  # without a status: success
    wait_until(lambda: steps(sidecar).count("delivered") == 5, "all handled")
    one.half_close()
    failure = one.failure()
    assert (failure.code, failure.text) == ("UNKNOWN", "EOF")
    wait_until(lambda: listed(sidecar) == [], "not listed any more")


def test_what_answers_mean(sidecar, stream):
    one = stream(dead_letter_topic="dead", metadata={"maxInFlight": "3"}).opened()
    dead = stream("dead").opened()
    for status in (1, 2, 9):
        assert sidecar.publish("pubsub", "t", status)[0] == 204
    for _ in range(9):  # four times 1, four times 9, once 2
        event = one.next()
        one.answer(event.id, int(event.data))
    reasons = {}
    for _ in range(3):
        letter = dead.next()
        reasons[int(letter.data)] = letter.extensions["deadletterreason"]
        dead.answer(letter.id, 0)
    assert reasons == {1: "undeliverable", 2: "dropped", 9: "undeliverable"}


def test_an_event_without_an_id_is_answered_without_one(sidecar, stream):
    one = stream().opened()
    assert sidecar.publish("pubsub", "t", {"specversion": "1.0", "data": 1}, "application/cloudevents+json")[0] == 204
    assert one.next().id == ""
    one.answer("")
    wait_until(lambda: "delivered" in steps(sidecar), "handled")


def test_an_unknown_id_is_told_and_does_no_harm(sidecar, stream):
    one = stream().opened()
    one.answer("nobody")
    wait_until(lambda: any("no client stream expecting publish response for id nobody" in line for line in sidecar.log), "told")
    assert sidecar.publish("pubsub", "t", 1)[0] == 204
    one.answer(one.next().id)
    wait_until(lambda: "delivered" in steps(sidecar), "handled")


@pytest.mark.parametrize("begin,code,text", [
    ({"topic": ""}, "UNKNOWN", "topic is required"),
    ({"pubsub": ""}, "UNKNOWN", "pubsubName is required"),
    ({"pubsub": "nobody"}, "INVALID_ARGUMENT", "pubsub nobody is not found"),
    ({"topic": "forbidden"}, "UNKNOWN", "failed to create subscription for pubsub: subscription to topic 'forbidden' on "
                                        "pubsub 'pubsub' is not allowed"),
    ({"metadata": {"maxInFlight": "many"}}, "UNKNOWN", "failed to create subscription for pubsub: "),
])
def test_what_cannot_begin(sidecar, stream, begin, code, text):
    failure = stream(**begin).failure()
    assert failure.code == code and failure.text.startswith(text)
    if code == "INVALID_ARGUMENT":
        assert [d.reason for d in failure.details] == ["DAPR_PUBSUB_NOT_FOUND"]
    assert listed(sidecar) == []


def test_the_first_message_begins_and_only_it(sidecar, stream):
    one = stream(None)
    one.answer("x")
    assert one.failure().text == "initial request is required"
    two = stream().opened()
    two.begin()
    assert two.failure().text == "duplicate initial request received"
    wait_until(lambda: listed(sidecar) == [], "closed")


def test_every_stream_is_a_subscription_of_its_own(sidecar, stream):
    two = [stream().opened(), stream().opened()]
    assert len(listed(sidecar)) == 2
    assert sidecar.publish("pubsub", "t", 1)[0] == 204
    for one in two:  # in memory each gets a copy
        one.answer(one.next().id)
    wait_until(lambda: steps(sidecar).count("delivered") == 2, "both")


def test_what_a_client_took_away_comes_again(tmp_path):
    folder = tmp_path / "resources"
    folder.mkdir()
    sidecar = Sidecar("orders", component(folder, kind="pubsub.sqlite", connectionString=str(tmp_path / "broker.db")))
    one = Stream(sidecar).opened()
    assert sidecar.publish("pubsub", "t", 7)[0] == 204
    assert one.next().data == b"7"
    one.close()
    wait_until(lambda: listed(sidecar) == [], "gone")
    two = Stream(sidecar).opened()
    event = two.next()
    assert event.data == b"7"
    two.answer(event.id)
    wait_until(lambda: "delivered" in steps(sidecar), "handled")
    two.close()
    assert sidecar.stop() == 0


def test_an_end_closes_idle_streams_at_once_and_others_after_their_answer(tmp_path):
    folder = tmp_path / "resources"
    folder.mkdir()
    sidecar = Sidecar("orders", component(folder))
    idle, busy = Stream(sidecar, "u").opened(), Stream(sidecar).opened()
    assert sidecar.publish("pubsub", "t", 1)[0] == 204
    event = busy.next()
    sidecar.process.terminate()
    failure = idle.failure()
    assert (failure.code, failure.text) == ("UNKNOWN", "stream closed")
    assert sidecar.process.poll() is None  # it waits for the other
    assert sidecar.publish("pubsub", "u", 1)[0] == 204  # and can be published to
    late = Stream(sidecar, "t2")
    assert late.failure().text == "stream closed"
    busy.answer(event.id)
    assert busy.failure().text == "stream closed"
    assert sidecar.end() == 0
    for one in idle, busy, late:
        one.close()
