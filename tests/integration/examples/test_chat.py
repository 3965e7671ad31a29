# SPDX-License-Identifier: MIT
"""The chat and analytics services: what the tutorial's own tests say, against a sidecar of this file's own;
then against real ones."""
import concurrent.futures
import http.client
import http.server
import json
import os
import pathlib
import re
import subprocess
import sys
import threading

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests/support"))
from sidecar import Sidecar, component, free_port, wait_until  # noqa: E402

PROGRAMS = ROOT / "build/dev/examples/chat"
JSON = {"Content-Type": "application/json"}


class FakeSidecar:
    """Answers every call as `answer(method, path, body)` says, and keeps them all."""

    def __init__(self, answer):
        self.calls, fake = [], self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_call(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                call = (self.command, self.path, json.loads(body) if body else None)
                fake.calls.append(call)
                status, value = answer(*call)
                data = b"" if value is None else json.dumps(value).encode()
                self.send_response(status)
                if status != 204:
                    self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_DELETE = handle_call

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def published(self):
        return [body for _, path, body in self.calls if path == "/v1.0/publish/pubsub/messages"]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Service:
    """One of the two programs."""

    def __init__(self, name, sidecar_port, port=None):
        self.port = port or free_port()
        env = {**os.environ, "APP_PORT": str(self.port), "DAPR_HTTP_PORT": str(sidecar_port)}
        self.process = subprocess.Popen([PROGRAMS / name], env=env, stdout=subprocess.PIPE, text=True)
        self.lines = []
        threading.Thread(target=lambda: self.lines.extend(line.rstrip() for line in self.process.stdout),
                         daemon=True).start()
        wait_until(self.is_up, f"{name} listens")

    def is_up(self):
        try:
            return self.request("GET", "/")[0] == 200
        except OSError:
            return False

    def request(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request(method, path, None if body is None else json.dumps(body), headers or JSON)
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        return answer.status, json.loads(data) if answer.headers["Content-Type"] == "application/json" else data

    def get(self, path):
        return self.request("GET", path)

    def post(self, path, body=None, headers=None):
        return self.request("POST", path, body, headers)

    def stop(self):
        self.process.terminate()
        assert self.process.wait(20) == 0, self.lines


@pytest.fixture
def start():
    """Starts a service with a fake sidecar; both end with the test."""
    open_things = []

    def make(name, answer):
        fake = FakeSidecar(answer)
        service = Service(name, fake.port)
        open_things.extend([service, fake])
        return service, fake
    yield make
    for thing in open_things:
        thing.stop() if isinstance(thing, Service) else thing.close()


def message(user, text, **more):
    return {"user_id": user, "text": text,
            "metadata": {"timestamp": "2025-04-06T12:00:00Z", "session_id": "123e4567-e89b-12d3-a456-426614174000"},
            **more}


def says(text, **more):
    return 200, {"outputs": [{"choices": [{"finishReason": "stop", "message": {"content": text, **more}}]}]}


# ---- the chat service: the tutorial's three tests ----

def test_root(start):
    chat, _ = start("chat_service", lambda *_: (500, None))
    assert chat.get("/") == (200, {
        "message": "Welcome to the DACA Chat Service! Access /docs for the API documentation."})


def test_get_user(start):
    chat, _ = start("chat_service", lambda *_: (500, None))
    assert chat.get("/users/alice?role=admin") == (200, {"user_id": "alice", "role": "admin"})
    assert chat.get("/users/bob") == (200, {"user_id": "bob", "role": "guest"})


def test_chat(start):
    counts, replies = {"alice": 5, "bob": 3}, []

    def answer(method, path, body):
        if path.startswith("/v1.0/invoke/analytics-service/method/analytics/"):
            count = counts.get(path.rsplit("/", 1)[1])
            return (200, {"message_count": count}) if count is not None else (404, {"detail": "User not found"})
        if path == "/v1.0-alpha2/conversation/chat-model/converse":
            return says(replies.pop(0))
        return 204, None

    chat, sidecar = start("chat_service", answer)

    replies.append("Hi Alice! You've sent 5 messages already—great to hear from you again! How can I help today?")
    status, body = chat.post("/chat/", message("alice", "Hello, how are you?", tags=["greeting"]))
    assert status == 200
    assert body["user_id"] == "alice"
    assert body["reply"] == ("Hi Alice! You've sent 5 messages already—great to hear from you again! "
                             "How can I help today?")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", body["metadata"]["timestamp"])
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
                        body["metadata"]["session_id"])
    assert sidecar.published() == [{"user_id": "alice", "event_type": "MessageSent"}]

    replies.append("Bob, you've sent 3 messages so far. The current time is 2025-04-06 04:01:23 UTC.")
    status, body = chat.post("/chat/", message("bob", "What time is it?", tags=["question"]))
    assert (status, body["user_id"]) == (200, "bob")
    assert body["reply"] == "Bob, you've sent 3 messages so far. The current time is 2025-04-06 04:01:23 UTC."
    assert "metadata" in body
    assert sidecar.published()[1:] == [{"user_id": "bob", "event_type": "MessageSent"}]

    counts.clear()  # the analytics service fails
    replies.append("Hi Alice! How can I help you today?")
    status, body = chat.post("/chat/", message("alice", "Hello again!"))
    assert (status, body["reply"]) == (200, "Hi Alice! How can I help you today?")
    assert sidecar.published()[2:] == [{"user_id": "alice", "event_type": "MessageSent"}]
    asked = [call[2]["inputs"][0]["messages"][0]["ofSystem"]["content"][0]["text"] for call in sidecar.calls
             if "/conversation/" in call[1]]
    assert [re.search(r"has sent (\d+) messages", text).group(1) for text in asked] == ["5", "3", "0"]

    assert chat.post("/chat/", message("bob", "")) == (400, {"detail": "Message text cannot be empty"})
    assert len(sidecar.published()) == 3  # not for the invalid request


def test_the_agent_uses_its_tool(start):
    def answer(method, path, body):
        if not path.endswith("/converse"):
            return 204, None
        messages = body["inputs"][0]["messages"]
        assert [tool["function"]["name"] for tool in body["tools"]] == ["get_current_time"]
        if "ofTool" not in messages[-1]:
            return says("", toolCalls=[{"id": "t1", "function": {"name": "get_current_time", "arguments": "{}"}}])
        assert messages[-2] == {"ofAssistant": {"toolCalls": [
            {"id": "t1", "function": {"name": "get_current_time", "arguments": "{}"}}]}}
        assert messages[-1]["ofTool"]["toolId"] == "t1"
        return says("It is " + messages[-1]["ofTool"]["content"][0]["text"])

    chat, _ = start("chat_service", answer)
    status, body = chat.post("/chat/", message("bob", "What time is it?"))
    assert status == 200
    assert re.fullmatch(r"It is \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", body["reply"])


def test_a_model_that_calls_tools_for_ever_is_stopped(start):
    asked = []

    def answer(method, path, body):
        if not path.endswith("/converse"):
            return 204, None
        asked.append("tools" in body)
        return says("enough", toolCalls=[{"id": f"t{len(asked)}", "function": {"name": "nope"}}])

    chat, _ = start("chat_service", answer)
    assert chat.post("/chat/", message("bob", "x"))[1]["reply"] == "enough"
    assert asked == [True] * 4 + [False]


def test_a_model_that_fails_is_an_internal_error_and_no_event(start):
    chat, sidecar = start("chat_service", lambda method, path, body: (500, {"errorCode": "X", "message": "no"}))
    assert chat.post("/chat/", message("bob", "x")) == (500, b"Internal Server Error")
    assert sidecar.published() == []


def test_a_user_registers(start):
    chat, sidecar = start("chat_service", lambda *_: (204, None))
    assert chat.post("/users/", {"user_id": "dora"}) == (201, {"status": "registered", "user_id": "dora"})
    assert sidecar.calls == [("POST", "/v1.0/publish/pubsub/users",
                              {"user_id": "dora", "event_type": "UserRegistered"})]
    assert chat.post("/users/", {})[0] == 422


# ---- the analytics service: the tutorial's four tests ----

class Store:
    """A state store with ETags, as the sidecar shows it."""

    def __init__(self, **counts):
        self.values = {user: ({"message_count": count}, 1) for user, count in counts.items()}
        self.fails = False

    def __call__(self, method, path, body):
        if self.fails:
            return 500, {"errorCode": "ERR_STATE_GET", "message": "down"}
        if method == "GET":
            value = self.values.get(path.rsplit("/", 1)[1])
            return (200, value[0]) if value else (204, None)
        for change in body:
            etag = self.values.get(change["key"], (None, 0))[1]
            self.values[change["key"]] = (change["value"], etag + 1)
        return 204, None

    def count(self, user):
        return self.values[user][0]["message_count"]


def test_analytics_root(start):
    analytics, _ = start("analytics_service", Store())
    assert analytics.get("/") == (200, {
        "message": "Welcome to the DACA Analytics Service! Access /docs for the API documentation."})


def test_get_analytics(start):
    analytics, _ = start("analytics_service", Store(alice=5, bob=3))
    assert analytics.get("/analytics/alice") == (200, {"message_count": 5})
    assert analytics.get("/analytics/bob") == (200, {"message_count": 3})
    assert analytics.get("/analytics/charlie") == (404, {"detail": "User not found"})


def test_initialize_message_count(start):
    store = Store()
    analytics, _ = start("analytics_service", store)
    assert analytics.post("/analytics/alice/initialize", {"message_count": 5}) == (
        200, {"status": "success", "user_id": "alice", "message_count": 5})
    assert store.count("alice") == 5
    assert analytics.post("/analytics/bob/initialize?message_count=3") == (
        200, {"status": "success", "user_id": "bob", "message_count": 3})
    assert store.count("bob") == 3
    wait_until(lambda: len(analytics.lines) == 2, "both lines")
    assert analytics.lines == ["Set message count for alice: 5", "Set message count for bob: 3"]
    assert analytics.post("/analytics/bob/initialize", {"message_count": "many"}) == (422, {"detail": [
        {"type": "int_type", "loc": ["body", "message_count"], "msg": "Input should be a valid integer",
         "input": "many"}]})


def test_handle_message_sent(start):
    store = Store(alice=5)
    analytics, _ = start("analytics_service", store)
    assert analytics.post("/messages", {"event_type": "MessageSent", "user_id": "alice"}) == (
        200, {"status": "success"})
    assert store.count("alice") == 6
    assert analytics.post("/messages", {"event_type": "OtherEvent", "user_id": "bob"}) == (200, {"status": "ignored"})
    assert analytics.post("/messages", {"event_type": "MessageSent"}) == (200, {"status": "ignored"})
    assert list(store.values) == ["alice"] and store.count("alice") == 6
    wait_until(lambda: len(analytics.lines) == 4, "all lines")
    assert analytics.lines == ["Received event: {'event_type': 'MessageSent', 'user_id': 'alice'}",
                               "Set message count for alice: 6",
                               "Received event: {'event_type': 'OtherEvent', 'user_id': 'bob'}",
                               "Received event: {'event_type': 'MessageSent'}"]


def test_an_envelope_counts_as_its_data_does(start):
    store = Store()
    analytics, _ = start("analytics_service", store)
    headers = {"Content-Type": "application/cloudevents+json", "Pubsubname": "pubsub"}
    envelope = {"id": "1", "specversion": "1.0", "type": "com.dapr.event.sent", "source": "chat-service",
                "datacontenttype": "application/json", "data": {"event_type": "MessageSent", "user_id": "bob"}}
    assert analytics.post("/messages", envelope, headers) == (200, {"status": "SUCCESS"})
    assert store.count("bob") == 1
    for odd in ("text", None, {"event_type": "Other"}):
        assert analytics.post("/messages", {**envelope, "data": odd}, headers) == (200, {"status": "SUCCESS"})
    assert store.count("bob") == 1


def test_an_event_comes_again_when_the_store_fails(start):
    store = Store()
    store.fails = True
    analytics, _ = start("analytics_service", store)
    event = {"event_type": "MessageSent", "user_id": "bob"}
    assert analytics.post("/messages", event, {**JSON, "Pubsubname": "pubsub"}) == (200, {"status": "RETRY"})
    assert analytics.post("/analytics/bob/initialize?message_count=1")[0] == 503
    assert analytics.get("/analytics/bob") == (200, {"message_count": 0})


def test_a_registration_begins_at_zero_and_takes_no_count_away(start):
    store = Store(alice=5)
    analytics, _ = start("analytics_service", store)
    for user, count in (("dora", 0), ("alice", 5)):
        assert analytics.post("/users", {"event_type": "UserRegistered", "user_id": user})[0] == 200
        assert analytics.get(f"/analytics/{user}") == (200, {"message_count": count})


# ---- both: what a browser sees ----

@pytest.mark.parametrize("name, paths", [
    ("chat_service", {"/", "/users/{user_id}", "/users/", "/chat/"}),
    ("analytics_service", {"/", "/analytics/{user_id}", "/analytics/{user_id}/initialize", "/messages", "/users"})])
def test_the_documentation_needs_nothing_from_outside(start, name, paths):
    service, _ = start(name, lambda *_: (500, None))
    status, api = service.get("/openapi.json")
    assert (status, api["openapi"], set(api["paths"])) == (200, "3.1.0", paths)
    named = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(api)))
    assert named <= set(api["components"]["schemas"])
    status, page = service.get("/docs")
    assert status == 200 and page.startswith(b"<!doctype html>")
    assert not re.search(rb"""(?:src|href)=["']?(?:https?:)?//|@import|url\(""", page)


