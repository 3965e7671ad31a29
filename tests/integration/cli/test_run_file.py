# SPDX-License-Identifier: MIT
"""dapr run -f: several applications from one file."""
import json
import os
import re
import signal
import time

import pytest

from sidecar import component, free_port, wait_until


@pytest.fixture
def folder(tmp_path):
    """A project: three folders of applications and shared resources."""
    for name in ("one", "two", "three", "shared"):
        (tmp_path / "project" / name).mkdir(parents=True)
    component(tmp_path / "project/shared")
    return tmp_path / "project"


def write(folder, text):
    (folder / "dapr.yaml").write_text(text)
    return folder / "dapr.yaml"


BASE = """version: 1
common:
  resourcesPath: ./shared
apps:
"""


def logs(folder, app, kind):
    return [path.read_text() for path in sorted((folder / ".dapr/logs").glob(f"{app}_{kind}_*.log"))]


def test_applications_run_together_each_with_its_prefix(user, folder, terminal):
    write(folder, BASE + """
  - appDirPath: one
    command: ["sh", "-c", "pwd; echo one says hello; sleep 1000"]
  - appID: second
    appDirPath: ./two/
    command: ["sh", "-c", "pwd; echo two says hello >&2; sleep 1000"]
""")
    session = user.start("dapr", "run", "-f", folder, terminal=terminal)
    session.wait_for('Started Dapr with app id "second".')
    session.wait_for("two says hello")
    text = "\n".join(session.lines)
    assert re.search(r'^ℹ️  Validating config and starting app "one"\n(.*\n)*'
                     r'ℹ️  Started Dapr with app id "one"\. HTTP Port: \d+\. gRPC Port: \d+\n'
                     rf"ℹ️  Writing log files to directory : {folder}/one/\.dapr/logs\n(.*\n)*"
                     r'ℹ️  Validating config and starting app "second"\n', text, re.M)
    for line in (f"== APP - one == {folder}/one", "== APP - one == one says hello",
                 f"== APP - second == {folder}/two", "== APP - second == two says hello"):
        assert line in session.lines
    assert "level=info" not in text  # the sidecars write into their files
    if terminal:
        assert "\x1b[94;1m== APP - one == \x1b[0mone" in session.output
        assert "\x1b[92;1m== APP - second == \x1b[0mtwo" in session.output
    assert session.stop(signal.SIGINT) == 0
    assert "\n".join(session.lines).endswith(
        "ℹ️  \nReceived signal to stop Dapr and app processes. Shutting down Dapr and app processes.")
    user.assert_clean()
    assert logs(folder / "one", "one", "app") == [f"{folder}/one\none says hello\n"]
    assert logs(folder / "two", "second", "app") == [f"{folder}/two\ntwo says hello\n"]
    log, = logs(folder / "one", "one", "daprd")
    for line in ("Starting Dapr with id one. HTTP Port: ", "Checking if Dapr sidecar is listening on HTTP port ",
                 f"Updating metadata for cliPID: {session.process.pid}", "Updating metadata for appPID: ",
                 "Updating metadata for app command: sh -c pwd; ",
                 "You're up and running! Dapr logs will appear here.", "Exited App successfully",
                 "Exited Dapr successfully"):
        assert re.search("^" + re.escape(line), log, re.M), line
    assert "Status: Running" in log


