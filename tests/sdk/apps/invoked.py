# SPDX-License-Identifier: MIT
"""A gRPC application of the Python SDK with methods to invoke. Argument: port."""
import sys

from dapr.ext.grpc import App, InvokeMethodRequest, InvokeMethodResponse

app = App()


@app.method(name="greet")
def greet(request: InvokeMethodRequest) -> InvokeMethodResponse:
    sys.stdout.write(f"greet {request.text()} {request.content_type} {dict(request.metadata).get('x-mine')}\n")
    sys.stdout.flush()
    return InvokeMethodResponse(b'{"hello":"' + request.data + b'"}', "application/json",
                                headers=(("x-app", "one"),))


app.run(int(sys.argv[1]))
