#!/usr/bin/python3
"""Many routes: how soon a change is live, what they weigh, how long a start takes.

    bench/routes.py [--routes 1000,100000] [--workers 2] [--changes 300]

Each number of routes is written through the Admin API into a fresh embedded store. A change is one
PUT of one of them: its time is from the first octet sent to the answer, which stands for "durable,
and served by every worker"; that is checked on eight connections after each. A start is timed from
exec to the first right answer of a route. The last column is the resident memory of all processes.
"""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import threading
import time
from http.client import HTTPConnection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from harness.process import Process  # noqa: E402
from harness.pylon import ADMIN_KEY, Pylon  # noqa: E402

WRITERS = 16
WITNESSES = 8


def path_of(number):
    return f"/api/v1/service-{number}/orders"


def host_of(number):
    return f"host-{number % 1000}.example.com"


def route(number, version=0):
    """One that answers by itself and says its version; its upstream is there for its weight."""
    refusal = {"blacklist": ["127.0.0.1"], "message": f"version {version}"}
    return json.dumps(
        {
            "name": f"route {number}",
            "uri": path_of(number) + "/*",
            "host": host_of(number),
            "methods": ["GET", "POST"],
            "plugins": {"ip-restriction": refusal},
            "upstream": {"nodes": {f"10.0.{number // 250 % 250}.{number % 250}:8080": 1}},
        }
    )


class Admin:
    """One kept connection to the Admin API."""

    def __init__(self, port):
        self.connection = HTTPConnection("127.0.0.1", port, timeout=30)

    def put(self, number, text):
        path = f"/apisix/admin/routes/{number}"
        self.connection.request("PUT", path, text, {"X-API-KEY": ADMIN_KEY})
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status not in (200, 201):
            raise SystemExit(f"PUT {path}: {answer.status} {body.decode()}")


class Witness:
    """One kept connection to the proxy."""

    def __init__(self, port):
        self.connection = HTTPConnection("127.0.0.1", port, timeout=30)

    def sees(self, number, version):
        self.connection.request("GET", path_of(number) + "/1", headers={"Host": host_of(number)})
        answer = self.connection.getresponse()
        return json.loads(answer.read()).get("message") == f"version {version}"


def fill(pylon, count):
    def write(first):
        admin = Admin(pylon.admin_port)
        for number in range(first, count, WRITERS):
            admin.put(number, route(number))

    threads = [threading.Thread(target=write, args=(first,)) for first in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def change_times_ms(pylon, count, changes):
    admin = Admin(pylon.admin_port)
    witnesses = [Witness(pylon.port) for _ in range(WITNESSES)]
    times = []
    for version in range(1, changes + 1):
        number = version * 7919 % count
        text = route(number, version)
        start = time.perf_counter()
        admin.put(number, text)
        times.append((time.perf_counter() - start) * 1e3)
        for witness in witnesses:
            if not witness.sees(number, version):
                raise SystemExit(f"route {number} was answered for, and is not served")
    return sorted(times)


def start_s(pylon, number, version):
    pylon.stop()
    start = time.perf_counter()
    pylon.process = Process(pylon.command("start", "--foreground"), pylon.folder)
    while True:
        try:
            if Witness(pylon.port).sees(number, version):
                return time.perf_counter() - start
        except (OSError, ValueError):
            if not pylon.process.running():
                raise SystemExit(f"it has ended: {pylon.tail()}") from None
            time.sleep(0.002)


def resident_mib(pids):
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                total += int(line.split()[1])
    return total / 1024


def measure(count, workers, changes):
    folder = tempfile.mkdtemp(prefix="pylon-routes-")
    pylon = Pylon(folder, {"nginx_config": {"error_log_level": "error"}}, workers).start()
    try:
        began = time.perf_counter()
        fill(pylon, count)
        filled_s = time.perf_counter() - began
        times = change_times_ms(pylon, count, changes)
        grown_mib = resident_mib(pylon.pids())
        loaded_s = start_s(pylon, changes * 7919 % count, changes)
        row = [count, count / filled_s, statistics.median(times), times[len(times) * 99 // 100]]
        print("{:9} {:10.0f} {:9.2f} {:9.2f}".format(*row), end=" ")
        print(f"{loaded_s:9.2f} {grown_mib:11.0f} {resident_mib(pylon.pids()):9.0f}", flush=True)
    finally:
        pylon.stop()
        shutil.rmtree(folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--routes", default="1000,100000", help="numbers of routes")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--changes", type=int, default=300)
    options = parser.parse_args()
    print("   routes   writes/s  p50,  ms  p99,  ms  start, s  filled, MiB  started, MiB".rstrip())
    for count in options.routes.split(","):
        measure(int(count), options.workers, options.changes)


if __name__ == "__main__":
    main()
