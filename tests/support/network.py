# SPDX-License-Identifier: MIT
"""A network of a test's own, for documents that name ports: nobody else has them there."""
import ctypes
import fcntl
import os
import socket
import struct

import pytest

NEW_NETWORK = 0x40000000  # CLONE_NEWNET
FLAGS_GET, FLAGS_SET, UP = 0x8913, 0x8914, 1  # SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP


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


class OwnNetwork:
    """This thread, and what it starts, sees only a loopback of its own. Where that is not allowed, the ordinary
    network does if the ports are free there."""

    def __init__(self, ports):
        self.ports = ports

    def __enter__(self):
        self.before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        self.is_own = ctypes.CDLL(None, use_errno=True).unshare(NEW_NETWORK) == 0
        if self.is_own:
            _bring_up("lo")
        elif not _are_free(self.ports):
            os.close(self.before)
            pytest.skip(f"no network of our own, and not all of the ports {self.ports} are free")
        return self

    def __exit__(self, *_):
        if self.is_own:
            ctypes.CDLL(None, use_errno=True).setns(self.before, NEW_NETWORK)
        os.close(self.before)
