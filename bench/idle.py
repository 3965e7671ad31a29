#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What idle sidecars cost together: CPU and proportional memory.

usage: idle.py BINARY OUT-FOLDER [SECONDS]
Ten sidecars with an application each, subscribed at Redis, and a state store. Writes idle.json.
"""
import pathlib
import re
import sys
import time

import rig as rigs

COUNT = 10
ALLOWED = 0.001  # of a core, all together


def run_ns(process):
    """Nanoseconds that all its threads were on a core: finer than the ticks of stat."""
    return sum(int(task.read_text().split()[0])
               for task in pathlib.Path(f"/proc/{process.pid}/task").glob("*/schedstat"))


def wakeups(process):
    text = "".join(task.read_text() for task in pathlib.Path(f"/proc/{process.pid}/task").glob("*/status"))
    return sum(int(n) for n in re.findall(r"^voluntary_ctxt_switches:\s+(\d+)", text, re.M))


def measure(binary, seconds):
    with rigs.Rig(binary, 1) as rig:
        rig.servers()
        redis = {"redisHost": f"127.0.0.1:{rig.redis_port}"}
        folder = rig.resources("resources", ("redis", "pubsub.redis", redis), ("state", "state.redis", redis))
        sidecars = [rig.sidecar(f"idle-{n}", folder, rig.app) for n in range(COUNT)]
        time.sleep(5)  # what a start has to do is done
        used, woken, started = ([run_ns(s.process) for s in sidecars], [wakeups(s.process) for s in sidecars],
                                time.monotonic())
        time.sleep(seconds)
        took = time.monotonic() - started
        used = sum(run_ns(s.process) for s in sidecars) - sum(used)
        woken = sum(wakeups(s.process) for s in sidecars) - sum(woken)
        return {"sidecars": COUNT, "seconds": round(took, 1), "cores": used / 1e9 / took, "allowed_cores": ALLOWED,
                "wakeups_a_second_each": round(woken / took / COUNT, 2),
                "proportional_mb_each": round(sum(s.proportional_mb() for s in sidecars) / COUNT, 2),
                "resident_mb_each": round(sum(s.memory_mb()[0] for s in sidecars) / COUNT, 2)}


def main():
    found = measure(sys.argv[1], int(sys.argv[3]) if len(sys.argv) > 3 else 20)
    print(f"{COUNT} idle sidecars: {found['cores'] * 100:.4f} % of a core together (at most {ALLOWED * 100} %), "
          f"{found['wakeups_a_second_each']} wake-ups a second and {found['proportional_mb_each']} MB proportional each")
    rigs.write(pathlib.Path(sys.argv[2]), "idle.json", rigs.document("idle", **found))


if __name__ == "__main__":
    main()
