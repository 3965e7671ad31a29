# SPDX-License-Identifier: MIT
"""Who is found on this machine: instances share the calls, dead ones are passed over, namespaces keep apart."""
import collections
import json
import os
import pathlib
import signal
import threading
import time

import pytest

from echo_app import EchoApp
from invoke_service import invoke, refused
from sidecar import App, Sidecar, component, free_port, sub, wait_until

PATH = "/v1.0/invoke/worker/method/json"


@pytest.fixture
def registry(tmp_path):
    """A registry of this test alone."""
    folder = tmp_path / "run"
    folder.mkdir(mode=0o700)
    return {"XDG_RUNTIME_DIR": str(folder)}


def files(registry, namespace="default"):
    folder = pathlib.Path(registry["XDG_RUNTIME_DIR"]) / "pillion/sidecars" / namespace
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def ask(caller, path=PATH):
    status, data, _ = caller.get(path)
    assert status == 200, data
    return json.loads(data)["app"]


def workers(start, registry, count, **more):
    apps = [start(EchoApp, f"worker-{n}") for n in range(count)]
    return apps, [start(Sidecar, "worker", app_port=app.port, env=registry, **more) for app in apps]


def test_instances_share_the_calls(start, registry):
    workers(start, registry, 3)
    caller = start(Sidecar, "caller", env=registry)
    counts = collections.Counter(ask(caller) for _ in range(30))
    assert counts == {"worker-0": 10, "worker-1": 10, "worker-2": 10}


def test_a_killed_instance_is_passed_over_at_once(start, registry):
    _, sidecars = workers(start, registry, 3)
    caller = start(Sidecar, "caller", env=registry)
    for _ in range(6):
        ask(caller)
    sidecars[1].process.send_signal(signal.SIGKILL)
    sidecars[1].process.wait()
    counts = collections.Counter(ask(caller) for _ in range(20))
    assert not any("DaprBuiltInServiceRetries" in line for line in caller.log)  # no call waited for another attempt
    assert set(counts) == {"worker-0", "worker-2"}
    wait_until(lambda: len(files(registry)) == 3, "the file of the dead one is removed")  # caller and two workers


def test_a_new_instance_gets_calls_and_a_stopped_one_none(start, registry):
    _, sidecars = workers(start, registry, 1)
    caller = start(Sidecar, "caller", env=registry)
    assert ask(caller) == "worker-0"
    app = start(EchoApp, "late")
    start(Sidecar, "worker", app_port=app.port, env=registry)
    wait_until(lambda: ask(caller) == "late", "the new one is asked")
    assert sidecars[0].stop() == 0
    assert {ask(caller) for _ in range(10)} == {"late"}


def test_the_last_instance_gone_costs_the_built_in_retries(start, registry):
    _, sidecars = workers(start, registry, 1)
    caller = start(Sidecar, "caller", env=registry)
    ask(caller)
    sidecars[0].process.kill()
    sidecars[0].process.wait()
    begun = time.monotonic()
    status, data, _ = caller.get(PATH)
    took = time.monotonic() - begun
    message = json.loads(data)["message"]
    if "couldn't find" not in message:  # the first attempt may have met the connection that broke
        assert 2.9 < took < 8
        assert message.startswith("failed to invoke, id: worker, err: failed to invoke target worker after 3 retries. "
                                  "Error: rpc error: code = Unavailable desc = "), message
    assert status == 500
    assert caller.get(PATH)[0] == 500
    assert any("Error processing operation DaprBuiltInServiceRetries. Retrying in 1s" in line for line in caller.log) \
        or "couldn't find" in message


def test_a_retry_finds_an_instance_that_comes_back(start, registry):
    app = start(EchoApp, "back")
    port = free_port()
    flags = ["--dapr-internal-grpc-port", str(port)]
    first = start(Sidecar, "worker", app_port=app.port, env=registry, flags=flags)
    caller = start(Sidecar, "caller", env=registry)
    ask(caller)
    os.kill(first.process.pid, signal.SIGSTOP)  # so that its connection and its file are still there
    os.kill(first.process.pid, signal.SIGKILL)
    first.process.wait()
    second = start(Sidecar, "worker", app_port=app.port, env=registry, flags=flags, wait=False)
    assert ask(caller) == "back"
    second.wait_ready("/v1.0/healthz")


def test_namespaces_keep_apart(start, registry):
    app = start(EchoApp, "blue-worker")
    start(Sidecar, "worker", app_port=app.port, env={**registry, "NAMESPACE": "blue"})
    caller = start(Sidecar, "caller", env=registry)
    assert caller.get(PATH)[0] == 500
    assert ask(caller, "/v1.0/invoke/worker.blue/method/json") == "blue-worker"
    blue = start(Sidecar, "blue-caller", env={**registry, "NAMESPACE": "blue"})
    status, data, _ = blue.get(PATH)
    headers = dict(json.loads(data)["headers"])
    assert status == 200 and headers["Dapr-Caller-Namespace"] == "blue"
    assert [path.name.partition("~")[0] for path in files(registry, "blue")] == ["blue-caller", "worker"]


