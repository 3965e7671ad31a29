# SPDX-License-Identifier: MIT
"""A gRPC application with a bulk subscription, on the SDK's own stubs. Arguments: port, alpha|stable."""
import sys
from concurrent import futures

import grpc
from dapr.proto.runtime.v1 import appcallback_pb2 as pb
from dapr.proto.runtime.v1 import appcallback_pb2_grpc as service

Status = pb.TopicEventResponse.TopicEventResponseStatus


def handle(request):
    response = pb.TopicEventBulkResponse()
    print("Batch:", len(request.entries), request.path, flush=True)
    for entry in request.entries:
        print("Received message:", '{"id": %s}' % entry.cloud_event.data.decode(), flush=True)
        response.statuses.add(entry_id=entry.entry_id, status=Status.SUCCESS)
    return response


class App(service.AppCallbackServicer):
    def ListTopicSubscriptions(self, request, context):
        bulk = pb.BulkSubscribeConfig(enabled=True, max_messages_count=10, max_await_duration_ms=100)
        topic = pb.TopicSubscription(pubsub_name="pubsub", topic="orders", bulk_subscribe=bulk,
                                     routes=pb.TopicRoutes(default="/orders"))
        return pb.ListTopicSubscriptionsResponse(subscriptions=[topic])

    def ListInputBindings(self, request, context):
        return pb.ListInputBindingsResponse()


class Stable(App):
    def OnBulkTopicEvent(self, request, context):
        return handle(request)


class Alpha(service.AppCallbackAlphaServicer):
    def OnBulkTopicEventAlpha1(self, request, context):
        return handle(request)


server = grpc.server(futures.ThreadPoolExecutor(max_workers=2))
if sys.argv[2] == "stable" and hasattr(service.AppCallbackServicer, "OnBulkTopicEvent"):
    service.add_AppCallbackServicer_to_server(Stable(), server)
else:
    service.add_AppCallbackServicer_to_server(App(), server)
    service.add_AppCallbackAlphaServicer_to_server(Alpha(), server)
server.add_insecure_port(f"127.0.0.1:{sys.argv[1]}")
server.start()
server.wait_for_termination()
