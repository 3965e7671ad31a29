# SPDX-License-Identifier: MIT
"""Receives orders with the SDK's FastAPI extension."""
import json
import sys

import uvicorn
from dapr.ext.fastapi import DaprApp
from fastapi import FastAPI

app = FastAPI()
dapr_app = DaprApp(app)


@dapr_app.subscribe(pubsub="pubsub", topic="orders")
async def handle_order(event_data: dict):
    print("Received message:", json.dumps(event_data.get("data")), flush=True)


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]))