def test_any_app_id_makes_a_file_name(start, registry):
    app = start(EchoApp, "odd")
    start(Sidecar, "a/b c%", app_port=app.port, env=registry)
    caller = start(Sidecar, "caller", env=registry)
    status, data, _ = caller.request("GET", "/json", headers={"dapr-app-id": "a/b c%"})
    assert status == 200 and json.loads(data)["app"] == "odd"


def test_what_was_left_behind_is_removed(start, registry):
    caller = start(Sidecar, "caller", env=registry)
    stale = files(registry)[0].with_name("worker~gone")
    stale.write_text(f"127.0.0.1:{free_port()}\n")
    wait_until(lambda: b"couldn't find service: worker" in caller.get(PATH)[1], "nobody is found")
    assert not stale.exists()


def test_a_port_that_another_application_has_now_is_not_asked(start, registry):
    """A file that outlived its sidecar, locked by somebody else, leads to another application's sidecar."""
    import fcntl
    app = start(EchoApp, "stranger")
    port = free_port()
    start(Sidecar, "stranger", app_port=app.port, env=registry, flags=["--dapr-internal-grpc-port", str(port)])
    caller = start(Sidecar, "caller", env=registry)
    with open(files(registry)[0].with_name("worker~wrong"), "w") as wrong:
        fcntl.flock(wrong, fcntl.LOCK_EX)
        wrong.write(f"127.0.0.1:{port}\n")
        wrong.flush()
        status, data, _ = caller.get(PATH)
    assert status == 500
    assert b"this is the sidecar of stranger, not of worker" in data
    assert [r for r in app.requests if r[1] != "/dapr/config"] == []


def test_without_a_folder_the_sidecar_runs_alone(start, tmp_path):
    (tmp_path / "pillion").write_text("not a folder")
    app = start(EchoApp, "alone")
    alone = start(Sidecar, "alone", app_port=app.port, env={"XDG_RUNTIME_DIR": str(tmp_path)})
    assert any("Other sidecars of this machine and this one do not find each other" in line for line in alone.log)
    assert alone.get("/v1.0/invoke/alone/method/json")[0] == 200
    status, data, _ = alone.get(PATH)
    assert status == 500 and b"name resolver not initialized" in data


def test_an_unknown_resolver_leaves_the_rest_at_work(start, tmp_path):
    (tmp_path / "config.yaml").write_text("apiVersion: dapr.io/v1alpha1\nkind: Configuration\nmetadata:\n  name: c\n"
                                          "spec:\n  nameResolution:\n    component: nothing\n")
    sidecar = start(Sidecar, "a", flags=["--config", str(tmp_path / "config.yaml")])
    assert any("[CREATE_COMPONENT_FAILURE]: initialization error occurred for nr (nothing/v1): "
               "couldn't find name resolver nothing/v1" in line for line in sidecar.log)
    for app_id in ("worker", "a"):  # also its own: as Dapr, it looks that up, too
        status, data, _ = sidecar.get(f"/v1.0/invoke/{app_id}/method/json")
        assert status == 500 and f"failed to invoke, id: {app_id}, err: name resolver not initialized" in data.decode()


def test_a_sidecar_looks_its_own_application_up_like_any_other(start, registry):
    app = start(EchoApp, "worker")
    own = start(Sidecar, "worker", app_port=app.port, env=registry)
    assert ask(own) == "worker" and invoke(own, "worker", "json").json()["app"] == "worker"
    headers = {name.lower() for name, _ in json.loads(own.get(PATH)[1])["headers"]}
    assert "dapr-caller-app-id" not in headers  # found, the call goes to the application, not through the own port
    files(registry)[0].unlink()
    wait_until(lambda: own.get(PATH)[0] == 500, "not found any more")
    assert json.loads(own.get(PATH)[1])["message"] == "failed to invoke, id: worker, err: couldn't find service: worker"
    assert refused(own, "worker", "json")[:2] == ("INTERNAL", "failed to invoke, id: worker, err: "
                                                              "couldn't find service: worker")
    assert own.request("PUT", "/v1.0/invoke/worker/method/upload", iter([b"part"]))[0] == 500


def test_a_sidecar_that_stops_still_calls_its_own_application(start, registry, tmp_path):
    """While the application works at its last event the sidecar is not to be found any more; the application is."""
    at_work, answers = threading.Event(), []

    def answer(path, body):
        if path == "/t":
            at_work.set()
            wait_until(lambda: any("shutting down" in line for line in list(sidecar.log)), "stops")
            answers.append(sidecar.request("POST", "/v1.0/invoke/worker/method/again", b"{}")[0])
        return 200, {}
    app = start(App, [sub()], answer)
    sidecar = start(Sidecar, "worker", component(tmp_path), app.port, env=registry)
    assert sidecar.publish("pubsub", "t", 1)[0] == 204
    assert at_work.wait(15)
    assert sidecar.stop() == 0, "\n".join(sidecar.log)
    assert answers == [200]
