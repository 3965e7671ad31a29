# SPDX-License-Identifier: MIT
"""The routes and models of the tutorial's two services, without what they call: how FastAPI answers."""
import sys
from datetime import datetime, timezone
from uuid import uuid4

import uvicorn
from fastapi import FastAPI, HTTPException
from fastapi.middleware.cors import CORSMiddleware
from pydantic import BaseModel, Field

app = FastAPI()
app.add_middleware(CORSMiddleware, allow_origins=["http://localhost:3000"], allow_credentials=True,
                   allow_methods=["*"], allow_headers=["*"])


class Metadata(BaseModel):
    timestamp: datetime = Field(default_factory=lambda: datetime.now(timezone.utc))
    session_id: str = Field(default_factory=lambda: str(uuid4()))


class Message(BaseModel):
    user_id: str
    text: str
    metadata: Metadata | None = None
    tags: list[str] | None = None


@app.get("/users/{user_id}")
async def get_user(user_id: str, role: str | None = None):
    return {"user_id": user_id, "role": role if role else "guest"}


@app.post("/chat/")
async def chat(message: Message):
    if not message.text.strip():
        raise HTTPException(status_code=400, detail="Message text cannot be empty")


@app.post("/analytics/{user_id}/initialize")
async def initialize_message_count(user_id: str, message_count: int):
    pass


@app.post("/messages")
async def handle_message_sent(event: dict):
    return {"status": "ignored"}

uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
