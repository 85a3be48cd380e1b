#!/usr/bin/python3
"""A gateway of a large platform: how long it takes to start, what it weighs, what a change costs.

    bench/scale.py [--routes 100000] [--upstreams 20000] [--consumers 1000000] [--ssls 10000]
                   [--changes 100] [--load-s 10] [--store embedded|etcd] [--soak 0]

The objects are written straight into the file of the embedded store, or in large transactions into
an etcd of one member in memory, as that many PUTs would take minutes. Each route but every tenth
answers by itself; every tenth goes to one of the upstreams. Consumers have a key of key-auth each.
Printed are the time from exec to the first right answer, the resident memory of all processes, the
times of PUTs and of PUTs that change nothing, and the latency of requests with and without 100
changes a second beside them, which a process of its own makes; with etcd also beside as many writes
of keys that are none of Pylon's, so that it shows what is etcd's and the writer's; then, with
--soak, the resident memory before and after so many changes.
"""

import argparse
import base64
import http.client
import itertools
import json
import multiprocessing
import shutil
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

import routes

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from harness import etcd  # noqa: E402
from harness.certs import Authority, server_ssl  # noqa: E402
from harness.pylon import Pylon  # noqa: E402


PUTS_AT_ONCE = 100  # etcd takes 128 operations in one transaction


def objects(options, folder):
    for number in range(options.upstreams):
        nodes = {f"10.1.{number // 250}.{number % 250}:8080": 1}
        yield f"upstreams/{number}", {"type": "roundrobin", "nodes": nodes}
    for number in range(options.routes):
        route = json.loads(routes.route(number))
        if number % 10 == 9 and options.upstreams:
            del route["upstream"]
            route["upstream_id"] = str(number % options.upstreams)
        yield f"routes/{number}", route
    for number in range(options.consumers):
        name = f"consumer_{number}"
        plugins = {"key-auth": {"key": f"key-{number}"}}
        yield f"consumers/{name}", {"username": name, "plugins": plugins}
    certificate = Authority(folder).issue("bench.example")
    for number in range(options.ssls):
        yield f"ssls/{number}", server_ssl(certificate, f"site-{number}.example.com")


def fill(folder, options):
    """Into the store of a gateway that has made it and ended."""
    store = sqlite3.connect(Path(folder) / "data" / "pylon.db")
    (revision,) = store.execute("SELECT value FROM state WHERE name = 'revision'").fetchone()
    rows = []
    for number, (key, value) in enumerate(objects(options, folder), revision + 1):
        value["id"] = key.split("/")[1]
        rows.append(("/apisix/" + key, json.dumps(value), number, number))
    insert = "INSERT INTO entry (key, value, create_revision, mod_revision) VALUES (?, ?, ?, ?)"
    store.executemany(insert, rows)
    newest = revision + len(rows)
    store.execute("UPDATE state SET value = ? WHERE name IN ('revision', 'floor')", (newest,))
    store.commit()
    store.close()


def fill_etcd(member, folder, options):
    connection = http.client.HTTPConnection("127.0.0.1", member.port, timeout=60)
    puts = []

    def flush():
        connection.request("POST", "/v3/kv/txn", json.dumps({"success": puts}))
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise SystemExit(f"etcd answers {answer.status}: {text.decode()}")
        puts.clear()

    for key, value in objects(options, folder):
        value["id"] = key.split("/")[1]
        pair = {"key": coded("/apisix/" + key), "value": coded(json.dumps(value))}
        puts.append({"request_put": pair})
        if len(puts) == PUTS_AT_ONCE:
            flush()
    if puts:
        flush()


def coded(text):
    return base64.b64encode(text.encode()).decode()


def request_times_ms(pylon, duration_s, beside=None):
    """Of one connection, sorted; another process runs `beside` until they are measured."""
    writer = multiprocessing.Process(target=beside, daemon=True) if beside else None
    if writer:
        writer.start()
    witness = routes.Witness(pylon.port)
    times = []
    end = time.perf_counter() + duration_s
    while time.perf_counter() < end:
        start = time.perf_counter()
        witness.sees(1, 0)
        times.append((time.perf_counter() - start) * 1e3)
    if writer:
        writer.terminate()
        writer.join()
    return sorted(times)


def at_pace(per_s, write):
    start = time.perf_counter()
    for version in itertools.count(1):
        write(version)
        time.sleep(max(0, start + version / per_s - time.perf_counter()))


