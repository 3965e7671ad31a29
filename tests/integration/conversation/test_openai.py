# SPDX-License-Identifier: MIT
"""conversation.openai and conversation.ollama against a server of the protocol's shape: what is sent, what comes back,
and what happens when the server is slow, wrong or away."""
import gzip
import http.client
import json
import pathlib
import subprocess
import sys
import threading

import grpc
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
from grpc_api import Failure, ask, message  # noqa: E402
from openai_server import OpenAI, completion, refusal  # noqa: E402
from sidecar import BINARY, Sidecar, component, wait_until  # noqa: E402

KEY = "sk-test-0123456789abcdef"


@pytest.fixture
def model():
    server = OpenAI()
    yield server
    server.close()


@pytest.fixture
def start(tmp_path):
    running = []

    def run(kind="conversation.openai", env=None, wait=True, **settings):
        folder = tmp_path / "resources"
        folder.mkdir(exist_ok=True)
        component(folder, "llm", kind, **settings)
        running.append(Sidecar("chat", folder, env=env, wait=wait))
        return running[-1]
    yield run
    for sidecar in running:
        sidecar.stop()
        assert KEY not in "\n".join(sidecar.log)


def user(text, **more):
    return {"messages": [{"ofUser": {"content": [{"text": text}]}}], **more}


def converse(sidecar, body, version="alpha2"):
    status, data, _ = sidecar.request("POST", f"/v1.0-{version}/conversation/llm/converse", json.dumps(body).encode())
    return status, json.loads(data)


def refused(sidecar, body=None):
    status, answer = converse(sidecar, body or {"inputs": [user("hi")]})
    assert (status, answer["errorCode"]) == (500, "ERR_CONVERSATION_INVOKE")
    assert answer["message"].startswith("failed conversing with component llm: ")
    assert KEY not in answer["message"]
    return answer["message"].removeprefix("failed conversing with component llm: ")


def test_a_question_and_its_answer(start, model):
    sidecar = start(key=KEY, endpoint=model.url, model="gpt-x")
    assert converse(sidecar, {"inputs": [user("hi")], "contextId": "c"}) == (200, {"contextId": "c", "outputs": [{
        "choices": [{"finishReason": "stop", "message": {"content": "hello"}}], "model": "test-model",
        "usage": {"completionTokens": "2", "promptTokens": "3", "totalTokens": "5"}}]})
    path, headers, body = model.requests[0]
    assert path == "/v1/chat/completions"
    assert headers["Authorization"] == f"Bearer {KEY}" and headers["Content-Type"] == "application/json"
    assert headers["User-Agent"].startswith("pillion/") and "Expect" not in headers
    assert body == {"model": "gpt-x", "messages": [{"role": "user", "content": "hi"}]}


def test_alpha1_and_grpc_ask_the_same(start, model):
    sidecar = start(key=KEY, endpoint=model.url + "/", model="gpt-x")
    assert converse(sidecar, {"inputs": [{"content": "s", "role": "system"}, {"content": "hi"}], "temperature": 0.7},
                    "alpha1") == (200, {"outputs": [{"result": "hello"}]})
    assert model.requests[0][2] == {"model": "gpt-x", "temperature": 0.7, "messages": [
        {"role": "system", "content": "s"}, {"role": "user", "content": "hi"}]}
    answer = ask(sidecar.grpc_port, "ConverseAlpha2", {"name": "llm", "inputs": [user("hi")]})
    assert answer["outputs"][0]["choices"][0]["message"] == {"content": "hello"}


