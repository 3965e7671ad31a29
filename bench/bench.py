#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures the budgets: rates as shares of what nginx answers to the same POST in the same run.

usage: bench.py BINARY OUT-FOLDER [SECONDS]
Prints a table, writes bench.json and bench.svg into OUT-FOLDER. With BENCH_PEER set to another sidecar binary that takes
daprd's flags, measures that one beside it. Needs nginx, wrk, h2load, redis-server, redis-cli.
"""
import json
import os
import pathlib
import platform
import re
import shlex
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request

BODY = '{"orderId":1234,"item":"coffee","quantity":2}'
CONNECTIONS = 64


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Bench:
    def __init__(self, seconds):
        self.seconds = seconds
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="bench-"))
        self.processes = []
        self.redis = free_port()
        self.app = free_port()
        self.script("post", BODY)
        self.script("save", '[{"key":"k1","value":{"message_count":5}}]')

    def script(self, name, body):
        (self.folder / f"{name}.lua").write_text(
            'wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\n'
            f"wrk.body = {json.dumps(body)}\n")

    def start(self, args, **kwargs):
        log = open(self.folder / "log", "a")
        process = subprocess.Popen(args, stdout=log, stderr=log, **kwargs)
        self.processes.append(process)
        return process

    def stop(self, process):
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self.processes.remove(process)

    def close(self):
        for process in list(self.processes):
            self.stop(process)
        shutil.rmtree(self.folder)

    def servers(self):
        self.start(["redis-server", "--port", str(self.redis), "--bind", "127.0.0.1", "--save", "", "--appendonly",
                    "no"])
        subscriptions = json.dumps([{"pubsubname": "redis", "topic": "deliver", "route": "/deliver"}])
        (self.folder / "nginx.conf").write_text(f"""
daemon off; worker_processes 1; pid {self.folder}/nginx.pid; error_log /dev/null;
events {{ worker_connections 4096; }}
http {{ access_log off; keepalive_requests 1000000000; client_body_temp_path {self.folder}/body;
  proxy_temp_path {self.folder}/p; fastcgi_temp_path {self.folder}/f; uwsgi_temp_path {self.folder}/u; scgi_temp_path {self.folder}/s;
  server {{ listen 127.0.0.1:{self.app};
    location = /dapr/subscribe {{ default_type application/json; return 200 '{subscriptions}'; }}
    location / {{ return 200; }} }} }}
