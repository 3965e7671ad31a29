# SPDX-License-Identifier: MIT
"""gRPC applications, and clients that subscribe by a stream, on their bad days."""
import concurrent.futures
import json
import queue
import threading
import time

import grpc
import pytest

import grpc_api
from sidecar import Sidecar, wait_until

SUCCESS, RETRY, DROP = b"", b"\x08\x01", b"\x08\x02"  # TopicEventResponse


class GrpcApp:
    """AppCallback over raw bytes: OnTopicEvent is answered with what `answer(number, context)` returns, where
    numbers count the events."""

    def __init__(self, answer, port=0):
        self.answer, self.events, self.lock = answer, [], threading.Lock()
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(64), options=[("grpc.so_reuseport", 0)])
        self.server.add_generic_rpc_handlers((self,))
        self.port = self.server.add_insecure_port(f"127.0.0.1:{port}")
        self.server.start()

    def service(self, details):
        name = details.method.rpartition("/")[2]
        if name == "ListTopicSubscriptions":
            one = {"subscriptions": [{"pubsubName": "pubsub", "topic": "t"}]}
            made = grpc_api.message("ListTopicSubscriptionsResponse", one).SerializeToString()
            return grpc.unary_unary_rpc_method_handler(lambda request, context: made)
        return grpc.unary_unary_rpc_method_handler(self.on_event) if name == "OnTopicEvent" else None

    def on_event(self, request, context):
        event = grpc_api.message("TopicEventRequest")
        event.ParseFromString(request)
        with self.lock:
            self.events.append(json.loads(event.data))
            number = len(self.events)
        return self.answer(number, context)

    def close(self):
        self.server.stop(0).wait()


def fails(code):
    def answer(number, context):
        if number <= 2:
            context.abort(code, "not today")
        return SUCCESS
    return answer


def publish(sidecar, *numbers):
    for number in numbers:
        assert sidecar.publish("pubsub", "t", number)[0] == 204


def steps(sidecar):
    return [note["step"] for note in json.loads(sidecar.get("/v1.0-pillion/messages")[1])["messages"]]


