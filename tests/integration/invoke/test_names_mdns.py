# SPDX-License-Identifier: MIT
"""Sidecars that find each other by multicast DNS, and a stranger that speaks it by the documents: each finds the
other. All packets stay on a cable between two networks of the test's own."""
import json
import pathlib
import signal
import socket

import pytest

import grpc_api
from echo_app import EchoApp
from grpc_service import GrpcApp
from mdns_net import MdnsNet, said
from mdns_peer import A, PTR, RESPONSE, SRV, TXT, Service, message, question, record
from network import OwnNetwork
from sidecar import Sidecar, free_port, wait_until

TYPES = "_services._dns-sd._udp.local"


@pytest.fixture
def net(start, tmp_path):
    made = MdnsNet(start, tmp_path)
    yield made
    made.close()


def not_found(app_id):
    return f"failed to invoke, id: {app_id}, err: couldn't find service: {app_id}"


def worker(net, side, name, **more):
    return net.sidecar(side, "worker", net.make(side, EchoApp, name), **more)


def holds_port(side, net):
    """Whether anybody there has UDP port 5353."""
    with net.of(side):
        tables = [pathlib.Path(f"/proc/thread-self/net/{table}").read_text() for table in ("udp", "udp6")]
    return any(":14E9 " in line.split("rem")[0] for table in tables for line in table.splitlines())


# ---- our own sidecars ----

def test_sidecars_of_two_networks_invoke_each_other(net):
    orders = net.sidecar(0, "orders", net.make(0, EchoApp, "orders-app"))
    shop = net.sidecar(1, "shop", net.make(1, EchoApp, "shop-app"))
    said(shop, "Initialized name resolution to mdns")
    assert net.ask(orders, "shop") == "shop-app"
    assert net.ask(shop, "orders") == "orders-app"
    assert net.ask(shop, "orders.elsewhere") == "orders-app"  # namespaces do not keep apart, as in Dapr
    assert "local service entry announced: shop -> 10.77.0.2:" in said(shop, "announced")


def test_grpc_finds_them_too(net):
    net.sidecar(1, "shop", net.make(1, EchoApp, "shop-app"))
    echo = net.make(1, GrpcApp, "echo")
    net.sidecar(1, "echo", echo, ["--app-protocol", "grpc"])
    caller = net.sidecar(0, "caller")
    request = grpc_api.module("dapr/proto/runtime/v1/invoke").InvokeServiceRequest(id="shop")
    request.message.method = "json"
    request.message.http_extension.verb = 1  # GET
    data = net.grpc(caller, "/dapr.proto.runtime.v1.Dapr/InvokeService", request.SerializeToString())
    answer = grpc_api.module("dapr/proto/common/v1/invoke").InvokeResponse.FromString(data)
    assert json.loads(answer.data.value)["app"] == "shop-app"
    assert net.grpc(caller, "/test.Echo/Unary", b"through", ["dapr-app-id=echo"]) == b"through"


def test_a_sidecar_finds_itself(net):
    """At once: its own packets are heard, or it need not wait for them."""
    own = worker(net, 0, "own")
    assert net.ask(own) == "own"


def test_instances_share_the_calls(net):
    """On the same machine as the caller, sharing its port 5353, and on the other."""
    for side, name in ((0, "a"), (1, "b"), (1, "c")):
        worker(net, side, name)
    caller = net.sidecar(0, "caller")
    wait_until(lambda: {net.ask(caller) for _ in range(3)} == {"a", "b", "c"}, "all three are known")
    assert sorted(net.ask(caller) for _ in range(9)) == ["a"] * 3 + ["b"] * 3 + ["c"] * 3


def test_a_killed_instance_is_dropped(net):
    first = worker(net, 1, "first")
    worker(net, 1, "second")
    caller = net.sidecar(0, "caller")
    wait_until(lambda: {net.ask(caller) for _ in range(4)} == {"first", "second"}, "both are known")
    first.process.kill()
    first.process.wait()
    assert {net.ask(caller) for _ in range(20)} == {"second"}


def test_an_instance_that_ends_says_goodbye(net):
    stranger = net.stranger(0)
    first = worker(net, 1, "first")
    worker(net, 1, "second")
    caller = net.sidecar(0, "caller")
    wait_until(lambda: {net.ask(caller) for _ in range(4)} == {"first", "second"}, "both are known")
    assert first.stop() == 0
    got = stranger.hear(lambda m: m.records and m.records[0].ttl == 0)
    host, instance = f"{socket.gethostname()}.local", f"{socket.gethostname()}:{first.process.pid}.worker.local"
    assert [(r.name, r.kind, r.ttl) for r in got.records] == [
        (instance, SRV, 0), (instance, TXT, 0), ("worker.local", PTR, 0), (host, A, 120)]  # the host is still there
    assert {net.ask(caller) for _ in range(20)} == {"second"}


