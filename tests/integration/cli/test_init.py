# SPDX-License-Identifier: MIT
"""dapr init and dapr uninstall: the folder, and a Redis of their own."""
import os
import shutil
import socket
import subprocess
import threading
import time

import pytest

from redis_server import Redis
from sidecar import free_port, wait_until

TUTORIAL = """apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: pubsub
spec:
  type: pubsub.redis
  version: v1
  metadata:
  - name: redisHost
    value: {host}
  - name: redisPassword
    value: ""
"""


def files(user):
    root = user.home / ".dapr"
    return {str(path.relative_to(root)): path.read_text() for path in sorted(root.rglob("*"))
            if path.is_file() and path.suffix == ".yaml"}


def ping(port):
    return subprocess.run(["redis-cli", "-p", str(port), "ping"], capture_output=True, text=True).stdout


@pytest.fixture
def redis(tmp_path):
    (tmp_path / "theirs").mkdir()
    server = Redis(tmp_path / "theirs")
    yield server
    server.kill()


def without_redis(user, tmp_path):
    """A path without redis-server in it."""
    return {"PATH": str(user.bin)}


def test_embedded_components_and_how_they_work(user, terminal):
    began = time.monotonic()
    session = user.start("dapr", "init", "--broker", "embedded", terminal=terminal)
    assert session.end() == 0
    assert time.monotonic() - began < 3  # a sanitized build on a busy machine; a release takes milliseconds
    assert session.lines[0] == "⌛  Making the jump to hyperspace..."
    assert session.lines[1].startswith("ℹ️  Installing runtime version ")
    root = user.home / ".dapr"
    assert session.lines[2:] == [
        f"ℹ️  Using the embedded broker and state store in {root}/data, as asked for.",
        f"ℹ️  daprd binary has been installed to {root}/bin.",
        f"✅  Completed components set up in {root}/components.",
        "✅  Success! Dapr is up and running. To get started: dapr run --help"]
    found = files(user)
    assert list(found) == ["components/pubsub.yaml", "components/statestore.yaml", "config.yaml"]
    assert "type: pubsub.sqlite" in found["components/pubsub.yaml"]
    assert f'value: "{root}/data/state.db"' in found["components/statestore.yaml"]
    assert 'name: actorStateStore\n    value: "true"' in found["components/statestore.yaml"]
    assert found["config.yaml"].startswith("apiVersion: dapr.io/v1alpha1\nkind: Configuration\n")
    run = user.start("dapr", "run", "--app-id", "a", "--", "sh", "-c",
                     "curl -s -o /dev/null -w 'got %{http_code}\\n' -d 1 -H 'Content-Type: application/json' "
                     "localhost:$DAPR_HTTP_PORT/v1.0/publish/pubsub/t")
    assert run.end() == 0
    assert "== APP == got 204" in run.lines
    assert any("pubsub (pubsub.sqlite/v1)" in line for line in run.lines)
    assert any("statestore (state.sqlite/v1)" in line for line in run.lines)
    assert os.listdir(root / "data") and (root / "bin/daprd").resolve() == (user.bin / "dapr").resolve()


def test_a_redis_that_answers_is_used_and_stays(user, redis):
    host = f"localhost:{redis.port}"
    done = user.call("dapr", "init", "--redis-host", host)
    assert done.returncode == 0, done.stderr
    assert f"ℹ️  Using Redis on {host}, because redis-server answers on {host}.\n" in done.stdout
    found = files(user)
    assert found["components/pubsub.yaml"] == TUTORIAL.format(host=host)
    assert found["components/statestore.yaml"] == TUTORIAL.format(host=host).replace(
        "name: pubsub", "name: statestore").replace("pubsub.redis", "state.redis") + (
        '  - name: actorStateStore\n    value: "true"\n')
    assert not (user.home / ".dapr/redis").exists()
    assert user.call("dapr", "uninstall", "--all").returncode == 0
    assert not (user.home / ".dapr").exists()
    assert ping(redis.port) == "PONG\n"


