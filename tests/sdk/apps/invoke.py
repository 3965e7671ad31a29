# SPDX-License-Identifier: MIT
"""Calls applications with the Python SDK, over HTTP, or over gRPC when DAPR_API_METHOD_INVOCATION_PROTOCOL says so.
Argument: the calls, as JSON. Each answer or refusal is a line of JSON."""
import json
import sys
import warnings

import grpc
from dapr.clients import DaprClient
from dapr.clients.exceptions import DaprInternalError
from google.protobuf.wrappers_pb2 import StringValue

warnings.simplefilter("ignore")


def ask(client, call):
    data = StringValue(value=call["message"]) if "message" in call else call.get("body", "").encode()
    try:
        answer = client.invoke_method(call["app"], call["method"], data, content_type=call.get("type"),
                                      metadata=tuple(call.get("headers", {}).items()), http_verb=call.get("verb"),
                                      http_querystring=tuple(map(tuple, call.get("query", []))))
    except grpc.RpcError as error:
        return {"refused": error.code().name, "text": error.details()}
    except DaprInternalError as error:
        return {"refused": error.error_code, "text": error.message}
    if answer.is_proto():
        got = StringValue()
        answer.unpack(got)
        return {"message": got.value}
    return {"body": answer.text(), "type": answer.content_type, "status": answer.status_code,
            "headers": {name: list(values) for name, values in answer.headers.items()}}


with DaprClient() as client:
    for call in json.loads(sys.argv[1]):
        print(json.dumps(ask(client, call)), flush=True)
print("done", flush=True)
