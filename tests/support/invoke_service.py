# SPDX-License-Identifier: MIT
"""InvokeService of a sidecar, called without any SDK."""
import json

import grpc
import pytest

import grpc_api

POST = 3  # HTTPExtension.Verb


class Answer:
    def __init__(self, data, call):
        message = grpc_api.module("dapr/proto/common/v1/invoke").InvokeResponse.FromString(data)
        self.data, self.content_type = message.data.value, message.content_type
        self.type_url = message.data.type_url
        self.headers, self.trailers = list(call.initial_metadata()), list(call.trailing_metadata())

    def json(self):
        return json.loads(self.data)


def invoke(sidecar, app_id, method, data=b"", verb=POST, query="", content_type="", metadata=(), type_url="", timeout=10):
    request = grpc_api.module("dapr/proto/runtime/v1/invoke").InvokeServiceRequest(id=app_id)
    request.message.method = method
    request.message.content_type = content_type
    if data is not None:
        request.message.data.value = data
        request.message.data.type_url = type_url
    if verb is not None:
        request.message.http_extension.verb = verb
        request.message.http_extension.querystring = query
    with grpc.insecure_channel(f"127.0.0.1:{sidecar.grpc_port}", [("grpc.max_receive_message_length", -1),
                                                                      ("grpc.max_metadata_size", 1 << 20)]) as channel:
        rpc = channel.unary_unary("/dapr.proto.runtime.v1.Dapr/InvokeService")
        return Answer(*rpc.with_call(request.SerializeToString(), metadata=metadata, timeout=timeout))


def refused(*args, **kwargs):
    """(code, text, details, headers, trailers) of a call that fails."""
    with pytest.raises(grpc.RpcError) as caught:
        invoke(*args, **kwargs)
    error = caught.value
    failure = grpc_api.Failure(error)
    return failure.code, failure.text, failure.details, dict(error.initial_metadata()), dict(error.trailing_metadata())