FAILURES = {
    "internal": fails(grpc.StatusCode.INTERNAL),
    "unavailable": fails(grpc.StatusCode.UNAVAILABLE),
    "resource exhausted": fails(grpc.StatusCode.RESOURCE_EXHAUSTED),
    "invalid argument": fails(grpc.StatusCode.INVALID_ARGUMENT),
    "cancelled": fails(grpc.StatusCode.CANCELLED),
    "an exception": lambda number, context: SUCCESS if number > 2 else {}["nothing"],
    "retry": lambda number, context: SUCCESS if number > 2 else RETRY,
    "no message": lambda number, context: SUCCESS if number > 2 else b"\xff\xff\xff",
    "a huge message": lambda number, context: SUCCESS if number > 2 else b"\x0a\x80\x80\xc0\x02" + b"x" * (5 << 20),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_failed_call_is_made_again(start, resources, failure):
    app = start(GrpcApp, FAILURES[failure])
    sidecar = start(Sidecar, "orders", resources, app.port, ["--app-protocol", "grpc"])
    publish(sidecar, 7)
    wait_until(lambda: "delivered" in steps(sidecar), "delivery in the end")
    handled = [step for step in steps(sidecar) if step != "published"]  # may come after the first delivery
    assert app.events == [7, 7, 7] and handled[:3] == ["delivered", "retrying", "retrying"]


def test_restarts_of_the_application_lose_nothing(start, resources):
    apps = [start(GrpcApp, lambda number, context: SUCCESS)]
    port = apps[0].port
    sidecar = start(Sidecar, "orders", resources, port, ["--app-protocol", "grpc"])
    for first in range(0, 120, 40):
        publish(sidecar, *range(first, first + 20))
        apps[-1].close()
        publish(sidecar, *range(first + 20, first + 40))
        apps.append(start(GrpcApp, lambda number, context: SUCCESS, port))
    wait_until(lambda: {number for app in apps for number in app.events} == set(range(120)), "all 120", 40)


def test_a_hanging_application_that_is_restarted_gets_its_messages_again(start, resources):
    hold = threading.Event()
    hanging = start(GrpcApp, lambda number, context: hold.wait(30) and SUCCESS)
    sidecar = start(Sidecar, "orders", resources, hanging.port, ["--app-protocol", "grpc"])
    publish(sidecar, *range(5))
    wait_until(lambda: len(hanging.events) == 5, "five that hang")
    hanging.server.stop(0)
    app = start(GrpcApp, lambda number, context: SUCCESS, hanging.port)
    wait_until(lambda: steps(sidecar).count("delivered") == 5, "all", 30)
    assert sorted(app.events) == list(range(5))
    hold.set()


# ---- streams ----

class Stream:
    """SubscribeTopicEventsAlpha1; nothing is taken from it unless asked for."""

    def __init__(self, sidecar, topic="t"):
        self.channel = grpc.insecure_channel(f"127.0.0.1:{sidecar.grpc_port}")
        self.requests = queue.Queue()
        self.say({"initialRequest": {"pubsubName": "pubsub", "topic": topic}})
        call = self.channel.stream_stream("/dapr.proto.runtime.v1.Dapr/SubscribeTopicEventsAlpha1")
        self.call = call(iter(self.requests.get, None))

    def say(self, fields):
        self.requests.put(grpc_api.message("SubscribeTopicEventsRequestAlpha1", fields).SerializeToString())

    def take(self):
        """The next event; the first answer of a stream is no event."""
        answer = grpc_api.message("SubscribeTopicEventsResponseAlpha1")
        answer.ParseFromString(next(self.call))
        return answer.event_message if answer.HasField("event_message") else None

    def settle(self, event, status="SUCCESS"):
        self.say({"eventProcessed": {"id": event.id, "status": {"status": status}}})

    def close(self):
        self.requests.put(None)
        self.channel.close()


def resident_kb(sidecar):
    with open(f"/proc/{sidecar.process.pid}/statm") as file:
        return int(file.read().split()[1]) * 4


def test_a_subscriber_that_reads_nothing_costs_little_and_gets_everything_later(start, resources):
    sidecar = start(Sidecar, "orders", resources, env={"ASAN_OPTIONS": "quarantine_size_mb=1"})
    stream = start(Stream, sidecar)
    assert stream.take() is None
    before = resident_kb(sidecar)
    for number in range(600):
        assert sidecar.publish("pubsub", "t", {"n": number, "fill": "x" * 50000})[0] == 204
    assert resident_kb(sidecar) - before < 45000  # of 30 MB that were published no more than a hundred messages
    seen = set()
    while len(seen) < 600:
        event = stream.take()
        seen.add(json.loads(event.data)["n"])
        stream.settle(event)
    assert seen == set(range(600))


@pytest.mark.parametrize("way", ["cancel", "close", "never settles"])
def test_a_subscriber_that_goes_gives_its_messages_back(start, resources, way):
    sidecar = start(Sidecar, "orders", resources)
    first = start(Stream, sidecar)
    assert first.take() is None
    publish(sidecar, *range(10))
    got = [first.take() for _ in range(10)]
    for event in got[:5]:
        first.settle(event)
    time.sleep(0.2)
    first.call.cancel() if way == "cancel" else first.close() if way == "close" else None
    if way == "never settles":
        return  # the fixture ends the sidecar, which must not wait for ever
    second = start(Stream, sidecar)
    assert second.take() is None
    left = {int(event.data) for event in got[5:]}
    again = set()
    while again != left:
        event = second.take()
        again.add(int(event.data))
        second.settle(event)


def test_answers_that_make_no_sense_do_no_harm(start, resources):
    sidecar = start(Sidecar, "orders", resources)
    stream = start(Stream, sidecar)
    assert stream.take() is None
    publish(sidecar, 1)
    event = stream.take()
    stream.say({"eventProcessed": {"id": "nobody", "status": {"status": "SUCCESS"}}})
    stream.say({"eventProcessed": {"id": event.id, "status": {"status": "RETRY"}}})
    again = stream.take()
    assert again.id == event.id
    stream.settle(again)
    stream.settle(again)
    stream.requests.put(b"\xff\xff\xff")
    with pytest.raises(grpc.RpcError):
        stream.take()
    assert sidecar.get("/v1.0/healthz")[0] == 204