def test_everything_that_can_be_said_is_said(start, model):
    sidecar = start(key=KEY, endpoint=model.url, model="gpt-x")
    schema = {"type": "object", "properties": {"city": {"type": "string", "maxLength": 20}}, "required": ["city"]}
    wrapper = "type.googleapis.com/google.protobuf."
    status, _ = converse(sidecar, {
        "inputs": [{"messages": [
            {"ofDeveloper": {"content": [{"text": "be brief"}]}},
            {"ofUser": {"name": "bob", "content": [{"text": "a"}, {"text": "b"}]}},
            {"ofAssistant": {"toolCalls": [{"id": "c1", "function": {"name": "f", "arguments": "{\"city\":\"x\"}"}},
                                           {"id": "c2", "function": {"name": "g"}}]}},
            {"ofTool": {"toolId": "c1", "name": "f", "content": [{"text": "sun"}, {"text": "warm"}]}}]}],
        "temperature": 0, "tools": [{"function": {"name": "f", "description": "d", "parameters": schema}},
                                    {"function": {"name": "g"}}],
        "toolChoice": "f", "responseFormat": schema, "promptCacheRetention": "86400s", "metadata": {"team": "blue"},
        "parameters": {"max_tokens": {"@type": wrapper + "Int64Value", "value": "100"},
                       "stop": {"@type": wrapper + "ListValue", "value": ["END"]},
                       "messages": {"@type": wrapper + "StringValue", "value": "not yours"}}})
    assert status == 200
    function = {"type": "function", "function": {"name": "f", "arguments": "{\"city\":\"x\"}"}}
    assert model.requests[0][2] == {
        "max_tokens": 100, "stop": ["END"], "model": "gpt-x", "temperature": 0,
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "name": "bob", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
            {"role": "assistant", "content": None, "tool_calls": [
                {"id": "c1", **function}, {"id": "c2", "type": "function", "function": {"name": "g", "arguments": "{}"}}]},
            {"role": "tool", "name": "f", "content": "sun\nwarm", "tool_call_id": "c1"}],
        "tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": schema}},
                  {"type": "function", "function": {"name": "g"}}],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "response_format": {"type": "json_schema", "json_schema": {"name": "response", "schema": schema}},
        "prompt_cache_retention": "24h", "metadata": {"team": "blue"}}


def test_tools_are_called_and_answered(start, model):
    """The whole way of a tool: the model asks for it, the application answers, the model speaks."""
    def answer(body):
        if body["messages"][-1]["role"] == "tool":
            return 200, completion(f"It is {body['messages'][-1]['content']}.")
        return 200, completion(None, [("call_1", "get_current_time", '{"zone":"UTC"}')])
    model.answer = answer
    sidecar = start(key=KEY, endpoint=model.url)
    tools = [{"function": {"name": "get_current_time", "parameters": {"type": "object", "properties": {}}}}]
    status, first = converse(sidecar, {"inputs": [user("time?")], "tools": tools})
    asked = first["outputs"][0]["choices"][0]
    assert status == 200 and asked == {"finishReason": "tool_calls", "message": {"toolCalls": [
        {"id": "call_1", "function": {"name": "get_current_time", "arguments": '{"zone":"UTC"}'}}]}}
    assert model.requests[0][2]["tool_choice"] == "auto"
    _, second = converse(sidecar, {"tools": tools, "inputs": [{"messages": [
        {"ofUser": {"content": [{"text": "time?"}]}}, {"ofAssistant": asked["message"]},
        {"ofTool": {"toolId": "call_1", "name": "get_current_time", "content": [{"text": "noon"}]}}]}]})
    assert second["outputs"][0]["choices"][0]["message"]["content"] == "It is noon."


@pytest.mark.parametrize("message_,want", [
    ({"content": None, "refusal": "I will not"}, "I will not"),
    ({"content": [{"type": "text", "text": "a"}, {"type": "image"}, {"type": "text", "text": "b"}]}, "ab"),
    ({"content": "\u00fcber <b> & \U0001f600 \"q\"\n"}, "\u00fcber <b> & \U0001f600 \"q\"\n"),
])
def test_answers_of_other_shapes_are_read(start, model, message_, want):
    model.answer = lambda body: (200, {"choices": [{"message": message_}]})
    _, answer = converse(start(key=KEY, endpoint=model.url, model="mine"), {"inputs": [user("hi")]})
    assert answer["outputs"] == [{"choices": [{"finishReason": "unknown", "message": {"content": want}}], "model": "mine"}]


def test_several_choices_and_details_of_usage(start, model):
    answer = completion()
    answer["choices"] += [{"index": 1, "message": {"content": "second"}, "finish_reason": "length"}]
    answer["usage"] = {"prompt_tokens": 9, "completion_tokens": 8, "total_tokens": 17,
                       "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 0},
                       "completion_tokens_details": {"reasoning_tokens": 5, "audio_tokens": 1}}
    model.answer = lambda body: (200, answer)
    _, got = converse(start(key=KEY, endpoint=model.url), {"inputs": [user("hi")]})
    assert [one["choices"][0] for one in got["outputs"]] == [
        {"finishReason": "stop", "message": {"content": "hello"}},
        {"finishReason": "length", "index": "1", "message": {"content": "second"}}]
    assert got["outputs"][0]["usage"] == {
        "completionTokens": "8", "promptTokens": "9", "totalTokens": "17",
        "completionTokensDetails": {"audioTokens": "1", "reasoningTokens": "5"},
        "promptTokensDetails": {"cachedTokens": "4"}}


