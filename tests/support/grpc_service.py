# SPDX-License-Identifier: MIT
"""A gRPC application: AppCallback.OnInvoke, and a service of its own whose messages are bytes as they come."""
import concurrent.futures
import json
import threading

import grpc

import grpc_api

ECHO = "/test.Echo/"


def long_message(length):
    return "".join(f"{n} ü; " for n in range(length))[:length]


class GrpcApp:
    """OnInvoke answers what it got as JSON; a method "fail" refuses with details, "fail-long" at length, "hang" waits
    for the end.

    test.Echo: Unary, ServerStream ("count size" as text), ClientStream (the lengths), Bidi (each message back),
    Metadata (what came, as JSON), Fail (with trailers and details), FailLong (a message of so many bytes), Hang."""

    def __init__(self, name="grpc-app", credentials=None):
        self.name = name
        self.calls = []  # (path, metadata)
        self.hanging = threading.Event()
        self.cancelled = threading.Event()  # a call was given up
        self.ended = threading.Event()  # Bidi, in whatever way
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(20), [self],
                                  options=[("grpc.max_receive_message_length", -1),
                                           ("grpc.max_send_message_length", -1)])
        address = "127.0.0.1:0"
        self.port = (self.server.add_secure_port(address, credentials) if credentials
                     else self.server.add_insecure_port(address))
        self.server.start()

    def close(self):
        self.server.stop(0).wait()

    # grpc.GenericRpcHandler without its base class
    def service(self, details):
        self.calls.append((details.method, [(key, value) for key, value in details.invocation_metadata]))
        if details.method == "/dapr.proto.runtime.v1.AppCallback/OnInvoke":
            return grpc.unary_unary_rpc_method_handler(self.on_invoke)
        kinds = {"Unary": grpc.unary_unary_rpc_method_handler, "Fail": grpc.unary_unary_rpc_method_handler,
                 "FailLong": grpc.unary_unary_rpc_method_handler,
                 "Metadata": grpc.unary_unary_rpc_method_handler, "Hang": grpc.unary_unary_rpc_method_handler,
                 "ServerStream": grpc.unary_stream_rpc_method_handler,
                 "FailLate": grpc.unary_stream_rpc_method_handler,
                 "ClientStream": grpc.stream_unary_rpc_method_handler, "Bidi": grpc.stream_stream_rpc_method_handler}
        name = details.method.removeprefix(ECHO)
        return kinds[name](getattr(self, name)) if name in kinds else None

    def metadata_of(self, path):
        return next(metadata for called, metadata in reversed(self.calls) if called == path)

    # ---- AppCallback ----

    def on_invoke(self, data, context):
        common = grpc_api.module("dapr/proto/common/v1/invoke")
        request = common.InvokeRequest.FromString(data)
        context.send_initial_metadata([("x-app", self.name), ("x-app", "again"), ("x-raw-bin", b"\x00\xff")])
        context.set_trailing_metadata([("x-end", "trailer"), ("x-end-bin", b"\x01")])
        if request.method == "fail":
            self.refuse(context)
        if request.method == "fail-long":
            self.refuse_at_length(context, request.data.value)
        if request.method == "hang":
            self.hang(context)
        if request.method == "size":
            answer = common.InvokeResponse(content_type="application/octet-stream")
            answer.data.value = b"x" * int(request.data.value)
            return answer.SerializeToString()
        answer = common.InvokeResponse(content_type="application/json")
        answer.data.value = json.dumps({
            "app": self.name, "method": request.method, "data": request.data.value.decode(),
            "content_type": request.content_type, "has_data": request.HasField("data"),
            "type_url": request.data.type_url,
            "verb": request.http_extension.verb if request.HasField("http_extension") else None,
            "query": request.http_extension.querystring}).encode()
        return answer.SerializeToString()

    # ---- test.Echo ----

    def Unary(self, data, context):
        context.send_initial_metadata([("x-app", self.name), ("x-raw-bin", b"\x00\xff")])
        context.set_trailing_metadata([("x-end", "trailer"), ("x-end-bin", b"\x01\x02")])
        return data

    def Metadata(self, data, context):
        return json.dumps([(key, value if isinstance(value, str) else value.hex())
                           for key, value in context.invocation_metadata()] +
                          [("remaining", context.time_remaining())]).encode()

    def Fail(self, data, context):
        context.set_trailing_metadata([("x-end", "trailer")])
        self.refuse(context)

    def refuse(self, context):
        rpc = grpc_api.module("google/rpc/status")
        status = rpc.Status(code=grpc.StatusCode.FAILED_PRECONDITION.value[0], message="app says no")
        status.details.add().Pack(rpc.ErrorInfo(reason="APP", domain="app"))
        context.set_trailing_metadata([("x-end", "trailer"),
                                       ("grpc-status-details-bin", status.SerializeToString())])
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "app says no")

    def FailLong(self, data, context):
        self.refuse_at_length(context, data)

    def refuse_at_length(self, context, data):
        """With a message of so many bytes, which are not all the same."""
        context.abort(grpc.StatusCode.ABORTED, long_message(int(data)))

    def watch(self, context):
        """Call what this returns before the last message: a call that ends sooner was cancelled."""
        is_complete = threading.Event()
        if not context.add_callback(lambda: is_complete.is_set() or self.cancelled.set()):
            self.cancelled.set()  # it ended before it came here
        return is_complete.set

    def hang(self, context):
        self.watch(context)
        self.hanging.set()
        self.cancelled.wait(60)

    def Hang(self, data, context):
        self.hang(context)
        return b""

    def ServerStream(self, data, context):
        count, size = map(int, data.split())
        context.set_trailing_metadata([("x-count", str(count))])
        complete = self.watch(context)
        for n in range(count):
            if n == count - 1:
                complete()
            yield n.to_bytes(4, "big") + b"y" * (size - 4)

    def FailLate(self, data, context):
        yield b"one"
        self.Fail(data, context)

    def ClientStream(self, messages, context):
        lengths = [len(message) for message in messages]
        return f"{len(lengths)} {sum(lengths)}".encode()

    def Bidi(self, messages, context):
        context.add_callback(self.ended.set)
        yield from messages
