"""A real etcd: one member or several, with etcdctl as the second writer."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from harness.ports import free_port
from harness.process import Process
from harness.wire import until

INSTALLED = bool(shutil.which("etcd") and shutil.which("etcdctl"))


class Member:
    """One etcd process on ports of its own. `tls`: (authority, certificate) for its clients."""

    def __init__(self, folder, name="default", tls=None):
        self.folder, self.name, self.tls = Path(folder), name, tls
        self.folder.mkdir(parents=True, exist_ok=True)
        # In memory where that is possible: a busy disk makes elections.
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.data = Path(tempfile.mkdtemp(prefix="pylon-etcd-", dir=memory))
        self.port, self.peer_port = free_port(), free_port()
        self.process = None

    @property
    def url(self):
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def peer_url(self):
        return f"http://127.0.0.1:{self.peer_port}"

    def start(self, cluster=None):
        """`cluster`: all members; without it, it is alone."""
        self.cluster = cluster or getattr(self, "cluster", [self])
        command = [
            "etcd",
            f"--name={self.name}",
            f"--data-dir={self.data}/data",
            f"--listen-client-urls={self.url}",
            f"--advertise-client-urls={self.url}",
            f"--listen-peer-urls={self.peer_url}",
            f"--initial-advertise-peer-urls={self.peer_url}",
            "--initial-cluster=" + ",".join(f"{m.name}={m.peer_url}" for m in self.cluster),
            "--heartbeat-interval=20",
            "--election-timeout=200",
            "--bcrypt-cost=4",
            "--log-level=error",
        ]
        if self.tls:
            authority, certificate = self.tls
            command += [
                f"--cert-file={certificate.cert_path}",
                f"--key-file={certificate.key_path}",
                f"--trusted-ca-file={authority.cert_path}",
                "--client-cert-auth",
            ]
        self.process = Process(command, self.folder)
        return self

    def await_health(self):
        until(lambda: self.ctl("endpoint", "health", check=False) is not None, "etcd", 40, 0.05)
        return self

    def kill(self):
        self.process.kill_tree()

    def pause(self):
        self.process.pause()

    def resume(self):
        self.process.signal(signal.SIGCONT)

    def forget(self):
        """All that it has stored, while it does not run."""
        shutil.rmtree(self.data / "data", ignore_errors=True)

    def stop(self):
        if self.process and self.process.running():
            self.kill()
        shutil.rmtree(self.data, ignore_errors=True)

    def ctl(self, *words, check=True, user=None, stdin=None):
        """What etcdctl printed; None when it failed and may."""
        command = ["etcdctl", "--command-timeout=10s", f"--endpoints={self.url}"]
        if self.tls:
            authority, certificate = self.tls
            command += [f"--cacert={authority.cert_path}"]
            command += [f"--cert={certificate.cert_path}", f"--key={certificate.key_path}"]
        if user:
            command.append(f"--user={user}")
        done = subprocess.run(
            [*command, *words],
            capture_output=True,
            input=stdin,
            text=True,
            timeout=20,
            env={**os.environ, "ETCDCTL_API": "3"},
        )
        if done.returncode != 0:
            assert not check, f"etcdctl {words}: {done.stderr}"
            return None
        return done.stdout

    def put(self, key, value, **more):
        self.ctl("put", key, value if isinstance(value, str) else json.dumps(value), **more)

    def get(self, key):
        """The value, or None."""
        return self.ctl("get", key, "--print-value-only").rstrip("\n") or None

    def revision(self):
        answer = json.loads(self.ctl("get", "/none", "-w", "json"))
        return int(answer["header"]["revision"])

    def compact(self):
        """All that is past."""
        self.ctl("compact", str(self.revision()))


def cluster(folder, count=3):
    """Members that are one cluster, started."""
    members = [Member(Path(folder) / f"m{i}", f"m{i}") for i in range(count)]
    for member in members:
        member.start(members)
    for member in members:
        member.await_health()
    return members