def test_an_installed_redis_is_started_and_stopped(user, terminal):
    port = free_port()
    init = user.start("dapr", "init", "--broker", "redis", "--redis-host", f"localhost:{port}", terminal=terminal)
    assert init.end() == 0, init.output
    assert f"ℹ️  Using Redis on localhost:{port}, because redis-server is installed." in init.lines
    folder = user.home / ".dapr/redis"
    pid = int((folder / "redis.pid").read_text())
    assert (f"ℹ️  redis-server is running in the background (PID {pid}, files in {folder}); 'dapr uninstall' stops "
            "it.") in init.lines
    assert ping(port) == "PONG\n"
    again = user.call("dapr", "init", "--redis-host", f"localhost:{port}")  # changes nothing
    assert again.returncode == 0 and f"(PID {pid}, " in again.stdout
    assert "components/pubsub.yaml was there and stays as it is." in again.stdout
    subprocess.run(["redis-cli", "-p", str(port), "set", "k", "v"], check=True, capture_output=True)
    gone = user.start("dapr", "uninstall", terminal=terminal)
    assert gone.end() == 0
    assert gone.lines == ["ℹ️  Removing Dapr from your machine...", f"ℹ️  Stopping redis-server (PID {pid})",
                          f"ℹ️  Removing directory: {user.home}/.dapr/bin", "✅  Dapr has been removed successfully"]
    assert ping(port) == ""
    assert "components/pubsub.yaml" in files(user)
    user.call("dapr", "init", "--redis-host", f"localhost:{port}")  # what it held is there again
    assert subprocess.run(["redis-cli", "-p", str(port), "get", "k"], capture_output=True,
                          text=True).stdout == "v\n"
    assert user.call("dapr", "uninstall", "--all").returncode == 0
    assert ping(port) == "" and not (user.home / ".dapr").exists()


def test_without_redis_the_embedded_broker_is_taken(user, tmp_path):
    host = f"localhost:{free_port()}"
    done = user.call("dapr", "init", "--redis-host", host, env=without_redis(user, tmp_path))
    assert done.returncode == 0
    assert (f"ℹ️  Using the embedded broker and state store in {user.home}/.dapr/data, because of Redis on {host}: no "
            "redis-server answers there and none is installed.\n") in done.stdout
    assert "pubsub.sqlite" in files(user)["components/pubsub.yaml"]
    asked = user.call("dapr", "init", "--broker", "redis", "--redis-host", host, "--runtime-path",
                      tmp_path, env=without_redis(user, tmp_path))
    assert asked.returncode == 1 and not (tmp_path / ".dapr").exists()
    assert asked.stderr == (f"❌  Redis on {host} cannot be used: no redis-server answers there and none is installed; "
                            "install redis-server, name another with --redis-host, or use --broker embedded\n")


def test_what_answers_but_is_no_use(user, tmp_path, redis):
    redis.cli("CONFIG", "SET", "requirepass", "secret")
    done = user.call("dapr", "init", "--redis-host", f"localhost:{redis.port}")
    assert "the Redis there asks for a password" in done.stdout and "pubsub.sqlite" in files(user)[
        "components/pubsub.yaml"]
    with socket.socket() as web:
        web.bind(("127.0.0.1", 0))
        web.listen()

        def answer():
            peer, _ = web.accept()
            peer.recv(100)
            peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            peer.close()
        threading.Thread(target=answer, daemon=True).start()
        done = user.call("dapr", "init", "--broker", "redis", "--redis-host", f"localhost:{web.getsockname()[1]}",
                         "--runtime-path", tmp_path)
    assert done.returncode == 1 and "cannot be used: what answers there is no Redis; " in done.stderr


def test_a_silent_server_is_not_waited_for(user):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        began = time.monotonic()
        done = user.call("dapr", "init", "--redis-host", f"localhost:{silent.getsockname()[1]}")
    assert done.returncode == 0 and time.monotonic() - began < 5
    assert "what answers there is no Redis" in done.stdout


def test_nothing_that_is_there_is_written_over(user):
    root = user.home / ".dapr"
    (root / "components").mkdir(parents=True)
    (root / "bin").mkdir()
    (root / "components/pubsub.yaml").write_text(TUTORIAL.format(host="x:1").replace("pubsub.redis", "pubsub.kafka"))
    (root / "config.yaml").write_text("mine: true\n")
    (root / "bin/daprd").write_text("theirs")
    done = user.call("dapr", "init")
    assert done.returncode == 0
    assert "ℹ️  Using the components that are there, because pubsub.yaml is there and names pubsub.kafka.\n" in done.stdout
    assert f"ℹ️  {root}/bin/daprd was there and stays as it is; 'dapr run' does not use it.\n" in done.stdout
    assert (root / "bin/daprd").read_text() == "theirs" and (root / "config.yaml").read_text() == "mine: true\n"
    assert list(files(user)) == ["components/pubsub.yaml", "config.yaml"]
    other = user.call("dapr", "init", "--broker", "embedded")
    assert other.returncode == 1
    assert other.stderr.startswith(f"❌  {root}/components/pubsub.yaml is there and names pubsub.kafka: remove it, or ")
    gone = user.call("dapr", "uninstall")
    assert "bin holds more than was put there; --all removes it" in gone.stdout
    assert (root / "bin/daprd").read_text() == "theirs"


