# SPDX-License-Identifier: MIT
"""Calls of service Dapr with messages made from proto/ as it is: protoc writes descriptors, so there is no
generated code to keep."""
import functools
import pathlib
import subprocess
import tempfile

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

PROTO = pathlib.Path(__file__).resolve().parents[2] / "proto"
PACKAGE = "dapr.proto.runtime.v1."


@functools.cache
def pool():
    with tempfile.NamedTemporaryFile() as out:
        subprocess.run(["protoc", f"-I{PROTO}", "--include_imports", f"--descriptor_set_out={out.name}",
                        "google/protobuf/wrappers.proto",
                        *(str(path.relative_to(PROTO)) for path in PROTO.rglob("*.proto"))], check=True, cwd=PROTO)
        files = descriptor_pb2.FileDescriptorSet.FromString(out.read())
    made = descriptor_pool.DescriptorPool()
    for file in files.file:
        made.Add(file)
    return made


def message(name, fields=None):
    """An empty message of the package, or one filled from a dictionary as protobuf's JSON has it."""
    made = message_factory.MessageFactory(pool()).GetPrototype(pool().FindMessageTypeByName(PACKAGE + name))()
    return json_format.ParseDict(fields or {}, made, descriptor_pool=pool())


class Refused(Exception):
    def __init__(self, error):
        super().__init__(f"{error.code().name}: {error.details()}")
        self.code = error.code().name
        self.text = error.details()
        self.has_details = any(key == "grpc-status-details-bin" for key, _ in error.trailing_metadata())


def call(port, rpc, request, answer, fields=None, metadata=(), timeout=10):
    """The answer as a dictionary, 64-bit numbers as text and zero values left out; or Refused."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        method = channel.unary_unary(f"/{PACKAGE}Dapr/{rpc}")
        try:
            data = method(message(request, fields).SerializeToString(), timeout=timeout, metadata=metadata)
        except grpc.RpcError as error:
            raise Refused(error) from None
    made = message(answer)
    made.ParseFromString(data)
    return json_format.MessageToDict(made, descriptor_pool=pool())
