# SPDX-License-Identifier: MIT
"""The words of the state API: errors exactly as Dapr gives them, bodies that are wrong, what is counted."""
import json
import re

import pytest

from grpc_api import Api, Failure, module
from state_client import Grpc, Http, start_store

STORE = "/v1.0/state/store"
ERROR_INFO = "type.googleapis.com/google.rpc.ErrorInfo"


@pytest.fixture(scope="module")
def sidecar(tmp_path_factory, request):
    running = start_store("state.in-memory", tmp_path_factory.mktemp("store"), request)
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    from sidecar import Sidecar
    running = Sidecar("app", tmp_path_factory.mktemp("none"))
    yield running
    assert running.stop() == 0


@pytest.fixture
def http(sidecar):
    def call(method, path, body=b"", headers=None):
        status, body, got = sidecar.request(method, path, body, headers)
        return (status, body, got) if body else (status, None, got)
    return call


def info(reason, metadata):
    return {"@type": ERROR_INFO, "domain": "dapr.io", "metadata": metadata, "reason": reason}


RESOURCE = {"@type": "type.googleapis.com/google.rpc.ResourceInfo", "description": "", "owner": "",
            "resource_name": "store", "resource_type": "state"}


def test_a_value_has_its_headers_and_a_missing_one_none(http):
    assert http("POST", STORE, b'[{"key":"h","value":{"n":1},"metadata":{"ttlInSeconds":"60"}}]')[:2] == (204, None)
    status, body, headers = http("GET", STORE + "/h")
    assert (status, body, headers["Content-Type"]) == (200, b'{"n":1}', "application/json")
    assert re.match(r"[0-9a-f-]{36}$", headers["Etag"]) and "Etag" in headers.keys()
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$", headers["Metadata.ttlexpiretime"])
    assert "Metadata.ttlexpiretime" in headers.keys() and "Traceparent" in headers.keys()
    status, body, headers = http("GET", STORE + "/missing")
    assert (status, body) == (204, None) and headers["Etag"] is None and headers["Content-Type"] is None
    assert http("PUT", STORE, b'[{"key":"h","value":2}]')[0] == 204


def test_no_store_and_an_unknown_one(bare, http):
    status, body, _ = bare.get("/v1.0/state/s/k")
    assert (status, json.loads(body)) == (500, {
        "errorCode": "ERR_STATE_STORE_NOT_CONFIGURED", "message": "state store s is not configured",
        "details": [info("DAPR_STATE_NOT_CONFIGURED", {"appID": "app"})]})
    for method, path, body in (("GET", "/v1.0/state/no/k", b""), ("POST", "/v1.0/state/no", b"{"),
                               ("DELETE", "/v1.0/state/no/k", b""), ("POST", "/v1.0/state/no/bulk", b"{"),
                               ("POST", "/v1.0/state/no/transaction", b"{")):
        status, body, _ = http(method, path, body)
        assert (status, json.loads(body)) == (400, {
            "errorCode": "ERR_STATE_STORE_NOT_FOUND", "message": "state store no is not found",
            "details": [info("DAPR_STATE_NOT_FOUND", {"appID": "app"})]})
    status, body, _ = http("POST", "/v1.0-alpha1/state/no/query", b"{}")
    assert status == 400 and json.loads(body)["details"] == [info("DAPR_STATE_NOT_FOUND", None)]


def test_keys_with_the_separator(http):
    wrapped = "api error: code = InvalidArgument desc = input key/keyPrefix 'a||b' can't contain '||'"
    violation = {"@type": "type.googleapis.com/google.rpc.BadRequest",
                 "field_violations": [{"field": "a||b", "description": wrapped}]}
    details = [violation, RESOURCE, info("DAPR_STATE_ILLEGAL_KEY", None)]
    for method, path, body in (("GET", STORE + "/a%7C%7Cb", b""), ("DELETE", STORE + "/a%7C%7Cb", b""),
                               ("POST", STORE, b'[{"key":"a||b"}]'), ("POST", STORE + "/bulk", b'{"keys":["a||b"]}')):
        status, body, _ = http(method, path, body)
        assert (status, json.loads(body)) == (400, {"errorCode": "ERR_MALFORMED_REQUEST", "message": wrapped,
                                                    "details": details})
    status, body, _ = http("POST", STORE + "/transaction",
                           b'{"operations":[{"operation":"upsert","request":{"key":"a||b"}}]}')
    del violation["field_violations"][0]["field"]
    assert status == 400 and json.loads(body)["details"] == details
    assert body.startswith(b'{"errorCode":"ERR_MALFORMED_REQUEST","message":"api error: code = InvalidArgument desc = ')