def test_every_key_reaches_its_place(user, folder):
    for name in ("common-config.yaml", "one/config.yaml"):
        (folder / name).write_text("apiVersion: dapr.io/v1alpha1\nkind: Configuration\nmetadata: {name: c}\nspec: {}\n")
    ports = [free_port() for _ in range(5)]
    (folder / "more").mkdir()
    (folder / "one/own").mkdir()
    write(folder, f"""version: 1
name: project
unknown: is passed over
common:
  configFilePath: common-config.yaml
  resourcesPaths: [./shared, more]
  appProtocol: h2c
  logLevel: warn
  appMaxConcurrency: 3
  maxBodySize: 8Mi
  readBufferSize: 8Ki
  enableApiLogging: true
  enableAppHealthCheck: true
  appHealthCheckPath: /common
  appHealthProbeInterval: 7
  appHealthProbeTimeout: 70
  appHealthThreshold: 9
  placementHostAddress: p:1
  schedulerHostAddress: s:1
  apiListenAddresses: 127.0.0.1
  daprdLogDestination: file
  env: {{A: common, B: common, N: 7, T: true}}
apps:
  - appID: first
    appDirPath: one
    configFilePath: config.yaml
    resourcesPaths: [own]
    appProtocol: http
    logLevel: debug
    appHealthCheckPath: /own
    enableApiLogging: false
    appChannelAddress: localhost
    appPort: {ports[0]}
    daprHTTPPort: {ports[1]}
    daprGRPCPort: {ports[2]}
    daprInternalGRPCPort: {ports[3]}
    metricsPort: {ports[4]}
    env: {{B: own}}
    command: &show ["sh", "-c", "env | sort; cat /proc/$(pgrep -P $PPID -f \\"app-id $APP_ID\\")/cmdline | tr '\\\\0' ' '; sleep 1000"]
  - appID: second
    appDirPath: two
    command: *show
""")
    session = user.start("dapr", "run", "-f", folder / "dapr.yaml")
    session.wait_for('Started Dapr with app id "second".')
    wait_until(lambda: len([line for line in session.lines if " == daprd " in line]) == 2, "both have spoken")
    session.stop()

    def said(app):
        start = f"== APP - {app} == "
        lines = [line[len(start):] for line in session.lines if line.startswith(start)]
        return (dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("daprd")),
                next(line for line in lines if line.startswith("daprd ")) + " ")
    env, flags = said("first")
    assert {k: env.get(k) for k in ("A", "B", "N", "T", "APP_ID", "APP_PROTOCOL", "APP_PORT", "APP_CHANNEL_ADDRESS",
                                    "DAPR_HTTP_PORT", "DAPR_GRPC_PORT", "DAPR_METRICS_PORT")} == {
        "A": "common", "B": "own", "N": "7", "T": "true", "APP_ID": "first", "APP_PROTOCOL": "http",
        "APP_PORT": str(ports[0]), "APP_CHANNEL_ADDRESS": "localhost", "DAPR_HTTP_PORT": str(ports[1]),
        "DAPR_GRPC_PORT": str(ports[2]), "DAPR_METRICS_PORT": str(ports[4])}
    for flag in (f"--config {folder}/one/config.yaml", f"--resources-path {folder}/one/own", "--log-level debug",
                 "--app-health-check-path /own", "--app-max-concurrency 3", f"--dapr-internal-grpc-port {ports[3]}",
                 f"--app-port {ports[0]}", "--app-channel-address localhost", "--max-body-size 8Mi"):
        assert f" {flag} " in flags, flag
    assert str(folder / "shared") not in flags and "--enable-api-logging" not in flags
    assert "--app-protocol" not in flags  # what the sidecar does anyway is not said
    env, flags = said("second")
    assert (env["B"], env["APP_PROTOCOL"]) == ("common", "h2c")
    for flag in (f"--config {folder}/common-config.yaml", f"--resources-path {folder}/shared",
                 f"--resources-path {folder}/more", "--log-level warn", "--app-health-check-path /common",
                 "--enable-api-logging", "--enable-app-health-check", "--app-health-probe-interval 7",
                 "--app-health-probe-timeout 70", "--app-health-threshold 9", "--app-protocol h2c",
                 "--read-buffer-size 8Ki", "--placement-host-address p:1", "--scheduler-host-address s:1",
                 "--dapr-listen-addresses 127.0.0.1"):
        assert f" {flag} " in flags, flag


def test_an_applications_folder_may_bring_its_own_resources(user, folder):
    own = folder / "one/.dapr/resources"
    own.mkdir(parents=True)
    component(own, name="own")
    (folder / "one/.dapr/config.yaml").write_text("apiVersion: dapr.io/v1alpha1\nkind: Configuration\n"
                                                  "metadata: {name: c}\nspec: {}\n")
    write(folder, BASE + "  - {appDirPath: one, daprdLogDestination: console, command: [sleep, '1000']}\n")
    session = user.start("dapr", "run", "-f", folder)
    session.wait_for('Started Dapr with app id "one".')
    session.wait_for("Component loaded: own (pubsub.in-memory/v1)")
    one = next(words for words in user.left().values() if words.startswith("daprd"))
    assert f"--config {folder}/one/.dapr/config.yaml" in one and "shared" not in one
    session.stop()


@pytest.mark.parametrize("app,sidecar", [("console", "console"), ("file", "file"), ("console", "fileAndConsole"),
                                         ("fileAndConsole", "console")])
