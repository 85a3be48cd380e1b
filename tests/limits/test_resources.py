"""Memory and descriptors under crowds. The sizes of every day are a tenth or less; --full takes the
numbers of docs/performance.md, and -s shows what was measured."""

import socket
import subprocess
import threading
import time
from contextlib import contextmanager

import pytest

from harness.certs import Authority, server_ssl
from harness.crowd import Cost, Crowd, TlsCrowd, client_hello
from harness.echo import Echo
from harness.http import get
from harness.ports import free_port
from harness.pylon import Pylon
from harness.tls import curl
from harness.wire import until

SMALL_CONFIG = {"nginx_config": {"worker_rlimit_nofile": 256}}


@pytest.fixture(scope="module")
def echo():
    server = Echo()
    yield server
    server.close()


@pytest.fixture
def pylon(tmp_path, echo):
    """One per test: memory that an earlier crowd left free would hide what the next one costs."""
    pool = {"nginx_config": {"http": {"upstream": {"keepalive_timeout": "1s"}}}}
    gateway = Pylon(tmp_path, pool).start()
    gateway.admin.put("/routes/all", {"uri": "/*", "upstream": echo.upstream()})
    for _ in range(50):
        assert get(gateway.port, "/warm").status == 200
    yield gateway
    gateway.stop()


class DeafUpstream:
    """Accepts, and never reads."""

    def __init__(self):
        self.port = free_port()
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.listener.bind(("127.0.0.1", self.port))
        self.listener.listen(1024)
        self.taken = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        try:
            while True:
                self.taken.append(self.listener.accept()[0])
        except OSError:
            return

    def close(self):
        if self.listener.fileno() < 0:
            return
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for each in self.taken:
            each.close()


@pytest.fixture
def deaf(pylon):
    upstream = DeafUpstream()
    nodes = {"type": "roundrobin", "nodes": {f"127.0.0.1:{upstream.port}": 1}}
    pylon.admin.put("/routes/deaf", {"uri": "/deaf", "upstream": nodes})
    yield upstream
    upstream.close()


def honest(pylon):
    """A client beside the crowd gets its answers."""
    for _ in range(20):
        assert get(pylon.port, "/honest").status == 200


def report(what, count, grown):
    print(f"\n{count} {what}: {grown} KiB, {grown * 1024 // count} octets each")


def crowd_costs(pylon, what, count, octets, kib_each, receive_buffer=None, more=None):
    cost = Cost(pylon)
    with Crowd(pylon.port, count, octets, receive_buffer) as crowd:
        crowd.await_taken()
        for _ in range(10 if more else 0):
            crowd.send(more)
        honest(pylon)
        grown = cost.grown_kib()
    report(what, count, grown)
    assert grown <= 512 + count * kib_each, f"{grown} KiB for {count} connections"
    cost.await_descriptors()
    honest(pylon)


def test_slow_heads(pylon, full):
    """5,000 of them cost at most 30 MiB: 6 KiB each."""
    crowd_costs(
        pylon,
        "slow heads",
        5000 if full else 400,
        b"GET /slow HTTP/1.1\r\nHost: a.test\r\nX-Slow: ",
        6,
        more=b"x" * 20,
    )


def test_slow_bodies(pylon, full):
    octets = b"POST /slow HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100000\r\n\r\n"
    crowd_costs(pylon, "slow bodies", 5000 if full else 300, octets, 6, more=b"x" * 20)


def test_readers_that_do_not_read(pylon, full):
    """500 cost at most 30 MiB: 60 KiB each."""
    octets = b"GET /size/3000000 HTTP/1.1\r\nHost: a.test\r\n\r\n"
    crowd_costs(pylon, "deaf readers", 500 if full else 60, octets, 60, receive_buffer=4096)


def test_pipelines_that_are_not_read(pylon, full):
    octets = b"GET /size/20000 HTTP/1.1\r\nHost: a.test\r\n\r\n" * 50
    crowd_costs(pylon, "deaf pipelines", 500 if full else 60, octets, 60, receive_buffer=4096)


def test_uploads_that_nobody_reads(pylon, deaf, full):
    """The clients send as long as anything is taken; what the gateway holds of it is bounded."""
    count = 500 if full else 60
    head = b"POST /deaf HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100000000\r\n\r\n"
    cost = Cost(pylon)
    with Crowd(pylon.port, count, head) as crowd:
        until(lambda: len(deaf.taken) >= count, "the upstream's connections", 30, 0.05)
        for _ in range(3):
            for peer in crowd.peers:
                peer.send_while_taken(b"x" * (1 << 20), 0.001)
        honest(pylon)
        grown = cost.grown_kib()
    deaf.close()  # a client that is gone cannot be seen behind octets that nobody takes
    report("uploads that nobody reads", count, grown)
    assert grown <= 512 + count * 60, f"{grown} KiB for {count} uploads"
    cost.await_descriptors()