def test_etags(http):
    http("POST", STORE, b'[{"key":"e","value":1}]')
    etag = http("GET", STORE + "/e")[2]["Etag"]
    status, body, _ = http("DELETE", STORE + "/e", headers={"If-Match": "9"})
    assert (status, json.loads(body)) == (409, {
        "errorCode": "ERR_STATE_DELETE", "message": "failed deleting state with key e: possible etag mismatch. error from "
        f"state store: state etag not match for key=app||e: current={etag}, expect=9"})
    status, body, _ = http("POST", STORE, b'[{"key":"e","value":2,"etag":"9"}]')
    assert (status, json.loads(body)) == (409, {
        "errorCode": "ERR_STATE_SAVE", "message": "failed saving state in state store store: possible etag mismatch. error "
        f"from state store: state etag not match for key=app||e: current={etag}, expect=9"})
    status, body, _ = http("POST", STORE, b'[{"key":"nope","etag":"9"}]')
    assert json.loads(body)["message"].endswith("state not exist or expired for key=app||nope")
    status, body, _ = http("POST", STORE, b'[{"key":"e","options":{"concurrency":"first-write"}}]')
    assert json.loads(body)["message"].endswith("item already exists and no etag was passed")


@pytest.mark.parametrize("body,said", [
    (b"", "EOF"), (b"  ", "EOF"), (b"[", "unexpected EOF"), (b'[{"key":"a"', "unexpected EOF"),
    (b"{}", "json: cannot unmarshal object into Go value of type []state.SetRequest"),
    (b"[1]", "json: cannot unmarshal number into Go value of type state.SetRequest"),
    (b'[{"key":1}]', "json: cannot unmarshal number into Go struct field SetRequest.key of type string"),
    (b'[{"key":"a","etag":true}]', "json: cannot unmarshal bool into Go struct field SetRequest.etag of type string"),
    (b'[{"key":"a","metadata":{"x":1}}]',
     "json: cannot unmarshal number into Go struct field SetRequest.metadata of type string"),
    (b'[{"value":1}]', '"key" is a required field'), (b'[{"key":""}]', '"key" is a required field'),
    (b"[null]", '"key" is a required field'), (b'[{"key":"a","value":1e}]', "in exponent of numeric literal"),
    (b"\xef\xbb\xbf[]", "looking for beginning of value"), (b'[{"key":"a" "value":1}]', "after object key:value pair")])
def test_bodies_that_are_wrong(http, body, said):
    status, got, _ = http("POST", STORE, body)
    assert status == 400 and json.loads(got)["errorCode"] == "ERR_MALFORMED_REQUEST"
    assert said in json.loads(got)["message"]
    if said in ("EOF", "unexpected EOF") or said.startswith(("json:", '"')):
        assert json.loads(got)["message"] == said


@pytest.mark.parametrize("body", [b"[]", b"null", b'[{"KEY":"n","Value":7,"unknown":[]}]', b'[{"key":"n","value":7}] tail',
                                  b'[{"key":"n","value":6,"value":7,"etag":null,"metadata":null,"options":null}]'])
def test_bodies_that_are_odd_but_right(http, body):
    assert http("POST", STORE, body)[0] == 204


def test_options_that_are_unknown(http):
    for option, said in (("concurrency", "unrecognized concurrency model 'x'"),
                         ("consistency", "unrecognized consistency model 'x'")):
        body = json.dumps([{"key": "o", "options": {option: "x"}}]).encode()
        status, got, _ = http("POST", STORE, body)
        assert (status, json.loads(got)) == (500, {
            "errorCode": "ERR_STATE_SAVE", "message": f"failed saving state in state store store: {said}"})
        status, got, _ = http("DELETE", f"{STORE}/o?{option}=x")
        assert json.loads(got)["message"] == f"failed deleting state with key o: {said}"
    assert http("GET", STORE + "/o?consistency=whatever")[0] == 204


def test_query_parameters_are_metadata_and_win(http):
    http("POST", STORE + "?metadata.ttlInSeconds=100&metadata.x=y",
         b'[{"key":"q","value":1,"metadata":{"ttlInSeconds":"1"}}]')
    rows = json.loads(http("POST", STORE + "/bulk", b'{"keys":["q"]}')[1])
    assert "ttlExpireTime" in rows[0]["metadata"]