def test_the_last_instance_gone_is_not_found_any_more(net):
    only = worker(net, 1, "only")
    caller = net.sidecar(0, "caller")
    assert net.ask(caller) == "only"
    only.process.kill()
    only.process.wait()
    assert "connection refused" in net.refusal(caller)  # it was there a moment ago
    assert net.refusal(caller) == not_found("worker")
    worker(net, 1, "another")
    assert net.ask(caller) == "another"


def test_nobody_is_not_found(net):
    caller = net.sidecar(0, "caller")
    for app_id in ("nobody", "x" * 64):  # the second is longer than a DNS name may have
        assert net.refusal(caller, app_id) == not_found(app_id)


@pytest.mark.parametrize("client", ["waits", "is gone"])
def test_a_stop_while_somebody_is_looked_for(net, client):
    stranger = net.stranger(1)
    caller = net.sidecar(0, "caller")
    with net.of(0):
        connection = socket.create_connection(("127.0.0.1", caller.port))
    connection.sendall(b"GET /v1.0/invoke/nobody/method/json HTTP/1.1\r\nHost: x\r\n\r\n")
    stranger.hear(lambda m: any(q.name == "nobody.local" for q in m.questions))
    if client == "is gone":
        connection.close()
    assert caller.stop() == 0, "\n".join(caller.log)
    if client == "waits":
        assert not_found("nobody").encode() in connection.recv(65536)
        connection.close()


def test_a_sidecar_that_reads_everything_anew_is_found_again(net):
    only = worker(net, 1, "anew")
    caller = net.sidecar(0, "caller")
    assert net.ask(caller) == "anew"
    only.process.send_signal(signal.SIGHUP)
    wait_until(lambda: len([line for line in only.log if "dapr initialized" in line]) == 2, "it is there again")
    assert net.ask(caller) == "anew"


def test_a_later_instance_is_used_when_it_announces_itself(net):
    worker(net, 1, "early")
    caller = net.sidecar(0, "caller")
    assert net.ask(caller) == "early"
    worker(net, 1, "late")
    wait_until(lambda: net.ask(caller) == "late", "the late one is used")


@pytest.mark.parametrize("of", ["network", "link"])
def test_addresses_of_ipv6(net, of):
    address = net.addresses_v6[1] if of == "network" else net.link_address(1)
    worker(net, 1, "six", env={"DAPR_HOST_IP": address})
    caller = net.sidecar(0, "caller")
    assert net.ask(caller) == "six"


# ---- what a stranger hears and asks ----

def test_a_sidecar_probes_and_announces_itself(net):
    stranger = net.stranger(0)
    sidecar = net.sidecar(1, "orders", flags=["--dapr-internal-grpc-port", "47001"])
    host = f"{socket.gethostname()}.local"
    instance = f"{socket.gethostname()}:{sidecar.process.pid}.orders.local"
    srv, txt = (0, 0, 47001, host), b"\6orders"
    for _ in range(2):
        probe = stranger.hear(lambda m: True)
        assert probe.flags == 0 and [tuple(q) for q in probe.questions] == [(instance, PTR, False)]
        assert [tuple(r) for r in probe.records] == [("authority", instance, SRV, False, 3200, srv),
                                                     ("authority", instance, TXT, False, 3200, txt)]
    for _ in range(2):
        got = stranger.hear(lambda m: True)
        assert got.flags == RESPONSE and got.id == 0 and not got.questions
        assert got.sender[:2] == (net.addresses[1], 5353)
        assert [tuple(r) for r in got.records] == [
            ("answer", instance, SRV, True, 3200, srv), ("answer", instance, TXT, True, 3200, txt),
            ("answer", "orders.local", PTR, False, 3200, instance), ("answer", TYPES, PTR, False, 3200, "orders.local"),
            ("answer", host, A, True, 120, net.addresses[1])]


@pytest.mark.parametrize("v6", [False, True])
def test_questions_are_answered_with_all_in_one_message(net, v6):
    sidecar = net.sidecar(1, "orders")
    stranger = net.stranger(0, v6)
    stranger.send(message(questions=[question("orders.local")], ident=77))
    got = stranger.hear(lambda m: [r.kind for r in m.records] == [PTR, SRV, TXT, A])
    assert got.flags == RESPONSE and got.id == 0 and not any(r.flush for r in got.records)
    assert got.records[0].data == f"{socket.gethostname()}:{sidecar.process.pid}.orders.local"
    assert got.records[3][2:] == (A, False, 120, net.addresses[1])
    assert [r.section for r in got.records] == ["answer"] + ["additional"] * 3
    stranger.send(message(questions=[question(got.records[0].data, SRV)]))
    stranger.hear(lambda m: [r.kind for r in m.records] == [SRV, TXT, PTR, PTR, A] and not m.records[4].flush)
    stranger.send(message(questions=[question(TYPES)]))
    assert stranger.hear(lambda m: len(m.records) == 1).records[0].data == "orders.local"


