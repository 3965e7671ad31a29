# SPDX-License-Identifier: MIT
"""dapr run: words, environment, exit status, and that nothing stays behind, however it ends."""
import os
import pathlib
import re
import signal
import socket
import time

import pytest

from sidecar import free_port, wait_until


def run(user, resources, *words, flags=(), app_id="orders", **kwargs):
    return user.start("dapr", "run", "--app-id", app_id, "--resources-path", resources, *flags, "--", *words,
                      **kwargs)


def test_the_application_speaks_with_a_prefix_and_its_status_is_the_commands(user, resources, terminal):
    session = run(user, resources, "sh", "-c", "echo one; echo two >&2; exit 7", terminal=terminal)
    assert session.end() == 7
    text = "\n".join(session.lines)
    ports = re.search(r"ℹ️  Starting Dapr with id orders\. HTTP Port: (\d+)\. gRPC Port: (\d+)$", text, re.M).groups()
    assert f"ℹ️  Checking if Dapr sidecar is listening on HTTP port {ports[0]}\n" in text
    assert f"ℹ️  Checking if Dapr sidecar is listening on GRPC port {ports[1]}\n" in text
    assert "ℹ️  Dapr sidecar is up and running.\n" in text
    assert "== APP == one\n" in text and "== APP == two\n" in text
    assert "== DAPR == time=" in text
    assert "❌  The App process exited with error code: 7\n" in text
    assert text.endswith("✅  Exited Dapr successfully")
    assert ("\x1b[94;1m== APP == \x1b[0mone" in session.output) == terminal
    user.assert_clean()


def test_all_goes_well(user, resources, terminal):
    session = run(user, resources, "sh", "-c", "echo here; sleep 0.3", terminal=terminal)
    assert session.end() == 0
    text = "\n".join(session.lines)
    assert re.search(r"ℹ️  Updating metadata for appPID: \d+\n", text)
    assert "ℹ️  Updating metadata for app command: sh -c echo here; sleep 0.3\n" in text
    assert "✅  You're up and running! Both Dapr and your app logs will appear here.\n\n" in text
    assert "✅  Exited App successfully\n" in text


def test_output_and_error_of_the_application_stay_apart_in_pipes(user, resources):
    done = user.call("dapr", "run", "--app-id", "a", "--resources-path", resources, "--", "sh", "-c",
                     "echo out; echo err >&2")
    assert "== APP == out\n" in done.stdout and "== APP == err" not in done.stdout
    assert done.stderr == "== APP == err\n"


def test_no_colours_when_asked_for_none(user, resources):
    session = run(user, resources, "sh", "-c", "echo one", terminal=True, env={"NO_COLOR": "1"})
    assert session.end() == 0
    assert "\x1b" not in session.output


def test_the_application_finds_the_sidecar_in_its_environment(user, resources):
    port, http, grpc, metrics = (free_port() for _ in range(4))
    session = run(user, resources, "sh", "-c", "env | sort", flags=[
        "-p", port, "-H", http, "--dapr-grpc-port", grpc, "-M", metrics, "-P", "http", "--app-channel-address",
        "127.0.0.1"], env={"GREETING": "hello"})
    session.end()
    said = dict(line[len("== APP == "):].split("=", 1) for line in session.lines
                if line.startswith("== APP == ") and "=" in line[len("== APP == "):])
    assert {k: said[k] for k in said if k.startswith(("APP_", "DAPR_", "GREET"))} == {
        "APP_ID": "orders", "APP_CHANNEL_ADDRESS": "127.0.0.1", "APP_PORT": str(port), "APP_PROTOCOL": "http",
        "DAPR_HTTP_PORT": str(http), "DAPR_GRPC_PORT": str(grpc), "DAPR_METRICS_PORT": str(metrics),
        "GREETING": "hello"}


