# SPDX-License-Identifier: MIT
"""Stores that several sidecars share: they count together, and a killed one leaves no half of a transaction."""
import http.client
import signal
import threading

import pytest

from sidecar import Sidecar, component, wait_until
from state_client import APIS, SHARED, STORES, Refused

WORKERS = 4


@pytest.fixture(params=SHARED)
def open_sidecar(request, tmp_path, start):
    """`open_sidecar()` starts one more on the same store."""
    folder = tmp_path / "resources"
    folder.mkdir()
    component(folder, "store", request.param, **STORES[request.param](tmp_path, request))
    return lambda: start(Sidecar, "app1", folder)


def increments(api, key, count):
    for _ in range(count):
        while True:
            now = api.get(key)
            try:
                api.save({"key": key, "value": b"%d" % (int(now.data) + 1), "etag": now.etag,
                          "concurrency": "first-write"})
                break
            except Refused as refused:
                assert refused.kind == "mismatch", refused


def in_threads(work, count):
    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    return threads


@pytest.mark.parametrize("kind", APIS)
def test_sidecars_that_share_a_store_count_together(open_sidecar, kind):
    apis = [APIS[kind](open_sidecar()) for _ in range(3)]
    apis[0].save({"key": "n", "value": b"0"})
    for thread in in_threads(lambda number: increments(apis[number % 3], "n", 60), 6):
        thread.join()
    assert [api.get("n").data for api in apis] == [b"360"] * 3
    for api in apis:
        api.close()


@pytest.mark.parametrize("kind", APIS)
def test_a_transaction_of_a_killed_sidecar_is_whole_or_absent(open_sidecar, kind):
    """The sidecar is killed while clients write pairs; what was answered is there, and pairs are equal."""
    reader = APIS[kind](open_sidecar())
    for life in range(3):
        sidecar, first = open_sidecar(), life * 100_000
        accepted = [first] * WORKERS

        def write(worker):
            api = APIS[kind](sidecar)
            try:
                for n in range(first + 1, first + 100_000):
                    api.transact(("upsert", {"key": f"a{worker}", "value": b"%d" % n}),
                                 ("upsert", {"key": f"b{worker}", "value": b"%d" % n}))
                    accepted[worker] = n
            except (OSError, http.client.HTTPException, Refused):
                pass
            api.close()
        threads = in_threads(write, WORKERS)
        wait_until(lambda: min(accepted) > first + 20, "writes are going on")
        sidecar.process.send_signal(signal.SIGKILL)
        sidecar.process.wait()
        for thread in threads:
            thread.join()
        for worker in range(WORKERS):
            pair = [reader.get(f"{half}{worker}").data for half in "ab"]
            assert pair[0] == pair[1] and int(pair[0]) >= accepted[worker]
    reader.close()
