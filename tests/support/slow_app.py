# SPDX-License-Identifier: MIT
"""An application that takes any number of events at once and answers none before it is told to."""
import asyncio
import json
import threading


class SlowApp:
    def __init__(self, subscriptions, reply=lambda body: {}):
        self.subscriptions, self.reply = subscriptions, reply
        self.held = []       # paths of the events that wait for an answer
        self.most_held = 0
        self.done = []       # bodies of those that were answered
        self.loop = asyncio.new_event_loop()
        self.released = asyncio.Event()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.server = self.run(self.listen())
        self.port = self.server.sockets[0].getsockname()[1]

    def run(self, work):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(10)

    async def listen(self):
        return await asyncio.start_server(self.serve, "127.0.0.1", 0, backlog=2048)

    async def serve(self, reader, writer):
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                method, path = head.split(" ", 2)[:2]
                length = next((int(line.split(":")[1]) for line in head.split("\r\n")
                               if line.lower().startswith("content-length:")), 0)
                status, answer = await self.answer(method, path, await reader.readexactly(length))
                writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(answer)}\r\n\r\n".encode() + answer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            writer.close()

    async def answer(self, method, path, body):
        if method == "GET":
            known = path == "/dapr/subscribe"
            return (200, json.dumps(self.subscriptions).encode()) if known else (404, b"")
        self.held.append(path)
        self.most_held = max(self.most_held, len(self.held))
        await self.released.wait()
        self.held.remove(path)
        self.done.append(body)
        return 200, json.dumps(self.reply(body)).encode()

    def release(self):
        self.loop.call_soon_threadsafe(self.released.set)

    def close(self):
        self.run(self.end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()

    async def end(self):
        self.server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
