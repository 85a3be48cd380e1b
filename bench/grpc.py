#!/usr/bin/python3
"""Unary gRPC calls passed through, beside nginx's grpc_pass and HAProxy: CPU per call.

    bench/grpc.py [--seconds 5] [--rounds 3] [--peers pylon,nginx,haproxy]

Each runs alone with one worker, in front of the same nghttpd, and is loaded by h2load over 4
connections with 32 calls at once on each: a request and an answer of 10 octets, with trailers. The
user and system time that its processes took is divided by the calls; the median of the rounds.

Pylon is the release build, or $PYLON_BINARY. Says nothing on a machine that is busy.
"""

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from harness.ports import free_port  # noqa: E402
from harness.process import Process  # noqa: E402
from harness.pylon import Pylon  # noqa: E402
from relay import cpu_seconds  # noqa: E402

PATH = "/shop.v1.Shop/Echo"
MESSAGE = b"\0\0\0\0\5hello"


class Service:
    """Answers every call with the same message."""

    def __init__(self, folder):
        self.port = free_port()
        answer = folder / PATH[1:]
        answer.parent.mkdir(parents=True)
        answer.write_bytes(MESSAGE)
        trailer = ["--trailer", "grpc-status: 0"]
        command = ["nghttpd", "--no-tls", "-d", str(folder), *trailer, str(self.port)]
        self.process = Process(command, folder)
        self.process.await_port(self.port)


class PassedByPylon:
    def __init__(self, folder, service):
        config = {"nginx_config": {"error_log_level": "warn", "http": {"enable_access_log": False}}}
        self.gateway = Pylon(folder, config, workers=1).start()
        upstream = {"scheme": "grpc", "nodes": {f"127.0.0.1:{service}": 1}}
        self.gateway.admin.put("/routes/1", {"uri": "/*", "upstream": upstream})
        self.port, self.pid = self.gateway.port, self.gateway.process.pid

    def stop(self):
        self.gateway.stop()


class _Peer:
    def __init__(self, folder, service):
        self.port = free_port()
        folder.mkdir()
        path = folder / "config"
        path.write_text(self.text(service))
        self.process = Process(self.command(folder, path), folder)
        self.process.await_port(self.port)
        self.pid = self.process.pid

    def stop(self):
        self.process.stop()


class PassedByNginx(_Peer):
    def text(self, service):
        return f"""
worker_processes 1;
pid nginx.pid;
error_log error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  upstream service {{
    server 127.0.0.1:{service};
    keepalive 256;
    keepalive_requests 1000000000;
  }}
  server {{
    listen 127.0.0.1:{self.port} http2;
    http2_max_concurrent_streams 128;
    location / {{ grpc_pass grpc://service; }}
  }}
}}
"""

    def command(self, folder, path):
        return ["nginx", "-p", str(folder), "-c", str(path), "-g", "daemon off; user root;"]


class PassedByHaproxy(_Peer):
    def text(self, service):
        return f"""
global
  nbthread 1
  maxconn 4000
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse always
listen pass
  bind 127.0.0.1:{self.port} proto h2
  server s 127.0.0.1:{service} proto h2
"""

    def command(self, _folder, path):
        return ["haproxy", "-db", "-f", str(path)]


PEERS = {"pylon": PassedByPylon, "nginx": PassedByNginx, "haproxy": PassedByHaproxy}


def calls(port, seconds, message):
    command = ["h2load", "-t1", "-c4", "-m32", "-D", str(seconds), "-d", str(message)]
    fields = ["content-type: application/grpc", "te: trailers"]
    options = [part for field in fields for part in ("-H", field)]
    done = subprocess.run(
        [*command, *options, f"http://127.0.0.1:{port}{PATH}"],
        capture_output=True,
        text=True,
        check=True,
    )
    good, bad = re.search(r"(\d+) 2xx, (.*)", done.stdout).groups()
    assert int(good) and bad == "0 3xx, 0 4xx, 0 5xx", done.stdout
    return int(good)


def measure(peer, seconds, message):
    calls(peer.port, 1, message)
    before = cpu_seconds(peer.pid)
    count = calls(peer.port, seconds, message)
    return (cpu_seconds(peer.pid) - before) / count * 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", default=",".join(PEERS))
    options = parser.parse_args()
    names = options.peers.split(",")
    figures = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "service").mkdir()
        service = Service(root / "service")
        message = root / "message"
        message.write_bytes(MESSAGE)
        for number in range(options.rounds):
            for name in names:
                peer = PEERS[name](root / f"{name}{number}", service.port)
                figures[name].append(measure(peer, options.seconds, message))
                peer.stop()
        service.process.stop()
    for name in names:
        rounds = " ".join(f"{figure:.2f}" for figure in figures[name])
        print(f"{name:<10}{statistics.median(figures[name]):8.2f} us per call   ({rounds})")


if __name__ == "__main__":
    main()
