# SPDX-License-Identifier: MIT
"""The state API over HTTP and over gRPC, with one shape for both, and the stores that the tests run on."""
import base64
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
from grpc_api import Api, Failure, module  # noqa: E402
from redis_server import Redis  # noqa: E402
from sidecar import Sidecar, component  # noqa: E402


def in_memory(folder, request):
    return {}


def redis(folder, request):
    server = Redis(folder)
    request.addfinalizer(server.kill)
    return {"redisHost": f"127.0.0.1:{server.port}"}


def sqlite(folder, request):
    return {"connectionString": str(folder / "state.db"), "cleanupInterval": "1s"}


# A store is a line: its type, and what makes the metadata of its YAML (and a server that it needs).
STORES = {
    "state.in-memory": in_memory,
    "state.redis": redis,
    "state.sqlite": sqlite,
}
SHARED = [kind for kind in STORES if kind != "state.in-memory"]  # several sidecars see one store


def start_store(kind, folder, request, app_id="app", flags=(), env=None, **metadata):
    """A sidecar with the store `kind` named "store"."""
    resources = folder / "resources"
    resources.mkdir(exist_ok=True)
    component(resources, "store", kind, **{**STORES[kind](folder, request), **metadata})
    return Sidecar(app_id, resources, flags=flags, env=env)


class Refused(Exception):
    """kind: "mismatch", "invalid" or "error"; text: what the API says."""

    def __init__(self, kind, text):
        super().__init__(f"{kind}: {text}")
        self.kind, self.text = kind, text


class Value:
    def __init__(self, data, etag, metadata):
        self.data, self.etag, self.metadata = data, etag, metadata


class Http:
    """Values are what JSON holds; texts of values are compared as they come."""
    name = "http"

    def __init__(self, sidecar, store="store"):
        self.sidecar, self.store = sidecar, store

    def _check(self, status, body):
        if status >= 300:
            raise Refused({409: "mismatch", 400: "invalid"}.get(status, "error"), json.loads(body)["message"])

    def save(self, *items):
        body = b"[" + b",".join(self._item(item) for item in items) + b"]"
        status, body, _ = self.sidecar.request("POST", f"/v1.0/state/{self.store}", body)
        self._check(status, body)

    def _item(self, item):
        options = {k: v for k, v in item.items() if k in ("concurrency", "consistency")}
        rest = {k: v for k, v in item.items() if k != "value" and k not in options}
        if options:
            rest["options"] = options
        value = item.get("value", b"null")
        return json.dumps(rest).encode()[:-1] + b',"value":' + value + b"}"

    def get(self, key):
        status, body, headers = self.sidecar.get(f"/v1.0/state/{self.store}/{key}")
        self._check(status, body)
        if status == 204:
            return None
        expires = headers.get("Metadata.ttlexpiretime")
        return Value(body, headers.get("Etag"), {"ttlExpireTime": expires} if expires else {})

    def delete(self, key, etag=None):
        headers = {"If-Match": etag} if etag is not None else {}
        status, body, _ = self.sidecar.request("DELETE", f"/v1.0/state/{self.store}/{key}", headers=headers)
        self._check(status, body)

    def bulk(self, keys, parallelism=0):
        status, body, _ = self.sidecar.request("POST", f"/v1.0/state/{self.store}/bulk", json.dumps(
            {"keys": keys, "parallelism": parallelism}).encode())
        self._check(status, body)
        return {row["key"]: row for row in json.loads(body)}

    def transact(self, *operations):
        body = b'{"operations":[' + b",".join(
            b'{"operation":"%s","request":%s}' % (kind.encode(), self._item(item)) for kind, item in operations) + b"]}"
        status, body, _ = self.sidecar.request("POST", f"/v1.0/state/{self.store}/transaction", body)
        self._check(status, body)

    def close(self):
        pass


class Grpc:
    name = "grpc"

    def __init__(self, sidecar, store="store"):
        self.api, self.store = Api(sidecar.grpc_port), store
        self.m = module("dapr/proto/runtime/v1/state")
        self.c = module("dapr/proto/common/v1/state")

    def _call(self, method, request, response=None):
        try:
            return self.api.call(method, request, response)
        except Failure as failure:
            kinds = {"ABORTED": "mismatch", "INVALID_ARGUMENT": "invalid"}
            raise Refused(kinds.get(failure.code, "error"), failure.text) from None

    def _item(self, item):
        made = self.c.StateItem(key=item["key"], value=item.get("value", b""), metadata=item.get("metadata"))
        if "etag" in item:
            made.etag.value = item["etag"]
        if "concurrency" in item:
            made.options.concurrency = {"first-write": 1, "last-write": 2}[item["concurrency"]]
        if "consistency" in item:
            made.options.consistency = {"eventual": 1, "strong": 2}[item["consistency"]]
        return made

    def save(self, *items):
        self._call("SaveState", self.m.SaveStateRequest(store_name=self.store, states=[self._item(i) for i in items]))

    def get(self, key):
        out = self._call("GetState", self.m.GetStateRequest(store_name=self.store, key=key), self.m.GetStateResponse)
        return Value(out.data, out.etag, dict(out.metadata)) if out.etag or out.data else None

    def delete(self, key, etag=None):
        request = self.m.DeleteStateRequest(store_name=self.store, key=key)
        if etag is not None:
            request.etag.value = etag
        self._call("DeleteState", request)

    def bulk(self, keys, parallelism=0):
        out = self._call("GetBulkState", self.m.GetBulkStateRequest(store_name=self.store, keys=keys,
                                                                   parallelism=parallelism),
                         self.m.GetBulkStateResponse)
        rows = {}
        for item in out.items:
            rows[item.key] = {"key": item.key}
            if item.etag:
                rows[item.key].update(data=json.loads(item.data), etag=item.etag)
            if item.error:
                rows[item.key]["error"] = item.error
            if item.metadata:
                rows[item.key]["metadata"] = dict(item.metadata)
        return rows

    def bulk_delete(self, *items):
        self._call("DeleteBulkState", self.m.DeleteBulkStateRequest(store_name=self.store,
                                                                    states=[self._item(i) for i in items]))

    def transact(self, *operations):
        self._call("ExecuteStateTransaction", self.m.ExecuteStateTransactionRequest(
            storeName=self.store, operations=[self.m.TransactionalStateOperation(
                operationType=kind, request=self._item(item)) for kind, item in operations]))

    def close(self):
        self.api.close()


APIS = {"http": Http, "grpc": Grpc}


def b64(data):
    return base64.b64encode(data).decode()
