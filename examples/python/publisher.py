# SPDX-License-Identifier: MIT
"""Publishes orders with the Python SDK."""
import json
import sys

from dapr.clients import DaprClient

with DaprClient() as client:
    for number in range(int(sys.argv[1])):
        order = json.dumps({"id": number, "message": f"order {number}"})
        client.publish_event(pubsub_name="pubsub", topic_name="orders", data=order,
                             data_content_type="application/json")
        print("Published message:", order, flush=True)
