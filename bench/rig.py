# SPDX-License-Identifier: MIT
"""What every measurement stands on: the servers, the sidecars, the load and what /proc says of a process."""
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
import tempfile
import time
import urllib.request

BODY = '{"orderId":1234,"item":"coffee","quantity":2}'
KEYS = 1000  # of states; as an application would name them


class Failed(SystemExit):
    """A measurement that says nothing: an answer was no success, or something did not come up."""

    def __init__(self, text):
        super().__init__(f"bench: {text}")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def listens(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def wait_for(check, what, pause=0.01, seconds=60):
    end = time.monotonic() + seconds
    while not check():
        if time.monotonic() > end:
            raise Failed(f"not within {seconds} s: {what}")
        time.sleep(pause)


def machine():
    model = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    return (f"{model[1] if model else platform.machine()}, {os.cpu_count()} cores, {platform.machine()}, "
            f"Linux {platform.release()}")


def commit():
    if not shutil.which("git"):
        return "unknown"
    return subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True).stdout.strip() or "unknown"


def document(kind, **content):
    """What a run writes down: which run it was, where and of what, and its figures."""
    return {"kind": kind, "when": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()), "commit": commit(),
            "machine": machine(), **content}


def write(out, name, content):
    out.mkdir(parents=True, exist_ok=True)
    (out / name).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    print(f"written: {out / name}")


def microseconds(text):
    number, unit = re.match(r"([\d.]+)(\w+)", text).groups()
    return float(number) * {"us": 1, "ms": 1e3, "s": 1e6, "m": 6e7}[unit]


def field(number, value):
    """One field of a protobuf message, of a kind that has a length."""
    size, length = len(value), b""
    while size > 127:
        length += bytes([size & 127 | 128])
        size >>= 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + value


def publish_message(component, topic, body=BODY):
    return b"".join(field(n, value.encode()) for n, value in enumerate([component, topic, body, "application/json"], 1))


def redis_command(*words):
    return b"".join([b"*%d\r\n" % len(words)] + [b"$%d\r\n%s\r\n" % (len(word), word) for word in words])


