#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures the budgets: rates as shares of what nginx answers to the same POST in the same run.

usage: bench.py BINARY OUT-FOLDER [SECONDS]
Everything is measured in three rounds, each with servers and sidecars of its own; a figure is the middle one. Prints a
table, writes bench.json and bench.svg into OUT-FOLDER. With BENCH_PEER set to another sidecar binary that takes
daprd's flags, measures that one beside it. Needs nginx, wrk, h2load, redis-server, redis-cli.
"""
import contextlib
import os
import pathlib
import statistics
import subprocess
import sys
import time

import draw
import floor as floors
import rig as rigs

CONNECTIONS = 64
IN_FLIGHT = 100  # messages that a subscription has under way unless told otherwise
ROUNDS = 3


def least(limit):
    return limit, True


def most(limit):
    return limit, False


def components(rig, embedded):
    redis = {"redisHost": f"127.0.0.1:{rig.redis_port}"}
    found = [("redis", "pubsub.redis", redis), ("memory", "pubsub.in-memory", {}),
             ("redisstate", "state.redis", redis), ("memorystate", "state.in-memory", {})]
    if embedded:
        found += [("embedded", "pubsub.sqlite", {"connectionString": rig.folder / "broker.db"}),
                  ("sqlitestate", "state.sqlite", {"connectionString": rig.folder / "state.db"})]
    return found


class Run:
    """Rows: what was measured, to (value, budget or None). Floors: of some rows, what the machine allows."""

    def __init__(self, rig, embedded):
        self.rig, self.embedded, self.rows, self.floors, self.bounds = rig, embedded, {}, {}, {}
        self.floor = floors.Floor(rig)
        self.folder = rig.resources("resources", *components(rig, embedded))
        self.references = []
        self.other = None  # the sidecar behind the measured one

    def add(self, what, value, budget=None, floor=None):
        self.rows[what] = (value, budget)
        if floor is not None:
            self.floors[what] = floor
        print(f"  {what}: {value:.2f}" + (f" (floor {floor:.2f})" if floor is not None else ""), file=sys.stderr)

    def watched(self, what, sidecar, load):
        """Runs `load` and notes who spent the time: it is what bounds the row."""
        named = {"sidecar": sidecar.process.pid, "Redis": self.rig.redis.pid, "application": self.rig.app_pid()}
        if self.other:
            named["other sidecar"] = self.other.process.pid
        before = {name: rigs.cpu_ticks(pid) for name, pid in named.items()}
        started, children = time.monotonic(), os.times()
        got = load()
        took, children_after = time.monotonic() - started, os.times()
        cores = {}
        for name, pid in named.items():
            user, system = (after - then for after, then in zip(rigs.cpu_ticks(pid), before[name]))
            cores[name] = round((user + system) * rigs.TICK_US / 1e6 / took, 2)
            if name == "sidecar":
                cores["kernel share of the sidecar"] = round(system / max(user + system, 1), 2)
                got["cpu_us"] = (user + system) * rigs.TICK_US / got["count"]
        cores["load generator"] = round((children_after.children_user - children.children_user
                                         + children_after.children_system - children.children_system) / took, 2)
        self.bounds[what] = cores
        return got

    def reference(self):
        """What nginx answers just now: a machine with neighbours is not equally fast from second to second."""
        self.references.append(self.rig.wrk(CONNECTIONS, f"http://127.0.0.1:{self.rig.app}/", seconds=1)["rate"])
        return self.references[-1]

    def share(self, what, budget, sidecar, load, nginx=None, floor=None):
        """`floor`: does the same load once more, without the sidecar."""
        nginx = nginx or self.reference()
        got = self.watched(what, sidecar, load)
        got["floor"] = floor() if floor else None
        self.add(what, got["rate"] / nginx, budget, got["floor"] and got["floor"]["rate"] / nginx)
        return got

    def start(self):
        starts = []
        for _ in range(5):
            sidecar = self.rig.sidecar("start", self.folder)
            starts.append(sidecar.took_ms)
            sidecar.stop()
        self.add("start to ready, ms", sorted(starts)[2], most(10))

    def publish_one_at_a_time(self, sidecar, published):
        memory = self.rig.wrk(1, sidecar.url("publish/memory/one"))
        self.add("publish in-memory, 1 at a time, median µs", memory["p50_us"])
        redis = self.rig.wrk(1, sidecar.url("publish/redis/one"))
        floor = self.floor.load(self.floor.relay(*published), 1)
        self.add("publish Redis, 1 at a time, median µs", redis["p50_us"], most(80), floor["p50_us"])
        self.add("publish Redis, 1 at a time, 99th µs", redis["p99_us"], most(250), floor["p99_us"])

    def publish(self, sidecar):
        rig = self.rig
        command, answer = published = self.floor.recorded(
            sidecar, floors.request("POST", "/v1.0/publish/redis/many", rigs.BODY), b"many")
        self.envelope = command[command.index(b"data") + 1]
        self.publish_one_at_a_time(sidecar, published)
        loads = {"redis": lambda: self.floor.load(self.floor.relay(*published), CONNECTIONS),
                 "embedded": lambda: self.floor.load(self.floor.log(self.envelope, answer), CONNECTIONS)}
        rates = {"redis": ("Redis", 0.6), "memory": ("in-memory", 0.8), "embedded": ("embedded", 0.4)}
        for name, (words, limit) in rates.items():
            if name == "embedded" and not self.embedded:
                continue
            got = self.share(f"publish {words}, HTTP, share", least(limit), sidecar,
                             lambda name=name: rig.wrk(CONNECTIONS, sidecar.url(f"publish/{name}/many")),
                             floor=loads.get(name))
            if name == "redis":
                self.add("99th over median, 64 at once", got["p99_us"] / got["p50_us"], most(2.5),
                         got["floor"]["p99_us"] / got["floor"]["p50_us"])
                self.add("CPU per publish to Redis, µs", got["cpu_us"], most(9), got["floor"]["cpu_us"])
            self.share(f"publish {words}, gRPC, share", None if name == "embedded" else least(limit), sidecar,
                       lambda name=name: rig.publish_grpc(sidecar, name, "many", 20000 * rig.seconds))
            rig.cli("flushall")
        good, bad = sidecar.published()
        if bad > 0 or good == 0:
            raise rigs.Failed(f"{good:.0f} publishes went well, {bad:.0f} did not")

    def state_floor(self, sidecar, is_get):
        """Of the one state that is set and got again and again, at Redis."""
        path = "/v1.0/state/redisstate"
        asked = floors.request("GET", path + "/bob") if is_get else floors.request("POST", path, rigs.ONE_STATE)
        recorded = self.floor.recorded(sidecar, asked, b"bob")
        return lambda: self.floor.load(self.floor.relay(*recorded), CONNECTIONS,
                                       'wrk.method = "GET"\nwrk.body = nil' if is_get else "")

    def state(self, sidecar):
        stores = {"redisstate": ("Redis", least(0.6)), "memorystate": ("in-memory", least(0.8)),
                  "sqlitestate": ("SQLite", None)}
        for store, (words, budget) in stores.items():
            if store == "sqlitestate" and not self.embedded:
                continue
            rigs.seed_states(sidecar, store)
            for verb in ("set", "get"):
                floor = self.state_floor(sidecar, verb == "get") if store == "redisstate" else None
                for keys, limit, script in (("", budget, rigs.one_state_script),
                                            (f", {rigs.KEYS} keys", None, rigs.states_script)):
                    load = script(store, verb == "get")
                    self.share(f"state {verb} {words}{keys}, share", limit, sidecar,
                               lambda load=load: self.rig.wrk(CONNECTIONS, sidecar.url(""), load),
                               floor=None if keys else floor)
            rigs.check_states(sidecar, store)

    def invoke(self, sidecar):
        self.other = self.rig.sidecar("answerer", self.folder, self.rig.app)
        url = sidecar.url("invoke/answerer/method/hello")
        if sidecar.ask("", b"{}", base=url)[0] != 200:
            raise rigs.Failed("invocation does not work")
        self.share("invocation through two sidecars, share", least(0.3), sidecar,
                   lambda: self.rig.wrk(CONNECTIONS, url), floor=self.two_forwarders)
        with self.placed(sidecar):
            self.share("invocation, processes placed by hand, share", None, sidecar,
                       lambda: self.rig.wrk(CONNECTIONS, url))
        self.other.stop()
        self.other = None

    def two_forwarders(self):
        """The floor of an invocation: nginx twice in a row before the application."""
        second, behind = self.rig.forwarder(self.rig.app)
        first, before = self.rig.forwarder(second)
        got = self.rig.wrk(CONNECTIONS, f"http://127.0.0.1:{first}/")
        self.rig.stop(before)
        self.rig.stop(behind)
        return got

    @contextlib.contextmanager
    def placed(self, sidecar):
        """Caller and application on one core, callee and load generator on another: whoever is called runs at once."""
        cores = sorted(os.sched_getaffinity(0))
        first, second = {cores[0]}, {cores[-1]}
        for pid, core in ((sidecar.process.pid, first), (self.rig.app_pid(), first), (self.other.process.pid, second),
                          (0, second)):
            os.sched_setaffinity(pid, core)
        yield
        for pid in (sidecar.process.pid, self.rig.app_pid(), 0):
            os.sched_setaffinity(pid, cores)

    def deliver(self, publisher):
        rig = self.rig
        rig.cli("flushall")  # the group of who answered invocations goes with it
        count = rig.publish_grpc(publisher, "redis", "deliver", 50000 * rig.seconds)["count"]
        publisher.stop()
        nginx = self.reference()
        sidecar = rig.sidecar("subscriber", self.folder, rig.app)
        rigs.wait_for(lambda: rig.group("deliver"), "the group is there", 0.001)
        what = "deliver from Redis to HTTP, share"

        def drain():
            done, started = rig.group("deliver")[1], time.monotonic()
            rigs.wait_for(lambda: rig.group("deliver")[0] == 0, "all delivered", 0.02, 300)
            return {"rate": (count - done) / (time.monotonic() - started), "count": count - done}
        got = self.share(what, least(0.65), sidecar, drain, nginx,
                         lambda: self.floor.post(IN_FLIGHT, self.envelope))
        self.add("CPU per delivery, µs", got["cpu_us"], most(9), got["floor"]["cpu_us"])
        sidecar.stop()

    def measure(self):
        self.rig.cli("flushall")
        self.start()
        before = sum(rigs.cpu_ticks(self.rig.app_pid()))
        plain = self.rig.wrk(CONNECTIONS, f"http://127.0.0.1:{self.rig.app}/")
        ticks = sum(rigs.cpu_ticks(self.rig.app_pid())) - before
        self.add("nginx, CPU per request, µs", ticks * rigs.TICK_US / plain["count"])
        nginx = self.reference()
        scripted = self.rig.wrk(CONNECTIONS, f"http://127.0.0.1:{self.rig.app}/", rigs.states_script("nginx", False))
        self.add(f"nginx, {rigs.KEYS} different requests, share", scripted["rate"] / nginx)
        self.add("nginx, 1 at a time, median µs", self.rig.wrk(1, f"http://127.0.0.1:{self.rig.app}/")["p50_us"])
        sidecar = self.rig.sidecar("publisher", self.folder)
        time.sleep(1)
        self.memory("idle", sidecar, 6, 2)
        self.publish(sidecar)
        self.state(sidecar)
        self.invoke(sidecar)
        self.memory("after", sidecar, 10, 5)
        self.deliver(sidecar)
        self.add("nginx, requests a second", statistics.median(self.references))

    def memory(self, when, sidecar, resident, anonymous):
        for kind, value, limit in zip(("resident", "anonymous"), sidecar.memory_mb(), (resident, anonymous)):
            self.add(f"memory {when}, {kind} MB", value, most(limit))


def size_mb(rig):
    stripped = rig.folder / "stripped"
    subprocess.run(["strip", "-o", stripped, rig.binary[0]], check=True)
    return stripped.stat().st_size / 1e6


def verdict(value, budget):
    if not budget:
        return ""
    limit, is_least = budget
    return "met" if (value >= limit if is_least else value <= limit) else "missed"


def one_round(binary, seconds, embedded):
    with rigs.Rig(binary, seconds, "local" if embedded else "sqlite") as rig:
        rig.servers()
        run = Run(rig, embedded)
        run.measure()
        if embedded:
            run.add("binary, stripped, MB", size_mb(rig), most(3))
        return run


class Measured:
    """The middle of all rounds. Rows: what was measured, to (middle, budget or None, lowest, highest, floor or None)."""

    def __init__(self, binary, seconds, embedded):
        runs = []
        for number in range(ROUNDS):
            print(f"round {number + 1} of {ROUNDS}", file=sys.stderr)
            runs.append(one_round(binary, seconds, embedded))
        self.rows = {}
        for what, (_, budget) in runs[0].rows.items():
            values = [run.rows[what][0] for run in runs]
            floor = statistics.median(run.floors[what] for run in runs) if what in runs[0].floors else None
            self.rows[what] = (statistics.median(values), budget, min(values), max(values), floor)
        self.bounds = {what: {who: round(statistics.median(run.bounds[what][who] for run in runs), 2) for who in cores}
                       for what, cores in runs[0].bounds.items()}


def picture(rows):
    bars = []
    for what, (value, budget, *_) in rows.items():
        if budget:
            ratio = value / budget[0] if budget[1] else budget[0] / max(value, 1e-9)
            bars.append((what, ratio, f"{value:.2f} (budget {budget[0]})"))
    return draw.bars("times the budget; the line is the budget", bars)


def main():
    binary, out = sys.argv[1], pathlib.Path(sys.argv[2])
    seconds = int(sys.argv[3]) if len(sys.argv) > 3 else 4
    run = Measured(binary, seconds, True)
    peer = os.environ.get("BENCH_PEER")
    peer_rows = Measured(peer, seconds, False).rows if peer else {}
    content = rigs.document("bench", seconds=seconds, rounds=ROUNDS, connections=CONNECTIONS, bounds=run.bounds,
                            rows=[{"what": what, "value": value, "lowest": lowest, "highest": highest,
                                   "floor": floor, "budget": budget and budget[0], "is_least": bool(budget and budget[1]),
                                   "verdict": verdict(value, budget)}
                                  for what, (value, budget, lowest, highest, floor) in run.rows.items()],
                            peer={what: row[0] for what, row in peer_rows.items()})
    print(f"\n{content['machine']}; {CONNECTIONS} connections; shares of nginx with one worker, same POST, same round; "
          f"the middle of {ROUNDS} rounds\n")
    for row in content["rows"]:
        limit = "" if not row["budget"] else f"{'>=' if row['is_least'] else '<='} {row['budget']}"
        other = f"{peer_rows[row['what']][0]:12.2f}" if row["what"] in peer_rows else ""
        spread = f"{row['lowest']:.2f} to {row['highest']:.2f}"
        floor = "" if row["floor"] is None else f"floor {row['floor']:.2f}"
        print(f"{row['what']:42}{row['value']:12.2f}   {limit:9}{row['verdict']:8}{spread:20}{floor:16}{other}")
    rigs.write(out, "bench.json", content)
    (out / "bench.svg").write_text(picture(run.rows))


if __name__ == "__main__":
    main()