def test_bulk_answers(http):
    http("POST", STORE, '[{"key":"b1","value":{"b":1,"a":"<x>&"}},{"key":"b2","value":"str"},{"key":"b3"}]'.encode())
    status, body, headers = http("POST", STORE + "/bulk", b'{"keys":["b1","nokey","b2","b3"],"parallelism":2}')
    assert status == 200 and headers["Content-Type"] == "application/json" and body.endswith(b"]\n")
    rows = json.loads(body)
    assert [list(row) for row in rows] == [["key", "data", "etag"], ["key"], ["key", "data", "etag"], ["key", "data", "etag"]]
    assert rows[3]["data"] is None
    assert http("POST", STORE + "/bulk", b'{"keys":[]}')[1] == b"[]\n"
    assert http("POST", STORE + "/bulk", b"{}")[1] == b"[]\n"
    for wrong, said in ((b"", "EOF"), (b"[]", "json: cannot unmarshal array"), (b'{"keys":[1]}', "of type string"),
                        (b'{"keys":["a"],"parallelism":"x"}', "of type int")):
        status, body, _ = http("POST", STORE + "/bulk", wrong)
        assert status == 400 and json.loads(body)["message"].startswith("failed deserializing HTTP body: ")
        assert said in json.loads(body)["message"]


def test_values_that_are_no_json_in_a_bulk_answer(sidecar, http):
    grpc = Grpc(sidecar)
    grpc.save({"key": "text", "value": b"abc"}, {"key": "bytes", "value": b"\xff\x00"}, {"key": "empty", "value": b""})
    rows = {row["key"]: row for row in json.loads(http("POST", STORE + "/bulk",
                                                       b'{"keys":["text","bytes","empty"]}')[1])}
    assert rows["text"]["data"] == "abc" and rows["empty"]["data"] == ""
    assert "data" not in rows["bytes"] and "binary" in rows["bytes"]["error"]
    grpc.close()


def test_invalid_utf8_is_replaced(http):
    http("POST", STORE, b'[{"key":"u","value":"a\xff"}]')
    assert http("GET", STORE + "/u")[1] == '"a\ufffd"'.encode()


def test_transactions_that_are_wrong(http):
    path = STORE + "/transaction"
    status, body, _ = http("POST", path, b'{"operations":[{"operation":"get","request":{"key":"a"}}]}')
    assert (status, json.loads(body)) == (400, {"errorCode": "ERR_NOT_SUPPORTED_STATE_OPERATION",
                                                "message": "operation type get not supported"})
    for good in (b"{}", b'{"operations":[]}', b'{"operations":[{"operation":"upsert"}]}', b"null"):
        assert http("POST", path, good)[0] == 204
    for wrong in (b"", b"[]", b'{"operations":{}}', b'{"operations":[{"operation":"upsert","request":{"key":1}}]}'):
        status, body, _ = http("POST", path, wrong)
        assert status == 400 and json.loads(body)["message"].startswith("failed deserializing HTTP body: ")
    http("POST", STORE, b'[{"key":"t","value":1}]')
    status, body, _ = http("POST", path, b'{"operations":[{"operation":"delete","request":{"key":"t","etag":"9"}}]}')
    assert status == 500 and json.loads(body)["errorCode"] == "ERR_STATE_TRANSACTION"
    assert json.loads(body)["message"].startswith("error while executing state transaction: possible etag mismatch. ")


def test_a_body_that_is_too_large(http):
    status, body, _ = http("POST", STORE, b'[{"key":"x","value":"' + b"x" * 5_000_000 + b'"}]')
    assert status == 413


def failure(call):
    with pytest.raises(Failure) as failed:
        call()
    return failed.value


def described(error):
    return [(type(detail).__name__, detail) for detail in error.details]


