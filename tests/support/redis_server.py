# SPDX-License-Identifier: MIT
"""A redis-server of a test's own, on a free port; with the folder of tests/support/certificates.sh it
speaks TLS and demands a certificate from its clients."""
import subprocess

from sidecar import free_port, wait_until


def tls_flags(folder):
    return ["--tls-cert-file", f"{folder}/server.pem", "--tls-key-file", f"{folder}/server.key",
            "--tls-ca-cert-file", f"{folder}/ca.pem"]


def cli_tls_flags(folder):
    return ["--tls", "--insecure", "--cert", f"{folder}/client.pem", "--key", f"{folder}/client.key"]


def tls_metadata(folder):
    """The component's settings for such a server."""
    return {"enableTLS": "true", "caCert": (folder / "ca.pem").read_text(),
            "clientCert": (folder / "client.pem").read_text(), "clientKey": (folder / "client.key").read_text()}


class Redis:
    program = "redis-server"

    def __init__(self, folder, *flags, tls=None):
        self.folder, self.flags, self.tls, self.port = folder, flags, tls, free_port()
        self.start()

    def start(self):
        ports = (["--port", "0", "--tls-port", str(self.port), *tls_flags(self.tls)] if self.tls
                 else ["--port", str(self.port)])
        self.process = subprocess.Popen(
            [self.program, *ports, "--bind", "127.0.0.1", "--dir", str(self.folder),
             "--appendonly", "yes", "--appendfsync", "always", "--save", "", "--repl-diskless-sync-delay", "0",
             *self.flags],
            stdout=subprocess.DEVNULL)
        wait_until(lambda: self.cli("PING") in ("PONG", "NOAUTH Authentication required."), "redis-server")

    def cli(self, *words):
        return subprocess.run(["redis-cli", "-p", str(self.port), *(cli_tls_flags(self.tls) if self.tls else []),
                               *words], capture_output=True, text=True).stdout.strip()

    def kill(self):
        self.process.kill()
        self.process.wait()


class Sentinel:
    """A master, a replica, and one sentinel that needs nobody's consent to fail over in a second."""

    def __init__(self, folder, *flags, tls=None, password=None):
        both = ["--tls-replication", "yes"] if tls else []
        folders = [folder / name for name in ("one", "two", "sentinel")]
        for each in folders:
            each.mkdir()
        self.tls = tls
        self.servers = [Redis(folders[0], *both, *flags, tls=tls)]
        self.servers.append(Redis(folders[1], *both, *flags, "--replicaof", "127.0.0.1", str(self.servers[0].port),
                                  tls=tls))
        self.port = free_port()
        conf = folders[2] / "sentinel.conf"
        conf.write_text(f"sentinel monitor main 127.0.0.1 {self.servers[0].port} 1\n"
                        "sentinel down-after-milliseconds main 600\nsentinel failover-timeout main 4000\n"
                        + (f"requirepass {password}\n" if password else ""))
        ports = ["--port", "0", "--tls-port", str(self.port), "--tls-replication", "yes",
                 *tls_flags(tls)] if tls else ["--port", str(self.port)]
        self.password = password
        self.process = subprocess.Popen(["redis-server", str(conf), "--sentinel", *ports, "--bind", "127.0.0.1"],
                                        stdout=subprocess.DEVNULL)
        wait_until(lambda: "slave0" in self.servers[0].cli("INFO", "replication"), "the replica")
        wait_until(lambda: "num-slaves\n1" in self.cli("SENTINEL", "MASTER", "main"), "the sentinel's view")

    def cli(self, *words):
        login = ["-a", self.password, "--no-auth-warning"] if self.password else []
        return subprocess.run(["redis-cli", "-p", str(self.port), *login,
                               *(cli_tls_flags(self.tls) if self.tls else []), *words], capture_output=True,
                              text=True).stdout.strip()

    def master(self):
        port = int(self.cli("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "main").split()[1])
        return next(server for server in self.servers if server.port == port)

    def kill(self):
        for server in [*self.servers, self]:
            server.process.kill()
            server.process.wait()


class Cluster:
    """Three masters; with `replicas` one replica each, which takes over within a second or two."""

    def __init__(self, folder, *flags, tls=None, replicas=0):
        both = ["--tls-replication", "yes", "--tls-cluster", "yes"] if tls else []
        self.tls, self.servers = tls, []
        for number in range(3 + 3 * replicas):
            own = folder / str(number)
            own.mkdir()
            self.servers.append(Redis(own, "--cluster-enabled", "yes", "--cluster-node-timeout", "1000",
                                      "--cluster-port", str(free_port()), *both, *flags, tls=tls))
        subprocess.run(["redis-cli", *(cli_tls_flags(tls) if tls else []), "--cluster", "create",
                        *(f"127.0.0.1:{server.port}" for server in self.servers), "--cluster-replicas", str(replicas),
                        "--cluster-yes"], check=True, stdout=subprocess.DEVNULL)
        for server in self.servers:
            wait_until(lambda: "cluster_state:ok" in server.cli("CLUSTER", "INFO"), "the cluster")
        wait_until(lambda: sum("master_link_status:up" in server.cli("INFO", "replication")
                               for server in self.servers) == 3 * replicas, "the replicas")

    def nodes(self):
        """CLUSTER NODES as a node that lives tells it."""
        return next(s for s in self.servers if s.process.poll() is None).cli("CLUSTER", "NODES").splitlines()

    def owner(self, key):
        """The server whose slots hold `key`."""
        slot = int(self.servers[0].cli("CLUSTER", "KEYSLOT", key))
        for line in self.nodes():
            words = line.split()
            for span in (word for word in words[8:] if word[0] != "["):
                first, _, last = span.partition("-")
                if int(first) <= slot <= int(last or first) and "fail" not in words[2]:
                    port = int(words[1].partition("@")[0].rpartition(":")[2])
                    return next(server for server in self.servers if server.port == port)
        raise AssertionError(f"no node has slot {slot}")

    def kill(self):
        for server in self.servers:
            server.kill()
