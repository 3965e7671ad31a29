# SPDX-License-Identifier: MIT
import json
import re
import time
import uuid

from sidecar import free_port, wait_until


def unique():
    return f"app-{uuid.uuid4().hex[:8]}"


def test_the_table_is_as_the_tutorial_shows_it(user, resources, terminal):
    app, http, grpc, port = unique(), free_port(), free_port(), free_port()
    running = user.start("dapr", "run", "--app-id", app, "--app-port", port, "-H", http, "-G", grpc,
                         "--resources-path", resources, "--", "/usr/bin/python3", "-m", "http.server", port, "-b",
                         "127.0.0.1")
    running.wait_for("You're up and running!")

    def row():
        session = user.start("dapr", "list", terminal=terminal)
        assert session.end() == 0
        return [line for line in session.lines if "APP ID" in line or app in line]

    wait_until(lambda: "Running" in row()[-1], "it runs")
    head, line = row()
    assert re.match(r"  APP ID +HTTP PORT  GRPC PORT  APP PORT  COMMAND +AGE +CREATED              STATUS$", head)
    cells = line[2:].split("  ")
    assert [cell.strip() for cell in cells if cell.strip()][:4] == [app, str(http), str(grpc), str(port)]
    command = f"/usr/bin/python3 -m http.server {port} -b 127.0.0.1"
    assert line[head.index("COMMAND"):].startswith(command[:28] + "...")
    assert re.search(r"  \d+s +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  Running$", line)
    created = time.mktime(time.strptime(line[head.index("CREATED"):][:19], "%Y-%m-%d %H:%M:%S"))
    assert abs(created - time.time()) < 30
    for name in ("HTTP PORT", "GRPC PORT", "APP PORT", "CREATED", "STATUS"):  # aligned
        at = head.index(name)
        assert line[at - 1] == " " and line[at] != " "


def test_documents_have_the_keys_of_dapr(user, resources):
    app = unique()
    running = user.start("dapr", "run", "--app-id", app, "--resources-path", resources, "--max-body-size", "8Mi",
                         "--", "sleep", "1000")
    running.wait_for("You're up and running!")
    text = user.call("dapr", "list", "-o", "json").stdout
    assert not text.endswith("\n") and "\n  {\n    \"appId\"" in text
    one = next(item for item in json.loads(text) if item["appId"] == app)
    assert one["command"] == "sleep 1000" and one["cliPid"] == running.process.pid and one["appPort"] == 0
    assert one["maxRequestBodySize"] == 8 << 20 and one["metricsEnabled"] is True
    assert user.left()[one["appPid"]] == "sleep 1000 " and user.left()[one["daprdPid"]].startswith("daprd ")
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d\.\d\d$", one["created"])
    yaml = user.call("dapr", "list", "-o", "yaml").stdout
    item = next(part for part in ("\n" + yaml).split("\n- ") if part.startswith(f"appId: {app}\n"))
    assert f"\n  httpPort: {one['httpPort']}\n" in item and "\n  command: sleep 1000\n" in item
    wide = user.call("dapr", "list", "-o", "wide").stdout
    assert re.search(r"  STATUS +DAPRD PID +CLI PID +APP PID", wide)


def test_sidecars_of_dapr_are_found(user, other_sidecar):
    app, lost = unique(), unique()
    other = other_sidecar(app, {"/v1.0/metadata": [200, json.dumps(
        {"id": app, "extended": {"appCommand": "node\napp.js", "appPID": "41", "cliPID": "42"}})]},
        "--dapr-grpc-port=777", "-app-port", "888", "--enable-metrics=false")
    silent = other_sidecar(lost, {"/v1.0/metadata": [500, ""], "/v1.0/healthz": [500, ""]})
    found = {item["appId"]: item for item in json.loads(user.call("dapr", "list", "-o", "json").stdout)}
    assert found[app].items() >= {"httpPort": other.port, "grpcPort": 777, "appPort": 888, "metricsEnabled": False,
                                  "command": "node\napp.js", "appPid": 41, "cliPid": 42, "status": "Running",
                                  "daprdPid": other.process.pid}.items()
    assert found[lost]["status"] == "Starting"
    table = user.call("dapr", "list").stdout
    assert "  node app.js  " in table  # on one line
    silent.stop()
    assert lost not in user.call("dapr", "list").stdout


def test_a_sidecar_alone_is_listed(user, resources):
    app, port = unique(), free_port()
    one = user.start("pillion", "sidecar", "--app-id", app, "--dapr-http-port", port, "--dapr-grpc-port", free_port(),
                     "--resources-path", resources)
    one.wait_for("Status: Running")
    assert re.search(rf"^  {app} .*Running$", user.call("dapr", "list").stdout, re.M)
    one.stop()


def test_unix_sockets_are_asked_too(user, resources, sockets):
    app = unique()
    running = user.start("dapr", "run", "-a", app, "-u", sockets, "--resources-path", resources)
    running.wait_for("You're up and running!")
    assert running.lines[1] == "⚠  Unix domain sockets are currently a preview feature"
    assert running.lines[2] == (f"ℹ️  Starting Dapr with id {app}. HTTP Socket: {sockets}/dapr-{app}-http.socket. "
                                f"gRPC Socket: {sockets}/dapr-{app}-grpc.socket.")
    assert re.search(rf"^  {app} .*Running$", user.call("dapr", "list").stdout, re.M)


def test_what_cannot_be_listed(user):
    wrong = user.call("dapr", "list", "-o", "xml")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert wrong.stderr == ("❌  An invalid output format was specified: 'xml'; use one of: table wide json yaml\n")
    assert user.call("dapr", "list", "-k").returncode == 1
