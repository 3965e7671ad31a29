# SPDX-License-Identifier: MIT
"""gRPC server reflection: a client that knows nothing can find, build and call the rpcs."""
import pathlib
import sys

import grpc
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
from grpc_api import DAPR, call_bytes  # noqa: E402
from sidecar import Sidecar, component  # noqa: E402

# Numbers of the fields of a request.
BY_NAME, BY_SYMBOL, EXTENSIONS_OF, SERVICES = 3, 4, 6, 7


def field(number, value):
    return bytes([number << 3 | 2]) + varint(len(value)) + value


def varint(n):
    out = b""
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


def fields(data):
    """{number: [values]} of a message; numbers and bytes."""
    found, at = {}, 0

    def number():
        nonlocal at
        n = shift = 0
        while True:
            byte = data[at]
            at += 1
            n |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return n
    while at < len(data):
        tag = number()
        value = number()
        if tag & 7 == 2:
            at += value
            value = data[at - value:at]
        found.setdefault(tag >> 3, []).append(value)
    return found


def ask(sidecar, version, *requests, metadata=()):
    """The answers, each as fields."""
    with grpc.insecure_channel(f"127.0.0.1:{sidecar.grpc_port}") as channel:
        stream = channel.stream_stream(f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo")
        answers = stream(iter([field(number, text.encode()) for number, text in requests]), timeout=10, metadata=metadata)
        return [fields(answer) for answer in answers]


def files_of(answer):
    return [descriptor_pb2.FileDescriptorProto.FromString(raw) for raw in fields(answer[4][0])[1]]


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test_services_are_listed_and_their_files_complete(tmp_path, version):
    one = Sidecar("a", component(tmp_path))
    listed, dapr, again = ask(one, version, (SERVICES, ""), (BY_SYMBOL, "dapr.proto.runtime.v1.Dapr"),
                              (BY_NAME, "dapr/proto/runtime/v1/pubsub.proto"))
    names = [fields(service)[1][0].decode() for service in fields(listed[6][0])[1]]
    assert names == ["dapr.proto.runtime.v1.Dapr", "grpc.reflection.v1.ServerReflection",
                     "grpc.reflection.v1alpha.ServerReflection"]
    pool = descriptor_pool.DescriptorPool()
    for file in files_of(dapr):  # each behind what it imports, or this fails
        pool.Add(file)
    assert [file.name for file in files_of(again)] == ["dapr/proto/runtime/v1/pubsub.proto"]
    rpc = pool.FindServiceByName("dapr.proto.runtime.v1.Dapr").methods_by_name["PublishEvent"]
    request = message_factory.MessageFactory(pool).GetPrototype(rpc.input_type)(
        pubsub_name="pubsub", topic="t", data=b"1")
    assert call_bytes(one.grpc_port, DAPR + "PublishEvent", request.SerializeToString()) == b""
    assert one.stop() == 0


def test_what_is_not_there_is_said_and_the_stream_goes_on(tmp_path):
    one = Sidecar("a", component(tmp_path))
    answers = ask(one, "v1", (BY_SYMBOL, "no.Such"), (BY_NAME, "no/such.proto"), (EXTENSIONS_OF, "no.Such"),
                  (EXTENSIONS_OF, "dapr.proto.runtime.v1.GetStateRequest"), (SERVICES, ""))
    errors = [fields(answer[7][0]) for answer in answers[:3]]
    assert [error[1] for error in errors] == [[5]] * 3 and errors[0][2] == [b"not found: no.Such"]
    assert fields(answers[3][5][0]) == {1: [b"dapr.proto.runtime.v1.GetStateRequest"]} and 6 in answers[4]
    assert one.stop() == 0


def test_reflection_asks_for_the_token(tmp_path):
    one = Sidecar("a", component(tmp_path), env={"DAPR_API_TOKEN": "right"})
    with pytest.raises(grpc.RpcError) as refused:
        ask(one, "v1", (SERVICES, ""))
    assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED
    assert ask(one, "v1", (SERVICES, ""), metadata=[("dapr-api-token", "right")])
    assert one.stop() == 0
