# SPDX-License-Identifier: MIT
"""Calls the gRPC API of a sidecar with messages made from proto/, without any SDK."""
import functools
import importlib
import pathlib
import subprocess
import sys
import tempfile

import grpc

PROTO = pathlib.Path(__file__).resolve().parents[2] / "proto"


@functools.lru_cache
def _generated():
    out = tempfile.mkdtemp(prefix="proto-")
    files = [str(p.relative_to(PROTO)) for p in PROTO.rglob("*.proto")]
    subprocess.run(["protoc", f"--python_out={out}", "-I", str(PROTO), *files], check=True, cwd=PROTO)
    sys.path.insert(0, out)


def module(name):
    """The generated module of proto/NAME.proto: module("dapr/proto/runtime/v1/state")."""
    _generated()
    return importlib.import_module(name.replace("/", ".") + "_pb2")


class Failure(Exception):
    """What a call was answered with: .code ("ABORTED"), .text, .details (unpacked messages, in order)."""

    def __init__(self, error):
        self.code, self.text, self.details = error.code().name, error.details(), []
        status = module("google/rpc/status")
        for key, value in error.trailing_metadata():
            if key == "grpc-status-details-bin":
                for detail in status.Status.FromString(value).details:
                    message = getattr(status, detail.type_url.rsplit(".", 1)[1])()
                    detail.Unpack(message)
                    self.details.append(message)
        super().__init__(f"{self.code}: {self.text}")


class Api:
    def __init__(self, port, service="dapr.proto.runtime.v1.Dapr"):
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}",
                                             [("grpc.max_receive_message_length", -1)])
        self.service = service

    def call(self, method, request, response, metadata=(), timeout=20):
        rpc = self.channel.unary_unary(f"/{self.service}/{method}", type(request).SerializeToString,
                                       response.FromString if response else lambda data: data)
        try:
            return rpc(request, timeout=timeout, metadata=metadata)
        except grpc.RpcError as error:
            raise Failure(error) from None

    def close(self):
        self.channel.close()
