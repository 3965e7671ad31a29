# SPDX-License-Identifier: MIT
"""The start and the end of a sidecar: log lines in daprd's order, signals, ports that are taken, exit codes."""
import json
import pathlib
import re
import signal
import socket
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
from sidecar import App, Sidecar, component, free_port, sub, wait_until  # noqa: E402


def lines(sidecar, but=("dapr.runtime.diagnostics",)):
    """(level, scope, message) of every line, without those of `but`."""
    found = []
    for line in sidecar.log:
        parts = re.match(r'time="[^"]*" level=(\w+) msg="?(.*?)"? app_id=\S+ .*?scope=(\S+) type=log', line)
        if parts and parts[3] not in but:
            found.append((parts[1], parts[3], parts[2]))
    return found


def test_the_start_and_the_end_as_daprd_logs_them(tmp_path):
    app = App([sub()])
    internal_port = free_port()
    sidecar = Sidecar("orders", component(tmp_path), app.port, env={"DAPR_API_TOKEN": "s"},
                      flags=["--allowed-origins", "*", "--app-max-concurrency", "5", "--enable-metrics=false",
                             "--dapr-internal-grpc-port", str(internal_port)])
    assert sidecar.stop() == 0
    app.close()
    got = [line for line in lines(sidecar) if line[1] != "dapr.contrib"]
    runtime, http, grpc = "dapr.runtime", "dapr.runtime.http", "dapr.runtime.grpc.api"
    internal, peers = "dapr.runtime.grpc.internal", f"127.0.0.1:{internal_port}"
    assert got[:-7] == [
        ("info", runtime, got[0][2]),
        ("info", runtime, "Log level set to: info"),
        ("warning", "dapr.runtime.security", "mTLS is disabled. Skipping certificate request and tls validation"),
        ("info", runtime, "loading default configuration"),
        ("warning", "dapr.runtime.actor",
         "Actor runtime disabled: api error: code = Unavailable desc = placement service is not configured. "
         "Actors and Workflow APIs will be unavailable"),
        ("warning", "dapr.runtime.scheduler.watchhosts", "No scheduler host addresses provided. Scheduler disabled"),
        ("info", runtime, "standalone mode configured"),
        ("info", runtime, "app id: orders"),
        ("info", runtime, "Dapr trace sampler initialized: ParentBased{root:TraceIDRatioBased{0.0001},"
                          "remoteParentSampled:AlwaysOnSampler,remoteParentNotSampled:AlwaysOffSampler,"
                          "localParentSampled:AlwaysOnSampler,localParentNotSampled:AlwaysOffSampler}"),
        ("info", runtime, "Initialized name resolution to local"),
        ("info", runtime, "Loading components…"),
        ("info", "dapr.runtime.processor", "Component loaded: pubsub (pubsub.in-memory/v1)"),
        ("info", runtime, "Waiting for all outstanding components to be processed…"),
        ("info", runtime, "All outstanding components processed"),
        ("info", runtime, "Loading endpoints…"),
        ("info", runtime, "Waiting for all outstanding http endpoints to be processed…"),
        ("info", runtime, "All outstanding http endpoints processed"),
        ("info", runtime, "Loading Declarative Subscriptions…"),
        ("info", grpc, "Enabled gRPC tracing middleware"),
        ("info", grpc, "Enabled gRPC metrics middleware"),
        ("info", grpc, "Enabled token authentication on gRPC server"),
        ("info", grpc, f"gRPC server listening on TCP address: 127.0.0.1:{sidecar.grpc_port}"),
        ("info", runtime, f"API gRPC server is running on port {sidecar.grpc_port}"),
        ("info", http, "Enabled max body size HTTP middleware with size 4194304 bytes"),
        ("info", http, "Enabled tracing HTTP middleware"),
        ("info", http, "Enabled metrics HTTP middleware"),
        ("info", http, "Enabled CORS HTTP middleware"),
        ("info", http, "Enabled token authentication on HTTP server"),
        ("info", http, f"HTTP server listening on TCP address: 127.0.0.1:{sidecar.port}"),
        ("info", runtime, f"HTTP server is running on port {sidecar.port}"),
        ("info", runtime, "The request body size parameter is: 4194304 bytes"),
        ("info", internal, f"gRPC server listening on pre-bound TCP address: {peers}"),
        ("info", internal, "Enabled gRPC tracing middleware"),
        ("info", internal, "Enabled gRPC metrics middleware"),
        ("info", runtime, f"Internal gRPC server is running on {peers}"),
        ("info", runtime, f"application protocol: http. waiting on port {app.port}.  This will block until the app "
                          "is listening on that port."),
        ("info", runtime, f"application discovered on port {app.port}"),
        ("info", runtime, "app max concurrency set to 5"),
        ("info", runtime, "Application configuration loaded"),
        ("info", "dapr.runtime.processor.subscription",
         "app is subscribed to the following topics: [[t]] through pubsub=pubsub"),
    ]
    assert got[0][2].startswith("Starting Dapr Runtime -- version ") and got[0][2].endswith(" -- commit ")
    assert got[-7][1] == runtime and re.fullmatch(r"dapr initialized\. Status: Running\. Init Elapsed \d+ms", got[-7][2])
    assert got[-6:] == [
        ("info", "dapr.signals", "Received signal 'terminated'; beginning shutdown"),
        ("info", runtime, "Dapr is shutting down"),
        ("info", http, f"Closing HTTP server 127.0.0.1:{sidecar.port}…"),
        ("info", runtime, "Shutting down component pubsub (pubsub.in-memory/v1)"),
        ("info", runtime, "Dapr runtime stopped"),
        ("info", runtime, "Daprd shutdown gracefully"),
    ]


