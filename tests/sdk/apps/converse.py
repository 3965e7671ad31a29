# SPDX-License-Identifier: MIT
"""The client's calls of the conversation API, with a tool called on the way; prints one line per finding."""
from dapr.clients import DaprClient
from dapr.clients.grpc import conversation as chat


@chat.tool
def get_current_time(zone: str = "UTC") -> str:
    """The time of day."""
    return f"noon in {zone}"


with DaprClient() as client:
    one = client.converse_alpha1("llm", [chat.ConversationInput(content="mail bob@x.org", role="user", scrub_pii=True)],
                                 context_id="c", temperature=0.5)
    print("alpha1", one.context_id, [output.result for output in one.outputs], flush=True)

    messages = [chat.create_system_message("be brief"), chat.create_user_message("what time is it?")]
    tools = chat.get_registered_tools()
    for _ in range(5):
        answer = client.converse_alpha2("llm", [chat.ConversationInputAlpha2(messages=messages)], tools=tools,
                                        tool_choice="auto", parameters={"max_tokens": 50}, metadata={"team": "blue"})
        choice = answer.outputs[0].choices[0]
        print("alpha2", choice.finish_reason, repr(choice.message.content),
              [(call.function.name, call.function.arguments) for call in choice.message.tool_calls], flush=True)
        if not choice.message.tool_calls:
            break
        messages += answer.to_assistant_messages()
        for call in choice.message.tool_calls:
            result = chat.execute_registered_tool(call.function.name, call.function.arguments)
            messages.append(chat.create_tool_message(call.id, call.function.name, result))

    for name, inputs in (("nowhere", [chat.ConversationInput(content="x")]), ("llm", [])):
        try:
            client.converse_alpha1(name, inputs)
        except Exception as error:
            print("refused", error.code().name, error.details(), flush=True)
    try:
        client.converse_alpha2("llm", [chat.ConversationInputAlpha2(messages=[chat.create_user_message("fail")])])
    except Exception as error:
        print("refused", error.code().name, error.details(), flush=True)
    print("done", flush=True)