def test_components_that_name_a_redis_which_is_not_there(user, tmp_path):
    (user.home / ".dapr/components").mkdir(parents=True)
    (user.home / ".dapr/components/pubsub.yaml").write_text(TUTORIAL.format(host="localhost:6379"))
    done = user.call("dapr", "init", "--redis-host", f"localhost:{free_port()}", env=without_redis(user, tmp_path))
    assert done.returncode == 1 and "cannot be used: no redis-server answers there" in done.stderr


def test_slim_makes_no_components(user):
    done = user.call("dapr", "init", "--slim")
    assert done.returncode == 0
    assert files(user) == {"config.yaml": "apiVersion: dapr.io/v1alpha1\nkind: Configuration\nmetadata:\n"
                                          "  name: daprConfig\nspec: {}\n"}
    assert (user.home / ".dapr/components").is_dir()
    assert user.call("dapr", "run", "--app-id", "a", "--", "true").returncode == 0
    both = user.call("dapr", "init", "-s", "--broker", "redis")
    assert both.returncode == 1 and both.stderr.startswith("❌  --slim makes no components")


def test_flags_for_containers_say_that_they_have_no_effect(user):
    done = user.call("dapr", "init", "-s", "--runtime-version", "1.18.3", "--container-runtime", "podman")
    assert done.returncode == 0
    assert "Flag --runtime-version has no effect: the runtime is this program, version " in done.stderr
    assert "Flag --container-runtime has no effect: nothing runs in a container\n" in done.stderr


def test_another_folder_for_all_of_it(user, tmp_path):
    assert user.call("dapr", "init", "-s", "--runtime-path", tmp_path / "a").returncode == 0
    assert user.call("dapr", "init", "-s", env={"DAPR_RUNTIME_PATH": str(tmp_path / "b")}).returncode == 0
    assert (tmp_path / "a/.dapr/config.yaml").exists() and (tmp_path / "b/.dapr/config.yaml").exists()
    assert not (user.home / ".dapr").exists()
    for command in ("run", "--", "true"), ("uninstall", "--all"):
        assert user.call("dapr", *command[:1], "--runtime-path", tmp_path / "a", *command[1:]).returncode == 0
    assert not (tmp_path / "a/.dapr").exists()


def test_what_goes_wrong_is_told(user, tmp_path):
    (tmp_path / "file").write_text("")
    done = user.call("dapr", "init", "-s", "--runtime-path", tmp_path / "file")
    assert done.returncode == 1
    assert done.stderr == f"❌  mkdir {tmp_path}/file/.dapr: not a directory\n"
    for wrong in ("6379", "localhost:", "localhost:x", ":1", "localhost:70000"):
        done = user.call("dapr", "init", "--redis-host", wrong)
        assert done.stderr == f"❌  --redis-host is HOST:PORT, like localhost:6379, not '{wrong}'\n"
    assert user.call("dapr", "init", "--broker", "kafka").stderr == "❌  --broker is redis or embedded, not 'kafka'\n"


def test_uninstall_where_nothing_is(user):
    done = user.call("dapr", "uninstall", "--all")
    assert done.returncode == 0
    assert f"⚠  WARNING: {user.home}/.dapr does not exist\n" in done.stdout
    (user.home / ".dapr").mkdir()  # a folder that does not look like ours
    (user.home / ".dapr/photo").write_text("")
    user.call("dapr", "uninstall", "--all")
    assert (user.home / ".dapr/photo").exists()


def test_uninstall_ends_no_stranger(user):
    port = free_port()
    assert user.call("dapr", "init", "--broker", "redis", "--redis-host", f"localhost:{port}").returncode == 0
    pid_file = user.home / ".dapr/redis/redis.pid"
    own = int(pid_file.read_text())
    stranger = user.start("sleep", "1000")
    pid_file.write_text(str(stranger.process.pid))
    assert user.call("dapr", "uninstall").returncode == 0
    assert stranger.process.poll() is None
    os.kill(own, 15)
    wait_until(lambda: ping(port) == "", "it ends")
    shutil.rmtree(user.home / ".dapr")
