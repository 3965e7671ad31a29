# SPDX-License-Identifier: MIT
"""A gRPC application: answers as each order asks. Arguments: port [certificate key]."""
import json
import pathlib
import sys

import grpc
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


if len(sys.argv) > 2:  # the extension itself offers no TLS
    chain, key = (pathlib.Path(path).read_bytes() for path in sys.argv[2:4])
    credentials = grpc.ssl_server_credentials([(key, chain)])
    app._server.add_insecure_port = lambda address: app._server.add_secure_port(address, credentials)

app.run(int(sys.argv[1]))
