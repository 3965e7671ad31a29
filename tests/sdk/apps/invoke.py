# SPDX-License-Identifier: MIT
"""Invocation calls of the Python SDK. Arguments: the id of an application of the SDK, of one over HTTP."""
import sys
import warnings

import grpc
from dapr.clients import DaprClient

warnings.simplefilter("ignore")
over_grpc, over_http = sys.argv[1:3]
with DaprClient() as client:
    answer = client.invoke_method(over_grpc, "greet", b"bob", content_type="text/plain", metadata=(("x-mine", "1"),))
    print("grpc", answer.text(), answer.content_type, answer.headers["x-app"][0])
    answer = client.invoke_method(over_http, "json", b"bob", content_type="text/plain", http_verb="PUT",
                                  http_querystring=(("a", "1"),))
    print("http", answer.json()["method"], answer.json()["target"], answer.json()["body"])
    for target, method in ((over_grpc, "nothing"), (over_http, "status/404"), ("nobody", "m")):
        try:
            client.invoke_method(target, method, b"", http_verb="POST")
        except grpc.RpcError as error:
            print("failed", error.code().name, error.details())
print("done")
