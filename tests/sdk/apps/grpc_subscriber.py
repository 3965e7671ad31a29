# SPDX-License-Identifier: MIT
"""A gRPC application: answers as each order asks."""
import json
import sys

from dapr.clients.grpc._response import TopicEventResponse
from dapr.ext.grpc import App

app = App()
seen = {}


def say(line):
    """In one write: handlers run in several threads."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


@app.subscribe(pubsub_name="pubsub", topic="orders", dead_letter_topic="dead")
def handle_order(event) -> TopicEventResponse:
    order = json.loads(event.Data())
    seen[order["id"]] = seen.get(order["id"], 0) + 1
    say(f"Received message: {json.dumps(order)}")
    if order.get("answer") == "drop":
        return TopicEventResponse("drop")
    if order.get("answer") == "retry" and seen[order["id"]] == 1:
        return TopicEventResponse("retry")
    return TopicEventResponse("success")


@app.subscribe(pubsub_name="pubsub", topic="dead")
def handle_dead(event) -> None:
    say(f"Dead letter: {json.dumps(json.loads(event.Data()))}")


app.run(int(sys.argv[1]))
