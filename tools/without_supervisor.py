#!/usr/bin/env python3
"""Runs a command that is a gateway process without its supervisor: for profilers and debuggers.

    tools/without_supervisor.py PREFIX COMMAND...
    tools/without_supervisor.py build/bench valgrind --tool=callgrind \\
        build/release/pylon worker-process --prefix build/bench

Opens the sockets that PREFIX/conf/config.yaml names in the way of tools/bench-adapter.sh, and hands
them over as src/gateway/inherited.h says. SIGTERM ends the gateway at once. `prepare` of
tools/bench-adapter.sh makes such a prefix.
"""

import os
import socket
import sys
from pathlib import Path

import yaml


def listener(address):
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    opened.bind(address)
    opened.listen(4096)
    opened.setblocking(False)
    return opened


def wanted(config):
    """(kind, (ip, port)) of every socket."""
    for item in config["apisix"]["node_listen"]:
        yield "proxy", (item["ip"], item["port"])
    if config["apisix"]["ssl"]["enable"]:
        for item in config["apisix"]["ssl"]["listen"]:
            yield "tls", (item["ip"], item["port"])
    admin = config["deployment"]["admin"]["admin_listen"]
    yield "admin", (admin["ip"], admin["port"])
    metrics = config["plugin_attr"]["prometheus"]["export_addr"]
    yield "metrics", (metrics["ip"], metrics["port"])


def main():
    prefix, command = Path(sys.argv[1]), sys.argv[2:]
    text = (prefix / "conf/config.yaml").read_text()
    memory = os.memfd_create("pylon-config")
    os.write(memory, text.encode())
    ready = os.pipe()
    commands = os.pipe()
    os.set_blocking(commands[0], False)
    sockets = [(kind, address, listener(address)) for kind, address in wanted(yaml.safe_load(text))]
    inherited = {"config": memory, "ready": ready[1], "commands": commands[0]}
    for kind, (ip, port), opened in sockets:
        inherited[f"{kind}@{ip}:{port}"] = opened.fileno()
    for number in [*inherited.values(), ready[0], commands[1]]:
        os.set_inheritable(number, True)
    named = " ".join(f"{name}={number}" for name, number in inherited.items())
    os.execvpe(command[0], command, {**os.environ, "PYLON_INHERITED": f"v1 {named}"})


if __name__ == "__main__":
    main()
