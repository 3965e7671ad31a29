# SPDX-License-Identifier: MIT
"""What every state store does alike: one suite over all of them, over HTTP and over gRPC."""
import json
import threading
import time
import uuid

import pytest

from state_client import APIS, STORES, Refused, start_store


@pytest.fixture(scope="module", params=STORES)
def sidecar(request, tmp_path_factory):
    running = start_store(request.param, tmp_path_factory.mktemp("store"), request)
    running.kind = request.param
    yield running
    assert running.stop() == 0, "\n".join(running.log)


@pytest.fixture(params=APIS)
def store(request, sidecar):
    api = APIS[request.param](sidecar)
    yield api
    api.close()


@pytest.fixture
def key():
    return "k" + uuid.uuid4().hex


def test_what_is_saved_is_read_and_what_is_deleted_is_gone(store, key):
    assert store.get(key) is None
    store.save({"key": key, "value": b'{"b":1,"a":[true,null]}'})
    first = store.get(key)
    assert first.data == b'{"b":1,"a":[true,null]}' and first.etag
    store.save({"key": key, "value": b"2"})
    second = store.get(key)
    assert second.data == b"2" and second.etag != first.etag
    store.delete(key)
    assert store.get(key) is None
    store.delete(key)


@pytest.mark.parametrize("value", [b"12345678901234567890", b"1.0", b"0.1234567890123456789", b"1e400", b"-0",
                                   b'"\\u00e9<&>"', '"é\u2028"'.encode(), b"null", b"true", b'""', b"[]",
                                   b'{"b":1,"b":2}'])
def test_json_keeps_its_text(store, key, value):
    store.save({"key": key, "value": value})
    assert store.get(key).data == value


def test_keys_may_hold_anything_but_the_separator(sidecar, store, key):
    for name in (f"{key}/a b%", f"{key}ключ", f"{key}{{x}}", f"{key}|"):
        quoted = __import__("urllib.parse").parse.quote(name, safe="") if store.name == "http" else name
        store.save({"key": name, "value": b"1"})
        assert store.get(quoted).data == b"1"
        assert name in store.bulk([name])
    with pytest.raises(Refused) as refused:
        store.save({"key": "a||b", "value": b"1"})
    assert refused.value.kind == "invalid"
    assert refused.value.text.endswith("input key/keyPrefix 'a||b' can't contain '||'")


def test_a_stale_etag_is_a_mismatch_and_changes_nothing(store, key):
    store.save({"key": key, "value": b"1"})
    stale = store.get(key).etag
    store.save({"key": key, "value": b"2", "etag": stale})
    for attempt in (lambda: store.save({"key": key, "value": b"3", "etag": stale}), lambda: store.delete(key, stale)):
        with pytest.raises(Refused) as refused:
            attempt()
        assert refused.value.kind == "mismatch"
        assert "possible etag mismatch. error from state store" in refused.value.text
    assert store.get(key).data == b"2"
    store.delete(key, store.get(key).etag)
    assert store.get(key) is None


def test_an_empty_etag_is_none(store, key):
    store.save({"key": key, "value": b"1"})
    store.save({"key": key, "value": b"2", "etag": ""})
    store.delete(key, "")
    assert store.get(key) is None


def test_first_write_wins_where_it_is_asked_for(store, key):
    store.save({"key": key, "value": b"1", "concurrency": "first-write"})
    with pytest.raises(Refused):
        store.save({"key": key, "value": b"2", "concurrency": "first-write"})
    assert store.get(key).data == b"1"
    store.save({"key": key, "value": b"2", "concurrency": "first-write", "etag": store.get(key).etag})
    assert store.get(key).data == b"2"


def test_last_write_wins_without_an_etag(store, key):
    for value in (b"1", b"2"):
        store.save({"key": key, "value": value, "concurrency": "last-write"})
    assert store.get(key).data == b"2"


def test_several_items_are_written_each_by_itself(store, key):
    store.save(*({"key": f"{key}{i}", "value": b"%d" % i} for i in range(20)))
    assert [store.get(f"{key}{i}").data for i in range(20)] == [b"%d" % i for i in range(20)]
    with pytest.raises(Refused) as refused:
        store.save({"key": f"{key}0", "value": b"100", "etag": "00000000-0000-4000-8000-000000000000"[:8].strip("0") or
                    "77"}, {"key": f"{key}1", "value": b"101"})
    assert refused.value.kind == "mismatch"
    assert refused.value.text.count("possible etag mismatch. error from state store") == 2
    assert store.get(f"{key}0").data == b"0" and store.get(f"{key}1").data == b"101"


def test_bulk_get_tells_of_every_key(store, key):
    store.save({"key": key + "a", "value": b'{"x":1}'}, {"key": key + "b", "value": b"2"})
    for parallelism in (0, 1, 3):
        rows = store.bulk([key + "a", key + "missing", key + "b"], parallelism)
        assert set(rows) == {key + "a", key + "b", key + "missing"}
        assert rows[key + "a"]["data"] == {"x": 1} and rows[key + "a"]["etag"] == store.get(key + "a").etag
        assert rows[key + "missing"] == {"key": key + "missing"}
    assert store.bulk([]) == {}


def test_a_transaction_is_applied_whole(store, key):
    store.save({"key": key + "gone", "value": b"1"})
    store.transact(("upsert", {"key": key + "a", "value": b"1"}), ("upsert", {"key": key + "b", "value": b"2"}),
                   ("delete", {"key": key + "gone"}), ("upsert", {"key": key + "a", "value": b"3"}))
    assert store.get(key + "a").data == b"3" and store.get(key + "b").data == b"2"
    assert store.get(key + "gone") is None
    store.transact()


