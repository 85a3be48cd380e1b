#!/usr/bin/python3
"""TCP and UDP by stream routes beside nginx's stream module and HAProxy: CPU per unit of work.

    bench/relay.py [--seconds 5] [--cases requests,datagrams] [--peers pylon,nginx,haproxy]

Each runs alone with one worker, in front of the same nginx (TCP) or echo (UDP), and is loaded for
some seconds; then the user and system time that its processes took is divided by what went through:

    requests     HTTP requests of wrk over 32 kept connections, as octets
    connections  the same with a connection for each
    bulk         MiB of an answer, over 4 connections
    datagrams    datagrams there and back, from 64 client ports (HAProxy relays none)

Pylon is the release build, or $PYLON_BINARY. Says nothing on a machine that is busy.
"""

import argparse
import multiprocessing
import os
import re
import selectors
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from harness.ports import free_port  # noqa: E402
from harness.process import Process, descendants  # noqa: E402
from harness.pylon import Pylon  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")
CLIENT_PORTS = 64
PAYLOAD = b"x" * 64


def cpu_seconds(pid):
    """User and system time of a process and all below it."""
    total = 0
    for each in [pid, *descendants(pid)]:
        try:
            fields = Path(f"/proc/{each}/stat").read_text().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
        except FileNotFoundError:
            continue
    return total / TICKS


# ---- what stands behind


class Site:
    def __init__(self, folder):
        self.port = free_port()
        folder.mkdir()
        (folder / "large").write_bytes(bytes(16 << 20))
        path = folder / "nginx.conf"
        path.write_text(
            f"""
worker_processes 1;
pid nginx.pid;
error_log error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  client_body_temp_path temp;
  proxy_temp_path temp;
  server {{
    listen 127.0.0.1:{self.port};
    root {folder};
    location = / {{ return 200 "hello\\n"; }}
  }}
}}
"""
        )
        command = ["nginx", "-p", str(folder), "-c", str(path), "-g", "daemon off; user root;"]
        self.process = Process(command, folder)
        self.process.await_port(self.port)


def echo(port, ready):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", port))
        ready.set()
        while True:
            octets, peer = server.recvfrom(2048)
            server.sendto(octets, peer)


# ---- who relays


class RelayOfPylon:
    def __init__(self, folder, site, echo_port):
        self.tcp, self.udp = free_port(), free_port()
        stream = {"tcp": [f"127.0.0.1:{self.tcp}"], "udp": [f"127.0.0.1:{self.udp}"]}
        config = {"apisix": {"proxy_mode": "http&stream", "stream_proxy": stream}}
        config["nginx_config"] = {"error_log_level": "warn"}
        self.gateway = Pylon(folder, config, workers=1).start()
        self.gateway.admin.put("/stream_routes/tcp", self._route(self.tcp, site, "tcp"))
        self.gateway.admin.put("/stream_routes/udp", self._route(self.udp, echo_port, "udp"))
        self.pid = self.gateway.process.pid

    @staticmethod
    def _route(port, to, scheme):
        upstream = {"type": "roundrobin", "scheme": scheme, "nodes": {f"127.0.0.1:{to}": 1}}
        return {"server_port": port, "upstream": upstream}

    def stop(self):
        self.gateway.stop()


class RelayOfNginx:
    def __init__(self, folder, site, echo_port):
        self.tcp, self.udp = free_port(), free_port()
        folder.mkdir()
        path = folder / "nginx.conf"
        modules = Path("/usr/lib/nginx/modules/ngx_stream_module.so")
        load = f"load_module {modules};" if modules.exists() else ""
        path.write_text(
            f"""
{load}
worker_processes 1;
pid nginx.pid;
error_log error.log;
events {{ worker_connections 4096; }}
stream {{
  server {{ listen 127.0.0.1:{self.tcp}; proxy_pass 127.0.0.1:{site}; }}
  server {{ listen 127.0.0.1:{self.udp} udp; proxy_pass 127.0.0.1:{echo_port}; }}
}}
"""
        )
        command = ["nginx", "-p", str(folder), "-c", str(path), "-g", "daemon off; user root;"]
        self.process = Process(command, folder)
        self.process.await_port(self.tcp)
        self.pid = self.process.pid

    def stop(self):
        self.process.stop()


