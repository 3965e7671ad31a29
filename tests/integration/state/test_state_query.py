# SPDX-License-Identifier: MIT
"""The query API (alpha): state.in-memory, and state.redis where the server has the JSON and search modules."""
import json

import pytest

from grpc_api import Api, Failure, module
from redis_json import RedisJson, parts
from state_client import Http, Refused, component
from sidecar import Sidecar, wait_until

PEOPLE = {"1": {"person": {"org": "Dev Ops", "id": 1036}, "city": "Seattle", "state": "WA"},
          "2": {"person": {"org": "Hardware", "id": 1028}, "city": "Portland", "state": "OR"},
          "3": {"person": {"org": "Finance", "id": 1071}, "city": "Sacramento", "state": "CA"},
          "4": {"person": {"org": "Dev Ops", "id": 1042}, "city": "Spokane", "state": "WA"},
          "5": {"person": {"org": "Hardware", "id": 1007}, "city": "Los Angeles", "state": "CA"}}
INDEXES = [{"name": "people", "indexes": [{"key": "person.org", "type": "TEXT"}, {"key": "person.id", "type": "NUMERIC"},
                                          {"key": "state", "type": "TEXT"}, {"key": "city", "type": "TAG"}]}]
NEEDS_MODULES = pytest.mark.skipif(parts() is None, reason="the wheels of build/sdk/redis-json are not installed")


@pytest.fixture(scope="module")
def json_redis(tmp_path_factory):
    server = RedisJson(tmp_path_factory.mktemp("redis"))
    yield server
    server.kill()