class Sidecar:
    def __init__(self, rig, process, ports, took_ms):
        self.rig, self.process, self.took_ms = rig, process, took_ms
        self.http, self.grpc, self.internal, self.metrics = ports

    def url(self, path):
        return f"http://127.0.0.1:{self.http}/v1.0/{path}"

    def stop(self):
        self.rig.stop(self.process)

    def ask(self, path, body=None, base=None):
        request = urllib.request.Request(base or self.url(path), body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read()

    def is_up(self):
        try:
            return self.ask("healthz/outbound")[0] == 204
        except OSError:
            return False

    def published(self):
        """How many messages went out well, and how many did not, as the metrics page counts them."""
        page = self.ask("", base=f"http://127.0.0.1:{self.metrics}/metrics")[1].decode()
        counts = re.findall(r"^dapr_component_pubsub_egress_count\{(.*)\} ([\d.e+]+)", page, re.M)
        good = sum(float(n) for labels, n in counts if 'success="true"' in labels)
        return good, sum(float(n) for _, n in counts) - good

    def memory_mb(self):
        """Resident and anonymous."""
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return [round(int(re.search(rf"{name}:\s+(\d+)", text)[1]) / 1024, 1) for name in ("VmRSS", "RssAnon")]

    def proportional_mb(self):
        text = pathlib.Path(f"/proc/{self.process.pid}/smaps_rollup").read_text()
        return int(re.search(r"^Pss:\s+(\d+)", text, re.M)[1]) / 1024

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def cpu_us(self):
        return sum(cpu_ticks(self.process.pid)) * TICK_US


TICK_US = 1e6 / os.sysconf("SC_CLK_TCK")


def cpu_ticks(pid):
    """In the program and in the kernel."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return int(fields[11]), int(fields[12])


class Rig:
    def __init__(self, binary, seconds, resolver="local"):
        self.resolver = resolver
        self.binary, self.seconds = shlex.split(binary), seconds
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="bench-"))
        self.folder.chmod(0o755)  # a worker of nginx is another user
        self.processes = []
        self.redis_port, self.app = free_port(), free_port()
        self.redis = self.nginx = None
        self.asking = None  # a connection to Redis that questions go over

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.asking:
            self.asking.close()
        for process in list(reversed(self.processes)):
            self.stop(process)
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, args, stdout=None):
        with open(self.folder / "log", "a", encoding="utf-8") as log:
            process = subprocess.Popen(args, stdout=stdout or log, stderr=log)
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

    def servers(self, topics=("deliver",), component="redis"):
        """Redis, which keeps nothing on disk, and nginx as the application that takes what is delivered."""
        self.redis = self.start(["redis-server", "--port", str(self.redis_port), "--bind", "127.0.0.1", "--save", "",
                                 "--appendonly", "no"])
        (self.folder / "subscribe.json").write_text(json.dumps(
            [{"pubsubname": component, "topic": topic, "route": "/deliver"} for topic in topics]))
        self.nginx = self.web_server(self.app, f"""
    location = /dapr/subscribe {{ default_type application/json; alias {self.folder}/subscribe.json; }}
    location = /dapr/config {{ return 404; }}
    location / {{ default_type application/json; return 200 '{{}}'; }}""")
        wait_for(lambda: listens(self.redis_port), "redis-server listens")

    def web_server(self, port, locations, upstream=""):
        """nginx with one worker; returns the process that watches it."""
        folder = self.folder / f"nginx-{port}"
        folder.mkdir()
        folder.chmod(0o755)
        (folder / "nginx.conf").write_text(f"""
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log /dev/null;
events {{ worker_connections 4096; }}
http {{ access_log off; keepalive_requests 1000000000; client_body_temp_path {folder}/body;
  client_max_body_size 8m; client_body_buffer_size 64k;
  proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  {upstream}
  server {{ listen 127.0.0.1:{port}; {locations} }} }}
""")
        process = self.start(["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")])
        wait_for(lambda: listens(port), "nginx listens")
        return process

    def forwarder(self, to):
        """nginx that hands everything on to a port, over connections that stay open. Yields its own."""
        port = free_port()
        process = self.web_server(
            port, 'location / { proxy_pass http://next; proxy_http_version 1.1; proxy_set_header Connection ""; }',
            f"upstream next {{ server 127.0.0.1:{to}; keepalive 256; keepalive_requests 1000000000; }}")
        return port, process

    def app_pid(self):
        """Of nginx's worker: the other process only watches it."""
        children = pathlib.Path(f"/proc/{self.nginx.pid}/task/{self.nginx.pid}/children").read_text().split()
        return int(children[0])

    def cli(self, *words):
        return subprocess.run(["redis-cli", "-p", str(self.redis_port), *words], capture_output=True, text=True,
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

    def configuration(self):
        """Sidecars find each other in a folder, or in a file when the binary is one that knows no folders."""
        settings = {"local": f'folder: "{self.folder}/names"',
                    "sqlite": f'connectionString: "{self.folder}/names.db"'}[self.resolver]
        path = self.folder / "configuration.yaml"
        path.write_text("apiVersion: dapr.io/v1alpha1\nkind: Configuration\nmetadata:\n  name: bench\nspec:\n"
                        f"  nameResolution:\n    component: {self.resolver}\n    configuration:\n      {settings}\n")
        return path

    def sidecar(self, app_id, resources, app_port=None, wrapper=()):
        ports = [free_port() for _ in range(4)]
        flags = ["--app-id", app_id, "--resources-path", resources, "--config", self.configuration(), "--log-level",
                 "error", "--dapr-listen-addresses", "127.0.0.1"]
        for flag, port in zip(("--dapr-http-port", "--dapr-grpc-port", "--dapr-internal-grpc-port", "--metrics-port"),
                              ports):
            flags += [flag, port]
        flags += ["--app-port", app_port] if app_port else []
        started = time.monotonic()
        process = self.start([*wrapper, *self.binary, *map(str, flags)])
        sidecar = Sidecar(self, process, ports, 0)
        wait_for(lambda: sidecar.is_up() or self.check_runs(process, app_id), f"the sidecar {app_id} is up", 0.0005)
        sidecar.took_ms = (time.monotonic() - started) * 1000
        return sidecar

    def check_runs(self, process, name):
        if process.poll() is not None:
            said = (self.folder / "log").read_text(errors="replace")[-1000:]
            raise Failed(f"{name} ended with {process.returncode} at its start; the end of what was said:\n{said}")

    def wrk(self, connections, url, script="", seconds=None, body=BODY):
        """POST of `body` unless `script` says otherwise. An answer that is no success fails the run."""
        lua = self.folder / "load.lua"
        (self.folder / "load.body").write_text(body)
        lua.write_text(f'local file = io.open("{self.folder}/load.body")\nwrk.method = "POST"\nwrk.body = file:read("*a")\n'
                       f'wrk.headers["Content-Type"] = "application/json"\n{script}\n')
        text = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds or self.seconds}s", "--timeout", "30s",
                               "--latency", "-s", lua, url], capture_output=True, text=True, check=True).stdout
        if "Non-2xx" in text or "Socket errors" in text:
            raise Failed(f"{url}: not every answer was a success:\n{text}")
        requests = re.search(r"(\d+) requests in", text)
        if requests[1] == "0":
            raise Failed(f"{url}: no answer within {seconds or self.seconds} s")
        return {"rate": float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1]), "count": int(requests[1]),
                "p50_us": microseconds(re.search(r"^\s+50%\s+(\S+)", text, re.M)[1]),
                "p99_us": microseconds(re.search(r"^\s+99%\s+(\S+)", text, re.M)[1])}

    def h2load(self, port, method, message, count, connections=8, streams=8):
        """Calls that all answer; what gRPC says at their end is for the caller to check, by what they did."""
        data = self.folder / "message"
        data.write_bytes(b"\0" + struct.pack(">I", len(message)) + message)
        text = subprocess.run(["h2load", f"-n{count}", f"-c{connections}", f"-m{streams}", "-d", data, "-H",
                               "content-type: application/grpc", "-H", "te: trailers",
                               f"http://127.0.0.1:{port}/dapr.proto.runtime.v1.Dapr/{method}"],
                              capture_output=True, text=True, check=True).stdout
        if f"status codes: {count} 2xx" not in text:
            raise Failed(f"{method}: not every answer was a success:\n{text}")
        return {"rate": float(re.search(r"([\d.]+) req/s", text)[1]), "count": count}

    def publish_grpc(self, sidecar, component, topic, count, body=BODY, connections=8):
        before = sidecar.published()[0]
        got = self.h2load(sidecar.grpc, "PublishEvent", publish_message(component, topic, body), count, connections)
        if sidecar.published()[0] - before < count:
            raise Failed(f"of {count} publishes to {component} only {sidecar.published()[0] - before:.0f} went well")
        return got

    def ask_redis(self, *words):
        """The answer's lines. Over one connection: a process for each question would be load of its own."""
        if not self.asking:
            self.asking = socket.create_connection(("127.0.0.1", self.redis_port)).makefile("rwb")
        self.asking.write(redis_command(*map(str.encode, words)))
        self.asking.flush()
        return list(self.read_reply())

    def read_reply(self):
        line = self.asking.readline().decode().rstrip()
        if line[0] == "*":
            for _ in range(int(line[1:])):
                yield from self.read_reply()
        elif line[0] == "$" and line != "$-1":
            yield self.asking.read(int(line[1:]) + 2).decode().rstrip()
        else:
            yield line[1:]

    def group(self, topic):
        """What Redis says of the one consumer group of a topic: (waits or is being delivered, was read)."""
        words = self.ask_redis("xinfo", "groups", topic)
        said = dict(zip(words[::2], words[1::2]))
        if not said.get("lag", "").isdigit():
            return None
        return int(said["lag"]) + int(said["pending"]), int(said["entries-read"]) - int(said["pending"])