def test_grpc_errors(sidecar, bare):
    m, c = module("dapr/proto/runtime/v1/state"), module("dapr/proto/common/v1/state")
    api, none = Api(sidecar.grpc_port), Api(bare.grpc_port)
    error = failure(lambda: none.call("GetState", m.GetStateRequest(store_name="s", key="k"), m.GetStateResponse))
    assert (error.code, error.text) == ("FAILED_PRECONDITION", "state store s is not configured")
    assert [(d.reason, d.domain, dict(d.metadata)) for d in error.details] == [("DAPR_STATE_NOT_CONFIGURED", "dapr.io", {})]
    error = failure(lambda: api.call("SaveState", m.SaveStateRequest(store_name="zz"), None))
    assert (error.code, error.text, error.details[0].reason) == ("INVALID_ARGUMENT", "state store zz is not found",
                                                                "DAPR_STATE_NOT_FOUND")
    error = failure(lambda: api.call("GetState", m.GetStateRequest(store_name="store", key="a||b"), None))
    text = "input key/keyPrefix 'a||b' can't contain '||'"
    assert (error.code, error.text) == ("INVALID_ARGUMENT", text)
    bad, resource, why = error.details
    assert [(v.field, v.description) for v in bad.field_violations] == [("a||b", text)]
    assert (resource.resource_type, resource.resource_name, resource.owner, resource.description) == ("state", "store", "", "")
    assert why.reason == "DAPR_STATE_ILLEGAL_KEY"
    save = lambda *items: api.call("SaveState", m.SaveStateRequest(store_name="store", states=items), None)  # noqa: E731
    error = failure(lambda: save(c.StateItem(value=b"1")))
    assert (error.code, error.text, error.details[0].reason) == ("INVALID_ARGUMENT", "state key cannot be empty",
                                                                "ERR_STATE_SAVE")
    error = failure(lambda: save(c.StateItem(key="k", etag=c.Etag(value="9"))))
    assert error.code == "ABORTED" and error.details[0].reason == "ERR_STATE_SAVE"
    error = failure(lambda: save(c.StateItem(key="k", value=b"{", metadata={"contentType": "application/json"})))
    assert (error.code, error.text, error.details) == ("UNKNOWN", "unexpected end of JSON input", [])
    error = failure(lambda: api.call("DeleteState", m.DeleteStateRequest(store_name="store", key="k",
                                                                        etag=c.Etag(value="9")), None))
    assert (error.code, error.details[0].reason) == ("ABORTED", "ERR_STATE_DELETE")
    error = failure(lambda: api.call("DeleteBulkState", m.DeleteBulkStateRequest(
        store_name="store", states=[c.StateItem(key="k", etag=c.Etag(value="9")), c.StateItem(key="l")]), None))
    assert (error.code, error.details[0].reason) == ("ABORTED", "ERR_STATE_BULK_DELETE")
    assert error.text.startswith("failed deleting state in state store store: possible etag mismatch. error from state "
                                 "store: possible etag mismatch. error from state store: state not exist")
    transact = lambda *ops: api.call("ExecuteStateTransaction", m.ExecuteStateTransactionRequest(  # noqa: E731
        storeName="store", operations=ops), None)
    error = failure(lambda: transact(m.TransactionalStateOperation(operationType="foo")))
    assert (error.code, error.text, error.details[0].reason) == (
        "UNIMPLEMENTED", "operation type foo not supported", "ERR_NOT_SUPPORTED_STATE_OPERATION")
    error = failure(lambda: transact(m.TransactionalStateOperation(
        operationType="delete", request=c.StateItem(key="k", etag=c.Etag(value="9")))))
    assert (error.code, error.details[0].reason) == ("INTERNAL", "ERR_STATE_TRANSACTION")
    transact(m.TransactionalStateOperation(operationType="delete"))
    out = api.call("GetState", m.GetStateRequest(store_name="store"), m.GetStateResponse)
    assert (out.data, out.etag) == (b"", "")
    transact(m.TransactionalStateOperation(operationType="upsert", request=c.StateItem(value=b"e")))
    assert api.call("GetState", m.GetStateRequest(store_name="store"), m.GetStateResponse).data == b"e"
    api.close()
    none.close()


def test_grpc_json_is_checked_and_kept(sidecar):
    grpc = Grpc(sidecar)
    grpc.save({"key": "j", "value": b' {"n": 1.50} tail', "metadata": {"contentType": "application/json"}})
    assert grpc.get("j").data == b'{"n": 1.50}'
    grpc.close()


def test_requests_are_counted(tmp_path, request):
    sidecar = start_store("state.in-memory", tmp_path, request)
    http = Http(sidecar)
    http.save({"key": "a", "value": b"1"})
    http.get("a")
    http.bulk(["a"])
    http.transact(("upsert", {"key": "a", "value": b"1"}))
    http.delete("a")
    Grpc(sidecar).bulk_delete({"key": "a"})
    sidecar.request("POST", "/v1.0-alpha1/state/store/query", b"{}")
    sidecar.request("POST", STORE, b'[{"key":"a","etag":"9"}]')
    counts = {tuple(re.findall(r'(?:operation|success)="(\w+)"', name)): count for name, count in sidecar.metrics().items()
              if name.startswith("dapr_component_state_count")}
    assert counts == {(name, ok): 1 for name, ok in (
        ("set", "true"), ("set", "false"), ("get", "true"), ("bulk_get", "true"), ("transaction", "true"),
        ("delete", "true"), ("bulk_delete", "true"), ("query", "true"))}
    sidecar.stop()
