# SPDX-License-Identifier: MIT
"""A stranger on the network that speaks multicast DNS as Dapr's runtime does, written from the documents (RFC 1035,
RFC 6762): every packet is made and read here by hand, with nothing of ours."""
import collections
import queue
import select
import socket
import struct
import threading

GROUP, GROUP_V6, PORT = "224.0.0.251", "ff02::fb", 5353
A, PTR, TXT, AAAA, SRV, IN, TOP_BIT = 1, 12, 16, 28, 33, 1, 0x8000
RESPONSE = 0x8400

Question = collections.namedtuple("Question", "name kind unicast")
Record = collections.namedtuple("Record", "section name kind flush ttl data")
Message = collections.namedtuple("Message", "id flags questions records raw sender")


# ---- making ----

def name(text):
    return b"".join(bytes([len(label)]) + label.encode() for label in text.split(".")) + b"\0"


def question(text, kind=PTR, unicast=False):
    return name(text) + struct.pack(">HH", kind, IN | (TOP_BIT if unicast else 0))


def record(owner, kind, ttl, data, flush=False):
    return name(owner) + struct.pack(">HHIH", kind, IN | (TOP_BIT if flush else 0), ttl, len(data)) + data


def message(flags=0, questions=(), answers=(), authorities=(), additionals=(), ident=0):
    sections = [list(questions), list(answers), list(authorities), list(additionals)]
    return struct.pack(">HH4H", ident, flags, *map(len, sections)) + b"".join(sum(sections, []))


class Service:
    """An instance of an app as the runtime in Go announces it."""

    def __init__(self, app_id, address, port, host="stranger", pid=4711):
        self.service = f"{app_id}.local"
        self.instance = f"{host}:{pid}.{app_id}.local"
        self.host = f"{host}.local"
        self.app_id, self.port = app_id, port
        self.address = socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)

    def ptr(self, ttl=3200):
        return record(self.service, PTR, ttl, name(self.instance))

    def srv(self, ttl=3200, flush=False):
        return record(self.instance, SRV, ttl, struct.pack(">HHH", 0, 0, self.port) + name(self.host), flush)

    def txt(self, ttl=3200, flush=False):
        return record(self.instance, TXT, ttl, bytes([len(self.app_id)]) + self.app_id.encode(), flush)

    def at(self, ttl=120, flush=False):
        return record(self.host, A if len(self.address) == 4 else AAAA, ttl, self.address, flush)

    def answer(self, ident=0):
        return message(RESPONSE, answers=[self.ptr()], additionals=[self.srv(), self.txt(), self.at()], ident=ident)

    def announcement(self):
        return message(RESPONSE, answers=[self.srv(flush=True), self.txt(flush=True), self.ptr(), self.at(flush=True)])

    def goodbye(self):
        return message(RESPONSE, answers=[self.srv(0, True), self.txt(0, True), self.ptr(0), self.at(0, True)])


# ---- reading ----

def read_name(data, at):
    labels, end = [], None
    while True:
        length = data[at]
        if length >= 0xc0:
            end = end or at + 2
            at = struct.unpack_from(">H", data, at)[0] & 0x3fff
        elif length == 0:
            return ".".join(labels), end or at + 1
        else:
            labels.append(data[at + 1:at + 1 + length].decode())
            at += 1 + length


def read_data(data, at, kind, length):
    if kind == PTR:
        return read_name(data, at)[0]
    if kind == SRV:
        return (*struct.unpack_from(">HHH", data, at), read_name(data, at + 6)[0])
    if kind in (A, AAAA):
        return socket.inet_ntop(socket.AF_INET if kind == A else socket.AF_INET6, data[at:at + length])
    return data[at:at + length]


def read(data, sender=None):
    ident, flags, *counts = struct.unpack_from(">HH4H", data)
    at, questions, records = 12, [], []
    for _ in range(counts[0]):
        owner, at = read_name(data, at)
        kind, class_ = struct.unpack_from(">HH", data, at)
        questions.append(Question(owner, kind, bool(class_ & TOP_BIT)))
        at += 4
    for section, count in zip(("answer", "authority", "additional"), counts[1:]):
        for _ in range(count):
            owner, at = read_name(data, at)
            kind, class_, ttl, length = struct.unpack_from(">HHIH", data, at)
            records.append(Record(section, owner, kind, bool(class_ & TOP_BIT), ttl,
                                  read_data(data, at + 10, kind, length)))
            at += 10 + length
    assert at == len(data)
    return Message(ident, flags, questions, records, data, sender)


# ---- the network ----

class Stranger:
    """On the interface `interface` of the network it is made in; what it sends does not reach others on its side.
    What it hears is in `heard`; for `services` it answers questions."""

    def __init__(self, interface, v6=False):
        self.services = []
        self.heard = queue.Queue()
        self.group = (GROUP_V6, PORT, 0, socket.if_nametoindex(interface)) if v6 else (GROUP, PORT)
        index = struct.pack("=i", socket.if_nametoindex(interface))
        self.socket = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if v6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 0)
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP,
                                   socket.inet_pton(socket.AF_INET6, GROUP_V6) + index)
        else:
            member = socket.inet_aton(GROUP) + socket.inet_aton("0.0.0.0") + index
            self.socket.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, member)
            self.socket.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)
            self.socket.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
            self.socket.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
        self.socket.bind(("", PORT))
        self.wake = socket.socketpair()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while True:
            ready = select.select([self.socket, self.wake[1]], [], [])[0]
            if self.wake[1] in ready:
                return
            data, sender = self.socket.recvfrom(65536)
            got = read(data, sender)
            self.heard.put(got)
            self._serve(got)

    def _serve(self, got):
        for asked in got.questions:
            for service in list(self.services):
                if asked.name == service.service and not got.flags & 0x8000:
                    self.send(service.answer(got.id))

    def send(self, data, to=None):
        self.socket.sendto(data, to or self.group)

    def hear(self, wanted, seconds=10):
        """The next message for which `wanted` is true, those before it left out."""
        while True:
            got = self.heard.get(timeout=seconds)
            if wanted(got):
                return got

    def forget(self):
        while not self.heard.empty():
            self.heard.get_nowait()

    def close(self):
        self.wake[0].send(b"x")
        self.thread.join()
        for one in (self.socket, *self.wake):
            one.close()
