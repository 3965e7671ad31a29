# SPDX-License-Identifier: MIT
"""Calls the gRPC API of a sidecar with messages made from proto/, without any SDK. From the least to write to the most
to say: `ask` takes and gives dictionaries, `Api.call` messages, `call_bytes` bytes."""
import functools
import importlib
import pathlib
import subprocess
import sys
import tempfile

import grpc
from google.protobuf import descriptor_pool, json_format, wrappers_pb2  # noqa: F401 (what an Any may hold)

PROTO = pathlib.Path(__file__).resolve().parents[2] / "proto"
PACKAGE = "dapr.proto.runtime.v1"
FOLDER = PACKAGE.replace(".", "/")
DAPR = f"/{PACKAGE}.Dapr/"


@functools.cache
def _generate():
    out = tempfile.mkdtemp(prefix="proto-")
    files = [str(p.relative_to(PROTO)) for p in PROTO.rglob("*.proto")]
    subprocess.run(["protoc", f"--python_out={out}", "-I", str(PROTO), *files], check=True, cwd=PROTO)
    sys.path.insert(0, out)


def module(name):
    """The generated module of proto/NAME.proto: module("dapr/proto/runtime/v1/state")."""
    _generate()
    return importlib.import_module(name.replace("/", ".") + "_pb2")


def _class(described):
    return getattr(module(described.file.name.removesuffix(".proto")), described.name)


def message(name, fields=None):
    """A message of services Dapr and AppCallback, filled from a dictionary as protobuf's JSON has it."""
    module(FOLDER + "/dapr")
    module(FOLDER + "/appcallback")
    described = descriptor_pool.Default().FindMessageTypeByName(f"{PACKAGE}.{name}")
    return json_format.ParseDict(fields or {}, _class(described)())


class Failure(Exception):
    """What a call was answered with: .code ("ABORTED"), .text, .details (unpacked messages, in order)."""

    def __init__(self, error):
        self.code, self.text, self.details = error.code().name, error.details(), []
        status = module("google/rpc/status")
        for key, value in error.trailing_metadata():
            if key == "grpc-status-details-bin":
                for detail in status.Status.FromString(value).details:
                    unpacked = getattr(status, detail.type_url.rsplit(".", 1)[1])()
                    detail.Unpack(unpacked)
                    self.details.append(unpacked)
        super().__init__(f"{self.code}: {self.text}")


class Api:
    def __init__(self, port, service=PACKAGE + ".Dapr"):
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


def call_bytes(port, path, data=b"", metadata=()):
    """The answer of any rpc, as it came; `metadata`: pairs of name (lower case) and value."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        try:
            return channel.unary_unary(path)(data, metadata=metadata, timeout=20)
        except grpc.RpcError as error:
            raise Failure(error) from None


def ask(port, rpc, fields=None, metadata=()):
    """The answer of service Dapr as a dictionary, 64-bit numbers as text and zero values left out."""
    kind = module(FOLDER + "/dapr").DESCRIPTOR.services_by_name["Dapr"].methods_by_name[rpc]
    request = json_format.ParseDict(fields or {}, _class(kind.input_type)())
    data = call_bytes(port, DAPR + rpc, request.SerializeToString(), metadata)
    return json_format.MessageToDict(_class(kind.output_type).FromString(data))
