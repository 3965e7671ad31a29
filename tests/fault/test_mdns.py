# SPDX-License-Identifier: MIT
"""Neighbours that send anything to the port of multicast DNS: floods of packets that are none, names that refer to
themselves, more instances than there can be, the same question again and again. The sidecar goes on, finds and is
found, and its memory stays bounded."""
import pathlib
import queue
import random
import struct

import pytest

from echo_app import EchoApp
from mdns_net import MdnsNet
from mdns_peer import PTR, RESPONSE, Service, message, name, question, record
from sidecar import ROOT

TYPES = "_services._dns-sd._udp.local"
BYTES_MAX = 8 << 20  # what a flood may cost in memory for good, sanitizers' own included


def resident(sidecar):
    return int(pathlib.Path(f"/proc/{sidecar.process.pid}/statm").read_text().split()[1]) * 4096


@pytest.fixture
def net(start, tmp_path):
    made = MdnsNet(start, tmp_path)
    yield made
    made.close()


@pytest.fixture
def orders(net):
    """It knows a worker, so that it listens to what is said of workers."""
    net.sidecar(1, "worker", net.make(1, EchoApp, "worker-app"))
    sidecar = net.sidecar(0, "orders", net.make(0, EchoApp, "orders-app"),
                          env={"ASAN_OPTIONS": "quarantine_size_mb=1"})
    assert net.ask(sidecar, "worker") == "worker-app"
    return sidecar


def is_answer_of_types(heard):
    """To the question for TYPES. An announcement, which comes on its own, has that record beside others."""
    return [r.name for r in heard.records] == [TYPES]


def hear_types(stranger, note=lambda heard: None):
    """Asks for TYPES until that is answered, for behind a flood the question may find no room. All that is heard up to
    there is given to `note`."""
    for _ in range(30):
        stranger.send(message(questions=[question(TYPES)]))
        try:
            return stranger.hear(lambda m: note(m) or is_answer_of_types(m), 1)
        except queue.Empty:
            continue
    raise AssertionError("no answer in 30 s")


def flood(sidecar, stranger, packets):
    """In pieces that the kernel's queue holds, each of them read before the next."""
    before = None
    for at in range(0, len(packets), 50):
        for packet in packets[at:at + 50]:
            stranger.send(packet)
        hear_types(stranger)
        before = before or resident(sidecar)
    assert resident(sidecar) - before < BYTES_MAX


def is_well(net, sidecar, stranger):
    stranger.send(message(questions=[question("orders.local")]))
    stranger.hear(lambda m: any(r.kind == PTR and r.name == "orders.local" for r in m.records), 30)
    return net.ask(sidecar, "worker") == "worker-app"


def test_packets_that_are_none(net, orders):
    seeds = [file.read_bytes() for file in sorted((ROOT / "tests/fuzz/corpus/dns").iterdir())]
    # Goodbyes and announcements of this app would be what they are.
    seeds = [seed for seed in seeds if b"worker" not in seed]
    dice = random.Random(6762)
    packets = []
    for _ in range(10000):
        packet = bytearray(dice.choice(seeds))
        for _ in range(dice.randrange(4)):
            packet[dice.randrange(len(packet))] = dice.randrange(256)
        packets.append(bytes(packet[:dice.randrange(1, len(packet) + 1)]))
    packets += [dice.randbytes(dice.randrange(1, 1400)) for _ in range(1000)]
    stranger = net.stranger(1)
    flood(orders, stranger, packets)
    assert is_well(net, orders, stranger)


def test_names_that_refer_to_themselves(net, orders):
    loops = [b"\xc0\x0c", b"\1a\xc0\x0c", b"\xc0\x0e\xc0\x0c", b"\1a\xc0\x10\1b\xc0\x0c", b"\xff\xff"]
    packets = [struct.pack(">6H", 0, flags, *counts) + loop + b"\0\x0c\0\1" * 3
               for loop in loops for flags in (0, RESPONSE) for counts in ((1, 0, 0, 0), (0, 1, 0, 0), (9, 9, 9, 9))]
    # A long chain that is well-formed: each name refers to the one before.
    chain, at = [name("orders.local") + b"\0\1\0\1"], 12
    for _ in range(200):
        chain.append(b"\1x" + struct.pack(">H", 0xc000 | at) + b"\0\1\0\1")
        at += len(chain[-2])
    packets.append(message(questions=chain))
    stranger = net.stranger(1)
    flood(orders, stranger, packets * 20)
    assert is_well(net, orders, stranger)


def test_more_instances_than_there_can_be(net, orders):
    """Each with a name and a port of its own. When they have said goodbye, the one that is there is found."""
    stranger = net.stranger(1)
    packets = [Service("worker", net.addresses[1], 1 + n % 1000, pid=n).announcement() for n in range(5000)]
    packets += [Service(f"app-{n}", net.addresses[1], 1, pid=n).announcement() for n in range(5000)]
    packets += [message(RESPONSE, answers=[record("worker.local", PTR, 9, name(f"{n}.worker.local"))])
                for n in range(1000)]
    packets += [Service("worker", net.addresses[1], n).goodbye() for n in range(1, 1001)]
    flood(orders, stranger, packets)
    assert is_well(net, orders, stranger)


def test_one_question_again_and_again_is_answered_less_often(net, orders):
    stranger = net.stranger(1)
    packet = message(questions=[question("orders.local")] * 80)
    for _ in range(100):
        stranger.send(packet)
    answers = []
    hear_types(stranger, answers.append)
    assert 1 <= len([m for m in answers if len(m.records) == 4]) <= 100  # 8000 were asked