# ---- with real sidecars ----

class System:
    """The analytics service and its sidecar, over in-process or durable components."""

    def __init__(self, folder, pubsub, state, subscription):
        component(folder, "pubsub", pubsub, **({"connectionString": folder / "b.db"} if "sqlite" in pubsub else {}))
        component(folder, "statestore", state, **({"connectionString": folder / "s.db"} if "sqlite" in state else {}))
        (folder / "subscriptions.yaml").write_text(subscription)
        port = free_port()
        sidecar_port = free_port()
        self.service = Service("analytics_service", sidecar_port, port)
        self.sidecar = Sidecar("analytics-service", folder, port, ports=(sidecar_port, free_port()))

    def close(self):
        assert self.sidecar.stop() == 0
        self.service.stop()


SUBSCRIPTION = """apiVersion: dapr.io/v1alpha1
kind: Subscription
metadata:
  name: message-subscription
spec:
  pubsubname: pubsub
  topic: messages
  route: /messages
"""


@pytest.mark.parametrize("pubsub, state, subscription", [
    ("pubsub.in-memory", "state.in-memory", SUBSCRIPTION),
    ("pubsub.sqlite", "state.sqlite", SUBSCRIPTION + '  metadata:\n    contentMode: "binary"\n')])
def test_messages_sent_at_the_same_time_are_all_counted(tmp_path, pubsub, state, subscription):
    system = System(tmp_path, pubsub, state, subscription)
    try:
        event = {"event_type": "MessageSent", "user_id": "alice"}
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            statuses = list(pool.map(lambda _: system.sidecar.publish("pubsub", "messages", event)[0], range(60)))
            direct = list(pool.map(lambda _: system.service.post("/messages", event), range(20)))
        assert statuses == [204] * 60
        assert direct == [(200, {"status": "success"})] * 20
        wait_until(lambda: system.service.get("/analytics/alice")[1]["message_count"] >= 80, "80 messages", 60)
        assert system.service.get("/analytics/alice") == (200, {"message_count": 80})
    finally:
        system.close()
