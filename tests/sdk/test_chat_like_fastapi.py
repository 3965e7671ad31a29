# SPDX-License-Identifier: MIT
"""The chat example in C answers what is wrong with a request as FastAPI answers it: the same status, the same
body, the same headers that a client looks at."""
import http.client
import json
import os
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/support"))
from sidecar import free_port, wait_until  # noqa: E402

PYTHON = pathlib.Path(os.environ.get("SDK_FOLDER", ROOT / "build/sdk")) / "python-newest/bin/python"
JSON = {"Content-Type": "application/json"}
ORIGIN = {"Origin": "http://localhost:3000"}
HEADERS = ["content-type", "allow", "location", "access-control-allow-origin", "access-control-allow-credentials",
           "access-control-allow-headers"]

MESSAGES = [
    "{}", "", "[1]", '"abc"', "null", "5", '{"user_id":1,"text":"x"}', '{"user_id":null,"text":{"a":1}}',
    '{"user_id":"a","text":"x"', '{"user_id":"a",}', "abc", '{"user_id":"a","text":"   "}',
    '{"user_id":"a","text":"hi","tags":"x","metadata":5}',
    '{"user_id":"a","text":"hi","tags":["a",2,null],"metadata":{"timestamp":"yesterday","session_id":7}}',
    '{"user_id":"a","text":"hi","metadata":{"timestamp":"yesterdays"}}',
    '{"user_id":"a","text":"hi","metadata":{"timestamp":"2025-04-06Z12:00:00Z"}}',
    '{"user_id":"a","text":"hi","metadata":{"timestamp":[]}}']
EVENTS = ["[]", '"x"', "", '{"a":', "5", "null", "{}", '{"event_type":"Other","user_id":"bob"}']

CHAT = [("GET", "/users/alice?role=admin", None, {}), ("GET", "/users/bob?role=", None, {}),
        ("GET", "/nope", None, {}), ("DELETE", "/users/bob", None, {}), ("POST", "/chat", "{}", JSON),
        *[("POST", "/chat/", body, JSON) for body in MESSAGES],
        ("POST", "/chat/", '{"user_id":"a","text":"x"}', {"Content-Type": "text/plain"}),
        ("GET", "/users/bob", None, ORIGIN), ("GET", "/nope", None, ORIGIN),
        ("OPTIONS", "/chat/", None, {**ORIGIN, "Access-Control-Request-Method": "POST",
                                     "Access-Control-Request-Headers": "X-A"})]
ANALYTICS = [*[("POST", f"/analytics/alice/initialize{query}", None, {})
               for query in ("", "?message_count=x", "?message_count=5.5", "?message_count=")],
             *[("POST", "/messages", body, JSON) for body in EVENTS], ("PUT", "/messages", None, {})]


@pytest.fixture
def ports(run):
    """Of FastAPI's application and of the two in C."""
    found = [free_port() for _ in range(3)]
    run(PYTHON, "-P", ROOT / "tests/sdk/apps/fastapi_chat.py", found[0])  # -P: its neighbours are not modules
    for name, port in (("chat_service", found[1]), ("analytics_service", found[2])):
        run(ROOT / "build/dev/examples/chat" / name, env={"APP_PORT": str(port), "DAPR_HTTP_PORT": "1"})
    for port in found:
        wait_until(lambda port=port: is_up(port), f"port {port} answers", 40)
    return found


def is_up(port):
    try:
        return ask(port, ("GET", "/nope", None, {}))[0] == 404
    except OSError:
        return False


def ask(port, request):
    method, path, body, headers = request
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request(method, path, None if body is None else body.encode(), headers)
    answer = connection.getresponse()
    text = answer.read().decode().replace(str(port), "PORT")
    connection.close()
    return answer.status, without_parser_words(text), {
        name: (answer.headers[name] or "").replace(str(port), "PORT") for name in HEADERS}


def without_parser_words(text):
    """Where JSON breaks is the same in both; each parser words it in its own way."""
    try:
        value = json.loads(text)
        for problem in value["detail"]:
            if problem["type"] == "json_invalid":
                assert set(problem.pop("ctx")) == {"error"}
        return value
    except (ValueError, KeyError, TypeError):
        return text


def test_what_is_wrong_is_answered_alike(ports):
    fastapi, chat, analytics = ports
    for port, requests in ((chat, CHAT), (analytics, ANALYTICS)):
        for request in requests:
            assert ask(port, request) == ask(fastapi, request), request
