# SPDX-License-Identifier: MIT
"""Answers packed by gzip: unpacked on the way for a caller that did not ask for them, and passed on to one that did."""
import gzip
import http.client
import json

import pytest

from echo_app import EchoApp
from invoke_service import invoke, refused
from sidecar import Sidecar

GET = 1


@pytest.fixture(params=["own", "remote", "url"])
def target(request, caller, callee, app):
    """(the sidecar that is asked, the name to call)."""
    return {"own": (callee, "callee"), "remote": (caller, "callee"),
            "url": (caller, f"http://127.0.0.1:{app.port}")}[request.param]


def ask(target, path, method="GET", **headers):
    """The answer, unread; unlike Python's own, without an Accept-Encoding that nobody asked for."""
    sidecar, name = target
    connection = http.client.HTTPConnection("127.0.0.1", sidecar.port, timeout=60)
    connection.putrequest(method, f"/v1.0/invoke/{name}/method{path}", skip_accept_encoding=True)
    for key, value in headers.items():
        connection.putheader(key.replace("_", "-"), value)
    connection.endheaders()
    return connection.getresponse()


def accepted(app):
    return [value for name, value in app.requests[-1][2] if name.lower() == "accept-encoding"]


def test_the_sidecar_asks_for_gzip_and_unpacks_it(target, app):
    answer = ask(target, "/packed/100000")
    assert (answer.status, answer.read()) == (200, b"0" * 100000)
    assert accepted(app) == ["gzip"]
    assert answer.getheader("Content-Encoding") is None and answer.getheader("X-App") == "one"
    assert answer.getheader("Content-Type") == "text/plain; charset=utf-8"  # of what is in it
    answer = ask(target, "/packed/1000/404")
    assert (answer.status, answer.read(), answer.getheader("Content-Length")) == (404, b"0" * 1000, "1000")
    assert answer.getheader("Content-Encoding") is None
    answer = ask(target, "/packed/100000/counted")  # whose length is not that of what is in it
    assert (answer.getheader("Content-Length"), answer.read()) == (None, b"0" * 100000)
    answer = ask(target, "/packed/1000/counted")
    assert (answer.getheader("Content-Length"), answer.read()) == ("1000", b"0" * 1000)
    answer = ask(target, "/json")  # and what is not packed stays as it is
    assert json.loads(answer.read())["target"] == "/json"


def test_who_asks_for_an_encoding_or_a_range_gets_what_the_application_says(target, app):
    for headers, heard in (({"Accept_Encoding": "gzip"}, ["gzip"]), ({"Accept_Encoding": "identity"}, ["identity"]),
                           ({"Range": "bytes=0-"}, [])):
        answer = ask(target, "/packed/1000", **headers)
        assert answer.getheader("Content-Encoding") == "gzip" and gzip.decompress(answer.read()) == b"0" * 1000
        assert accepted(app) == heard
        answer = ask(target, "/packed/100000/counted", **headers)
        packed = answer.read()
        assert answer.getheader("Content-Length") == str(len(packed)) and gzip.decompress(packed) == b"0" * 100000
    answer = ask(target, "/json", method="HEAD")
    assert answer.status == 200 and accepted(app) == []


def test_invoke_service_unpacks_too(target, app):
    answer = invoke(*target, "packed/1000", verb=GET)
    assert answer.data == b"0" * 1000 and "content-encoding" not in dict(answer.headers)
    assert accepted(app) == ["gzip"]
    code, _, details, *_ = refused(*target, "packed/10/404", verb=GET)
    assert code == "NOT_FOUND" and details[0].metadata["http.error_message"] == "0" * 10
    code, text, *_ = refused(*target, "packed/10000000", verb=GET)
    assert code == "RESOURCE_EXHAUSTED" and "larger than max" in text


def test_a_broken_one_is_an_error_to_the_caller(target):
    sidecar, name = target
    with pytest.raises(http.client.IncompleteRead):
        ask(target, "/packed/1000000/cut").read()
    code, text, *_ = refused(*target, "packed/1000/cut", verb=GET)
    assert (code, text.endswith("gzip: unexpected EOF")) == ("INTERNAL", True), text
    status, answer = (lambda got: (got.status, json.loads(got.read())))(ask(target, "/packed/1000/corrupt"))
    assert (status, answer["errorCode"]) == (500, "ERR_DIRECT_INVOKE")
    assert answer["message"].startswith(f"failed to invoke, id: {name}, err: ")
    assert answer["message"].endswith("gzip: incorrect header check")
    assert ask(target, "/packed/1000").read() == b"0" * 1000


def test_a_short_answer_that_is_long_unpacked_passes_without_growing_the_sidecar(start, app):
    env = {"ASAN_OPTIONS": "quarantine_size_mb=1"}  # what the sanitizer keeps is not what is measured here
    far = start(Sidecar, "far", app_port=app.port, env=env)
    near = start(Sidecar, "near", env=env)
    before = [peak(sidecar) for sidecar in (near, far)]
    answer = ask((near, "far"), "/packed/100000000")
    left = 100_000_000
    while part := answer.read(1 << 20):
        assert part.count(b"0") == len(part)
        left -= len(part)
    assert left == 0
    for sidecar, low in zip((near, far), before):
        assert peak(sidecar) - low < 60_000_000, (peak(sidecar), low)


def peak(sidecar):
    """The most memory that the process ever had, in bytes."""
    with open(f"/proc/{sidecar.process.pid}/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
