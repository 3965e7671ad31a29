# SPDX-License-Identifier: MIT
"""A gRPC application: service AppCallback by hand, so that every answer can be given, none too."""
import concurrent.futures

import grpc
from google.protobuf import empty_pb2
from grpc_api import module

RUNTIME = "dapr.proto.runtime.v1."


class GrpcApp:
    """`event(request, context)` and `bulk(request, context)` answer a status number (bulk: one an entry), or
    nothing after context.abort. A handler that is None is not there: UNIMPLEMENTED."""

    def __init__(self, subscriptions=(), event=lambda request, context: 0, bulk=None, alpha_bulk=None):
        self.messages = module("dapr/proto/runtime/v1/appcallback")
        self.subscriptions = [dict(s) for s in subscriptions]
        self.received = []  # (rpc, request, metadata)
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(8))
        m = self.messages
        rpcs = {RUNTIME + "AppCallback": {
            "ListTopicSubscriptions": (empty_pb2.Empty, self._list),
            "OnTopicEvent": event and (m.TopicEventRequest, self._keeping("OnTopicEvent", lambda request, context:
                                       m.TopicEventResponse(status=event(request, context)))),
            "OnBulkTopicEvent": bulk and (m.TopicEventBulkRequest, self._bulk("OnBulkTopicEvent", bulk))},
            RUNTIME + "AppCallbackAlpha": {
            "OnBulkTopicEventAlpha1": alpha_bulk and (m.TopicEventBulkRequest,
                                                      self._bulk("OnBulkTopicEventAlpha1", alpha_bulk))}}
        for service, handlers in rpcs.items():
            self.server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(service, {
                name: grpc.unary_unary_rpc_method_handler(run, request.FromString, lambda answer: answer.SerializeToString())
                for name, (request, run) in ((n, h) for n, h in handlers.items() if h)})])
        self.port = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()

    def _keeping(self, name, run):
        def kept(request, context):
            self.received.append((name, request, dict(context.invocation_metadata())))
            return run(request, context)
        return kept

    def _bulk(self, name, run):
        def answer(request, context):
            statuses = run(request, context)
            return self.messages.TopicEventBulkResponse(statuses=[
                {"entry_id": entry, "status": status} for entry, status in statuses])
        return self._keeping(name, answer)

    def _list(self, request, context):
        self.received.append(("ListTopicSubscriptions", request, dict(context.invocation_metadata())))
        return self.messages.ListTopicSubscriptionsResponse(subscriptions=self.subscriptions)

    def events(self):
        return [request for name, request, _ in list(self.received) if name == "OnTopicEvent"]

    def close(self):
        self.server.stop(None).wait()