def test_log_destinations(user, folder, app, sidecar):
    write(folder, BASE + f"""
  - appDirPath: one
    appLogDestination: {app}
    daprdLogDestination: {sidecar}
    command: [sh, -c, "printf 'coloured \\\\033[31mred\\\\033[0m\\\\n'; sleep 1000"]
""")
    session = user.start("dapr", "run", "-f", folder, terminal=True)
    session.wait_for('Started Dapr with app id "one".')

    def kept(kind):
        found = logs(folder / "one", "one", kind) if (folder / "one/.dapr").exists() else []
        return "".join(found)
    marks = {"app": ("coloured red", app), "daprd": ("Status: Running", sidecar)}
    for kind, (mark, where) in marks.items():
        if where != "file":
            session.wait_for(f"== {'APP' if kind == 'app' else 'DAPR'} - one == ").wait_for(mark)
        if where != "console":
            wait_until(lambda: mark in kept(kind), f"{mark} in a file")
    session.stop()
    for kind, (mark, where) in marks.items():
        assert (mark in "\n".join(session.lines)) == (where != "file")
        assert bool(kept(kind)) == (where != "console")
        assert "\x1b" not in kept(kind)
    assert ("\x1b[31mred" in session.output) == (app != "file")
    assert ("Writing log files" in session.output) == ("file" in (app + sidecar).lower())


def test_one_that_fails_is_reported_and_the_others_go_on(user, folder):
    write(folder, BASE + """
  - {appDirPath: one, command: [sh, -c, "sleep 1; exit 3"]}
  - {appDirPath: two, command: [sh, -c, "while :; do echo still here; sleep 0.2; done"]}
""")
    session = user.start("dapr", "run", "-f", folder)
    session.wait_for('❌  App "one": The App process exited with error code: 3')
    before = session.output.count("still here")
    wait_until(lambda: session.output.count("still here") > before + 3, "the other goes on")
    assert session.stop() == 0
    user.assert_clean()


def test_when_all_have_ended_so_has_the_command(user, folder):
    write(folder, BASE + """
  - {appDirPath: one, command: ["true"]}
  - {appDirPath: two, command: [sh, -c, "sleep 0.5; exit 4"]}
""")
    session = user.start("dapr", "run", "-f", folder)
    assert session.end() == 4
    user.assert_clean()


def test_a_start_that_fails_stops_what_was_started(user, folder):
    write(folder, BASE + """
  - {appDirPath: one, command: [sleep, "1000"]}
  - {appDirPath: two, command: [no-such-program]}
  - {appDirPath: three, command: [sleep, "1000"]}
""")
    session = user.start("dapr", "run", "-f", folder)
    assert session.end() == 1
    assert '❌  App "two": Failed to find command no-such-program: exec: "no-such-program": executable file not found ' \
        "in $PATH" in session.lines
    assert 'app "three"' not in session.output
    user.assert_clean()
    write(folder, BASE + "  - {appDirPath: one, command: [sleep, '1000']}\n"
                         "  - {appDirPath: two, resourcesPath: ../one, appPort: 1, daprHTTPPort: 70000}\n")
    done = user.call("dapr", "run", "-f", folder)
    assert done.returncode == 1
    assert done.stderr.startswith(f'❌  Error validating run config for app "two" present in {folder}/dapr.yaml: invalid '
                                  "configuration for HTTPPort. Port 70000 is not in 1..65535")
    user.assert_clean()


def test_an_application_without_command_has_its_sidecar(user, folder):
    write(folder, BASE + "  - {appDirPath: one}\n")
    session = user.start("dapr", "run", "-f", folder)
    session.wait_for('Started Dapr with app id "one".')
    assert f'⚠  No application command found for app "one" present in {folder}/dapr.yaml' in session.lines
    assert session.stop() == 0
    user.assert_clean()


def test_list_and_stop_know_the_file(user, folder, terminal):
    write(folder, BASE.replace("version: 1", "version: 1\nname: shop") + """
  - {appDirPath: one, command: [sleep, "1000"]}
  - {appDirPath: two, command: [sleep, "1000"]}
  - {appDirPath: three, command: [sleep, "1000"]}
""")
    session = user.start("dapr", "run", "-f", folder)
    session.wait_for('Started Dapr with app id "three".')
    found = {item["appId"]: item for item in json.loads(user.call("dapr", "list", "-o", "json").stdout)
             if item["cliPid"] == session.process.pid}
    assert set(found) == {"one", "two", "three"}
    assert found["one"]["runTemplatePath"] == f"{folder}/dapr.yaml" and found["one"]["runTemplateName"] == "shop"
    assert os.path.exists(found["one"]["appLogPath"]) and os.path.exists(found["one"]["daprdLogPath"])
    # One of several: its sidecar and its application end, the others stay.
    assert user.call("dapr", "stop", "two").stdout == "✅  app stopped successfully: two\n"
    wait_until(lambda: len(user.left()) == 5, "one pair is gone")
    stop = user.start("dapr", "stop", "-f", folder, terminal=terminal)
    assert stop.end() == 0
    assert stop.lines == ["✅  Dapr and app processes stopped successfully"]
    assert session.end() == 0
    assert user.left() == {}
    again = user.call("dapr", "stop", "-f", folder / "dapr.yaml")
    assert again.returncode == 1
    assert again.stderr == ("❌  Failed to stop Dapr and app processes: couldn't find apps with run file "
                            f'"{folder}/dapr.yaml"\n')