def test_idle_connections(pylon, full):
    """At most 600 octets each when there are 10,000; a page per connection is not in sight."""
    count = 10000 if full else 1000
    cost = Cost(pylon)
    with Crowd(pylon.port, count) as crowd:
        for peer in crowd.peers:
            peer.send(b"GET /idle HTTP/1.1\r\nHost: a.test\r\n\r\n")
            assert peer.fill()
        grown = cost.grown_kib()
        honest(pylon)
    report("idle connections", count, grown)
    assert grown <= 600 + count * 600 // 1024, f"{grown} KiB for {count} connections"
    cost.await_descriptors()


@pytest.fixture
def certificate(pylon, tmp_path):
    """What the gateway shows for a.test."""
    made = Authority(tmp_path).issue("a.test")
    pylon.admin.put("/ssls/1", server_ssl(made, "a.test"))
    assert curl(pylon.tls_port, "a.test").status == 200
    return made


@pytest.mark.usefixtures("certificate")
def test_idle_tls_connections(pylon, full):
    """At most 10 KiB each; after the handshake and a request."""
    count = 10000 if full else 1000
    cost = Cost(pylon)
    with TlsCrowd(pylon.tls_port, count, "a.test") as crowd:
        for peer in crowd.peers:
            peer.sendall(b"GET /idle HTTP/1.1\r\nHost: a.test\r\n\r\n")
            assert peer.recv(65536).startswith(b"HTTP/1.1 200")
        grown = cost.grown_kib()
        honest(pylon)
    report("idle TLS connections", count, grown)
    assert grown <= 4096 + count * 6, f"{grown} KiB for {count} connections"
    cost.await_descriptors()


@pytest.mark.usefixtures("certificate")
def test_handshakes_that_come_to_nothing(pylon, full):
    """5,000 cost at most 20 MiB, while they hang and when they are gone."""
    count = 5000 if full else 1000
    hello = client_hello("a.test")
    cost = Cost(pylon)
    with Crowd(pylon.tls_port, count, hello) as crowd:
        started = time.monotonic()
        assert curl(pylon.tls_port, "a.test", timeout=60).status == 200
        waited = time.monotonic() - started
        hanging = cost.grown_kib()
    cost.await_descriptors()
    report("handshakes that hang", count, hanging)
    report("handshakes that were given up", count, cost.grown_kib())
    print(f"an honest client waited {waited:.1f} s")
    assert max(hanging, cost.grown_kib()) <= 20 << 10
    assert waited <= 5


def test_connections_that_come_and_go(pylon, full):
    """No descriptor and no memory stays behind. Compared while a crowd is there, as the allocator
    keeps what a crowd needed for some time."""

    @contextmanager
    def crowd():
        with Crowd(pylon.port, 200, b"GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n") as made:
            made.await_taken()
            yield

    with crowd():
        pass
    with crowd():
        cost = Cost(pylon)
    for _ in range(50 if full else 5):
        with crowd():
            pass

    def grown_kib():
        with crowd():
            cost.await_descriptors()
            return cost.grown_kib()

    # A crowd spreads over the workers as it comes, so one may be larger than before; what stays
    # behind would only become more.
    assert min(grown_kib() for _ in range(5)) <= 1024


def load(pylon, requests):
    """About so many requests by wrk over 16 connections."""
    done = 0
    while done < requests:
        seconds = 10 if requests > 100000 else 1
        out = subprocess.run(
            ["wrk", "-t1", "-c16", f"-d{seconds}s", f"http://127.0.0.1:{pylon.port}/load"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        line = next(line for line in out.splitlines() if "requests in" in line)
        done += int(line.split()[0])
        assert "Non-2xx" not in out and "Socket errors" not in out, out


def test_memory_does_not_grow_with_requests(pylon, full, tmp_path):
    """After 1,000,000 requests not more than 1 MiB over what it was after 100,000."""
    load(pylon, 100000 if full else 3000)
    cost = Cost(pylon)
    load(pylon, 1000000 if full else 6000)
    print(f"\nafter ten times as many requests: {cost.grown_kib()} KiB more")
    assert cost.grown_kib() <= 1024, f"{cost.grown_kib()} KiB"
    cost.await_descriptors()


def cpu_ticks(pids):
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total


def test_descriptors_run_out(tmp_path, echo):
    """RLIMIT_NOFILE 256: it serves on what is open, does not spin, and recovers."""
    gateway = Pylon(tmp_path, SMALL_CONFIG).start()
    try:
        gateway.admin.put("/routes/all", {"uri": "/*", "upstream": echo.upstream()})
        request = b"GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n"
        with Crowd(gateway.port, 1, request) as first:
            assert first.peers[0].fill()
            with Crowd(gateway.port, 400):
                before = cpu_ticks(gateway.pids())
                assert first.peers[0].is_quiet(1.0) or first.peers[0].buffer
                spent = cpu_ticks(gateway.pids()) - before
                assert spent <= 30, f"{spent} of 100 ticks spent while nothing was to be done"
                first.peers[0].buffer.clear()
                first.peers[0].send(request)
                assert first.peers[0].fill(), "the open connection is no longer served"
        honest(gateway)
    finally:
        gateway.stop()