def test_a_transaction_that_fails_leaves_nothing(store, key):
    store.save({"key": key + "b", "value": b"1"})
    stale = store.get(key + "b").etag
    store.save({"key": key + "b", "value": b"2"})
    with pytest.raises(Refused) as refused:
        store.transact(("upsert", {"key": key + "a", "value": b"1"}),
                       ("upsert", {"key": key + "b", "value": b"3", "etag": stale}),
                       ("upsert", {"key": key + "c", "value": b"1"}))
    assert refused.value.kind == "error"
    assert refused.value.text.startswith("error while executing state transaction: ")
    assert [store.get(key + k) and store.get(key + k).data for k in "abc"] == [None, b"2", None]


def test_an_unknown_operation_is_refused(store, key):
    with pytest.raises(Refused) as refused:
        store.transact(("upsert", {"key": key, "value": b"1"}), ("UPSERT", {"key": key, "value": b"1"}))
    assert refused.value.text == "operation type UPSERT not supported"
    assert store.get(key) is None


def test_time_to_live(sidecar, store, key):
    store.save({"key": key, "value": b"1", "metadata": {"ttlInSeconds": "1"}},
               {"key": key + "long", "value": b"1", "metadata": {"ttlInSeconds": "100"}})
    value = store.get(key)
    assert value.data == b"1"
    if sidecar.kind != "state.redis":  # which does not tell
        assert abs(time.mktime(time.strptime(value.metadata["ttlExpireTime"], "%Y-%m-%dT%H:%M:%SZ")) - time.timezone
                   - time.time() - 1) <= 1.5
        assert store.bulk([key + "long"])[key + "long"]["metadata"]["ttlExpireTime"] == \
            store.get(key + "long").metadata["ttlExpireTime"]
    end = time.monotonic() + 10
    while store.get(key) is not None and time.monotonic() < end:
        time.sleep(0.05)
    assert store.get(key) is None and store.bulk([key])[key] == {"key": key}
    assert store.get(key + "long").data == b"1"
    store.save({"key": key, "value": b"2", "concurrency": "first-write"})  # nothing stands in its way
    store.save({"key": key + "long", "value": b"2", "metadata": {"ttlInSeconds": "-1"}})
    assert not store.get(key + "long").metadata


def test_a_wrong_time_to_live_is_refused(store, key):
    with pytest.raises(Refused) as refused:
        store.save({"key": key, "value": b"1", "metadata": {"ttlInSeconds": "abc"}})
    assert refused.value.kind == "error" and 'parsing "abc": invalid syntax' in refused.value.text
    with pytest.raises(Refused):
        store.transact(("upsert", {"key": key, "value": b"1"}),
                       ("upsert", {"key": key + "b", "value": b"1", "metadata": {"ttlInSeconds": "abc"}}))
    assert store.get(key) is None


def test_large_values(store, key):
    value = json.dumps("x" * 3_000_000).encode()
    store.save({"key": key, "value": value})
    assert store.get(key).data == value
    store.delete(key)


def test_many_items_in_one_request(store, key):
    """More than a server takes at once; one that fails does not keep the others back."""
    keys = [f"{key}-{i}" for i in range(15000)]
    store.save(*[{"key": k, "value": b"%d" % i} for i, k in enumerate(keys)])
    rows = store.bulk(keys)
    assert len(rows) == len(keys) and [rows[k]["data"] for k in keys] == list(range(len(keys)))
    with pytest.raises(Refused) as refused:
        store.save(*[{"key": k, "value": b"-1", **({"etag": "4711"} if k == keys[12345] else {})} for k in keys])
    assert refused.value.kind == "mismatch"
    rows = store.bulk(keys)
    assert [i for i, k in enumerate(keys) if rows[k]["data"] != -1] == [12345]


def test_too_many_items_in_one_request_are_refused(store, key):
    with pytest.raises(Refused) as refused:
        store.bulk(["k"] * 65537)
    assert refused.value.kind == "invalid" and refused.value.text.endswith("more than 65536 in one request")


def test_bytes_stay_bytes(sidecar, key):
    api = APIS["grpc"](sidecar)
    for value in (bytes(range(256)), b"", b"abc", b'{"a": 1 }'):
        api.save({"key": key, "value": value})
        out = api._call("GetState", api.m.GetStateRequest(store_name="store", key=key), api.m.GetStateResponse)
        assert out.data == value and out.etag
    api.close()
    status, body, headers = sidecar.get(f"/v1.0/state/store/{key}")
    assert (status, body, headers["Content-Type"]) == (200, b'{"a": 1 }', "application/json")


def test_a_thousand_increments_at_the_same_time_end_at_the_right_count(sidecar, store, key):
    """Each reads, adds one and writes with the ETag until that goes through."""
    workers, each = 8, 125
    store.save({"key": key, "value": b"0"})

    def count():
        api = type(store)(sidecar)
        for _ in range(each):
            while True:
                now = api.get(key)
                try:
                    api.save({"key": key, "value": b"%d" % (int(now.data) + 1), "etag": now.etag,
                              "concurrency": "first-write"})
                    break
                except Refused as refused:
                    assert refused.kind == "mismatch", refused
        api.close()
    threads = [threading.Thread(target=count) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.get(key).data == b"%d" % (workers * each)


def test_the_metadata_lists_what_the_store_can_do(sidecar):
    listed = json.loads(sidecar.get("/v1.0/metadata")[1])["components"][0]
    assert listed["name"] == "store" and listed["type"] == sidecar.kind
    assert {"ETAG", "TRANSACTIONAL", "TTL", "ACTOR"} <= set(listed["capabilities"])
