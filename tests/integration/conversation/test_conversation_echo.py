# SPDX-License-Identifier: MIT
"""The conversation API over HTTP and gRPC, with the component that answers what it was told."""
import json
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
from grpc_api import Failure, ask  # noqa: E402
from sidecar import Sidecar, component  # noqa: E402


@pytest.fixture(scope="module")
def sidecar(tmp_path_factory):
    one = Sidecar("chat", component(tmp_path_factory.mktemp("resources"), "echo", "conversation.echo"))
    yield one
    assert one.stop() == 0


class Refusal(Exception):
    """What either protocol says when it does not answer."""

    def __init__(self, code, text):
        super().__init__(code, text)
        self.code = code
        self.text = text


HTTP = {"ERR_CONVERSATION_NOT_FOUND": 400, "ERR_CONVERSATION_MISSING_INPUTS": 400,
        "ERR_CONVERSATION_INVALID_PARMS": 400, "ERR_CONVERSATION_INVOKE": 500, "ERR_MALFORMED_REQUEST": 400}
GRPC = {"ERR_CONVERSATION_NOT_FOUND": "INVALID_ARGUMENT", "ERR_CONVERSATION_MISSING_INPUTS": "INVALID_ARGUMENT",
        "ERR_CONVERSATION_INVALID_PARMS": "INVALID_ARGUMENT", "ERR_CONVERSATION_INVOKE": "INTERNAL"}


def over_http(sidecar, version, body, name="echo"):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    status, answer, headers = sidecar.request("POST", f"/v1.0-{version}/conversation/{name}/converse", data)
    assert headers["Content-Type"] == "application/json"
    found = json.loads(answer)
    if status == 200:
        return found
    assert status == HTTP[found["errorCode"]] and list(found) == ["errorCode", "message"]
    raise Refusal(found["errorCode"], found["message"])


def over_grpc(sidecar, version, body, name="echo"):
    try:
        return ask(sidecar.grpc_port, "Converse" + version.capitalize(), {**body, "name": name})
    except Failure as refused:
        assert not refused.details
        code = next(key for key, value in GRPC.items() if value == refused.code)
        raise Refusal(code if code != "ERR_CONVERSATION_NOT_FOUND" else refused.code, refused.text) from None


@pytest.fixture(params=[over_http, over_grpc])
def converse(request, sidecar):
    def ask(version, body, **kwargs):
        return request.param(sidecar, version, body, **kwargs)
    ask.is_http = request.param is over_http
    return ask


def user(*texts, **more):
    return {"messages": [{"ofUser": {"content": [{"text": text} for text in texts]}}], **more}


def tool(name, properties=None):
    parameters = {} if properties is None else {"parameters": {"type": "object", "properties": properties}}
    return {"function": {"name": name, "description": "d", **parameters}}


def choice_of(answer):
    assert len(answer["outputs"]) == 1
    return answer["outputs"][0]["choices"][0]


def test_alpha1_repeats_every_input(converse):
    assert converse("alpha1", {"inputs": [{"content": "hello world"}, {"content": "x", "role": "user"}]}) == {
        "outputs": [{"result": "hello world\nx"}]}
    assert converse("alpha1", {"inputs": [{"content": ""}]}) == {"outputs": [{}]}
    text = {"@type": "type.googleapis.com/google.protobuf.StringValue", "value": "s"}
    assert converse("alpha1", {"contextID": "c", "inputs": [{"content": "hello"}], "temperature": 0.3,
                               "parameters": {"p": text}}) == {
        "contextID": "c", "outputs": [{"result": "hello", "parameters": {"p": text}}]}


def test_alpha2_answers_with_choices_and_usage(converse):
    assert converse("alpha2", {"contextId": "q", "inputs": [user("hello world")]}) == {
        "contextId": "q", "outputs": [{
            "choices": [{"finishReason": "stop", "message": {"content": "hello world"}}],
            "usage": {"completionTokens": "2", "promptTokens": "2", "totalTokens": "4"}}]}
    for inputs in ([{}], [user()], [user("")]):
        assert converse("alpha2", {"inputs": inputs}) == {
            "outputs": [{"choices": [{"finishReason": "stop", "message": {}}], "usage": {}}]}


def test_every_tool_on_offer_is_asked_for(converse):
    answer = converse("alpha2", {"inputs": [user("hi")], "tools": [
        tool("get_weather", {"unit": {"type": "string"}, "city": {"type": "string"}}), tool("noargs"), {}]})
    assert choice_of(answer) == {"finishReason": "tool_calls", "message": {"content": "hi", "toolCalls": [
        {"id": "0", "function": {"name": "get_weather", "arguments": "city,unit"}},
        {"id": "1", "function": {"name": "noargs"}}]}}


def test_all_roles_and_what_a_tool_answered(converse):
    fn = {"id": "tc1", "function": {"name": "fn", "arguments": "{\"a\":1}"}}
    answer = converse("alpha2", {"inputs": [{"messages": [
        {"ofSystem": {"content": [{"text": "sys"}]}},
        {"ofDeveloper": {"name": "n", "content": [{"text": "dev"}, {"text": "dev2"}]}}]},
        {"messages": [
            {"ofUser": {"content": [{"text": "usr"}]}},
            {"ofAssistant": {"content": [{"text": "asst"}], "toolCalls": [fn]}},
            {"ofTool": {"toolId": "tc1", "name": "fn", "content": [{"text": "result"}]}}]}]})
    assert choice_of(answer) == {"finishReason": "tool_calls", "message": {
        "content": "sys\ndev\ndev2\nusr\nasst\nTool Response for tool ID 'tc1' with name 'fn': result",
        "toolCalls": [fn]}}
    assert answer["outputs"][0]["usage"] == {"completionTokens": "15", "promptTokens": "15", "totalTokens": "30"}


