# SPDX-License-Identifier: MIT
"""A redis-server of a test's own, on a free port; with the folder of tests/support/certificates.sh it
speaks TLS and demands a certificate from its clients."""
import subprocess

from sidecar import free_port, wait_until


# What a client may have wrong, as `other` of tls_metadata; and certificates that no server should have. With what is
# said then.
WRONG_FILES = [
    ({"caCert": "other-ca.pem"}, "x509: certificate signed by unknown authority; set caCert to the authority"),
    ({"clientCert": None, "clientKey": None}, "tls: certificate required; set clientCert and clientKey"),
    ({"clientCert": "other-ca.pem", "clientKey": "other-ca.key"}, "unknown certificate authority; set clientCert"),
]
WRONG_CERTIFICATES = [
    ("expired", "x509: certificate has expired or is not yet valid: current time"),
    ("named", "x509: cannot validate certificate for 127.0.0.1 because it doesn't contain any IP SANs"),
]


def certificate_flags(folder, name):
    return ["--tls-cert-file", f"{folder}/{name}.pem", "--tls-key-file", f"{folder}/{name}.key"]


def tls_flags(folder):
    return [*certificate_flags(folder, "server"), "--tls-ca-cert-file", f"{folder}/ca.pem"]


def cli_tls_flags(folder):
    return ["--tls", "--insecure", "--cert", f"{folder}/client.pem", "--key", f"{folder}/client.key"]


def tls_metadata(folder, **other):
    """The component's settings for such a server; `other`: field = file of the folder, or None to leave it out."""
    files = {"caCert": "ca.pem", "clientCert": "client.pem", "clientKey": "client.key", **other}
    return {"enableTLS": "true", **{field: (folder / name).read_text() for field, name in files.items() if name}}


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

    def owner(self, key):
        """The server whose slots hold `key`, or None, as a node that lives tells it."""
        living = next(server for server in self.servers if server.process.poll() is None)
        slot = int(living.cli("CLUSTER", "KEYSLOT", key))
        for line in living.cli("CLUSTER", "NODES").splitlines():
            words = line.split()
            for span in (word for word in words[8:] if word[0] != "["):
                first, _, last = span.partition("-")
                if int(first) <= slot <= int(last or first) and "fail" not in words[2]:
                    port = int(words[1].partition("@")[0].rpartition(":")[2])
                    return next(server for server in self.servers if server.port == port)
        return None

    def move_slot(self, key, new):
        """As redis-cli --cluster reshard does it, the slot of `key`."""
        old = self.owner(key)
        slot, ids = old.cli("CLUSTER", "KEYSLOT", key), {s: s.cli("CLUSTER", "MYID") for s in (old, new)}
        new.cli("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[old])
        old.cli("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[new])
        while names := old.cli("CLUSTER", "GETKEYSINSLOT", slot, "100"):
            assert old.cli("MIGRATE", "127.0.0.1", str(new.port), "", "0", "5000", "KEYS", *names.split("\n")) == "OK"
        for server in (new, old, *self.servers):
            server.cli("CLUSTER", "SETSLOT", slot, "NODE", ids[new])
        wait_until(lambda: self.owner(key) is new, "the new owner")

    def kill(self):
        for server in self.servers:
            server.kill()