def test_an_answer_to_one_alone(net):
    net.sidecar(1, "orders")
    stranger, listener = net.stranger(0), net.stranger(0)
    stranger.send(message(questions=[question(TYPES, unicast=True)], ident=77))
    stranger.send(message(questions=[question("orders.local")]))
    alone = [s.hear(lambda m: m.id == 77 or len(m.records) == 4) for s in (stranger, listener)]
    # Of the two that have the port, the kernel gives such an answer to one.
    assert sorted(m.id for m in alone) == [0, 77]
    assert [m for m in alone if m.id == 77][0].records[0].data == "orders.local"


def test_what_is_no_question_for_us_is_not_answered(net):
    sidecar = net.sidecar(1, "orders")
    instance = f"{socket.gethostname()}:{sidecar.process.pid}.orders.local"
    stranger = net.stranger(0)
    stranger.hear(lambda m: m.records and m.records[0].flush)
    known = Service("orders", "10.0.0.1", 1, socket.gethostname(), sidecar.process.pid)
    assert known.instance == instance
    for packet in (message(questions=[question("Orders.local")]),
                   message(questions=[question("local")]),
                   message(questions=[question("orders.local")], answers=[known.ptr(1600)]),
                   message(questions=[question("orders.local")], authorities=[known.srv(), known.txt()]),
                   message(0x0800, questions=[question("orders.local")]),
                   message(RESPONSE, questions=[question("orders.local")])):
        stranger.send(packet)
    stranger.send(message(questions=[question(TYPES)]))
    heard = []
    stranger.hear(lambda m: heard.append(m) or len(m.records) == 1)
    assert not [m for m in heard if len(m.records) == 4]
    stranger.send(message(questions=[question("orders.local")], answers=[known.ptr(1599)]))
    stranger.hear(lambda m: len(m.records) == 4)


# ---- whom a sidecar finds ----

@pytest.fixture
def plain(net):
    """A sidecar on the other side that announces nothing there: strangers do it."""
    port = free_port()
    app = net.make(1, EchoApp, "plain")
    net.make(1, Sidecar, "worker", app_port=app.port, flags=[
        "--dapr-internal-grpc-port", str(port), "--dapr-internal-grpc-listen-address", net.addresses[1]])
    assert not holds_port(1, net)  # what nobody asked for is not there
    return port


@pytest.mark.parametrize("v6", [False, True])
def test_a_stranger_is_found(net, plain, v6):
    caller = net.sidecar(0, "caller")
    stranger = net.stranger(1, v6)
    stranger.services = [Service("worker", net.addresses[1], plain)]
    assert net.ask(caller) == "plain"
    asked = stranger.hear(lambda m: any(q.name == "worker.local" for q in m.questions))
    assert asked.raw == message(questions=[question("worker.local")])
    assert asked.sender[1] == 5353


def test_what_is_known_is_asked_for_again(net, plain):
    """After half a minute: what is not heard of for a minute counts no more."""
    caller = net.sidecar(0, "caller")
    stranger = net.stranger(1)
    stranger.services = [Service("worker", net.addresses[1], plain)]
    assert net.ask(caller) == "plain"
    for _ in range(3):  # the first, one for answers that got lost, the refresh
        stranger.hear(lambda m: any(q.name == "worker.local" for q in m.questions), 60)


def test_an_announcement_and_a_goodbye_count_at_once(net, plain):
    caller = net.sidecar(0, "caller")
    stranger = net.stranger(1)
    early = Service("worker", net.addresses[1], plain, pid=1)
    stranger.services = [early]
    assert net.ask(caller) == "plain"
    stranger.services = []
    stranger.send(early.goodbye())
    wait_until(lambda: net.refusal(caller) == not_found("worker"), "it is gone")
    stranger.send(early.announcement())  # of an app that nobody asks for any more
    assert net.refusal(caller) == not_found("worker")
    stranger.services = [early]
    assert net.ask(caller) == "plain"