@pytest.mark.parametrize("status,body,text", [
    (401, refusal(f"Incorrect API key provided: {KEY}."), "401: Incorrect API key provided: ***."),
    (429, refusal("Rate limit reached", "requests"), "429: Rate limit reached"),
    (500, {"error": "overloaded"}, "500: overloaded"),
    (503, {"message": "later"}, "503: later"),
    (502, b"<html>Bad gateway</html>", "502: <html>Bad gateway</html>"),
    (400, b"", "400: the answer says nothing"),
    (302, b"", "302: the answer says nothing"),
    (404, refusal("x" * 5000), "404: " + "x" * 300),
    (403, (f'{{"error": {{"message": "{"y" * 290}{KEY}"}}}}').encode(), "403: " + "y" * 290 + "***"),
])
def test_what_the_server_refuses_is_passed_on(start, model, status, body, text):
    model.answer = lambda _: (status, body)
    sidecar = start(key=KEY, endpoint=model.url)
    assert refused(sidecar) == "API returned unexpected status code: " + text
    with pytest.raises(Failure) as over_grpc:
        ask(sidecar.grpc_port, "ConverseAlpha2", {"name": "llm", "inputs": [user("hi")]})
    assert over_grpc.value.code == "INTERNAL" and over_grpc.value.text.endswith(text) and not over_grpc.value.details


@pytest.mark.parametrize("body,text", [
    (b"not json", "the answer of the model is not JSON"),
    (b'{"choices": [', "the answer of the model is not JSON: unexpected end of JSON input"),
    (b"[]", "the answer of the model has no choices"),
    (b'{"choices": []}', "the answer of the model has no choices"),
    (b'{"choices": {"a": 1}}', "the answer of the model has no choices"),
    (b"[" * 100000, "the answer of the model is not JSON: exceeded max depth"),
    (b"", "the answer of the model is not JSON"),
])
def test_garbage_is_an_error(start, model, body, text):
    model.answer = lambda _: (200, body)
    assert refused(start(key=KEY, endpoint=model.url)).startswith(text)


def test_strange_members_do_no_harm(start, model):
    model.answer = lambda _: (200, {"model": 5, "usage": "x", "choices": [
        7, {"message": []}, {"message": {"content": 5, "tool_calls": [{}, 3, {"function": {"name": 1}}]}}]})
    status, answer = converse(start(key=KEY, endpoint=model.url, model="m"), {"inputs": [user("hi")]})
    assert status == 200 and len(answer["outputs"]) == 3


def test_an_answer_without_end_is_cut_off(start, model):
    def flood(handler):
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for _ in range(40):
            handler.wfile.write(b"100000\r\n" + b"x" * 0x100000 + b"\r\n")
    model.answer = lambda _: (200, flood)
    sidecar = start(key=KEY, endpoint=model.url)
    assert "the answer is longer than the limit of 16777216 bytes" in refused(sidecar)
    bomb = gzip.compress(b"x" * 40_000_000)

    def explode(handler):
        handler.send_response(200)
        handler.send_header("Content-Encoding", "gzip")
        handler.send_header("Content-Length", str(len(bomb)))
        handler.end_headers()
        handler.wfile.write(bomb)
    model.answer = lambda _: (200, explode)
    assert "the answer is longer than the limit of 16777216 bytes" in refused(sidecar)
    model.answer = lambda _: (200, completion("fine"))
    assert converse(sidecar, {"inputs": [user("hi")]})[0] == 200


def test_a_connection_that_breaks_is_an_error(start, model):
    def cut(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b'{"choices"')
        handler.close_connection = True
    model.answer = lambda _: (200, cut)
    assert refused(start(key=KEY, endpoint=model.url)).startswith(f"127.0.0.1:{model.port}: ")


def test_a_server_that_is_away_is_named(start, model):
    model.close()
    text = refused(start(key=KEY, endpoint=model.url))
    assert text.startswith(f"127.0.0.1:{model.port}: ") and "connect" in text


def test_a_slow_server_is_not_waited_for_without_end(start, model):
    model.answer = lambda _: (200, model.wait_for_end)
    sidecar = start(key=KEY, endpoint=model.url, timeout="300ms")
    assert refused(sidecar) == f"no answer from 127.0.0.1:{model.port} within 300 ms (metadata 'timeout')"
    assert model.gone.wait(10)


