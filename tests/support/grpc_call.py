# SPDX-License-Identifier: MIT
"""Unary gRPC calls with raw protobuf bytes, so that no generated code is needed."""
import grpc

DAPR = "/dapr.proto.runtime.v1.Dapr/"


class Answer:
    def __init__(self, status, text, details=b"", message=b""):
        self.status = status    # number of the code
        self.text = text
        self.details = details  # google.rpc.Status, encoded
        self.message = message


def call(port, path, message=b"", headers=()):
    """`headers`: pairs of name (lower case) and value."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        try:
            return Answer(0, "", message=channel.unary_unary(path)(message, metadata=headers, timeout=10))
        except grpc.RpcError as error:
            details = dict(error.trailing_metadata()).get("grpc-status-details-bin", b"")
            return Answer(error.code().value[0], error.details(), details)
