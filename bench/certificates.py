#!/usr/bin/python3
"""What a gateway with many certificates weighs when each of them has been shown.

    bench/certificates.py [--ssls 100000] [--workers 1] [--clients 2]

The ssl objects are written straight into the file of the embedded store: the same certificate and
key under names of their own. Then a TLS 1.3 handshake is done with each name. Printed are resident
memory and what the metrics page says of parsed certificates, after the start and along the way.
"""

import argparse
import multiprocessing
import re
import socket
import ssl
import sys
import tempfile
import urllib.request
from pathlib import Path

import routes
import scale

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from harness.pylon import Pylon  # noqa: E402

NAME = "site-{}.example.com"


def shake_hands(port, first, behind):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for number in range(first, behind):
        with socket.create_connection(("127.0.0.1", port)) as plain:
            with context.wrap_socket(plain, server_hostname=NAME.format(number)):
                pass


def in_parallel(port, first, behind, clients):
    edges = [first + (behind - first) * i // clients for i in range(clients + 1)]
    work = [(port, *edge) for edge in zip(edges, edges[1:])]
    with multiprocessing.Pool(clients) as pool:
        pool.starmap(shake_hands, work)


def certificates(pylon):
    """Parsed now, and parsed once but dropped."""
    url = f"http://127.0.0.1:{pylon.metrics_port}/apisix/prometheus/metrics"
    text = urllib.request.urlopen(url).read().decode()
    series = [f'pylon_tls_{name}{{side="server"}}' for name in
              ("certificates", "certificates_evicted_total")]
    found = [re.search(rf"^{re.escape(each)} (\d+)", text, re.M) for each in series]
    return [int(match.group(1)) if match else 0 for match in found]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ssls", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--clients", type=int, default=2)
    options = parser.parse_args()
    options.routes, options.upstreams, options.consumers = 0, 0, 0
    with tempfile.TemporaryDirectory() as folder:
        pylon = Pylon(folder, workers=options.workers).start()
        pylon.stop()
        scale.fill(folder, options)
        pylon.start()
        weight = routes.resident_mib(pylon.pids())
        print(f"{options.ssls} ssl objects: {weight:.1f} MiB", flush=True)
        steps = [s for s in (0, 1_000, 2_000, 10_000, 20_000, 50_000) if s < options.ssls]
        for first, behind in zip(steps, [*steps[1:], options.ssls]):
            in_parallel(pylon.tls_port, first, behind, options.clients)
            parsed, dropped = certificates(pylon)
            weight = routes.resident_mib(pylon.pids())
            told = f"{behind:7d} shown: {weight:.1f} MiB, {parsed} parsed, {dropped} dropped"
            print(told, flush=True)
        pylon.stop()


if __name__ == "__main__":
    main()