class RelayOfHaproxy:
    udp = None

    def __init__(self, folder, site, _echo_port):
        self.tcp = free_port()
        folder.mkdir()
        path = folder / "haproxy.cfg"
        path.write_text(
            f"""
global
  nbthread 1
  maxconn 4000
defaults
  mode tcp
  timeout connect 5s
  timeout client 60s
  timeout server 60s
listen relay
  bind 127.0.0.1:{self.tcp}
  server s 127.0.0.1:{site}
"""
        )
        self.process = Process(["haproxy", "-db", "-f", str(path)], folder)
        self.process.await_port(self.tcp)
        self.pid = self.process.pid

    def stop(self):
        self.process.stop()


RELAYS = {"pylon": RelayOfPylon, "nginx": RelayOfNginx, "haproxy": RelayOfHaproxy}


# ---- the load: each gives how much went through


def wrk(port, seconds, connections, path="/", *fields):
    options = [part for field in fields for part in ("-H", field)]
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", *options]
    done = subprocess.run(
        [*command, f"http://127.0.0.1:{port}{path}"], capture_output=True, text=True, check=True
    )
    return done.stdout


def requests(relay, seconds):
    return int(re.search(r"(\d+) requests in", wrk(relay.tcp, seconds, 32)).group(1))


def connections(relay, seconds):
    said = wrk(relay.tcp, seconds, 32, "/", "Connection: close")
    return int(re.search(r"(\d+) requests in", said).group(1))


def bulk(relay, seconds):
    said = wrk(relay.tcp, seconds, 4, "/large")
    amount, unit = re.search(r"requests in [^,]+, ([0-9.]+)(\w+) read", said).groups()
    return float(amount) * {"KB": 1 / 1024, "MB": 1, "GB": 1024, "TB": 1 << 20}[unit]


def datagrams(relay, seconds):
    if relay.udp is None:
        return None
    selector = selectors.DefaultSelector()
    clients = []
    for _ in range(CLIENT_PORTS):
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        client.connect(("127.0.0.1", relay.udp))
        client.setblocking(False)
        selector.register(client, selectors.EVENT_READ)
        client.send(PAYLOAD)
        clients.append(client)
    count, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        ready = selector.select(0.2)
        for key, _ in ready:
            key.fileobj.recv(2048)
            key.fileobj.send(PAYLOAD)
        count += len(ready)
        if not ready:  # some were lost: the others' turn is over, too
            for client in clients:
                client.send(PAYLOAD)
    for client in clients:
        client.close()
    return count


CASES = {"requests": requests, "connections": connections, "bulk": bulk, "datagrams": datagrams}


def measure(relay, case, seconds):
    CASES[case](relay, 1)  # what is made once is made
    before = cpu_seconds(relay.pid)
    amount = CASES[case](relay, seconds)
    if amount is None:
        return "-"
    return f"{(cpu_seconds(relay.pid) - before) / max(amount, 1) * 1e6:.2f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--peers", default=",".join(RELAYS))
    options = parser.parse_args()
    cases = options.cases.split(",")
    echo_port, ready = free_port(), multiprocessing.Event()
    behind = multiprocessing.Process(target=echo, args=(echo_port, ready), daemon=True)
    behind.start()
    ready.wait()
    print("CPU us per unit   " + "".join(f"{case:>14}" for case in cases))
    with tempfile.TemporaryDirectory() as folder:
        site = Site(Path(folder) / "site")
        for name in options.peers.split(","):
            relay = RELAYS[name](Path(folder) / name, site.port, echo_port)
            figures = [measure(relay, case, options.seconds) for case in cases]
            print(f"{name:<18}" + "".join(f"{figure:>14}" for figure in figures), flush=True)
            relay.stop()
        site.process.stop()
    behind.terminate()


if __name__ == "__main__":
    main()
