# SPDX-License-Identifier: MIT
"""A small server with the shape of OpenAI's chat completions API, for tests: answers as it is told."""
import http.server
import json
import select
import socket
import ssl
import threading


def completion(content="hello", calls=(), reason=None, model="test-model", usage=(3, 2)):
    message = {"role": "assistant", "content": content}
    if calls:
        message["tool_calls"] = [{"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
                                 for call_id, name, arguments in calls]
    return {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": model,
            "choices": [{"index": 0, "message": message, "logprobs": None,
                         "finish_reason": reason or ("tool_calls" if calls else "stop")}],
            "usage": {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)}}


def refusal(message, kind="invalid_request_error", code=None):
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


class OpenAI:
    """`answer(body)` gives a status and a body: JSON, or bytes as they are, or a function that is called with the
    handler and writes the answer itself."""

    def __init__(self, answer=None, certificate=None):
        self.requests = []      # (path, headers, body)
        self.connections = 0
        self.gone = threading.Event()
        self.answer = answer or (lambda body: (200, completion()))
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                super().setup()
                server.connections += 1

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                server.requests.append((self.path, dict(self.headers), body))
                status, answer = server.answer(body)
                if callable(answer):
                    answer(self)
                    return
                data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        self.url = f"http{'s' if certificate else ''}://127.0.0.1:{self.port}/v1"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def wait_for_end(self, handler):
        """An answer that never comes: notes when the client goes away."""
        readable, _, _ = select.select([handler.connection], [], [], 20)
        if readable and handler.connection.recv(1, socket.MSG_PEEK) == b"":
            self.gone.set()
        handler.close_connection = True

    def close(self):
        self.server.shutdown()
        self.server.server_close()
