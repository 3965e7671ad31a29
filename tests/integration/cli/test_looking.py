# SPDX-License-Identifier: MIT
"""dapr components, configurations, logs and doctor: commands that only look."""
import json
import re
import socket
import uuid

import pytest

from redis_server import Redis
from sidecar import App, component, free_port

CONFIG = """apiVersion: dapr.io/v1alpha1
kind: Configuration
metadata: {{name: {name}}}
spec:
  tracing: {{samplingRate: "{rate}"}}
  metrics: {{enabled: {metrics}}}
"""


def unique():
    return f"app-{uuid.uuid4().hex[:8]}"


# ---- components and configurations ----

def test_components_of_a_folder(user, tmp_path, terminal):
    component(tmp_path, name="pubsub", kind="pubsub.redis", redisHost="localhost:6379")
    (tmp_path / "b.yaml").write_text("apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: store, namespace: "
                                     "shop}\nspec: {type: state.redis, version: v1}\nscopes: [a, b]\n---\n"
                                     "apiVersion: dapr.io/v1alpha1\nkind: Configuration\nmetadata: {name: c}\n")
    session = user.start("dapr", "components", "--resources-path", tmp_path, terminal=terminal)
    assert session.end() == 0
    head, first, second = session.lines
    assert head.split() == ["Namespace", "Name", "Type", "VERSION", "SCOPES", "CREATED", "AGE", "FILE"]
    assert re.match(r"  shop +store +state\.redis +v1 +a, b +\d{4}-", first)
    assert re.match(r" +pubsub +pubsub\.redis +v1 +\d{4}-", second)
    found = json.loads(user.call("dapr", "components", "--resources-path", tmp_path, "-o", "json", "-n",
                                 "pubsub").stdout)
    assert [one["spec"]["metadata"] for one in found] == [[{"name": "redisHost", "value": "localhost:6379"}]]
    yaml = user.call("dapr", "components", "--resources-path", tmp_path, "-o", "yaml", "-n", "store").stdout
    assert yaml == ("- apiVersion: dapr.io/v1alpha1\n  kind: Component\n  metadata:\n    name: store\n    namespace: shop"
                    "\n  spec:\n    type: state.redis\n    version: v1\n  scopes:\n  - a\n  - b\n")


def test_components_of_a_running_sidecar(user, resources):
    app = unique()
    user.start("dapr", "run", "-a", app, "--resources-path", resources).wait_for("up and running!")
    done = user.call("dapr", "components", "--app-id", app)
    assert re.match(r"  Name +Type +VERSION.*\n  pubsub  pubsub\.in-memory  v1", done.stdout)
    assert json.loads(user.call("dapr", "components", "-a", app, "-o", "json").stdout)[0]["name"] == "pubsub"
    assert user.call("dapr", "components", "-a", app, "-n", "x").stderr == (
        f"❌  the sidecar of {app} has no component named x\n")


def test_configurations(user, tmp_path):
    (tmp_path / "a.yaml").write_text(CONFIG.format(name="first", rate="0.5", metrics="false"))
    (tmp_path / "b.yaml").write_text(CONFIG.format(name="second", rate="0", metrics="true"))
    lines = user.call("dapr", "configurations", "--resources-path", tmp_path).stdout.splitlines()
    assert lines[0].split() == ["Name", "TRACING-ENABLED", "METRICS-ENABLED", "AGE", "CREATED", "FILE"]
    assert lines[1].split()[:3] == ["first", "true", "false"] and lines[2].split()[:3] == ["second", "false", "true"]
    assert json.loads(user.call("dapr", "configurations", "--resources-path", tmp_path, "-o", "json", "-n",
                                "first").stdout)[0]["spec"]["tracing"] == {"samplingRate": "0.5"}
    user.call("dapr", "init", "-s")
    assert user.call("dapr", "configurations").stdout.splitlines()[1].split()[0] == "daprConfig"


