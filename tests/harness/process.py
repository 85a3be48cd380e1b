"""A program under test: started in its own folder, watched, stopped; its output is kept."""

import os
import signal
import subprocess
from pathlib import Path

from harness.wire import connect, until


class Process:
    """`command` is run in the foreground in `folder`; stdout and stderr go to output.log."""

    def __init__(self, command, folder, environment=None):
        self.folder = Path(folder)
        self.output = self.folder / "output.log"
        with open(self.output, "ab") as output:
            self.child = subprocess.Popen(
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, **(environment or {})},
            )

    @property
    def pid(self):
        return self.child.pid

    def running(self):
        return self.child.poll() is None

    def await_port(self, port, address="127.0.0.1", wait_s=15):
        """Until it accepts connections there; fails at once when it ended."""

        def accepts():
            if not self.running():
                raise AssertionError(f"ended with {self.child.returncode}: {self.tail()}")
            return self.accepts(port, address)

        until(accepts, f"a listener on {address}:{port}", wait_s, 0.01)

    def accepts(self, port, address="127.0.0.1"):
        try:
            connect(address, port, 1).close()
            return True
        except OSError:
            return False

    def signal(self, number):
        self.child.send_signal(number)

    def pause(self):
        """SIGSTOP. Returns when no thread runs any more."""
        self.signal(signal.SIGSTOP)
        tasks = Path(f"/proc/{self.pid}/task")

        def stopped():
            stats = [(task / "stat").read_text() for task in tasks.iterdir()]
            return all(stat.rsplit(")", 1)[1].split()[0] == "T" for stat in stats)

        until(stopped, "the stop of all threads", 10, 0.01)

    def await_exit(self, wait_s=15):
        self.child.wait(wait_s)
        return self.child.returncode

    def stop(self):
        """SIGTERM, and SIGKILL when that does not help within 5 s."""
        if self.running():
            self.signal(signal.SIGTERM)
            try:
                self.child.wait(5)
            except subprocess.TimeoutExpired:
                self.kill_tree()
        return self.child.returncode

    def kill_tree(self):
        """kill -9 of the process and all of its descendants. Returns when none is left."""
        self.signal(signal.SIGSTOP)  # or it would start anew what has died
        pids = [self.pid, *descendants(self.pid)]
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.child.wait(10)
        until(lambda: not any(runs(pid) for pid in pids), "the end of all processes", 10)

    def tail(self, octets=4000):
        """The end of every log in the folder."""
        logs = [self.output, *sorted(self.folder.glob("logs/*error*"))]
        return "\n".join(f"--- {log.name}\n{_end_of(log, octets)}" for log in logs if log.exists())


def _end_of(path, octets):
    return path.read_bytes()[-octets:].decode(errors="replace")


def children(pid):
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return sorted(int(p) for t in tasks for p in (t / "children").read_text().split())
    except (FileNotFoundError, ProcessLookupError):
        return []


def descendants(pid):
    found = []
    for child in children(pid):
        found += [child, *descendants(child)]
    return found


def runs(pid):
    """Whether a thread of it is left: it may hold sockets, though the first thread has ended."""
    try:
        threads = [task / "stat" for task in Path(f"/proc/{pid}/task").iterdir()]
        return any(t.read_text().rsplit(")", 1)[1].split()[0] not in "ZX" for t in threads)
    except (FileNotFoundError, ProcessLookupError):
        return runs(pid) if Path(f"/proc/{pid}").exists() else False  # a thread has just ended


def resident_kib(pids):
    """RssAnon of these processes together: what they keep, without shared file pages."""
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                total += int(line.split()[1])
    return total


def open_descriptors(pids):
    return sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in pids)