def test_an_answer_may_come_in_small_parts(start, model):
    data = json.dumps(completion("drop by drop")).encode()

    def drip(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        for byte in data:
            handler.wfile.write(bytes([byte]))
            handler.wfile.flush()
    model.answer = lambda _: (200, drip)
    _, answer = converse(start(key=KEY, endpoint=model.url), {"inputs": [user("hi")]})
    assert answer["outputs"][0]["choices"][0]["message"]["content"] == "drop by drop"


def test_who_leaves_cancels_the_question(start, model):
    """Over HTTP and over gRPC: the server sees that nobody waits any more."""
    model.answer = lambda _: (200, model.wait_for_end)
    sidecar = start(key=KEY, endpoint=model.url)
    connection = http.client.HTTPConnection("127.0.0.1", sidecar.port, timeout=20)
    connection.request("POST", "/v1.0-alpha2/conversation/llm/converse", json.dumps({"inputs": [user("hi")]}))
    wait_until(lambda: len(model.requests) == 1, "the question arrived")
    connection.close()
    assert model.gone.wait(10)
    model.gone.clear()
    with grpc.insecure_channel(f"127.0.0.1:{sidecar.grpc_port}") as channel:
        method = channel.unary_unary("/dapr.proto.runtime.v1.Dapr/ConverseAlpha2")
        request = message("ConversationRequestAlpha2", {"name": "llm", "inputs": [user("hi")]})
        future = method.future(request.SerializeToString())
        wait_until(lambda: len(model.requests) == 2, "the question arrived")
        future.cancel()
        assert model.gone.wait(10)
    model.answer = lambda _: (200, completion("still here"))
    assert converse(sidecar, {"inputs": [user("hi")]})[0] == 200


def test_a_stop_does_not_wait_for_the_model(start, model):
    model.answer = lambda _: (200, model.wait_for_end)
    sidecar = start(key=KEY, endpoint=model.url)
    got = []
    asking = threading.Thread(target=lambda: got.append(_try(sidecar)))
    asking.start()
    wait_until(lambda: model.requests, "the question arrived")
    assert sidecar.stop() == 0
    asking.join(10)
    assert not asking.is_alive() and len(got) == 1
    assert model.gone.wait(10)


def _try(sidecar):
    try:
        return converse(sidecar, {"inputs": [user("hi")]})
    except (OSError, http.client.HTTPException) as error:
        return error


def test_many_at_once_share_the_loop(start, model):
    gate = threading.Event()

    def answer(body):
        gate.wait(10)
        return 200, completion(body["messages"][0]["content"])
    model.answer = answer
    sidecar = start(key=KEY, endpoint=model.url)
    got = {}
    threads = [threading.Thread(target=lambda n=n: got.update({n: converse(sidecar, {"inputs": [user(f"q{n}")]})}))
               for n in range(40)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(model.requests) == 40, "all questions arrived")
    assert sidecar.get("/v1.0/healthz")[0] == 204
    gate.set()
    for thread in threads:
        thread.join(20)
    assert {n: answer["outputs"][0]["choices"][0]["message"]["content"] for n, (_, answer) in got.items()} == {
        n: f"q{n}" for n in range(40)}


def test_connections_are_kept(start, model):
    sidecar = start(key=KEY, endpoint=model.url)
    for _ in range(5):
        assert converse(sidecar, {"inputs": [user("hi")]})[0] == 200
    assert model.connections == 1


@pytest.mark.parametrize("name", ["responseCacheTTL", "cacheTTL"])
def test_answers_are_kept_when_asked_for(start, model, name):
    count = iter(range(100))
    model.answer = lambda body: (200, completion(f"answer {next(count)}"))
    sidecar = start(key=KEY, endpoint=model.url, **{name: "10m"})

    def ask(text, **more):
        return converse(sidecar, {"inputs": [user(text)], **more})[1]["outputs"][0]["choices"][0]["message"]["content"]
    assert [ask("a"), ask("a"), ask("b"), ask("a", temperature=0.5), ask("b")] == [
        "answer 0", "answer 0", "answer 1", "answer 2", "answer 1"]


def test_refusals_and_old_answers_are_not_kept(start, model):
    model.answer = lambda body: (500, refusal("no"))
    sidecar = start(key=KEY, endpoint=model.url, responseCacheTTL="200ms")
    refused(sidecar)
    model.answer = lambda body: (200, completion("one"))
    assert converse(sidecar, {"inputs": [user("hi")]})[0] == 200
    model.answer = lambda body: (200, completion("two"))
    wait_until(lambda: converse(sidecar, {"inputs": [user("hi")]})[1]["outputs"][0]["choices"][0]["message"]["content"] ==
               "two", "the answer grew old")


def test_the_environment_names_the_model(start, model):
    sidecar = start(key=KEY, endpoint=model.url, model="from-yaml", env={"OPENAI_MODEL": "from-env"})
    converse(sidecar, {"inputs": [user("hi")]})
    assert model.requests[0][2]["model"] == "from-env"


def test_azure_has_a_path_and_a_header_of_its_own(start, model):
    sidecar = start(key=KEY, endpoint=f"http://127.0.0.1:{model.port}", apiType="azure", apiVersion="2025-01-01")
    assert converse(sidecar, {"inputs": [user("hi")]})[0] == 200
    path, headers, body = model.requests[0]
    assert path == "/openai/deployments/gpt-4.1-nano/chat/completions?api-version=2025-01-01"
    assert headers["api-key"] == KEY and "Authorization" not in headers and body["model"] == "gpt-4.1-nano"


def test_ollama_needs_no_key(start, model):
    sidecar = start("conversation.ollama", endpoint=model.url)
    assert converse(sidecar, {"inputs": [user("hi")]})[0] == 200
    _, headers, body = model.requests[0]
    assert body["model"] == "llama3.2:latest" and "Authorization" not in headers


@pytest.mark.parametrize("settings,text", [
    ({}, "missing metadata 'key'"),
    ({"key": KEY, "endpoint": "ftp://x"}, "metadata 'endpoint': 'ftp://x' does not begin with http:// or https://"),
    ({"key": f"{KEY} x"}, "the value of metadata 'key' has a space or a control character in it"),
    ({"key": KEY, "apiType": "azure", "endpoint": "http://x"}, "with apiType azure, metadata 'apiVersion' is needed"),
    ({"key": KEY, "apiType": "azure"}, "with apiType azure, metadata 'endpoint' is needed"),
    ({"key": KEY, "apiType": "aws"}, "metadata 'apiType': 'aws' is not one of open_ai|azure"),
    ({"key": KEY, "timeout": "-1s"}, "metadata 'timeout' is negative"),
    ({"key": KEY, "cacheTTL": "soon"}, "metadata 'responseCacheTTL': 'soon' is not a duration"),
])
def test_settings_that_cannot_work_end_the_start(start, settings, text):
    sidecar = start(wait=False, **settings)
    assert sidecar.end() == 1
    assert text in sidecar.log[-1]


def test_the_key_is_a_secret(tmp_path, model):
    folder = tmp_path / "resources"
    folder.mkdir()
    (tmp_path / "secrets.json").write_text(json.dumps({"openai": KEY + "\n"}))
    component(folder, "secrets", "secretstores.local.file", secretsFile=tmp_path / "secrets.json")
    (folder / "llm.yaml").write_text(json.dumps({
        "apiVersion": "dapr.io/v1alpha1", "kind": "Component", "metadata": {"name": "llm"}, "auth": {"secretStore": "secrets"},
        "spec": {"type": "conversation.openai", "version": "v1", "metadata": [
            {"name": "key", "secretKeyRef": {"name": "openai"}}, {"name": "endpoint", "value": model.url}]}}))
    sidecar = Sidecar("chat", folder, flags=["--log-level", "debug"])
    assert converse(sidecar, {"inputs": [user("hi")]})[0] == 200
    assert model.requests[0][1]["Authorization"] == f"Bearer {KEY}"
    assert KEY.encode() not in sidecar.get("/v1.0/metadata")[1]
    assert sidecar.stop() == 0
    assert KEY not in "\n".join(sidecar.log)


def test_https_trusts_the_authorities_it_is_given(start, tmp_path):
    files = [str(tmp_path / name) for name in ("server.pem", "server.key")]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-out", files[0], "-keyout", files[1]], check=True,
                   capture_output=True)
    server = OpenAI(certificate=files)
    try:
        assert "certificate" in refused(start(key=KEY, endpoint=server.url))
        assert not server.requests
        trusting = start(key=KEY, endpoint=server.url, env={"SSL_CERT_FILE": files[0]})
        assert converse(trusting, {"inputs": [user("hi")]})[0] == 200
    finally:
        server.close()


def test_nobody_else_pays_for_the_library(start, tmp_path):
    """The module is loaded with the first component that needs it, and missing only to that one."""
    def libraries(sidecar):
        return pathlib.Path(f"/proc/{sidecar.process.pid}/maps").read_text()
    assert "libcurl" not in libraries(start("conversation.echo"))
    assert "libcurl" in libraries(start(key=KEY, endpoint="http://127.0.0.1:1"))
    without = start(wait=False, key=KEY, env={"PILLION_MODULES": str(tmp_path)})
    assert without.end() == 1 and "pillion-curl.so" in without.log[-1]