@pytest.mark.parametrize("command", ["components", "configurations"])
def test_what_cannot_be_looked_at(user, tmp_path, command):
    def fails(*words):
        done = user.call("dapr", command, *words)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
        return done.stderr
    assert fails("--resources-path", "/no/folder") == "❌  stat /no/folder: no such file or directory\n"
    assert fails("--resources-path", tmp_path, "-n", "x").endswith(f" named x in {tmp_path}\n")
    assert "An invalid output format" in fails("-o", "xml")
    assert "is not there yet" in fails("-k")
    (tmp_path / "bad.yaml").write_text("a: [\n")
    assert fails("--resources-path", tmp_path).startswith(f"❌  {tmp_path}/bad.yaml:2:1: ")


# ---- logs ----

@pytest.fixture
def shop(user, tmp_path):
    (tmp_path / "shop/resources").mkdir(parents=True)
    component(tmp_path / "shop/resources")
    app = unique()
    (tmp_path / "dapr.yaml").write_text(f"""version: 1
apps:
- appID: {app}
  appDirPath: shop
  resourcesPath: resources
  command: [sh, -c, "echo first; while [ ! -f more ]; do sleep 0.05; done; echo second; sleep 1000"]
""")
    session = user.start("dapr", "run", "-f", tmp_path)
    session.wait_for(f'Started Dapr with app id "{app}".').wait_for("first")
    session.app, session.folder = app, tmp_path / "shop"
    return session


def test_logs_of_a_multi_app_run(user, shop, terminal):
    assert user.call("dapr", "logs", "-a", shop.app, "--app").stdout == "first\n"
    assert "dapr initialized. Status: Running" in user.call("dapr", "logs", "--app-id", shop.app).stdout
    follow = user.start("dapr", "logs", "-a", shop.app, "--app", "-f", terminal=terminal)
    follow.wait_for("first")
    (shop.folder / "more").touch()
    follow.wait_for("second")
    shop.stop()
    assert follow.end() == 0  # it ends with the application
    assert follow.lines == ["first", "second"]
    assert user.call("dapr", "logs", "-a", shop.app, "--app", cwd=shop.folder).stdout == "first\nsecond\n"


def test_logs_that_are_not_there(user, resources):
    app = unique()
    done = user.call("dapr", "logs", "-a", app)
    assert done.returncode == 1
    assert done.stderr == (f"❌  couldn't find app id {app}: it does not run, and .dapr/logs of this folder has no log "
                           "of it\n")
    run = user.start("dapr", "run", "-a", app, "--resources-path", resources).wait_for("up and running!")
    assert user.call("dapr", "logs", "-a", app).stderr == (
        f"❌  app id {app} keeps no log file: it writes to the terminal of process {run.process.pid}; 'dapr run -f' "
        "keeps files\n")


# ---- doctor ----

def test_a_healthy_machine(user, tmp_path, terminal):
    user.call("dapr", "init", "--broker", "embedded")
    app, name = App([{"pubsubname": "pubsub", "topic": "orders", "route": "orders"}]), unique()
    run = user.start("dapr", "run", "-a", name, "-p", app.port)
    run.wait_for("app is subscribed to the following topics")
    session = user.start("dapr", "doctor", "--app-id", name, terminal=terminal)
    assert session.end() == 0, session.output
    for line in (f"✅  Dapr folder {user.home}/.dapr",
                 f"✅  Component pubsub: {user.home}/.dapr/data/pubsub.db can be written",
                 f"✅  {name}: its sidecar is ready", f"✅  {name}: the application listens on port {app.port}"):
        assert line in session.lines, session.output
    assert "❌" not in session.output
    # The application of the test answers OPTIONS with 501: the route may be there.
    assert f"✅  {name}: topic orders goes to /orders" in session.lines
    run.stop()
    app.close()


@pytest.fixture
def sick(user, tmp_path):
    redis = Redis(tmp_path)
    redis.cli("CONFIG", "SET", "requirepass", "secret")
    folder = tmp_path / "sick"
    folder.mkdir()
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        component(folder, "refused", "pubsub.redis", redisHost=f"localhost:{closed.getsockname()[1]}")
        component(folder, "locked", "state.redis", redisHost=f"localhost:{redis.port}")
        component(folder, "unknown", "pubsub.nosuch")
        component(folder, "away", "state.sqlite", connectionString="/no/such/folder/state.db")
        component(folder, "strange", "pubsub.redis", redisHost="localhost:port")
        (folder / "twin.yaml").write_text((folder / "away.yaml").read_text())
        (folder / "sub.yaml").write_text("apiVersion: dapr.io/v1alpha1\nkind: Subscription\nmetadata: {name: s}\nspec:\n"
                                         "  pubsubname: nowhere\n  topic: orders\n  route: /orders\n---\n"
                                         "apiVersion: dapr.io/v1alpha1\nkind: Sandwich\nmetadata: {name: s}\n")
        yield folder
    redis.kill()


