#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures what happens when there is more of something: connections, longer bodies, subscriptions, topics, backlog.

usage: scale.py BINARY OUT-FOLDER [--seconds S] [--backlog N]
Prints what it measured, writes scale.json and scale.svg into OUT-FOLDER. Needs what bench.py needs.
"""
import argparse
import json
import pathlib
import sys
import time

import draw
import rig as rigs

CONNECTIONS = (1, 64, 1000)
BODIES = (100, 1000, 64000, 1000000)
SUBSCRIPTIONS = (1, 100, 1000)
TOPICS = (1, 10000)
BATCH = 1000  # messages for each subscription when they are counted


def body_of(size):
    return '{"text":"' + "x" * (size - len('{"text":""}')) + '"}'


def point(sidecar, got):
    resident, anonymous = sidecar.memory_mb()
    return {"rate": got["rate"], "p99_us": got.get("p99_us"), "resident_mb": resident, "anonymous_mb": anonymous}


def show(what, at, got):
    print(f"  {what} {at}: {got['rate']:.0f} a second, {got['resident_mb']} MB resident", file=sys.stderr)


class Scale:
    def __init__(self, binary, seconds, backlog):
        self.binary, self.seconds, self.backlog = binary, seconds, backlog
        self.curves = {}

    def rig(self):
        return rigs.Rig(self.binary, self.seconds)

    def note(self, what, at, sidecar, got):
        found = point(sidecar, got)
        self.curves.setdefault(what, {})[at] = found
        show(what, at, found)

    def resources(self, rig, **more):
        redis = {"redisHost": f"127.0.0.1:{rig.redis_port}"}
        return rig.resources("resources", ("redis", "pubsub.redis", {**redis, **more}),
                             ("memory", "pubsub.in-memory", {}),
                             ("embedded", "pubsub.sqlite", {"connectionString": rig.folder / "broker.db"}))

    def connections(self):
        """A sidecar for each point, so that memory is of that many connections only."""
        for count in CONNECTIONS:
            with self.rig() as rig:
                rig.servers()
                sidecar = rig.sidecar("publisher", self.resources(rig, maxLenApprox="100000"))
                for kind in ("redis", "memory", "embedded"):
                    got = rig.wrk(count, sidecar.url(f"publish/{kind}/many"))
                    self.note(f"connections, publish {kind}", count, sidecar, got)

    def bodies(self):
        for size in BODIES:
            with self.rig() as rig:
                rig.servers()
                sidecar = rig.sidecar("publisher", self.resources(rig, maxLenApprox="1000"))
                for kind in ("redis", "memory", "embedded"):
                    got = rig.wrk(16, sidecar.url(f"publish/{kind}/many"), body=body_of(size))
                    self.note(f"bytes of a body, publish {kind}", size, sidecar, got)

    def topics(self):
        """The same requests spread over so many topics."""
        for count in TOPICS:
            with self.rig() as rig:
                rig.servers()
                sidecar = rig.sidecar("publisher", self.resources(rig, maxLenApprox="100000"))
                for kind in ("redis", "memory", "embedded"):
                    script = (f"local at = 0\nfunction request()\n  at = (at + 1) % {count}\n"
                              f'  return wrk.format(nil, "/v1.0/publish/{kind}/topic-" .. at)\nend')
                    got = rig.wrk(64, sidecar.url(""), script)
                    self.note(f"topics, publish {kind}", count, sidecar, got)

    def subscriptions(self):
        """Messages for all of them are there before the subscriber starts; the time to take them is measured."""
        for count in SUBSCRIPTIONS:
            with self.rig() as rig:
                topics = [f"topic-{n}" for n in range(count)]
                rig.servers(topics)
                folder = self.resources(rig)
                each = max(BATCH * SUBSCRIPTIONS[-1] // count // 10, 1)
                self.fill(rig, topics, each)
                sidecar = rig.sidecar("subscriber", folder, rig.app)
                self.note("subscriptions, deliver", count, sidecar, self.drain(rig, topics, each * count))

    def waiting(self):
        """Throughput and memory of the subscriber while a backlog of each size is worked off."""
        for count in sorted({1000, 100000, self.backlog}):
            with self.rig() as rig:
                rig.servers(["deliver"])
                folder = self.resources(rig)
                self.fill(rig, ["deliver"], count)
                sidecar = rig.sidecar("subscriber", folder, rig.app)
                self.note("backlog, deliver", count, sidecar, self.drain(rig, ["deliver"], count))

    @staticmethod
    def fill(rig, topics, each):
        publisher = rig.sidecar("publisher", rig.folder / "resources")
        if len(topics) == 1:
            rig.publish_grpc(publisher, "redis", topics[0], each)
        else:  # a process of the load generator for each topic would take longer than the measurement
            entries = [{"entryId": str(n), "event": json.loads(rigs.BODY), "contentType": "application/json"}
                       for n in range(each)]
            for topic in topics:
                publisher.ask(f"publish/bulk/redis/{topic}", json.dumps(entries).encode())
        publisher.stop()

    @staticmethod
    def drain(rig, topics, count):
        """From ready to all done, over what was left when it was ready."""
        def left():
            groups = [rig.group(topic) for topic in topics] if len(topics) < 2 else left_of_many(rig, topics)
            return None if None in groups else sum(waits for waits, _ in groups)
        rigs.wait_for(lambda: left() is not None, "the groups are there")
        at_start, started = left(), time.monotonic()
        if at_start < count / 100:
            at_start, started = count, started - 0.001  # done before anybody could look
        rigs.wait_for(lambda: left() == 0, "all delivered", 0.05, 600)
        return {"rate": at_start / (time.monotonic() - started)}


def left_of_many(rig, topics):
    """One script in Redis instead of a process for each topic."""
    script = ("local found = {} for _, topic in ipairs(ARGV) do local groups = redis.call('xinfo', 'groups', topic) "
              "local left = -1 if groups[1] then local said = groups[1] for i = 1, #said, 2 do "
              "if (said[i] == 'lag' or said[i] == 'pending') and said[i + 1] then left = math.max(left, 0) + said[i + 1] "
              "end end end found[#found + 1] = left end return found")
    lines = rig.cli("eval", script, "0", *topics).split()
    return [None if line == "-1" else (int(line), 0) for line in lines]


def charts(curves):
    """For each thing that grows: rates of all kinds, and memory of all kinds."""
    groups = {}
    for what, points in curves.items():
        grows, kind = what.split(", ", 1)
        groups.setdefault(grows, {})[kind] = points
    found = []
    for grows, kinds in groups.items():
        names = [draw.short(float(at)) for at in next(iter(kinds.values()))]
        for title, key in (("messages a second", "rate"), ("resident MB", "resident_mb")):
            found.append((f"{title}, by {grows}", names,
                          {kind.removeprefix("publish "): [one[key] for one in points.values()]
                           for kind, points in kinds.items()}))
    return found


def main():
    options = argparse.ArgumentParser()
    options.add_argument("binary")
    options.add_argument("out", type=pathlib.Path)
    options.add_argument("--seconds", type=int, default=3)
    options.add_argument("--backlog", type=int, default=200000, help="messages; 1000000 needs 400 MB for Redis")
    options.add_argument("--only", choices=["connections", "bodies", "topics", "subscriptions", "waiting"])
    given = options.parse_args()
    scale = Scale(given.binary, given.seconds, given.backlog)
    for part in [given.only] if given.only else ["connections", "bodies", "topics", "subscriptions", "waiting"]:
        getattr(scale, part)()
    curves = {what: {str(at): found for at, found in points.items()} for what, points in scale.curves.items()}
    rigs.write(given.out, "scale.json", rigs.document("scale", seconds=given.seconds, backlog=given.backlog,
                                                      curves=curves))
    (given.out / "scale.svg").write_text(draw.curves(charts(curves)))


if __name__ == "__main__":
    main()
