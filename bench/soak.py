#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Half of the measured maximum for a long time, on Redis and on the embedded broker: nothing may grow.

usage: soak.py BINARY OUT-FOLDER [SECONDS] [--together] [--no-latency]
Memory, descriptors and latency are sampled; fails when the last third lies above the second. --together runs both brokers
at once, each at half of what it reaches beside the other. --no-latency leaves latency out of the judgement, for machines
that have other work. Writes soak.json and soak.svg. Needs what bench.py needs.
"""
import argparse
import pathlib
import statistics
import sys
import threading
import time

import draw
import rig as rigs

CONNECTIONS = 32
SAMPLES = 60             # over the whole time
ALLOWED_MB = 2.0         # of growth between thirds: what an allocator's bins and page sizes need
ALLOWED_DESCRIPTORS = 4  # a connection of somebody who looks at the sidecar
ALLOWED_LATENCY = 3.0    # times
KEPT = 20000             # messages that Redis keeps of a topic


# A timetable for all connections together: whichever is free takes the next place in it and waits until it is due, or
# not at all when that is over. wrk waits in whole milliseconds; the timetable does not, so what is rounded is made good.
PACED = """
local ffi = require("ffi")
ffi.cdef[[ typedef struct { long s, ns; } instant; int clock_gettime(int clock, instant *now); ]]
local now, due = ffi.new("instant"), nil
function delay()
  ffi.C.clock_gettime(1, now)
  local ms = tonumber(now.s) * 1e3 + tonumber(now.ns) / 1e6
  due = (due or ms) + 1000 / %f
  return math.max(0, math.floor(due - ms))
end
"""


class Soak:
    """One broker: a publisher and a subscriber of the same sidecar, as an application has them."""

    def __init__(self, binary, broker, seconds):
        self.binary, self.broker, self.seconds, self.samples = binary, broker, seconds, []

    def sample(self, sidecar, seconds, latency):
        resident, anonymous = sidecar.memory_mb()
        self.samples.append({"second": round(seconds, 1), "resident_mb": resident, "anonymous_mb": anonymous,
                             "descriptors": sidecar.descriptors(), "latency_us": latency})

    def latency(self, sidecar):
        """The median of a few publishes one at a time, as a caller beside the load sees it."""
        took = []
        for _ in range(11):
            started = time.monotonic()
            sidecar.ask("publish/broker/steady", rigs.BODY.encode())
            took.append((time.monotonic() - started) * 1e6)
        return round(statistics.median(took))

    def run(self):
        with rigs.Rig(self.binary, 2) as rig:
            rig.servers(["steady"], "broker")
            kind, metadata = {
                "redis": ("pubsub.redis", {"redisHost": f"127.0.0.1:{rig.redis_port}", "maxLenApprox": KEPT}),
                "embedded": ("pubsub.sqlite", {"connectionString": rig.folder / "broker.db", "retentionPeriod": "10s"}),
            }[self.broker]
            sidecar = rig.sidecar("steady", rig.resources("resources", ("broker", kind, metadata)), rig.app)
            url = sidecar.url("publish/broker/steady")
            most = rig.wrk(CONNECTIONS, url)["rate"]
            load = Load(lambda: rig.wrk(CONNECTIONS, url, PACED % (most / 2), self.seconds))
            started, every = time.monotonic(), max(self.seconds / SAMPLES, 0.5)
            while load.is_alive():
                self.sample(sidecar, time.monotonic() - started, self.latency(sidecar))
                load.join(every)
            got = load.result()
            _, bad = sidecar.published()
            if bad:
                raise rigs.Failed(f"{bad:.0f} publishes failed")
        print(f"  {self.broker}: {got['rate']:.0f} of at most {most:.0f} a second, {got['rate'] / most:.0%}, "
              f"for {self.seconds} s", file=sys.stderr)
        return {"rate": got["rate"], "most": most, "count": got["count"], "p99_us": got["p99_us"],
                "samples": self.samples}


class Load(threading.Thread):
    """Work beside other work; what it raised is raised where its result is asked for."""

    def __init__(self, run):
        super().__init__()
        self.work, self.got, self.why = run, None, None
        self.start()

    def run(self):
        try:
            self.got = self.work()
        except BaseException as why:  # pylint: disable=broad-exception-caught
            self.why = why

    def result(self):
        self.join()
        if self.why:
            raise self.why
        return self.got


def growth(samples, judge_latency):
    """What grew between the second third and the last, as sentences."""
    third = len(samples) // 3
    if third < 2:
        raise rigs.Failed(f"{len(samples)} samples say nothing: give it more seconds")

    def grown(key, how):
        return how(s[key] for s in samples[third:2 * third]), how(s[key] for s in samples[2 * third:])
    found = []
    for key, allowed in (("resident_mb", ALLOWED_MB), ("anonymous_mb", ALLOWED_MB), ("descriptors", ALLOWED_DESCRIPTORS)):
        before, after = grown(key, max)
        if after > before + allowed:
            found.append(f"{key} grew from {before} to {after}")
    before, after = grown("latency_us", statistics.median)
    if judge_latency and after > before * ALLOWED_LATENCY:
        found.append(f"latency grew from {before} to {after} µs")
    return found


def main():
    options = argparse.ArgumentParser()
    options.add_argument("binary")
    options.add_argument("out", type=pathlib.Path)
    options.add_argument("seconds", type=int, nargs="?", default=3600)
    options.add_argument("--together", action="store_true")
    options.add_argument("--no-latency", action="store_true")
    given = options.parse_args()
    soaks = {broker: Soak(given.binary, broker, given.seconds) for broker in ("redis", "embedded")}
    if given.together:
        loads = {broker: Load(soak.run) for broker, soak in soaks.items()}
        brokers = {broker: load.result() for broker, load in loads.items()}
    else:
        brokers = {broker: soak.run() for broker, soak in soaks.items()}
    grown = []
    for broker in brokers:
        grown += [f"{broker}: {what}" for what in growth(brokers[broker]["samples"], not given.no_latency)]
    rigs.write(given.out, "soak.json", rigs.document("soak", seconds=given.seconds, together=given.together,
                                                     brokers=brokers, grown=grown))
    (given.out / "soak.svg").write_text(draw.curves(
        [(f"{broker}: {key}", [f"{s['second']:.0f}" if n % 12 == 0 else "" for n, s in enumerate(ran["samples"])],
          {key: [s[key] for s in ran["samples"]]})
         for broker, ran in brokers.items() for key in ("resident_mb", "anonymous_mb", "descriptors", "latency_us")]))
    for what in grown:
        print(f"soak: {what}", file=sys.stderr)
    return 1 if grown else 0


if __name__ == "__main__":
    sys.exit(main())