""")
        self.start(["nginx", "-p", str(self.folder), "-c", str(self.folder / "nginx.conf")])
        wait_for(lambda: listens(self.app) and listens(self.redis), "nginx and redis-server listen")

    def cli(self, *words):
        return subprocess.run(["redis-cli", "-p", str(self.redis), *words], capture_output=True, text=True,
                              check=True).stdout

    def resources(self, name, *components):
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        for component, kind, metadata in components:
            lines = "".join(f'  - name: {k}\n    value: "{v}"\n' for k, v in metadata.items())
            (folder / f"{component}.yaml").write_text(
                f"apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata:\n  name: {component}\nspec:\n"
                f"  type: {kind}\n  version: v1\n" + (f"  metadata:\n{lines}" if lines else "  metadata: []\n"))
        return folder

    def sidecar(self, binary, app_id, resources, app_port=None):
        http, grpc = free_port(), free_port()
        started = time.monotonic()
        process = self.start([*shlex.split(binary), "--app-id", app_id, "--dapr-http-port", str(http),
                              "--dapr-grpc-port", str(grpc), "--resources-path", str(resources), "--log-level",
                              "error", "--dapr-listen-addresses", "127.0.0.1", "--metrics-port", "0"]
                             + (["--app-port", str(app_port)] if app_port else []))
        wait_for(lambda: is_up(http), "the sidecar is up", 0.0005)
        return process, http, grpc, (time.monotonic() - started) * 1000

    def wrk(self, connections, url, script="post"):
        """`script`: what is sent, or None for a GET."""
        sent = ["-s", self.folder / f"{script}.lua"] if script else []
        text = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{self.seconds}s", "--latency", *sent, url],
                              capture_output=True, text=True, check=True).stdout
        assert "Non-2xx" not in text, text
        return {"rate": float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1]),
                "p50_us": microseconds(re.search(r"50%\s+(\S+)", text)[1]),
                "p99_us": microseconds(re.search(r"99%\s+(\S+)", text)[1])}

    def h2load(self, port, component, topic):
        message = b"".join(bytes([n << 3 | 2, len(value)]) + value for n, value in enumerate(
            [component.encode(), topic.encode(), BODY.encode(), b"application/json"], 1))
        data = self.folder / "message"
        data.write_bytes(b"\0" + struct.pack(">I", len(message)) + message)
        count = 50000 * self.seconds
        text = subprocess.run(["h2load", f"-n{count}", "-c8", "-m8", "-d", data, "-H", "content-type: application/grpc",
                               "-H", "te: trailers",
                               f"http://127.0.0.1:{port}/dapr.proto.runtime.v1.Dapr/PublishEvent"],
                              capture_output=True, text=True, check=True).stdout
        assert f"status codes: {count} 2xx" in text, text
        return {"rate": float(re.search(r"([\d.]+) req/s", text)[1]), "count": count}


def microseconds(text):
    number, unit = re.match(r"([\d.]+)(\w+)", text).groups()
    return float(number) * {"us": 1, "ms": 1e3, "s": 1e6}[unit]


def listens(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def is_up(port):
    try:
        return urllib.request.urlopen(f"http://127.0.0.1:{port}/v1.0/healthz/outbound", timeout=1).status == 204
    except OSError:
        return False


def wait_for(check, what, pause=0.01, seconds=60):
    end = time.monotonic() + seconds
    while not check():
        if time.monotonic() > end:
            raise SystemExit(f"bench: not within {seconds} s: {what}")
        time.sleep(pause)


def memory_mb(process):
    text = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return [round(int(re.search(rf"{name}:\s+(\d+)", text)[1]) / 1024, 1) for name in ("VmRSS", "RssAnon")]


def cpu_us(process):
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * 1e6 / os.sysconf("SC_CLK_TCK")


def measure(bench, binary, embedded):
    """Rows of (what, value, unit, budget); a budget is (limit, is the limit a least)."""
    rows = {}
    components = [("redis", "pubsub.redis", {"redisHost": f"127.0.0.1:{bench.redis}"}), ("memory", "pubsub.in-memory", {})]
    stores = [("server", "state.redis", {"redisHost": f"127.0.0.1:{bench.redis}"}), ("table", "state.in-memory", {}),
              ("file", "state.sqlite", {"connectionString": bench.folder / "state.db"})]
    if embedded:
        components.append(("embedded", "pubsub.sqlite", {"connectionString": bench.folder / "broker.db"}))
    folder = bench.resources("resources", *components, *stores)
    bench.cli("flushall")
    starts = []
    for _ in range(5):
        process, *_, took = bench.sidecar(binary, "start", folder)
        starts.append(took)
        bench.stop(process)
    rows["start to ready, ms"] = (sorted(starts)[2], (10, False))
    nginx = bench.wrk(CONNECTIONS, f"http://127.0.0.1:{bench.app}/")["rate"]
    rows["nginx, requests a second"] = (nginx, None)
    process, http, grpc, _ = bench.sidecar(binary, "publisher", folder)
    time.sleep(1)
    rows["memory idle, resident MB"], rows["memory idle, anonymous MB"] = zip(memory_mb(process), [(6, False), (2, False)])
    one = bench.wrk(1, f"http://127.0.0.1:{http}/v1.0/publish/redis/one")
    rows["publish Redis, 1 at a time, median µs"] = (one["p50_us"], (80, False))
    rows["publish Redis, 1 at a time, 99th µs"] = (one["p99_us"], (250, False))
    budgets = {"redis": 0.6, "memory": 0.8, "embedded": 0.4}
    for name, kind, _ in components:
        used = cpu_us(process)
        got = bench.wrk(CONNECTIONS, f"http://127.0.0.1:{http}/v1.0/publish/{name}/many")
        used = cpu_us(process) - used
        rows[f"publish {kind}, HTTP, share"] = (got["rate"] / nginx, (budgets[name], True))
        if name == "redis":
            rows["99th over median, 64 at once"] = (got["p99_us"] / got["p50_us"], (2.5, False))
            rows["CPU per publish to Redis, µs"] = (used / got["rate"] / bench.seconds, (9, False))
        if name != "embedded":
            rows[f"publish {kind}, gRPC, share"] = (bench.h2load(grpc, name, "many")["rate"] / nginx, (budgets[name], True))
    for name, kind, _ in stores:
        budget = {"server": (0.6, True), "table": (0.8, True)}.get(name)
        url = f"http://127.0.0.1:{http}/v1.0/state/{name}"
        rows[f"{kind} set, share"] = (bench.wrk(CONNECTIONS, url, "save")["rate"] / nginx, budget)
        rows[f"{kind} get, share"] = (bench.wrk(CONNECTIONS, f"{url}/k1", None)["rate"] / nginx, budget)
    rows["memory after, resident MB"], rows["memory after, anonymous MB"] = zip(memory_mb(process), [(10, False), (5, False)])
    count = bench.h2load(grpc, "redis", "deliver")["count"]
    bench.stop(process)
    process, *_ = bench.sidecar(binary, "subscriber", folder, bench.app)

    def drained():
        groups = bench.cli("xinfo", "groups", "deliver").split()
        return groups and groups[groups.index("lag") + 1] == "0" and groups[groups.index("pending") + 1] == "0"
    started = time.monotonic()
    wait_for(drained, "all delivered", 0.02, 300)
    took = time.monotonic() - started
    rows["deliver from Redis to HTTP, share"] = (count / took / nginx, (0.65, True))
    rows["CPU per delivery, µs"] = (cpu_us(process) / count, (9, False))
    bench.stop(process)
    return rows


def size_mb(binary, folder):
    stripped = folder / "stripped"
    subprocess.run(["strip", "-o", stripped, shlex.split(binary)[0]], check=True)
    return stripped.stat().st_size / 1e6


def verdict(value, budget):
    if not budget:
        return ""
    limit, is_least = budget
    return "met" if (value >= limit if is_least else value <= limit) else "missed"


def draw(rows, path):
    """One bar a row: how far from its budget, which is the line."""
    lines, y = [], 40
    for what, (value, budget) in rows.items():
        if not budget:
            continue
        ratio = value / budget[0] if budget[1] else budget[0] / max(value, 1e-9)
        colour = "#2a7f4f" if ratio >= 1 else "#b5482a"
        lines.append(f'<text x="300" y="{y + 12}" text-anchor="end">{what}</text>'
                     f'<rect x="310" y="{y}" width="{min(ratio, 4) * 100:.0f}" height="16" fill="{colour}"/>'
                     f'<text x="{320 + min(ratio, 4) * 100:.0f}" y="{y + 12}">{value:.2f} (budget {budget[0]})</text>')
        y += 24
    path.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" width="900" height="{y + 20}" font-family="sans-serif" '
                    f'font-size="12"><rect width="900" height="{y + 20}" fill="white"/>'
                    f'<text x="310" y="20">times the budget; the line is the budget</text>{"".join(lines)}'
                    f'<line x1="410" y1="30" x2="410" y2="{y}" stroke="black"/></svg>\n')


def main():
    binary, out = sys.argv[1], pathlib.Path(sys.argv[2])
    bench = Bench(int(sys.argv[3]) if len(sys.argv) > 3 else 4)
    try:
        bench.servers()
        rows = measure(bench, binary, True)
        rows["binary, stripped, MB"] = (size_mb(binary, bench.folder), (3, False))
        peer = os.environ.get("BENCH_PEER")
        peer_rows = measure(bench, peer, False) if peer else {}
    finally:
        bench.close()
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Linux {platform.release()}"
    print(f"\n{machine}; {CONNECTIONS} connections; shares of nginx with one worker, same POST, same run\n")
    for what, (value, budget) in rows.items():
        limit = "" if not budget else f"{'>=' if budget[1] else '<='} {budget[0]}"
        other = f"{peer_rows[what][0]:12.2f}" if what in peer_rows else ""
        print(f"{what:42}{value:12.2f}   {limit:9}{verdict(value, budget):8}{other}")
    out.mkdir(parents=True, exist_ok=True)
    document = {"machine": machine, "rows": {w: {"value": v, "budget": b and b[0], "verdict": verdict(v, b)}
                                             for w, (v, b) in rows.items()},
                "peer": {w: v for w, (v, _) in peer_rows.items()}}
    (out / "bench.json").write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    draw(rows, out / "bench.svg")
    print(f"\nwritten: {out / 'bench.json'}, {out / 'bench.svg'}")


main()