@pytest.fixture(scope="module", params=["state.in-memory", pytest.param("state.redis", marks=NEEDS_MODULES)])
def store(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    metadata = {}
    if request.param == "state.redis":
        server = request.getfixturevalue("json_redis")
        server.cli("FLUSHALL")
        metadata = {"redisHost": f"127.0.0.1:{server.port}", "queryIndexes": json.dumps(INDEXES)}
    component(folder, "store", request.param, **metadata)
    sidecar = Sidecar("app1", folder)
    if request.param == "state.redis":
        wait_until(lambda: server.cli("FT._LIST") == "people", "the index is made")
    http = Http(sidecar)
    http.save(*({"key": key, "value": json.dumps(value).encode(), "metadata": {"contentType": "application/json"}}
                for key, value in PEOPLE.items()))
    if request.param == "state.redis":  # what others have in the same index
        server.cli("JSON.SET", "app2||9", "$", '{"data":{"state":"WA","person":{"id":1}},"version":1}')
    yield http
    assert sidecar.stop() == 0, "\n".join(sidecar.log)


def query(store, document):
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    status, body, _ = store.sidecar.request("POST", "/v1.0-alpha1/state/store/query?metadata.queryIndexName=people", body)
    if status == 204:
        return [], None
    if status != 200:
        raise Refused("error", json.loads(body)["message"])
    assert body.endswith(b"}\n")
    answer = json.loads(body)
    for row in answer["results"]:
        assert row["data"] == PEOPLE[row["key"]] and row["etag"]
    return [row["key"] for row in answer["results"]], answer.get("token")


@pytest.mark.parametrize("filter,found", [
    ({"EQ": {"state": "CA"}}, "35"), ({"EQ": {"person.org": "Dev Ops"}}, "14"), ({"EQ": {"person.id": 1028}}, "2"),
    ({"EQ": {"city": "Los Angeles"}}, "5"), ({"NEQ": {"state": "CA"}}, "124"), ({"GT": {"person.id": 1036}}, "34"),
    ({"GTE": {"person.id": 1036}}, "134"), ({"LT": {"person.id": 1028}}, "5"), ({"LTE": {"person.id": 1028}}, "25"),
    ({"IN": {"state": ["CA", "OR"]}}, "235"), ({"IN": {"person.id": [1071, 1042, 5]}}, "34"),
    ({"AND": [{"EQ": {"state": "WA"}}, {"GT": {"person.id": 1040}}]}, "4"),
    ({"OR": [{"EQ": {"person.org": "Finance"}}, {"AND": [{"EQ": {"state": "CA"}}, {"LT": {"person.id": 1010}}]}]}, "35"),
    ({"EQ": {"state": "XX"}}, ""), ({}, "12345")])
def test_filters(store, filter, found):
    assert sorted(query(store, {"filter": filter})[0]) == list(found)


def test_sorting_and_pages(store):
    document = {"filter": {"NEQ": {"state": "OR"}}, "sort": [{"key": "person.id", "order": "DESC"}], "page": {"limit": 3}}
    first, token = query(store, document)
    assert first == ["3", "4", "1"] and token == "3"
    document["page"]["token"] = token
    assert query(store, document) == (["5"], None)
    assert query(store, {"sort": [{"key": "person.id"}]})[0] == ["5", "2", "1", "4", "3"]


@pytest.mark.parametrize("document,said", [
    (b"", "failed to parse JSON query body: unexpected end of JSON input"),
    (b"{", "failed to parse JSON query body: unexpected end of JSON input"),
    (b"[]", "failed to parse JSON query body: a query must be an object"),
    ({"filter": {"ZZ": {"a": 1}}}, 'failed to parse JSON query body: unsupported filter "ZZ"'),
    ({"filter": {"EQ": {"a": 1, "b": 2}}}, 'filter "EQ" must name one key and its value'),
    ({"filter": {"EQ": {"a": {}}}}, "is no scalar"), ({"filter": {"IN": {"a": 1}}}, "is no list of values"),
    ({"filter": {"AND": {}}}, 'filter "AND" must be an array of filters'), ({"filter": []}, "filter must be an object"),
    ({"sort": [{"key": "a", "order": "UP"}]}, "sort order 'UP' is neither ASC nor DESC"),
    ({"page": {"limit": -1}}, "page.limit"), ({"page": {"token": "x"}}, "page.token 'x'")])
def test_documents_that_are_wrong(store, document, said):
    with pytest.raises(Refused) as refused:
        query(store, document)
    assert refused.value.text.startswith("state store store query failed: ") and said in refused.value.text


def test_over_grpc(store):
    m = module("dapr/proto/runtime/v1/state")
    api = Api(store.sidecar.grpc_port)
    request = m.QueryStateRequest(store_name="store", query=json.dumps(
        {"filter": {"EQ": {"state": "WA"}}, "sort": [{"key": "person.id"}], "page": {"limit": 1}}),
        metadata={"queryIndexName": "people"})
    out = api.call("QueryStateAlpha1", request, m.QueryStateResponse)
    assert [(item.key, json.loads(item.data)) for item in out.results] == [("1", PEOPLE["1"])] and out.token
    request.query = '{"filter":{"EQ":{"state":"none"}}}'
    assert api.call("QueryStateAlpha1", request, m.QueryStateResponse) == m.QueryStateResponse()
    request.query = "{"
    with pytest.raises(Failure) as failed:
        api.call("QueryStateAlpha1", request, m.QueryStateResponse)
    assert failed.value.code == "INTERNAL" and [d.reason for d in failed.value.details if hasattr(d, "reason")] == [
        "DAPR_STATE_QUERY_FAILED"]
    api.close()


def test_the_metadata_says_so(store):
    assert "QUERY_API" in json.loads(store.sidecar.get("/v1.0/metadata")[1])["components"][0]["capabilities"]


def test_stores_that_cannot(tmp_path):
    component(tmp_path, "store", "state.sqlite", connectionString=str(tmp_path / "state.db"))
    sidecar = Sidecar("app1", tmp_path)
    status, body, _ = sidecar.request("POST", "/v1.0-alpha1/state/store/query", b"{")
    answer = json.loads(body)
    assert (status, answer["errorCode"], answer["message"]) == (500, "ERR_STATE_STORE_NOT_SUPPORTED",
                                                               "state store does not support querying")
    assert [detail.get("reason") for detail in answer["details"]] == [None, "DAPR_STATE_QUERYING_NOT_SUPPORTED"]
    sidecar.stop()


def test_a_redis_without_the_modules(tmp_path):
    from redis_server import Redis
    server = Redis(tmp_path)
    component(tmp_path, "store", "state.redis", redisHost=f"127.0.0.1:{server.port}", queryIndexes=json.dumps(INDEXES))
    sidecar = Sidecar("app1", tmp_path)
    with pytest.raises(Refused, match="redis-json server support is required for query capability"):
        query(Http(sidecar), {})
    wait_until(lambda: any("error registering query schemas: ERR unknown command" in line for line in sidecar.log), "it is told")
    Http(sidecar).save({"key": "k", "value": b"1", "metadata": {"contentType": "application/json"}})
    assert server.cli("TYPE", "app1||k") == "hash"
    sidecar.stop()
    server.kill()


@NEEDS_MODULES
def test_documents_are_laid_out_as_daprs(json_redis, tmp_path):
    component(tmp_path, "store", "state.redis", redisHost=f"127.0.0.1:{json_redis.port}")
    http = Http(Sidecar("app1", tmp_path))
    as_json = {"contentType": "application/json"}
    json_redis.cli("FLUSHALL")
    http.save({"key": "d", "value": b'{"n":[1,"x"]}', "metadata": as_json})
    assert json.loads(json_redis.cli("JSON.GET", "app1||d")) == {"data": {"n": [1, "x"]}, "version": 1}
    assert (http.get("d").data, http.get("d").etag) == (b'{"n":[1,"x"]}', "1")
    assert http.get("d?metadata.contentType=application/json").data == b'{"n":[1,"x"]}'
    http.save({"key": "d", "value": b"2", "etag": "1", "concurrency": "first-write", "metadata": as_json})
    assert json.loads(json_redis.cli("JSON.GET", "app1||d")) == {"data": 2, "version": 2, "first-write": 0}
    for item in ({"etag": "1"}, {}):
        with pytest.raises(Refused):
            http.save({"key": "d", "value": b"3", "metadata": as_json, **item})
    http.save({"key": "d", "value": b"3", "etag": "2", "metadata": {**as_json, "ttlInSeconds": "50"}})
    assert json.loads(json_redis.cli("JSON.GET", "app1||d")) == {"data": 3, "version": 3}
    assert 48 <= int(json_redis.cli("TTL", "app1||d")) <= 50
    json_redis.cli("JSON.SET", "app1||go", "$", '{"data":{"a":1},"version":7}')
    assert (http.get("go").data, http.get("go").etag) == (b'{"a":1}', "7")
    http.save({"key": "h", "value": b"1"})  # a hash becomes a document when it is written as one
    http.transact(("upsert", {"key": "h", "value": b'"two"', "metadata": as_json}), ("delete", {"key": "d", "metadata": as_json}))
    assert json.loads(json_redis.cli("JSON.GET", "app1||h")) == {"data": "two", "version": 1}
    assert http.get("d") is None and http.get("h").data == b'"two"'
    assert set(http.bulk(["h", "go", "d"])) == {"h", "go", "d"}
    http.sidecar.stop()
