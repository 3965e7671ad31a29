#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Instructions of the sidecar for each request, counted by callgrind: the same on a machine with other work.

usage: instructions.py BINARY OUT-FOLDER [ROW...]
Each row is run with few and with many requests; the difference has no start and no end in it. Writes instructions.json and
leaves the profiles of the longer runs in OUT-FOLDER. Needs valgrind and what bench.py needs.
"""
import json
import pathlib
import re
import subprocess
import sys

import rig as rigs

FEW, MANY = 500, 2500


def h2load(rig, url, count, body=None):
    """HTTP/1.1, one after the other on four connections."""
    args = ["h2load", "--h1", f"-n{count}", "-c4", "-m1"]
    if body is not None:
        data = rig.folder / "request"
        data.write_text(body)
        args += ["-d", str(data), "-H", "content-type: application/json"]
    text = subprocess.run(args + [url], capture_output=True, text=True, check=True).stdout
    if f"status codes: {count} 2xx" not in text:
        raise rigs.Failed(f"{url}: not every answer was a success:\n{text}")


STATE = json.dumps([rigs.order(1)])
GET = f"state/%s/{rigs.order(1)['key']}"
ROWS = {
    "publish in-memory, HTTP": lambda rig, s, n: h2load(rig, s.url("publish/memory/many"), n, rigs.BODY),
    "publish Redis, HTTP": lambda rig, s, n: h2load(rig, s.url("publish/redis/many"), n, rigs.BODY),
    "publish in-memory, gRPC": lambda rig, s, n: rig.publish_grpc(s, "memory", "many", n, connections=4),
    "publish and deliver in-memory": lambda rig, s, n: h2load(rig, s.url("publish/memory/deliver"), n, rigs.BODY),
    "state set in-memory": lambda rig, s, n: h2load(rig, s.url("state/memorystate"), n, STATE),
    "state get in-memory": lambda rig, s, n: h2load(rig, s.url(GET % "memorystate"), n),
    "state set Redis": lambda rig, s, n: h2load(rig, s.url("state/redisstate"), n, STATE),
    "state get Redis": lambda rig, s, n: h2load(rig, s.url(GET % "redisstate"), n),
    "invocation, the caller's side": lambda rig, s, n: h2load(rig, s.url("invoke/answerer/method/hello"), n, rigs.BODY),
}


def counted(binary, out, row, requests):
    """Instructions of a whole life of the sidecar with so many requests."""
    with rigs.Rig(binary, 1) as rig:
        rig.servers(component="memory")
        redis = {"redisHost": f"127.0.0.1:{rig.redis_port}"}
        folder = rig.resources("resources", ("redis", "pubsub.redis", redis), ("memory", "pubsub.in-memory", {}),
                               ("redisstate", "state.redis", redis), ("memorystate", "state.in-memory", {}))
        profile = out / ("callgrind." + re.sub(r"\W+", "-", row))
        if row.startswith("invocation"):
            rig.sidecar("answerer", folder, rig.app)
        wrapper = ("valgrind", "--tool=callgrind", f"--callgrind-out-file={profile}")
        sidecar = rig.sidecar("counted", folder, rig.app if "deliver" in row else None, wrapper)
        rigs.seed_states(sidecar, "memorystate")
        rigs.seed_states(sidecar, "redisstate")
        ROWS[row](rig, sidecar, requests)
        sidecar.stop()
        return int(re.search(r"^(?:summary|totals): (\d+)", profile.read_text(), re.M)[1])


def main():
    out = pathlib.Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    found = {}
    for row in sys.argv[3:] or ROWS:
        few, many = counted(sys.argv[1], out, row, FEW), counted(sys.argv[1], out, row, MANY)
        found[row] = round((many - few) / (MANY - FEW))
        print(f"{row:32}{found[row]:10} instructions a request")
    rigs.write(out, "instructions.json", rigs.document("instructions", few=FEW, many=MANY, rows=found))


if __name__ == "__main__":
    main()
