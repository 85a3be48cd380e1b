"""The gateway under test, with its own folder, ports and embedded store."""

import os
import shutil
import signal
from pathlib import Path

import yaml

from harness.admin import Admin
from harness.ports import free_port
from harness.process import Process, children, descendants
from harness.wire import until

ROOT = Path(__file__).resolve().parents[2]
BINARY = os.environ.get("PYLON_BINARY", str(ROOT / "build/release/pylon"))
ADMIN_KEY = "test-key-of-the-acceptance-suite"


def merged(base, extra):
    """A deep merge: mappings recursively, everything else replaced."""
    if not (isinstance(base, dict) and isinstance(extra, dict)):
        return extra
    return {**base, **{k: merged(base.get(k), v) for k, v in extra.items()}}


def rss_kb(gateway):
    """Of its first worker process."""
    with open(f"/proc/{gateway.workers()[0]}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


class Pylon:
    """`config` is merged over a complete config.yaml; `start` waits until `ready_path` of the Admin
    API answers, and without one until connections are accepted."""

    def __init__(self, folder, config=None, workers=1, ready_path="/routes"):
        self.ready_path = ready_path
        self.folder = Path(folder)
        self.port, self.admin_port = free_port(), free_port()
        self.control_port, self.metrics_port = free_port(), free_port()
        self.tls_port = free_port()
        self.config = merged(self._defaults(workers), config or {})
        self.admin = Admin(self.admin_port, ADMIN_KEY)
        self.process = None
        (self.folder / "conf").mkdir(parents=True, exist_ok=True)
        (self.folder / "logs").mkdir(exist_ok=True)
        self.write_config()

    def _defaults(self, workers):
        local = "127.0.0.1"
        return {
            "apisix": {
                "node_listen": [{"ip": local, "port": self.port}],
                "ssl": {"listen": [{"ip": local, "port": self.tls_port}]},
                "enable_control": True,
                "control": {"ip": local, "port": self.control_port},
            },
            "nginx_config": {
                "worker_processes": workers,
                "error_log": "logs/error.log",
                "error_log_level": "info",
                "http": {"access_log": "logs/access.log"},
            },
            "deployment": {
                "role": "traditional",
                "role_traditional": {"config_provider": "embedded"},
                "embedded": {"path": "data/pylon.db"},
                "admin": {
                    "admin_key": [{"name": "admin", "key": ADMIN_KEY, "role": "admin"}],
                    "admin_listen": {"ip": local, "port": self.admin_port},
                },
            },
            "plugin_attr": {
                "prometheus": {"export_addr": {"ip": local, "port": self.metrics_port}}
            },
        }

    @property
    def config_path(self):
        return self.folder / "conf/config.yaml"

    def write_config(self, text=None):
        self.config_path.write_text(text or yaml.safe_dump(self.config, sort_keys=False))

    def command(self, verb, *more):
        return [BINARY, verb, *more, "-c", str(self.config_path), "--prefix", str(self.folder)]

    def start(self, environment=None):
        self.process = Process(self.command("start", "--foreground"), self.folder, environment)
        self.process.await_port(self.port)
        if self.ready_path:
            until(self._takes_routes, "the Admin API", 10, 0.01)
        return self

    def _takes_routes(self):
        try:
            return self.process.running() and self.admin.get(self.ready_path) is not None
        except OSError:
            return False

    def restart(self):
        self.stop()
        return self.start()

    def stop(self):
        return self.process.stop() if self.process else None

    def kill(self):
        self.process.kill_tree()

    def reload(self):
        self.process.signal(signal.SIGHUP)

    def workers(self):
        """The gateway processes under the supervisor."""
        return children(self.process.pid)

    def pids(self):
        return [self.process.pid, *descendants(self.process.pid)]

    def read_log(self, name):
        path = self.folder / "logs" / name
        return path.read_text(errors="replace") if path.exists() else ""

    def tail(self):
        return self.process.tail() if self.process else "not started"

    def remove(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