def changes_beside(pylon, per_s):
    def run():
        admin = routes.Admin(pylon.admin_port)
        at_pace(per_s, lambda version: admin.put(2, routes.route(2, version)))

    return run


def other_writes_beside(member, per_s):
    def run():
        connection = http.client.HTTPConnection("127.0.0.1", member.port, timeout=60)

        def write(version):
            pair = {"key": coded("/elsewhere/2"), "value": coded(routes.route(2, version))}
            connection.request("POST", "/v3/kv/put", json.dumps(pair))
            connection.getresponse().read()

        at_pace(per_s, write)

    return run


def at(times, share):
    return times[min(len(times) - 1, int(len(times) * share))]


def unchanged_times_ms(pylon, number, changes):
    admin = routes.Admin(pylon.admin_port)
    text = routes.route(number)
    admin.put(number, text)
    times = []
    for _ in range(changes):
        start = time.perf_counter()
        admin.put(number, text)
        times.append((time.perf_counter() - start) * 1e3)
    return sorted(times)


def soak(pylon, options):
    """Changes of 1,000 routes, one after the other; a tenth of them before, to fill caches."""
    admin = routes.Admin(pylon.admin_port)

    def change(count):
        for version in range(count):
            admin.put(version % 1000, routes.route(version % 1000, version))

    change(options.soak // 10)
    before = routes.resident_mib(pylon.pids())
    change(options.soak)
    after = routes.resident_mib(pylon.pids())
    print(f"after {options.soak} changes {before:8.0f} {after:8.0f} MiB", flush=True)


def measure(options, folder):
    settings = {"nginx_config": {"error_log_level": "error"}}
    member = None
    if options.store == "etcd":
        member = etcd.Member(Path(folder) / "etcd").start().await_health()
        settings["deployment"] = {
            "role_traditional": {"config_provider": "etcd"},
            "etcd": {"host": [member.url], "timeout": 30},
        }
    try:
        run(options, folder, settings, member)
    finally:
        if member:
            member.stop()


def run(options, folder, settings, member):
    pylon = Pylon(folder, settings, options.workers).start()
    pylon.stop()
    if member:
        fill_etcd(member, folder, options)
        shutil.rmtree(Path(folder) / "data", ignore_errors=True)
    else:
        fill(folder, options)
    print(f"start                 {routes.start_s(pylon, 1, 0):8.2f} s", flush=True)
    print(f"resident              {routes.resident_mib(pylon.pids()):8.0f} MiB", flush=True)
    changes = routes.change_times_ms(pylon, options.routes // 10 * 9, options.changes)
    print(f"PUT, p50 p99          {at(changes, 0.5):8.2f} {at(changes, 0.99):8.2f} ms", flush=True)
    same = unchanged_times_ms(pylon, 3, options.changes)
    print(f"PUT of the same       {at(same, 0.5):8.2f} {at(same, 0.99):8.2f} ms", flush=True)
    quiet = request_times_ms(pylon, options.load_s)
    print(f"request, p50 p99      {at(quiet, 0.5):8.3f} {at(quiet, 0.99):8.3f} ms", flush=True)
    busy = request_times_ms(pylon, options.load_s, changes_beside(pylon, 100))
    print(f"beside 100 changes/s  {at(busy, 0.5):8.3f} {at(busy, 0.99):8.3f} ms", flush=True)
    if member:
        others = request_times_ms(pylon, options.load_s, other_writes_beside(member, 100))
        figures = f"{at(others, 0.5):8.3f} {at(others, 0.99):8.3f}"
        print(f"beside other writes   {figures} ms", flush=True)
    print(f"resident              {routes.resident_mib(pylon.pids()):8.0f} MiB", flush=True)
    if member:
        again = routes.start_s(pylon, 1, 0)
        print(f"start, with a copy    {again:8.2f} s", flush=True)
        member.kill()
        print(f"start without etcd    {routes.start_s(pylon, 1, 0):8.2f} s", flush=True)
    if options.soak and not member:
        soak(pylon, options)
    pylon.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--routes", type=int, default=100_000)
    parser.add_argument("--upstreams", type=int, default=20_000)
    parser.add_argument("--consumers", type=int, default=1_000_000)
    parser.add_argument("--ssls", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--changes", type=int, default=100)
    parser.add_argument("--load-s", type=float, default=10)
    parser.add_argument("--store", choices=["embedded", "etcd"], default="embedded")
    parser.add_argument("--soak", type=int, default=0)
    options = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="pylon-scale-")
    try:
        measure(options, folder)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