def test_every_flag_reaches_the_sidecar(user, resources, tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text("apiVersion: dapr.io/v1alpha1\nkind: Configuration\nmetadata: {name: c}\nspec: {}\n")
    more = tmp_path / "more"
    more.mkdir()
    session = run(user, resources, "sh", "-c", "cat /proc/$(pgrep -o -P $PPID)/cmdline | tr '\\0' ' '", flags=[
        "--app-protocol=h2c", "--app-max-concurrency", "5", "-c", config, "--resources-path", more, "--log-level",
        "debug", "--max-body-size", "8Mi", "--read-buffer-size", "8Ki", "--enable-app-health-check",
        "--app-health-check-path", "/h", "--app-health-probe-interval", "7", "--app-health-probe-timeout", "70",
        "--app-health-threshold", "9", "--enable-api-logging", "--dapr-listen-addresses", "127.0.0.1", "--app-port",
        "1", "--placement-host-address", "p:1", "--scheduler-host-address", "s:1"])
    session.end()
    said = next(line for line in session.lines if line.startswith("== APP == daprd "))
    for pair in [f"--config {config}", f"--resources-path {resources}", f"--resources-path {more}",
                 "--app-protocol h2c", "--app-max-concurrency 5", "--log-level debug", "--max-body-size 8Mi",
                 "--read-buffer-size 8Ki", "--enable-app-health-check", "--app-health-check-path /h",
                 "--app-health-probe-interval 7", "--app-health-probe-timeout 70", "--app-health-threshold 9",
                 "--enable-api-logging", "--dapr-listen-addresses 127.0.0.1", "--app-id orders", "--app-port 1",
                 "--placement-host-address p:1", "--scheduler-host-address s:1", "--metrics-port ",
                 "--dapr-internal-grpc-port "]:
        assert f" {pair}" in said, said


def test_deprecated_flags_work_with_their_notice(user, resources):
    done = user.call("dapr", "run", "--app-id", "a", "-d", resources, "--app-ssl", "--", "sh", "-c",
                     "echo $APP_PROTOCOL")
    assert done.stderr.startswith(
        'Flag --components-path has been deprecated, This flag is deprecated and will be removed in the future '
        'releases. Use "resources-path" flag instead\nFlag --app-ssl has been deprecated, ')
    assert "pubsub (pubsub.in-memory/v1)" in done.stdout
    assert "== APP == https\n" in done.stdout


def test_a_name_is_found_when_none_is_given(user, resources):
    done = user.call("dapr", "run", "--resources-path", resources, "--", "true")
    assert re.search(r"Starting Dapr with id [a-z]+-[a-z]+\. ", done.stdout)


def test_without_a_command_the_sidecar_stays(user, resources, terminal):
    session = user.start("dapr", "run", "--app-id", "alone", "--resources-path", resources, terminal=terminal)
    session.wait_for("You're up and running! Dapr logs will appear here.")
    assert session.lines[0] == "WARNING: no application command found."
    assert session.stop() == 0
    assert session.lines[-1] == "✅  Exited Dapr successfully"
    user.assert_clean()


APPLICATION = """
import http.server, json, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        self.answer(json.dumps([{"pubsubname": "pubsub", "topic": "t", "route": "/t"}]).encode())
    def do_POST(self):
        print("got", json.loads(self.rfile.read(int(self.headers["Content-Length"])))["data"], flush=True)
        self.answer(b"")
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def test_an_application_may_come_go_and_come_back(user, resources):
    """Without a command the sidecar outlives its application, and goes on where it was."""
    port, http = free_port(), free_port()
    session = user.start("dapr", "run", "--app-id", "alone", "-p", port, "-H", http, "--resources-path", resources)
    first = user.start("/usr/bin/python3", "-c", APPLICATION, port)
    session.wait_for("app is subscribed to the following topics")

    def publish(n):
        done = user.call("curl", "-s", "-w", "%{http_code}", "-H", "Content-Type: application/json", "-d", str(n),
                         f"localhost:{http}/v1.0/publish/pubsub/t")
        assert done.stdout == "204"
    publish(1)
    first.wait_for("got 1")
    first.stop()
    publish(2)
    second = user.start("/usr/bin/python3", "-c", APPLICATION, port)
    publish(3)
    second.wait_for("got 2").wait_for("got 3")
    assert session.stop() == 0


# ---- the end ----

APPS = {
    "plain": "sleep 1000",
    "forks": "sleep 1000 & sleep 1000 & wait",
    "ignores": "trap '' INT TERM HUP; echo deaf; while :; do sleep 1; done",
    "daemon": "setsid sh -c 'sleep 1000 & sleep 1000' >/dev/null 2>&1 </dev/null & sleep 1000",
}


def interrupt(session):
    session.type("\x03")


def hang_up(session):
    session.hang_up()


def terminate(session):
    session.process.send_signal(signal.SIGTERM)


@pytest.mark.parametrize("how", [interrupt, hang_up, terminate])
@pytest.mark.parametrize("app", APPS)
def test_nothing_stays_when_it_is_stopped(user, resources, app, how):
    session = run(user, resources, "sh", "-c", APPS[app], terminal=True)
    session.wait_for("You're up and running!")
    how(session)
    assert session.end() == 0
    user.assert_clean()
    if how is not hang_up:
        assert session.lines[-3:] == ["terminated signal received: shutting down", "✅  Exited App successfully",
                                      "✅  Exited Dapr successfully"] or "== DAPR ==" in "\n".join(session.lines)
        said = [line for line in session.lines if line.startswith(("✅", "term"))]
        assert said[-3:] == ["terminated signal received: shutting down", "✅  Exited App successfully",
                             "✅  Exited Dapr successfully"]


@pytest.mark.parametrize("app", ["plain", "forks"])
def test_nothing_stays_when_it_is_killed_on_a_terminal(user, resources, app):
    session = run(user, resources, "sh", "-c", APPS[app], terminal=True)
    session.wait_for("You're up and running!")
    session.process.kill()
    session.end()
    user.assert_clean()


def test_sidecar_and_application_end_when_it_is_killed(user, resources):
    session = run(user, resources, "sleep", "1000")
    session.wait_for("You're up and running!")
    session.process.kill()
    session.end()
    user.assert_clean()


def test_asked_twice_it_does_not_wait(user, resources):
    session = run(user, resources, "sh", "-c", APPS["ignores"], terminal=True)
    session.wait_for("You're up and running!")
    started = time.monotonic()
    session.type("\x03")
    session.wait_for("terminated signal received")
    session.type("\x03")
    assert session.end() == 0
    assert time.monotonic() - started < 4
    user.assert_clean()


def test_a_reader_that_goes_away_ends_it(user, resources):
    user.call("sh", "-c", f"dapr run --app-id a --resources-path {resources} -- sh -c "
              "'while :; do echo x; sleep 0.1; done' | head -3")
    user.assert_clean()


def test_a_sidecar_that_dies_ends_it(user, resources):
    session = run(user, resources, "sleep", "1000")
    session.wait_for("You're up and running!")
    pid = next(pid for pid, words in user.left().items() if words.startswith("daprd"))
    os.kill(pid, signal.SIGKILL)
    assert session.end() == 1
    assert "❌  The daprd process exited with error code: signal: killed" in session.lines
    user.assert_clean()


def test_an_application_that_is_killed_is_named(user, resources):
    session = run(user, resources, "sh", "-c", "kill -9 $$")
    assert session.end() == 137
    assert "❌  The App process was terminated by signal: killed" in session.lines


def test_fifty_times_leave_nothing(user, resources, tmp_path, sockets):
    before = {p: sorted(os.listdir(p)) for p in (tmp_path, resources, user.home)}
    for number in range(50):
        session = run(user, resources, "sh", "-c", "sleep 1000 & wait", flags=["-u", sockets])
        session.wait_for("You're up and running!")
        assert session.stop([signal.SIGTERM, signal.SIGINT, signal.SIGHUP][number % 3]) == 0
        session.close()
        assert os.listdir(sockets) == []
    assert user.left() == {}
    assert {p: sorted(os.listdir(p)) for p in before} == before


# ---- what can be wrong ----

def test_a_command_that_is_not_there(user, resources):
    done = user.call("dapr", "run", "--app-id", "a", "--resources-path", resources, "--", "no-such-program")
    assert done.returncode == 1
    assert done.stderr == ('❌  Failed to find command no-such-program: exec: "no-such-program": executable file not '
                           'found in $PATH\n')
    assert "✅  Start App failed, try to stop Dapr successfully" in done.stdout
    user.assert_clean()


def test_a_resources_path_that_is_not_there(user):
    done = user.call("dapr", "run", "--app-id", "a", "--resources-path", "./components", "--", "true")
    assert done.returncode == 1
    assert done.stderr == ('❌  error validating resources path ["./components"] : stat ./components: no such file or '
                           'directory; start from the folder that holds it, or correct the path\n')
    done = user.call("dapr", "run", "--app-id", "a", "--", "true")
    assert done.stderr == (f'❌  error validating resources path ["{user.home}/.dapr/components"] : stat '
                           f"{user.home}/.dapr/components: no such file or directory; run 'dapr init' first, or name "
                           "a folder with --resources-path\n")


def test_yaml_that_is_wrong_is_named_with_its_place(user, tmp_path):
    (tmp_path / "bad.yaml").write_text("kind: Component\n  metadata: [\n")
    done = user.call("dapr", "run", "--app-id", "a", "--resources-path", tmp_path, "--", "true")
    assert done.returncode == 1
    assert done.stderr.startswith(f'❌  error validating components in resources path ["{tmp_path}"] : '
                                  f"{tmp_path}/bad.yaml:1:7: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("flag,name", [("--dapr-http-port", "HTTPPort"), ("-G", "GRPCPort"), ("-M", "MetricsPort"),
                                       ("-I", "InternalGRPCPort")])
def test_a_port_in_use(user, resources, flag, name):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = user.call("dapr", "run", "--app-id", "a", "--resources-path", resources, flag, port, "--", "true")
    assert done.returncode == 1
    assert done.stderr.startswith(f"❌  invalid configuration for {name}. Port {port} is not available: port already "
                                  "in use; ")


def test_an_application_that_wants_its_flags(user, resources):
    done = user.call("dapr", "run", "--app-id", "a", "--resources-path", resources, "python3", "--sort", "x")
    assert done.returncode == 255
    assert done.stderr == ('Error: unknown flag: --sort; if it belongs to "python3", put -- before that (see \'dapr '
                           "run --help')\n")


def test_sizes_and_protocols_are_checked(user, resources):
    done = user.call("dapr", "run", "--resources-path", resources, "--max-body-size", "4Xi", "--", "true")
    assert (done.returncode, done.stderr[:41]) == (1, "❌  invalid max request body size: '4Xi'; ")
    done = user.call("dapr", "run", "--resources-path", resources, "-P", "ftp", "--", "true")
    assert (done.returncode, done.stderr[:32]) == (1, "❌  invalid app protocol 'ftp': -")


def test_a_sidecar_that_cannot_start_is_reported(user, tmp_path):
    (tmp_path / "x.yaml").write_text("apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: x}\n"
                                     "spec: {type: pubsub.nosuch, version: v1}\n")
    done = user.call("dapr", "run", "--app-id", "a", "--resources-path", tmp_path, "--", "sh", "-c", "echo started")
    assert done.returncode == 1
    assert "❌  The daprd process exited with error code: exit status 1\n" in done.stderr
    assert "== APP ==" not in done.stdout
    user.assert_clean()


# ---- input and output ----

def test_input_reaches_the_application(user, resources):
    done = user.call("dapr", "run", "--app-id", "a", "--resources-path", resources, "--", "cat", stdin="typed\n")
    assert "== APP == typed\n" in done.stdout
    session = run(user, resources, "sh", "-c", "printf 'Name? '; read name; echo Hello $name", terminal=True)
    session.wait_for("== APP == Name? ").type("Ada\n")
    assert session.end() == 0
    assert "Hello Ada" in session.lines  # the terminal showed what was typed, and went to the next line


def test_closed_descriptors_do_no_harm(user, resources):
    done = user.call("sh", "-c", f"dapr run --app-id a --resources-path {resources} -- sh -c 'echo hi' <&- 2>&-")
    assert done.returncode == 0 and "== APP == hi\n" in done.stdout


def test_a_program_is_as_talkative_as_on_a_terminal(user, resources):
    """What Python prints is seen at once although it does not flush."""
    session = run(user, resources, "/usr/bin/python3", "-c", "import time; print('early'); time.sleep(1000)",
                  terminal=True)
    session.wait_for("== APP == early")
    session.stop()


def test_long_and_many_lines_arrive_whole(user, resources):
    done = user.call("dapr", "run", "--app-id", "a", "--resources-path", resources, "--", "/usr/bin/python3", "-c",
                     "print('x' * 60000)\nfor i in range(20000): print('line', i)\nprint('end', end='')")
    lines = [line for line in done.stdout.splitlines() if line.startswith("== APP == ")]
    assert lines[0] == "== APP == " + "x" * 60000
    assert lines[1:] == [f"== APP == line {i}" for i in range(20000)] + ["== APP == end"]


def test_json_lines_are_json(user, resources):
    import json
    done = user.call("dapr", "run", "--log-as-json", "--app-id", "a", "--resources-path", resources, "--", "true")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert {"status": "success", "msg": "Exited App successfully"}.items() <= lines[
        next(i for i, line in enumerate(lines) if "Exited App" in line["msg"])].items()
    assert any(line.get("scope") == "dapr.runtime" for line in lines)