def test_without_an_application_the_channel_is_missing(tmp_path):
    sidecar = Sidecar("orders", flags=["--log-level", "DEBUG", "--dapr-graceful-shutdown-seconds", "0"])
    assert sidecar.stop(signal.SIGINT) == 0
    got = lines(sidecar)
    assert ("info", "dapr.runtime", "Log level set to: DEBUG") in got
    assert ("warning", "dapr.runtime.channels",
            "App channel is not initialized. Did you configure an app-port?") in got
    assert ("warning", "dapr.runtime",
            "Graceful shutdown timeout is infinite, will wait indefinitely to shutdown") in got
    assert ("info", "dapr.signals", "Received signal 'interrupt'; beginning shutdown") in got


def test_a_taken_port_is_tried_again(tmp_path):
    first = Sidecar("orders")
    second = Sidecar("other", flags=["--dapr-http-port", str(first.port)], wait=False)
    wait_until(lambda: any("trying again for 10 s" in line for line in second.log), "the second sidecar waits")
    assert first.stop() == 0
    second.port = first.port
    second.wait_ready("/v1.0/healthz")
    assert second.stop() == 0


def test_a_port_that_stays_taken_ends_the_start():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        sidecar = Sidecar("orders", flags=["--dapr-grpc-port", str(port)], wait=False)
        began = time.monotonic()
        assert sidecar.end(30) == 1
        assert time.monotonic() - began > 9
    assert ("error", "dapr.runtime.grpc.api",
            f"Failed to listen for gRPC server on TCP address 127.0.0.1:{port} with error: listen tcp "
            f"127.0.0.1:{port}: bind: address already in use") in lines(sidecar)
    assert "Fatal error from runtime: failed to start API gRPC server: could not listen on any endpoint" in sidecar.log[-1]


def test_a_stop_while_a_port_is_waited_for():
    first = Sidecar("orders")
    second = Sidecar("other", flags=["--dapr-http-port", str(first.port)], wait=False)
    wait_until(lambda: any("trying again" in line for line in second.log), "the second sidecar waits")
    assert second.stop() == 0
    assert "Daprd shutdown gracefully" in second.log[-1]
    assert first.stop() == 0


def test_unix_sockets(tmp_path):
    sidecar = Sidecar("orders", flags=["--unix-domain-socket", str(tmp_path)], wait=False)
    wait_until(lambda: any("dapr initialized" in line for line in sidecar.log), "ready")
    paths = [tmp_path / "dapr-orders-http.socket", tmp_path / "dapr-orders-grpc.socket"]
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(paths[0]))
        client.sendall(b"GET /v1.0/healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 204 ")
    assert all(path.is_socket() for path in paths)
    got = lines(sidecar)
    assert ("info", "dapr.runtime", "API gRPC server is running on a Unix Domain Socket") in got
    assert ("info", "dapr.runtime", "HTTP server is running on a Unix Domain Socket") in got
    assert ("info", "dapr.runtime.http", f"HTTP server listening on UNIX socket: {paths[0]}") in got
    second = Sidecar("orders", flags=["--unix-domain-socket", str(tmp_path)], wait=False)
    assert second.end() == 1  # at once
    assert f"failed to start API gRPC server: listen unix {paths[1]}: bind: address already in use" in second.log[-1]
    assert sidecar.stop() == 0
    assert not any(path.exists() for path in paths)
    paths[0].write_text("in the way")
    third = Sidecar("orders", flags=["--unix-domain-socket", str(tmp_path)], wait=False)
    assert third.end() == 1 and not paths[1].exists()  # what was opened before is gone


def test_a_hangup_begins_anew(tmp_path):
    app = App([sub()])
    sidecar = Sidecar("orders", component(tmp_path), app.port)
    assert sidecar.request("PUT", "/v1.0/metadata/k", b"v")[0] == 204
    component(tmp_path, "second")
    for round in 1, 2:
        sidecar.process.send_signal(signal.SIGHUP)
        wait_until(lambda: sum("dapr initialized" in line for line in sidecar.log) == 1 + round, "started again")
    names = [c["name"] for c in json.loads(sidecar.get("/v1.0/metadata")[1])["components"]]
    assert names == ["pubsub", "second"]
    assert sidecar.publish("pubsub", "t", {"n": 1})[0] == 204
    wait_until(lambda: len(app.events()) == 1, "delivered by the new one")
    assert sidecar.stop() == 0
    app.close()
    got = [message for _, _, message in lines(sidecar)]
    assert got.count("Received signal 'hangup'; restarting") == 2
    assert got.count("Dapr runtime stopped") == 3
    assert sum(message.startswith("Starting Dapr Runtime") for message in got) == 1
    assert got.count("Daprd shutdown gracefully") == 1


