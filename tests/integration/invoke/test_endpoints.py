# SPDX-License-Identifier: MIT
"""Invocations that lead outside: HTTPEndpoint resources by their names, and URLs."""
import http.client
import http.server
import json
import ssl
import subprocess
import threading
import time
import urllib.parse

import pytest

from echo_app import EchoApp
from invoke_service import POST, invoke, refused
from sidecar import Server, Sidecar, certificates, component, free_port, tls_server, wait_until

GET = 1


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "resources"
    made.mkdir()
    return made


def endpoint(folder, name, url, more=""):
    """`more`: lines of YAML behind baseUrl, inside spec."""
    (folder / f"{name}.yaml").write_text("apiVersion: dapr.io/v1alpha1\nkind: HTTPEndpoint\n"
                                         f"metadata: {{name: {name}}}\nspec:\n  baseUrl: {url}\n{more}")


def asked(sidecar, path, **more):
    """What the place outside says it was asked."""
    status, data, _ = sidecar.request("GET", path, **more)
    assert status == 200, data
    said = json.loads(data)
    return said, dict((name.lower(), value) for name, value in said["headers"])


class TlsApp:
    """Says who asked, by the client's certificate."""

    def __init__(self, certificate, ca=None):
        app = self
        self.subjects = []
        self.headers = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                peer = self.connection.getpeercert() or {}
                app.subjects.append(peer.get("subject"))
                app.headers.append(self.headers)
                body = json.dumps({"target": self.path, "host": self.headers["Host"]}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        context = tls_server(certificate)
        if ca:
            context.load_verify_locations(ca)
            context.verify_mode = ssl.CERT_REQUIRED
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=[0.05], daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def test_a_resource_is_invoked_by_its_name(start, folder):
    app = start(EchoApp, "outside")
    endpoint(folder, "ext", f"http://127.0.0.1:{app.port}/base", "  headers:\n  - {name: X-Set, value: ours}\n")
    sidecar = start(Sidecar, "caller", folder, env={"APP_API_TOKEN": "app-secret"})
    said, headers = asked(sidecar, "/v1.0/invoke/ext/method/a//b?q=1", headers={"X-Set": "theirs", "X-Mine": "m"})
    assert (said["app"], said["method"], said["target"]) == ("outside", "GET", "/base/a/b?q=1")
    assert headers["host"] == f"127.0.0.1:{app.port}"
    assert [value for name, value in said["headers"] if name.lower() == "x-set"] == ["ours"]
    assert headers["x-mine"] == "m"
    added = {"dapr-api-token", "dapr-caller-app-id", "dapr-callee-app-id", "x-forwarded-for", "forwarded"}
    assert not added & set(headers)
    assert not any("not implemented" in line for line in sidecar.log)
    said, _ = asked(sidecar, "/json", headers={"dapr-app-id": "ext.anything"})  # what is behind the dot is no name
    assert said["target"] == "/base/json"


@pytest.mark.parametrize("escape", [False, True])
def test_a_url_is_invoked(start, folder, escape):
    app = start(EchoApp, "outside")
    sidecar = start(Sidecar, "caller", folder, env={"APP_API_TOKEN": "app-secret"})
    url = f"http://127.0.0.1:{app.port}"
    said, headers = asked(sidecar, f"/v1.0/invoke/{urllib.parse.quote(url, safe='') if escape else url}/method/x/y?q=1")
    assert said["target"] == "/x/y?q=1"
    assert headers["dapr-api-token"] == "app-secret"  # as to an application
    assert "dapr-caller-app-id" not in headers
    said, _ = asked(sidecar, "/json?a=b", headers={"dapr-app-id": url})
    assert said["target"] == "/json?a=b"


def test_the_name_of_a_resource_wins_over_an_application(start, folder):
    own = start(EchoApp, "own")
    app = start(EchoApp, "outside")
    endpoint(folder, "caller", f"http://127.0.0.1:{app.port}")
    sidecar = start(Sidecar, "caller", folder, app_port=own.port)
    assert asked(sidecar, "/v1.0/invoke/caller/method/json")[0]["app"] == "outside"


def test_bodies_and_statuses_pass(start, folder):
    app = start(EchoApp, "outside")
    endpoint(folder, "ext", f"http://127.0.0.1:{app.port}")
    sidecar = start(Sidecar, "caller", folder)
    body = b"0123456789abcdef" * 100000
    assert sidecar.request("POST", "/v1.0/invoke/ext/method/upload", body)[1] == str(len(body)).encode()
    assert len(sidecar.get("/v1.0/invoke/ext/method/download/5000000")[1]) == 5000000
    for status in (204, 302, 404, 500):
        assert sidecar.get(f"/v1.0/invoke/ext/method/status/{status}")[0] == status
    parts = iter([body] * 2)
    status, data, _ = sidecar.request("PUT", "/v1.0/invoke/ext/method/upload", parts)
    assert (status, data) == (200, str(2 * len(body)).encode())


def test_what_fails_is_told(start, folder):
    port = free_port()
    endpoint(folder, "gone", f"http://127.0.0.1:{port}/p")
    sidecar = start(Sidecar, "caller", folder)
    for target, prefix in (("gone", "/p"), (f"http://127.0.0.1:{port}", "")):
        status, data, _ = sidecar.get(f"/v1.0/invoke/{target}/method/m?q=1")
        assert status == 500
        message = json.loads(data)["message"]
        assert message.startswith(f"failed to invoke, id: {target}, err: "), message
        assert f'Get "http://127.0.0.1:{port}{prefix}/m?q=1": ' in message and "connection refused" in message, message
    status, data, _ = sidecar.get("/v1.0/invoke/gone/method/a%23b")
    assert status == 500 and b"method contains forbidden character" in data
    for wrong in ("http://user:pw@127.0.0.1", "http://127.0.0.1:99999", "http://:80"):
        assert sidecar.request("GET", "/json", headers={"dapr-app-id": wrong})[0] == 500


def test_a_caller_that_leaves_ends_the_call(start, folder):
    app = start(EchoApp, "outside")
    endpoint(folder, "ext", f"http://127.0.0.1:{app.port}")
    sidecar = start(Sidecar, "caller", folder)
    connection = http.client.HTTPConnection("127.0.0.1", sidecar.port)
    connection.request("GET", "/v1.0/invoke/ext/method/hang")
    wait_until(lambda: app.requests, "asked")
    connection.close()
    assert app.hung_up.wait(15)


def test_a_stop_while_a_call_hangs(start, folder):
    app = start(EchoApp, "outside")
    sidecar = start(Sidecar, "caller", folder, flags=["--dapr-graceful-shutdown-seconds", "5"])
    url = f"/v1.0/invoke/http://127.0.0.1:{app.port}/method/hang"

    def call():
        try:
            sidecar.get(url)
        except OSError:
            pass
        except http.client.HTTPException:
            pass
    thread = threading.Thread(target=call)
    thread.start()
    wait_until(lambda: app.requests, "asked")
    assert sidecar.stop() == 0, "\n".join(sidecar.log)
    thread.join(10)


def test_many_urls_share_a_few_channels(start, folder):
    app = start(EchoApp, "outside")
    sidecar = start(Sidecar, "caller", folder)
    for n in range(150):
        assert asked(sidecar, f"/v1.0/invoke/http://127.0.0.1:{app.port}%2Fp{n}/method/x")[0]["target"] == f"/p{n}/x"


def test_secrets_in_headers(start, folder, tmp_path):
    app = start(EchoApp, "outside")
    (tmp_path / "secrets.json").write_text(json.dumps({"key": "hush"}))
    component(folder, "store", "secretstores.local.file", secretsFile=tmp_path / "secrets.json")
    lines = "  headers:\n  - name: X-Key\n    secretKeyRef: {name: key, key: key}\nauth: {secretStore: %s}\n"
    endpoint(folder, "ext", f"http://127.0.0.1:{app.port}", lines % "store")
    endpoint(folder, "bad", f"http://127.0.0.1:{app.port}", lines % "nowhere")
    sidecar = start(Sidecar, "caller", folder)
    assert asked(sidecar, "/v1.0/invoke/ext/method/json")[1]["x-key"] == "hush"
    line = wait_until(lambda: [line for line in list(sidecar.log) if "HTTPEndpoint bad" in line], "said")[0]
    assert "cannot be invoked" in line and "'nowhere'" in line
    assert sidecar.get("/v1.0/invoke/bad/method/json")[0] == 500
    assert not any("hush" in line for line in sidecar.log)


def test_values_from_the_environment_and_from_a_secret_store(start, folder, tmp_path):
    """For headers and for TLS; an environment variable that is not there is an empty value, as in Dapr."""
    made = certificates(tmp_path)
    app = start(TlsApp, made / "server.pem", made / "ca.pem")
    pems = {name: (made / name).read_text() for name in ("ca.pem", "client.key")}
    (tmp_path / "secrets.json").write_text(json.dumps(pems))
    component(folder, "store", "secretstores.local.file", secretsFile=tmp_path / "secrets.json")
    endpoint(folder, "ext", f"https://localhost:{app.port}",
             "  headers:\n  - {name: X-Env, envRef: TOKEN_OF_THE_PARTNER}\n"
             "  - {name: X-None, envRef: NOT_THERE}\n  - {name: X-Kept, value: kept}\n"
             "  clientTLS:\n    rootCA: {secretKeyRef: {name: ca.pem, key: ca.pem}}\n"
             "    certificate: {envRef: CERTIFICATE_OF_OURS}\n"
             "    privateKey: {secretKeyRef: {name: client.key, key: client.key}}\n"
             "auth: {secretStore: store}\n")
    env = {"TOKEN_OF_THE_PARTNER": "from the environment", "CERTIFICATE_OF_OURS": (made / "client.pem").read_text()}
    sidecar = start(Sidecar, "caller", folder, env=env)
    status, data, _ = sidecar.get("/v1.0/invoke/ext/method/x")
    assert status == 200, data
    assert app.subjects == [((("commonName", "client"),),)]
    headers = app.headers[-1]
    assert (headers["X-Env"], headers["X-None"], headers["X-Kept"]) == ("from the environment", "", "kept")
    assert invoke(sidecar, "ext", "x", verb=GET).json()["target"] == "/x"


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_https_urls_are_checked_against_the_roots_of_the_system(start, tmp_path, variable):
    made = certificates(tmp_path)
    roots = tmp_path / "roots"
    roots.mkdir()
    name = subprocess.run(["openssl", "x509", "-hash", "-noout", "-in", made / "ca.pem"], check=True, text=True,
                          capture_output=True).stdout.strip()
    (roots / f"{name}.0").write_text((made / "ca.pem").read_text())
    app = start(TlsApp, made / "server.pem")
    url = f"https://localhost:{app.port}"
    env = {"SSL_CERT_FILE": "/nonexistent", "SSL_CERT_DIR": "/nonexistent",
           variable: str(made / "ca.pem" if variable == "SSL_CERT_FILE" else roots)}
    trusting = start(Sidecar, "trusting", env=env)
    for path in (f"/v1.0/invoke/{url}/method/x?q=1", f"/v1.0/invoke/{urllib.parse.quote(url, safe='')}/method/x?q=1"):
        status, data, _ = trusting.get(path)
        assert (status, json.loads(data)) == (200, {"target": "/x?q=1", "host": f"localhost:{app.port}"}), data
    assert invoke(trusting, url, "x", verb=GET).json()["target"] == "/x"
    wrong = start(TlsApp, made / "named.pem")  # of example.test
    status, data, _ = trusting.get(f"/v1.0/invoke/https://localhost:{wrong.port}/method/x")
    assert status == 500 and b"certificate" in data, data
    distrusting = start(Sidecar, "distrusting", env={**env, variable: "/nonexistent"})
    status, data, _ = distrusting.get(f"/v1.0/invoke/{url}/method/x")
    assert status == 500 and b"certificate" in data, data


def test_headers_replace_those_of_the_caller_and_of_the_sidecar(start, folder):
    app = start(EchoApp, "outside")
    endpoint(folder, "ext", f"http://127.0.0.1:{app.port}",
             "  headers:\n  - {name: Content-Type, value: a/b}\n  - {name: User-Agent, value: ours}\n")
    sidecar = start(Sidecar, "caller", folder)
    said, _ = asked(sidecar, "/v1.0/invoke/ext/method/json", headers={"Content-Type": "c/d"})
    names = [name.lower() for name, _ in said["headers"]]
    headers = {name.lower(): value for name, value in said["headers"]}
    assert (headers["content-type"], headers["user-agent"]) == ("a/b", "ours")
    assert names.count("content-type") == names.count("user-agent") == 1


@pytest.mark.parametrize("name, value", [("Host", "elsewhere"), ("Content-Length", "5"), ("a b", "x"), ("X", "a\nY: b")])
def test_headers_that_cannot_be_sent_are_named(start, folder, name, value):
    endpoint(folder, "ext", "http://127.0.0.1:1",
             f"  headers:\n  - {{name: {json.dumps(name)}, value: {json.dumps(value)}}}\n")
    sidecar = start(Sidecar, "caller", folder)
    line = wait_until(lambda: [line for line in list(sidecar.log) if "HTTPEndpoint ext at" in line], "said")[0]
    assert "cannot be invoked: spec.headers" in line and f"'{name}'" in line
    assert sidecar.get("/v1.0/invoke/ext/method/json")[0] == 500


def indented(file):
    return "".join(f"        {line}\n" for line in file.read_text().splitlines())


def tls_lines(**files):
    return "  clientTLS:\n" + "".join(f"    {name}:\n      value: |\n{indented(file)}" for name, file in files.items())


def test_https_with_an_authority_of_its_own_and_a_client_certificate(start, folder, tmp_path):
    made = certificates(tmp_path)
    app = start(TlsApp, made / "server.pem", made / "ca.pem")
    url = f"https://localhost:{app.port}/base"
    endpoint(folder, "ext", url, tls_lines(rootCA=made / "ca.pem", certificate=made / "client.pem",
                                           privateKey=made / "client.key"))
    endpoint(folder, "distrusting", url, tls_lines(rootCA=made / "other-ca.pem"))
    endpoint(folder, "plain", url)
    sidecar = start(Sidecar, "caller", folder)
    status, data, _ = sidecar.get("/v1.0/invoke/ext/method/x?q=1")
    assert status == 200, data
    assert json.loads(data) == {"target": "/base/x?q=1", "host": f"localhost:{app.port}"}
    assert app.subjects == [((("commonName", "client"),),)]
    for name in ("distrusting", "plain", f"https://localhost:{app.port}"):
        status, data, _ = sidecar.get(f"/v1.0/invoke/{name}/method/x")
        assert status == 500 and b"certificate" in data, data
    assert len(app.subjects) == 1


# ---- InvokeService ----


@pytest.fixture(params=["resource", "url"])
def outside(request, start, folder):
    """(sidecar, the name to call, the application there)."""
    app = start(EchoApp, "outside")
    url = f"http://127.0.0.1:{app.port}"
    endpoint(folder, "ext", url, "  headers:\n  - {name: X-Set, value: ours}\n")
    sidecar = start(Sidecar, "caller", folder, env={"APP_API_TOKEN": "app-secret"})
    return sidecar, "ext" if request.param == "resource" else url, app


def test_invoke_service_leads_outside(outside):
    sidecar, target, app = outside
    answer = invoke(sidecar, target, "json/a", b"body", verb=POST, query="q=1", content_type="text/x",
                    metadata=[("x-my", "1"), ("x-set", "theirs"), ("x-b-bin", b"\1")])
    said = answer.json()
    assert (said["method"], said["target"], said["body"]) == ("POST", "/json/a?q=1", "body")
    headers = {name.lower(): value for name, value in said["headers"]}
    assert (headers["content-type"], headers["x-my"], headers["content-length"]) == ("text/x", "1", "4")
    assert headers["host"] == f"127.0.0.1:{app.port}"
    assert [value for name, value in said["headers"] if name.lower() == "x-set"] == \
        (["ours"] if target == "ext" else ["theirs"])
    assert headers.get("dapr-api-token") == (None if target == "ext" else "app-secret")
    assert not {"dapr-caller-app-id", "dapr-callee-app-id", "x-forwarded-for", "x-b-bin"} & set(headers)
    assert answer.content_type == "application/json"
    told = dict(answer.headers)
    assert told["dapr-http-status"] == "200" and "content-length" not in told
    assert [value for key, value in answer.headers if key == "x-app"] == ["one", "two"]


@pytest.mark.parametrize("status, code, text", [(302, "UNKNOWN", "Found"), (404, "NOT_FOUND", "Not Found"),
                                                (429, "RESOURCE_EXHAUSTED", "Too Many Requests"),
                                                (503, "UNAVAILABLE", "Service Unavailable")])
def test_a_status_from_outside_is_an_error_with_details(outside, status, code, text):
    sidecar, target, _ = outside
    got, message, details, headers, _ = refused(sidecar, target, f"status/{status}")
    assert (got, message) == (code, text)
    assert details[0].metadata["http.code"] == str(status)
    assert details[0].metadata["http.error_message"] == f"body of {status}"
    assert headers["dapr-http-status"] == str(status)


def test_what_goes_wrong_outside_is_told_over_grpc(outside):
    sidecar, target, app = outside
    url = f"http://127.0.0.1:{app.port}"
    for method, end in (("nothing", "EOF"), ("short", "unexpected EOF")):
        code, text, *_ = refused(sidecar, target, method, verb=GET)
        assert code == "INTERNAL" and text.startswith(f"failed to invoke, id: {target}, err: ") and text.endswith(end)
    for verb, end in ((None, "missing HTTP extension field"), (0, "invalid HTTP verb")):
        code, text, *_ = refused(sidecar, target, "json", verb=verb)
        assert (code, text) == ("INTERNAL", f"failed to invoke, id: {target}, err: rpc error: code = InvalidArgument "
                                            f"desc = {end}")
    code, text, *_ = refused(sidecar, target, "a#b")
    assert code == "INTERNAL" and "method contains forbidden character" in text
    app.close()
    code, text, *_ = refused(sidecar, target, "m", verb=GET, query="q=1")
    assert code == "INTERNAL" and f'err: Get "{url}/m?q=1": ' in text and "connection refused" in text
    assert "retries" not in text


def test_a_client_that_gives_up_ends_the_call_outside(outside):
    sidecar, target, app = outside
    began = time.monotonic()
    assert refused(sidecar, target, "hang", timeout=0.5)[0] == "DEADLINE_EXCEEDED"
    assert time.monotonic() - began < 5
    assert app.hung_up.wait(15)
    assert invoke(sidecar, target, "json").json()["app"] == "outside"


def test_large_answers_from_outside_up_to_the_limit(outside):
    sidecar, target, _ = outside
    assert len(invoke(sidecar, target, "download/4000000", verb=GET).data) == 4000000
    code, text, *_ = refused(sidecar, target, "forever", verb=GET)
    assert code == "RESOURCE_EXHAUSTED" and "larger than max" in text


def test_invoke_service_over_https(start, folder, tmp_path):
    made = certificates(tmp_path)
    app = start(TlsApp, made / "server.pem", made / "ca.pem")
    url = f"https://localhost:{app.port}/base"
    endpoint(folder, "ext", url, tls_lines(rootCA=made / "ca.pem", certificate=made / "client.pem",
                                           privateKey=made / "client.key"))
    endpoint(folder, "distrusting", url, tls_lines(rootCA=made / "other-ca.pem"))
    sidecar = start(Sidecar, "caller", folder)
    assert invoke(sidecar, "ext", "x", verb=GET, query="q=1").json() == {"target": "/base/x?q=1",
                                                                         "host": f"localhost:{app.port}"}
    assert app.subjects == [((("commonName", "client"),),)]
    for name in ("distrusting", f"https://localhost:{app.port}"):
        code, text, *_ = refused(sidecar, name, "x", verb=GET)
        assert code == "INTERNAL" and "certificate" in text, text
    assert len(app.subjects) == 1
