# SPDX-License-Identifier: MIT
"""Every state call of the client; prints one line per finding. state.py STORE [query]"""
import json
import sys

from dapr.clients import DaprClient
from dapr.clients.exceptions import DaprGrpcError
from dapr.clients.grpc._request import TransactionalStateOperation, TransactionOperationType
from dapr.clients.grpc._state import Concurrency, Consistency, StateItem, StateOptions

store = sys.argv[1]


def say(*words):
    print(*words, flush=True)


with DaprClient() as client:
    client.wait(5)
    client.save_state(store, "name", "bob", state_metadata={"contentType": "text/plain"})
    first = client.get_state(store, "name")
    say("saved", first.text(), bool(first.etag))
    client.save_state(store, "name", "alice", etag=first.etag,
                      options=StateOptions(concurrency=Concurrency.first_write, consistency=Consistency.strong))
    say("updated", client.get_state(store, "name").text())
    try:
        client.save_state(store, "name", "eve", etag=first.etag, options=StateOptions(concurrency=Concurrency.first_write))
    except DaprGrpcError as error:
        say("stale", error.code().name, error.details().startswith(
            f"failed saving state in state store {store}: possible etag mismatch. error from state store"))
    client.save_state(store, "json", json.dumps({"n": 12345678901234567890}), state_metadata={
        "contentType": "application/json", "ttlInSeconds": "100"})
    say("json", client.get_state(store, "json").json()["n"])
    client.save_bulk_state(store, [StateItem(key=f"bulk{n}", value=str(n)) for n in range(5)])
    items = client.get_bulk_state(store, [f"bulk{n}" for n in range(6)], parallelism=3).items
    say("bulk", sorted((item.key, item.text(), item.error) for item in items))
    client.execute_state_transaction(store, [
        TransactionalStateOperation(operation_type=TransactionOperationType.upsert, key="t", data="1"),
        TransactionalStateOperation(operation_type=TransactionOperationType.delete, key="bulk0")])
    say("transaction", client.get_state(store, "t").text(), repr(client.get_state(store, "bulk0").text()))
    client.delete_state(store, "name", etag=client.get_state(store, "name").etag)
    say("deleted", repr(client.get_state(store, "name").data))
    try:
        client.get_state("nowhere", "x")
    except DaprGrpcError as error:
        say("unknown", error.code().name, error.details(), error.error_code())
    if "query" in sys.argv:
        for n in range(4):
            client.save_state(store, f"q{n}", json.dumps({"n": n}), state_metadata={"contentType": "application/json"})
        found = client.query_state(store, json.dumps({"filter": {"GTE": {"n": 1}}, "sort": [{"key": "n", "order": "DESC"}],
                                                      "page": {"limit": 2}}))
        say("query", [item.key for item in found.results], found.token)
    say("done")