@pytest.mark.parametrize("tools,choice,problem", [
    ([], "anything", None), (["f"], "f", None), (["f"], "auto", None), (["f"], "none", None), (["f"], "required", None),
    (["f"], "F", "tool choice selected was not found. Must be 'auto', 'none', 'required', or a specific tool name "
                 "matching the tools available to be used"),
    ([], "required", "tool choice must be 'auto', 'none', 'required', or a specific tool name matching the tools "
                     "available to be used"),
])
def test_a_tool_choice_must_be_on_offer(converse, tools, choice, problem):
    body = {"inputs": [user("hi")], "tools": [tool(name) for name in tools], "toolChoice": choice}
    if not problem:
        assert choice_of(converse("alpha2", body))["message"]["content"] == "hi"
        return
    with pytest.raises(Refusal) as refused:
        converse("alpha2", body)
    assert refused.value.text == f"failed conversing with component echo: invalid params: {problem}"


@pytest.mark.parametrize("version,body,code,text", [
    ("alpha1", {}, "ERR_CONVERSATION_MISSING_INPUTS", "missing inputs in request"),
    ("alpha2", {"inputs": []}, "ERR_CONVERSATION_MISSING_INPUTS", "missing inputs in request"),
    ("alpha2", {"inputs": [{"messages": [{}]}]}, "ERR_CONVERSATION_INVALID_PARMS",
     "invalid params: message type cannot be nil"),
    ("alpha2", {"inputs": [{"messages": [{"ofAssistant": {"toolCalls": [{"id": "1"}]}}]}]},
     "ERR_CONVERSATION_INVALID_PARMS", "invalid params: tool types cannot be nil"),
    ("alpha2", {"inputs": [user("hi")], "tools": [tool("f", "x")]}, "ERR_CONVERSATION_INVOKE",
     "tool function properties must be a map[string]any, got string"),
])
def test_what_cannot_be_asked_is_refused(converse, version, body, code, text):
    with pytest.raises(Refusal) as refused:
        converse(version, body)
    assert refused.value.text == "failed conversing with component echo: " + text
    if converse.is_http:
        assert refused.value.code == code


def test_an_unknown_component_is_named_first(converse):
    with pytest.raises(Refusal) as refused:
        converse("alpha2", {}, name="zz")
    assert refused.value.text == "failed finding conversation component zz"


@pytest.mark.parametrize("body,text", [
    (b"x", "proto: syntax error: invalid character 'x' looking for beginning of value"),
    (b'{"inputs":5}', "proto: (line 1:11): unexpected token 5"),
    (b'{"inputs":[{"content":5}]}', "proto: (line 1:23): invalid value for string field content: 5"),
])
def test_a_body_that_is_no_request_is_refused(sidecar, body, text):
    with pytest.raises(Refusal) as refused:
        over_http(sidecar, "alpha1", body)
    assert refused.value.code == "ERR_MALFORMED_REQUEST"
    assert refused.value.text.startswith("failed deserializing HTTP body: " + text)


def test_the_name_in_the_url_counts_and_an_empty_body_is_a_request(sidecar):
    assert over_http(sidecar, "alpha1", {"name": "zz", "inputs": [{"content": "a"}]}) == {"outputs": [{"result": "a"}]}
    with pytest.raises(Refusal) as refused:
        over_http(sidecar, "alpha1", b"")
    assert refused.value.code == "ERR_CONVERSATION_MISSING_INPUTS"


def test_personal_data_is_taken_out_where_asked(converse):
    private, public = "mail bob@x.org from 10.0.0.1", "mail <EMAIL_ADDRESS> from <IP>"
    alpha1 = {"inputs": [{"content": private, "scrubPII": True}, {"content": private}]}
    assert converse("alpha1", alpha1)["outputs"][0]["result"] == f"{public}\n{private}"
    assert converse("alpha1", {**alpha1, "scrubPII": True})["outputs"][0]["result"] == f"{public}\n{public}"
    alpha2 = {"inputs": [user(private, scrubPii=True), user(private)]}
    assert choice_of(converse("alpha2", alpha2))["message"]["content"] == f"{public}\n{private}"
    assert choice_of(converse("alpha2", {**alpha2, "scrubPii": True}))["message"]["content"] == f"{public}\n{public}"


def test_a_message_of_a_megabyte_comes_back_whole(converse):
    text = "word " * 200_000 + "end"
    assert choice_of(converse("alpha2", {"inputs": [user(text)]}))["message"]["content"] == text


def test_calls_are_counted(sidecar):
    over_http(sidecar, "alpha1", {"inputs": [{"content": "a"}]})
    found = sidecar.metrics()
    key = 'dapr_component_conversation_count{app_id="chat",component="echo",namespace="",success="%s"}'
    assert found[key % "true"] >= 1
    assert {"name": "echo", "type": "conversation.echo", "version": "v1"} in json.loads(
        sidecar.get("/v1.0/metadata")[1])["components"]
