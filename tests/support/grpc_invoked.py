# SPDX-License-Identifier: MIT
"""An application over gRPC: AppCallback.OnInvoke, and a service pkg.Echo with all four kinds of call. Messages of
pkg.Echo are plain bytes."""
import json
import threading
from concurrent import futures

import grpc
from google.protobuf import any_pb2

from grpc_api import module

ERROR_INFO = "type.googleapis.com/google.rpc.ErrorInfo"


def details():
    """A packed google.rpc.Status as applications send it."""
    status = module("google/rpc/status")
    info = any_pb2.Any(type_url=ERROR_INFO,
                       value=status.ErrorInfo(reason="APP", domain="app").SerializeToString())
    return status.Status(code=9, message="app says no", details=[info]).SerializeToString()


class InvokedApp:
    def __init__(self):
        self.common = module("dapr/proto/common/v1/invoke")
        self.seen = []  # (metadata, request) of each OnInvoke
        self.cancelled = threading.Event()
        self.calls = {}  # metadata of the last call of each method of pkg.Echo
        self.deadline = None
        self.server = grpc.server(futures.ThreadPoolExecutor(8))
        raw = dict(request_deserializer=None, response_serializer=None)
        self.server.add_generic_rpc_handlers((
            grpc.method_handlers_generic_handler("dapr.proto.runtime.v1.AppCallback", {
                "OnInvoke": grpc.unary_unary_rpc_method_handler(
                    self.on_invoke, self.common.InvokeRequest.FromString,
                    self.common.InvokeResponse.SerializeToString)}),
            grpc.method_handlers_generic_handler("pkg.Echo", {
                "Unary": grpc.unary_unary_rpc_method_handler(self.unary, **raw),
                "Fail": grpc.unary_unary_rpc_method_handler(self.fail, **raw),
                "Up": grpc.stream_unary_rpc_method_handler(self.up, **raw),
                "Down": grpc.unary_stream_rpc_method_handler(self.down, **raw),
                "Both": grpc.stream_stream_rpc_method_handler(self.both, **raw),
                "Wait": grpc.unary_stream_rpc_method_handler(self.wait, **raw)})))
        self.port = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()

    def on_invoke(self, request, context):
        self.seen.append((list(context.invocation_metadata()), request))
        if request.method == "slow":
            gone = threading.Event()
            context.add_callback(gone.set)
            gone.wait(20)
        if request.method == "fail":
            context.send_initial_metadata((("x-app-hdr", "h1"),))
            context.set_trailing_metadata((("x-err-trailer", "et"), ("grpc-status-details-bin", details())))
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, "app says no")
        context.send_initial_metadata((("x-app-hdr", "h1"), ("x-app-bin", b"\x00\x01")))
        context.set_trailing_metadata((("x-trailer", "t1"),))
        said = json.dumps({"method": request.method, "length": len(request.data.value)}).encode()
        return self.common.InvokeResponse(data=any_pb2.Any(value=said), content_type="application/json")

    def note(self, name, context):
        self.calls[name] = list(context.invocation_metadata())
        self.deadline = context.time_remaining()
        context.send_initial_metadata((("x-head", "h"), ("x-head-bin", b"\xff\x00")))
        context.set_trailing_metadata((("x-tail", "t"),))

    def unary(self, request, context):
        self.note("Unary", context)
        return b"<" + request + b">"

    def fail(self, request, context):
        context.set_trailing_metadata((("x-tail", "t"), ("grpc-status-details-bin", details())))
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "app says no")

    def up(self, requests, context):
        self.note("Up", context)
        return b"|".join(requests)

    def down(self, request, context):
        self.note("Down", context)
        for n in range(int(request)):
            yield str(n).encode()

    def both(self, requests, context):
        self.note("Both", context)
        for request in requests:
            yield request[::-1]

    def wait(self, request, context):
        self.note("Wait", context)
        context.add_callback(self.cancelled.set)
        yield b"first"
        self.cancelled.wait(30)

    def close(self):
        self.server.stop(0).wait()
