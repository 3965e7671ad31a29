# SPDX-License-Identifier: MIT
"""A gRPC application of the Python SDK with methods to invoke. Argument: port."""
import json
import sys

from dapr.ext.grpc import App, InvokeMethodRequest, InvokeMethodResponse
from google.protobuf.wrappers_pb2 import StringValue

app = App()


@app.method(name="echo")
def echo(request: InvokeMethodRequest) -> InvokeMethodResponse:
    said = {"body": request.text(), "type": request.content_type, "mine": dict(request.metadata).get("x-mine")}
    return InvokeMethodResponse(json.dumps(said), "application/json", headers=(("x-app", "one"),))


@app.method(name="text")
def text(request: InvokeMethodRequest) -> str:
    return f'"{request.text()}!"'


@app.method(name="message")
def message(request: InvokeMethodRequest) -> StringValue:
    got = StringValue()
    request.unpack(got)
    return StringValue(value=got.value + "!")


@app.method(name="break")
def break_down(request: InvokeMethodRequest) -> None:
    raise ValueError("out of order")


app.run(int(sys.argv[1]))
