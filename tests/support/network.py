# SPDX-License-Identifier: MIT
"""Networks of a test's own: for documents that name ports, which nobody else has there, and for packets that must
not leave the machine."""
import contextlib
import ctypes
import fcntl
import os
import socket
import struct

import pytest

NEW_NETWORK = 0x40000000  # CLONE_NEWNET
FLAGS_GET, FLAGS_SET, UP = 0x8913, 0x8914, 1  # SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP

# rtnetlink(7)
NEW_LINK, NEW_ADDRESS = 16, 20
REQUEST, ACK, CREATE, EXCLUSIVE = 1, 4, 0x400, 0x200
NO_DAD = 2  # the address counts at once


def _bring_up(name):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        request = struct.pack("16sh14x", name.encode(), 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(s, FLAGS_GET, request))[1]
        fcntl.ioctl(s, FLAGS_SET, struct.pack("16sh14x", name.encode(), flags | UP))


def _are_free(ports):
    for port in ports:
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("", port))
            except OSError:
                return False
    return True


def _enter_new():
    """True when this thread is in a network of its own now."""
    return ctypes.CDLL(None, use_errno=True).unshare(NEW_NETWORK) == 0


def _enter(descriptor):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, NEW_NETWORK) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def _current():
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY)


class OwnNetwork:
    """This thread, and what it starts, sees only a loopback of its own. Where that is not allowed, the ordinary
    network does if the ports are free there; with no ports named it does not."""

    def __init__(self, ports=()):
        self.ports = ports

    def __enter__(self):
        self.before = _current()
        self.is_own = _enter_new()
        if self.is_own:
            _bring_up("lo")
        elif not self.ports or not _are_free(self.ports):
            os.close(self.before)
            pytest.skip("a network of our own is not allowed here (it takes root or CAP_SYS_ADMIN)" +
                        (f", and not all of the ports {self.ports} are free" if self.ports else ""))
        return self

    def __exit__(self, *_):
        if self.is_own:
            _enter(self.before)
        os.close(self.before)


def _attribute(kind, data):
    return struct.pack("=HH", 4 + len(data), kind) + data + b"\0" * (-len(data) % 4)


def _netlink(kind, flags, body):
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as s:
        s.send(struct.pack("=IHHII", 16 + len(body), kind, REQUEST | ACK | flags, 1, 0) + body)
        code = struct.unpack_from("=i", s.recv(65536), 16)[0]
    if code:
        raise OSError(-code, f"rtnetlink message {kind}: {os.strerror(-code)}")


def _make_pair(name, peer, peer_network):
    """Two ends of a cable, the second in another network."""
    empty = struct.pack("=BxHiII", 0, 0, 0, 0, 0)
    other = empty + _attribute(3, peer.encode() + b"\0") + _attribute(28, struct.pack("=I", peer_network))
    info = _attribute(1, b"veth") + _attribute(2, _attribute(1, other))
    _netlink(NEW_LINK, CREATE | EXCLUSIVE, empty + _attribute(3, name.encode() + b"\0") + _attribute(18, info))


def _add_address(name, address, prefix):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    data = socket.inet_pton(family, address)
    _netlink(NEW_ADDRESS, CREATE, struct.pack("=BBBBI", family, prefix, NO_DAD, 0, socket.if_nametoindex(name)) +
             _attribute(2, data) + _attribute(1, data))


class TwoNetworks:
    """Two networks with a loopback each and a cable between them; nothing gets out. `of(0)` and `of(1)` put this
    thread, and what it starts, into one of them."""

    addresses = ["10.77.0.1", "10.77.0.2"]
    addresses_v6 = ["fd77::1", "fd77::2"]
    interfaces = ["m0", "m1"]

    def __init__(self):
        self.inside = []
        self.before = _current()
        try:
            self._make()
        except OSError as error:
            self.close()
            pytest.skip(f"two networks with a cable between them are not to be had here: {error}")

    def _make(self):
        try:
            for _ in self.addresses:
                if not _enter_new():
                    raise OSError("unshare takes root or CAP_SYS_ADMIN")
                self.inside.append(_current())
                _bring_up("lo")
                with open("/proc/sys/net/ipv6/conf/default/accept_dad", "w") as file:
                    file.write("0")  # link-local addresses count at once, too
        finally:
            if self.inside:
                _enter(self.before)
        with self.of(0):
            _make_pair(*self.interfaces, self.inside[1])
        for side, name in enumerate(self.interfaces):
            with self.of(side):
                _add_address(name, self.addresses[side], 24)
                _add_address(name, self.addresses_v6[side], 64)
                _bring_up(name)

    @contextlib.contextmanager
    def of(self, side):
        was = _current()
        _enter(self.inside[side])
        try:
            yield
        finally:
            _enter(was)
            os.close(was)

    def link_address(self, side):
        """The IPv6 address that counts on the cable alone."""
        with self.of(side), open("/proc/thread-self/net/if_inet6") as file:
            lines = [line.split() for line in file]
        (address,) = [line[0] for line in lines if line[5] == self.interfaces[side] and line[0].startswith("fe80")]
        return socket.inet_ntop(socket.AF_INET6, bytes.fromhex(address))

    def close(self):
        for descriptor in [self.before, *self.inside]:
            os.close(descriptor)
        self.inside = []