# ---- loads of states: one key, as in the tutorial, or many, each one there ----

ONE_STATE = '[{"key":"bob","value":{"message_count":5}}]'


def one_state_script(store, is_get):
    """The same request again and again: what the load generator is fastest at."""
    return (f'wrk.path = "/v1.0/state/{store}/bob"\nwrk.method = "GET"\nwrk.body = nil' if is_get else
            f'wrk.path = "/v1.0/state/{store}"\nwrk.body = {json.dumps(ONE_STATE)}')


def order(n):
    return {"key": f"order-2026-07-{n:06d}", "value": {"customer": f"c-{n}", "items": ["coffee", "tea"], "total": 12.5}}


def seed_states(sidecar, store):
    sidecar.ask(f"state/{store}", json.dumps([order(n) for n in range(KEYS)]).encode())
    check_states(sidecar, store)


def check_states(sidecar, store):
    for n in (0, KEYS // 2, KEYS - 1):
        status, body = sidecar.ask(f"state/{store}/{order(n)['key']}")
        if status != 200 or json.loads(body) != order(n)["value"]:
            raise Failed(f"{store}: the state {order(n)['key']} is {status} {body!r}")


def states_script(store, is_get):
    """Requests made beforehand, so that the load generator spends little on them."""
    one = (f'wrk.format("GET", "/v1.0/state/{store}/" .. key)' if is_get else
           f'wrk.format("POST", "/v1.0/state/{store}", nil, "[{{\\"key\\":\\"" .. key .. "\\",\\"value\\":'
           '{\\"customer\\":\\"c-" .. n .. "\\",\\"items\\":[\\"coffee\\",\\"tea\\"],\\"total\\":12.5}}]")')
    return (f'local all, at = {{}}, 0\nfunction init(args)\n  for n = 0, {KEYS - 1} do\n'
            f'    local key = string.format("order-2026-07-%06d", n)\n    all[n] = {one}\n  end\nend\n'
            f'function request()\n  at = (at + 1) % {KEYS}\n  return all[at]\nend')
