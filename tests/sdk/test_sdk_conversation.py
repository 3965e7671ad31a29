# SPDX-License-Identifier: MIT
"""The conversation API through the official Python SDK, against the real binary and a model that calls a tool."""
import os
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/support"))
from openai_server import OpenAI, completion, refusal  # noqa: E402
from sidecar import Sidecar, component  # noqa: E402

APPS = pathlib.Path(__file__).parent / "apps"
SDKS = pathlib.Path(os.environ.get("SDK_FOLDER", ROOT / "build/sdk"))


def answer(body):
    last = body["messages"][-1]
    if last["content"] == "fail":
        return 429, refusal("slow down")
    if last["role"] == "tool":
        return 200, completion(f"It is {last['content']}.")
    if body.get("tools"):
        return 200, completion(None, [("call_1", "get_current_time", '{"zone": "Berlin"}')])
    return 200, completion(f"you said: {last['content']}")


@pytest.mark.parametrize("version", ["1.16.0", "newest"])
def test_python_converses_and_calls_a_tool(run, tmp_path, version):
    model = OpenAI(answer)
    sidecar = Sidecar("chat", component(tmp_path, "llm", "conversation.openai", key="sk-x", endpoint=model.url))
    try:
        app = run(SDKS / f"python-{version}/bin/python", APPS / "converse.py",
                  env={"DAPR_HTTP_PORT": str(sidecar.port), "DAPR_GRPC_PORT": str(sidecar.grpc_port)})
        app.wait_for("done")
        assert app.said("alpha1") == ["alpha1 c ['you said: mail <EMAIL_ADDRESS>']"]
        assert app.said("alpha2") == [
            "alpha2 tool_calls '' [('get_current_time', '{\"zone\": \"Berlin\"}')]",
            "alpha2 stop 'It is noon in Berlin.' []"]
        assert app.said("refused") == [
            "refused INVALID_ARGUMENT failed finding conversation component nowhere",
            "refused INVALID_ARGUMENT failed conversing with component llm: missing inputs in request",
            "refused INTERNAL failed conversing with component llm: API returned unexpected status code: 429: slow down"]
        asked = model.requests[1][2]
        assert asked["max_tokens"] == 50 and asked["metadata"] == {"team": "blue"}
        assert asked["messages"][0] == {"role": "system", "content": "be brief"}
        assert asked["tools"][0]["function"]["parameters"]["properties"]["zone"]["type"] == "string"
    finally:
        assert sidecar.stop() == 0
        model.close()