def test_a_second_signal_ends_at_once(tmp_path):
    hold = threading.Event()
    app = App([sub()], lambda path, body: (hold.wait(20), (200, {}))[1])
    sidecar = Sidecar("orders", component(tmp_path), app.port, flags=["--dapr-graceful-shutdown-seconds", "60"])
    publisher = threading.Thread(target=lambda: sidecar.publish("pubsub", "t", {}))
    publisher.start()
    wait_until(lambda: app.received, "delivery under way")
    sidecar.process.send_signal(signal.SIGTERM)
    wait_until(lambda: any("beginning shutdown" in line for line in sidecar.log), "stopping")
    assert sidecar.stop(signal.SIGINT) == 1
    hold.set()
    app.close()
    publisher.join()
    assert ("fatal", "dapr.signals", "Received signal 'interrupt' during shutdown; exiting immediately") in lines(sidecar)


def test_a_forced_shutdown_is_answered(tmp_path):
    sidecar = Sidecar("orders")
    assert sidecar.request("POST", "/v1.0/shutdown", headers={"dapr-force-shutdown": "True"})[0] == 204
    assert sidecar.end() == 1
    assert ("warning", "dapr.api",
            "Force shutdown requested, exiting immediately without graceful shutdown") in lines(sidecar)
    sidecar = Sidecar("orders")
    assert sidecar.request("POST", "/v1.0/shutdown", headers={"dapr-force-shutdown": "no"})[0] == 204
    assert sidecar.end() == 0
    assert ("info", "dapr.api", "Shutdown requested via API") in lines(sidecar)


def test_a_blocked_end_keeps_the_apis_up(tmp_path):
    app = App([sub()])
    sidecar = Sidecar("orders", component(tmp_path), app.port, flags=["--dapr-block-shutdown-duration", "1500ms"])
    began = time.monotonic()
    sidecar.process.send_signal(signal.SIGTERM)
    wait_until(lambda: sidecar.get("/v1.0/healthz")[0] == 500, "not healthy any more")
    assert sidecar.get("/v1.0/healthz/outbound")[0] == 204
    assert sidecar.publish("pubsub", "t", {})[0] == 204  # there is nobody to deliver it to
    assert sidecar.end() == 0
    assert time.monotonic() - began >= 1.4
    app.close()
    assert app.received == []
    got = [message for _, _, message in lines(sidecar)]
    assert "Blocking graceful shutdown for 1.5s or until app reports unhealthy..." in got
    assert "Block shutdown period expired, entering shutdown..." in got


def test_a_blocked_end_waits_for_the_application_no_longer_than_it_is_healthy(tmp_path):
    app = App([sub()])
    health = [200]
    ask = app.server.RequestHandlerClass.do_GET

    def do_get(request):
        if request.path == "/healthz":
            request.reply(health[0], {})
        else:
            ask(request)
    app.server.RequestHandlerClass.do_GET = do_get
    sidecar = Sidecar("orders", component(tmp_path), app.port,
                      flags=["--dapr-block-shutdown-duration", "1h", "--enable-app-health-check",
                             "--app-health-probe-interval", "1", "--app-health-threshold", "1"])
    wait_until(lambda: any("app is subscribed" in line for line in sidecar.log), "subscribed")
    sidecar.process.send_signal(signal.SIGTERM)
    wait_until(lambda: any("Blocking graceful" in line for line in sidecar.log), "blocked")
    health[0] = 500
    assert sidecar.end() == 0, "\n".join(sidecar.log)
    app.close()
    assert ("info", "dapr.runtime", "App reported unhealthy, entering shutdown...") in lines(sidecar)


def test_a_block_is_for_applications_that_were_there(tmp_path):
    sidecar = Sidecar("orders", app_port=free_port(), flags=["--dapr-block-shutdown-duration", "1h"], wait=False)
    sidecar.wait_ready("/v1.0/healthz/outbound")
    assert sidecar.stop() == 0
    sidecar = Sidecar("orders", flags=["--dapr-block-shutdown-duration", "1h"])
    assert sidecar.request("POST", "/v1.0/shutdown")[0] == 204  # only signals block
    assert sidecar.end() == 0
    sidecar = Sidecar("orders", flags=["--dapr-block-shutdown-duration", "1h"])
    sidecar.process.send_signal(signal.SIGTERM)
    wait_until(lambda: any("Blocking" in line for line in sidecar.log), "blocked")
    assert sidecar.stop() == 1  # the second signal