def test_several_instances_in_one_message(net, plain):
    """And with names that refer to others, and records of types that are not known."""
    one, two = (Service("worker", net.addresses[1], plain, pid=pid) for pid in (1, 2))
    closed = free_port()
    two.port = closed
    at_worker = 12 + len(b"\0\0\x29\5\xa0\0\0\0\0\0\0")
    short = record("worker.local", PTR, 3200, b"\3x:3" + bytes([0xc0, at_worker]))
    packet = message(RESPONSE, answers=[b"\0\0\x29\5\xa0\0\0\0\0\0\0", short, one.ptr(), two.ptr()],
                     additionals=[one.srv(), two.srv(), one.txt(), two.txt(), one.at(),
                                  record(one.host, 47, 120, b"\0\4\x40\0\0\x08")])
    caller = net.sidecar(0, "caller")
    stranger = net.stranger(1)
    with net.of(1):
        refuser = socket.create_server((net.addresses[1], closed))
    with refuser:
        refuser.settimeout(10)
        stranger.services = [type("Raw", (), {"service": "worker.local", "answer": lambda self, ident: packet})()]
        assert net.ask(caller) == "plain"
        # The other instance is called in turn: its connection comes here, and is closed.
        for _ in range(2):
            with net.of(0):
                connection = socket.create_connection(("127.0.0.1", caller.port))
            connection.sendall(b"GET /v1.0/invoke/worker/method/json HTTP/1.1\r\nHost: x\r\n\r\n")
            connection.close()
        refuser.accept()[0].close()


@pytest.mark.parametrize("wrong", ["text", "host", "port", "none"])
def test_half_an_answer_is_none(net, plain, wrong):
    service = Service("worker", net.addresses[1], plain)
    records = {"text": [service.srv(), Service("Worker", "10.0.0.1", 1).txt(), service.at()],
               "host": [service.srv(), service.txt(), Service("worker", net.addresses[1], 1, "other").at()],
               "port": [Service("worker", net.addresses[1], 0).srv(), service.txt(), service.at()],
               "none": [service.srv(), service.txt()]}[wrong]
    caller = net.sidecar(0, "caller")
    stranger = net.stranger(1)
    stranger.services = [type("Raw", (), {
        "service": "worker.local",
        "answer": lambda self, ident: message(RESPONSE, answers=[service.ptr()], additionals=records)})()]
    assert net.refusal(caller) == not_found("worker")
    stranger.hear(lambda m: any(q.name == "worker.local" for q in m.questions))  # it was asked


# ---- what stands in the way ----

def test_without_a_network_it_says_so_and_goes_on(start, tmp_path):
    with OwnNetwork():
        net = tmp_path / "mdns.yaml"
        net.write_text(MdnsNet.configuration)
        caller = start(Sidecar, "caller", flags=["--config", str(net)])
        line = said(caller, "[INIT_COMPONENT_FAILURE]: initialization error occurred for nr (mdns/v1): ")
        assert "no network interface that is up can do multicast" in line and "level=error" in line
        status, data, _ = caller.get("/v1.0/invoke/worker/method/json")
        assert status == 500 and b"name resolver not initialized" in data


def test_a_port_that_is_not_shared_is_named(net):
    with net.of(0):
        taken = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        taken.bind(("::", 5353))
    with taken:
        caller = net.sidecar(0, "caller")
        line = said(caller, "[INIT_COMPONENT_FAILURE]: initialization error occurred for nr (mdns/v1): ")
        assert "UDP port 5353 is taken by a program that does not share it" in line and "ss -ulpn" in line
        assert "name resolver not initialized" in net.refusal(caller)


def test_a_host_that_is_no_address_is_named_and_others_are_found(net):
    worker(net, 1, "found")
    caller = net.sidecar(0, "caller", env={"DAPR_HOST_IP": "my-machine"})
    line = said(caller, "[INIT_COMPONENT_FAILURE]: initialization error occurred for nr (mdns/v1): ")
    assert "'my-machine' is none: set DAPR_HOST_IP to the address" in line and "level=error" in line
    assert net.ask(caller) == "found"


def test_an_app_id_that_is_no_name_is_named(net):
    caller = net.sidecar(0, "x" * 64)
    assert "the app id cannot be announced by mDNS" in said(caller, "[INIT_COMPONENT_FAILURE]")


def test_settings_have_no_effect_and_are_named(net):
    net.config.write_text(MdnsNet.configuration + "    configuration:\n      interface: eth0\n")
    caller = net.sidecar(0, "caller")
    said(caller, "'interface' is no setting of nameresolution.mdns and has no effect")


def test_a_loopback_address_is_announced_as_it_is(net):
    stranger = net.stranger(0)
    net.sidecar(1, "orders", flags=["--dapr-internal-grpc-listen-address", "localhost"])
    assert stranger.hear(lambda m: len(m.records) == 5).records[4].data == "127.0.0.1"