def test_the_file_may_come_from_input(user, folder):
    done = user.call("dapr", "run", "-f", "-", cwd=folder, stdin=BASE + "  - {appDirPath: one, command: [echo, hi]}\n")
    assert done.returncode == 0, done.stderr
    assert "== APP - one == hi\n" in done.stdout


def test_flags_beside_it_are_named(user, folder):
    write(folder, BASE + "  - {appDirPath: one, command: ['true']}\n")
    done = user.call("dapr", "run", "-f", folder, "--app-port", "8000", "-a", "x")
    assert done.stdout.startswith("⚠  The following flags are ignored when using --run-file and should be configured "
                                  "in the run file instead: app-id, app-port\n")
    assert done.returncode == 0


@pytest.mark.parametrize("text,message", [
    ("apps: [{appDirPath: one}]", "required field 'version' not found in the provided run template file"),
    ("version: 0\napps: [{appDirPath: one}]", "required field 'version' not found in the provided run template file"),
    ("version: 1\napps:\n- {appID: x}",
     "required field 'appDirPath' not found in the provided app config file (dapr.yaml:3)"),
    ("version: 1\napps:\n- {appDirPath: nowhere}",
     "dapr.yaml:3:16: appDirPath: stat {folder}/nowhere: no such file or directory"),
    ("version: 1\napps:\n- appDirPath: one\n  appPort: x", "dapr.yaml:4:12: appPort is a number"),
    ("version: 1\napps:\n- appDirPath: one\n  appSSL: maybe", "dapr.yaml:4:11: appSSL is true or false"),
    ("version: 1\napps:\n- appDirPath: one\n  command: python app.py",
     "dapr.yaml:4:12: command is a list of words: [\"python3\", \"app.py\"]"),
    ("version: 1\napps:\n- appDirPath: one\n  env: [A=1]", "dapr.yaml:4:9: env is a mapping of names to values"),
    ("version: 1\ncommon:\n  resourcesPaths: here\napps:\n- appDirPath: one", "dapr.yaml:3:19: resourcesPaths is a list"),
    ("version: 1\napps:\n- appDirPath: one\n  appLogDestination: printer",
     "dapr.yaml:3:3: appLogDestination and daprdLogDestination are console, file or fileAndConsole"),
    ("version: 1\napps: [{appDirPath: one}, {appDirPath: one}]",
     "two applications are called 'one': give one another appID"),
    ("version: 1\napps: [", "dapr.yaml:3:1: "),
])
def test_a_file_that_is_wrong(user, folder, text, message):
    write(folder, text + "\n")
    done = user.call("dapr", "run", "-f", folder)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("❌  Error getting apps from config file: " + message.replace("{folder}", str(folder)))
    assert done.stderr.count("\n") == 1


def test_a_file_that_is_not_there(user, folder):
    def fails(*words):
        done = user.call("dapr", "run", *words, cwd=folder)
        assert done.returncode == 1
        return done.stderr
    assert fails("-f", "x.json") == '❌  Error getting apps from config file: file "x.json" is not a YAML file\n'
    assert fails("-f", "x.yaml").startswith("❌  Error getting apps from config file: stat ")
    write(folder, "version: 1\napps: []\n")
    assert fails("-f", ".") == "❌  No apps to run\n"
    assert fails("-f", ".", "sh").startswith('❌  --run-file says what to run: "sh" is one command too many')


def test_nothing_stays_when_the_terminal_goes(user, folder):
    write(folder, BASE + """
  - {appDirPath: one, command: [sh, -c, "trap '' HUP; sleep 1000 & sleep 1000"]}
  - {appDirPath: two, command: [sleep, "1000"]}
""")
    session = user.start("dapr", "run", "-f", folder, terminal=True)
    session.wait_for('Started Dapr with app id "two".')
    time.sleep(0.1)
    session.hang_up()
    assert session.end() == 0
    user.assert_clean()
