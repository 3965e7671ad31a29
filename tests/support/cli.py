# SPDX-License-Identifier: MIT
"""Types commands: in a pipe or in a pseudo-terminal, as `dapr`, with a home folder of their own."""
import fcntl
import os
import pathlib
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import threading
import uuid

from sidecar import BINARY, wait_until

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Session:
    """A command that runs. `lines` is what it says, on standard output and error together."""

    def __init__(self, words, env, cwd, terminal):
        self.output, self.terminal, self.is_hung_up = "", None, False
        if terminal:
            self.terminal, theirs = pty.openpty()
            fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 200, 0, 0))
            self.process = subprocess.Popen(
                words, env=env, cwd=cwd, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
                preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
            os.close(theirs)
            self.source = self.terminal
        else:
            self.process = subprocess.Popen(words, env=env, cwd=cwd, stdin=subprocess.DEVNULL,
                                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            self.source = self.process.stdout.fileno()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        while not self.is_hung_up:
            try:
                if not select.select([self.source], [], [], 0.05)[0]:
                    continue
                data = os.read(self.source, 65536)
            except OSError:
                return
            if not data:
                return
            self.output += data.decode("utf-8", "replace").replace("\r\n", "\n")

    @property
    def lines(self):
        return ESCAPE.sub("", self.output).splitlines()

    def wait_for(self, text, seconds=30):
        def found():
            # The process may end right after it spoke: read to the end before giving up.
            gone = self.process.poll() is not None and not self.reader.is_alive()
            if text in ESCAPE.sub("", self.output):
                return True
            assert not gone, f"ended without '{text}':\n{self.output}"
            return False
        try:
            wait_until(found, text, seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.output}") from None
        return self

    def type(self, text):
        os.write(self.terminal, text.encode())

    def hang_up(self):
        """The terminal's window is closed."""
        self.is_hung_up = True
        self.reader.join()
        os.close(self.terminal)
        self.terminal = None

    def stop(self, sig=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(sig)
        return self.end()

    def end(self, seconds=30):
        """Waits for the end; the exit status."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"did not end:\n{self.output}") from None
        self.reader.join(5)
        return code

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.terminal is not None:
            os.close(self.terminal)
            self.terminal = None
        elif self.process.stdout:
            self.process.stdout.close()


class Cli:
    """A user: a home folder, `dapr` in the path, and a mark on everything that is started."""

    def __init__(self, folder):
        self.home = pathlib.Path(folder)
        self.bin = self.home / "bin"
        self.bin.mkdir(parents=True, exist_ok=True)
        for name in ("dapr", "pillion"):
            (self.bin / name).symlink_to(BINARY)
        self.mark = f"PILLION_TEST={uuid.uuid4()}"
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(("DAPR_", "APP_"))}
        self.env |= {"HOME": str(self.home), "PATH": f"{self.bin}:{os.environ['PATH']}", "TERM": "xterm",
                     "PILLION_TEST": self.mark.split("=")[1]}
        self.sessions = []

    def start(self, *words, terminal=False, cwd=None, env=None):
        self.sessions.append(Session([str(w) for w in words], {**self.env, **(env or {})}, cwd or self.home,
                                     terminal))
        return self.sessions[-1]

    def call(self, *words, cwd=None, env=None, stdin=None, seconds=60):
        """Output and errors apart, in pipes."""
        return subprocess.run([str(w) for w in words], env={**self.env, **(env or {})}, cwd=cwd or self.home,
                              input=stdin, capture_output=True, text=True, timeout=seconds)

    def left(self):
        """The processes that commands of this user left behind: pid and command line."""
        found = {}
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            try:
                if self.mark.encode() in (entry / "environ").read_bytes() and \
                        "Z" not in (entry / "stat").read_text().rsplit(")", 1)[1].split()[0]:
                    found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                pass
        return found

    def assert_clean(self):
        try:
            wait_until(lambda: not self.left(), "nothing is left", 10)
        except AssertionError:
            raise AssertionError(f"left: {self.left()}") from None

    def close(self):
        for session in self.sessions:
            session.close()
        redis = self.home / ".dapr/redis/redis.pid"  # which hides its environment
        for pid in [*self.left(), *([int(redis.read_text())] if redis.exists() else [])]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