def test_what_is_wrong_and_how_to_mend_it(user, sick):
    done = user.call("dapr", "doctor", "--resources-path", sick)
    assert done.returncode == 1
    found = done.stderr
    for part in (
            "Component refused: Redis on localhost:", " does not answer (dial tcp 127.0.0.1:",
            ": connect: connection refused): start it, run 'dapr init', or correct redisHost in ",
            "Component locked: Redis on localhost:", f" asks for a password: set redisPassword in {sick}/locked.yaml",
            f"Component unknown: this program has no pubsub.nosuch/v1: correct spec.type in {sick}/unknown.yaml:1",
            f"Component away: /no/such/folder cannot be written to: make the folder, or correct connectionString in "
            f"{sick}/away.yaml",
            f"Component strange: redisHost 'localhost:port' is not HOST:PORT ({sick}/strange.yaml)",
            f"Two components are named 'away', in {sick}/away.yaml and {sick}/twin.yaml: rename one",
            "Subscription s: no component is named 'nowhere': add one to the folder, or correct spec.pubsubname in "
            f"{sick}/sub.yaml:1",
            f"{sick}/sub.yaml:9: kind 'Sandwich' is not known"):
        assert part in found, f"{part}\n{found}"
    assert all(line.startswith("❌  ") for line in found.splitlines())
    assert "is not there: run 'dapr init', or name folders with --resources-path" in done.stdout
    assert re.search(r"❌  \d+ to mend, \d+ to know\n$", found)


def test_a_broken_file_and_a_missing_folder(user, tmp_path):
    (tmp_path / "bad.yaml").write_text("a: [\n")
    done = user.call("dapr", "doctor", "--resources-path", tmp_path, "--resources-path", "/no/folder")
    assert done.returncode == 1
    assert f"❌  {tmp_path}/bad.yaml:2:1: flow sequence without a closing bracket: correct it, or name another folder\n" \
        in done.stderr
    assert "❌  stat /no/folder: no such file or directory: correct it, or name another folder\n" in done.stderr


def test_an_application_that_is_not_there_and_a_route_that_may_not_be(user, resources, other_sidecar):
    app, other, port = unique(), unique(), free_port()
    run = user.start("dapr", "run", "-a", app, "-p", port, "--resources-path", resources).wait_for("up and running!")
    listening = other_sidecar(other + "-app", {})  # answers 404 to everything: an application without routes
    other_sidecar(other, {"/v1.0/metadata": [200, json.dumps({
        "components": [], "appConnectionProperties": {"port": listening.port, "protocol": "http",
                                                      "channelAddress": "127.0.0.1"},
        "subscriptions": [{"pubsubname": "gone", "topic": "t", "rules": [{"match": "", "path": "orders"}]}]})]},
        "--app-port", str(listening.port))
    done = user.call("dapr", "doctor", "-a", app, "--resources-path", resources)
    assert f"❌  {app}: the application does not listen on port {port} (dial tcp 127.0.0.1:{port}: connect: connection " \
        "refused): start it, or correct --app-port\n" in done.stderr
    done = user.call("dapr", "doctor", "-a", other, "--resources-path", resources)
    assert f"❌  {other}: topic t is wanted from 'gone', which its sidecar has not loaded: add the component to its " \
        "resources path\n" in done.stderr
    assert f"⚠  {other}: the application answers 404 on /orders, where it wants topic t: has it that route?\n" in done.stdout
    run.stop()
    done = user.call("dapr", "doctor", "-a", app, "--resources-path", resources)
    assert f"❌  {app} does not run; running: " in done.stderr


def test_a_port_of_another_program_is_told(user):
    port = 9090
    with socket.socket() as taken:
        try:
            taken.bind(("127.0.0.1", port))
            taken.listen()
        except OSError:
            pass  # somebody has it already: as good
        text = user.call("dapr", "doctor").stdout
    assert "Port 9090 (metrics) is used by " in text
