"""Memory and descriptors under crowds. The sizes of every day are a tenth or less; --full takes the
numbers of docs/performance.md."""

import subprocess

import pytest

from harness.crowd import Cost, Crowd
from harness.echo import Echo
from harness.http import get
from harness.pylon import Pylon

SMALL_CONFIG = {"nginx_config": {"worker_rlimit_nofile": 256}}


@pytest.fixture(scope="module")
def echo():
    server = Echo()
    yield server
    server.close()


@pytest.fixture(scope="module")
def pylon(tmp_path_factory, echo):
    pool = {"nginx_config": {"http": {"upstream": {"keepalive_timeout": "1s"}}}}
    gateway = Pylon(tmp_path_factory.mktemp("crowds"), pool).start()
    gateway.admin.put("/routes/all", {"uri": "/*", "upstream": echo.upstream()})
    for _ in range(50):
        assert get(gateway.port, "/warm").status == 200
    yield gateway
    gateway.stop()


def honest(pylon):
    """A client beside the crowd gets its answers."""
    for _ in range(20):
        assert get(pylon.port, "/honest").status == 200


def crowd_costs(pylon, count, octets, kib_each, receive_buffer=None, more=None):
    cost = Cost(pylon)
    with Crowd(pylon.port, count, octets, receive_buffer) as crowd:
        crowd.await_taken()
        for _ in range(10 if more else 0):
            crowd.send(more)
        honest(pylon)
        grown = cost.grown_kib()
    assert grown <= 512 + count * kib_each, f"{grown} KiB for {count} connections"
    cost.await_descriptors()
    honest(pylon)


def test_slow_heads(pylon, full):
    """5,000 of them cost at most 30 MiB: 6 KiB each."""
    crowd_costs(
        pylon,
        5000 if full else 400,
        b"GET /slow HTTP/1.1\r\nHost: a.test\r\nX-Slow: ",
        6,
        more=b"x" * 20,
    )


def test_slow_bodies(pylon, full):
    octets = b"POST /slow HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100000\r\n\r\n"
    crowd_costs(pylon, 5000 if full else 300, octets, 6, more=b"x" * 20)


def test_readers_that_do_not_read(pylon, full):
    """500 cost at most 30 MiB: 60 KiB each."""
    octets = b"GET /size/3000000 HTTP/1.1\r\nHost: a.test\r\n\r\n"
    crowd_costs(pylon, 500 if full else 60, octets, 60, receive_buffer=4096)


def test_pipelines_that_are_not_read(pylon, full):
    octets = b"GET /size/20000 HTTP/1.1\r\nHost: a.test\r\n\r\n" * 50
    crowd_costs(pylon, 500 if full else 60, octets, 60, receive_buffer=4096)


def test_idle_connections(pylon, full):
    """At most 600 octets each when there are 10,000; a page per connection is not in sight."""
    count = 10000 if full else 1000
    cost = Cost(pylon)
    with Crowd(pylon.port, count, b"GET /idle HTTP/1.1\r\nHost: a.test\r\n\r\n") as crowd:
        crowd.await_taken()
        for peer in crowd.peers:
            assert peer.fill()
        grown = cost.grown_kib()
        honest(pylon)
    assert grown <= 600 + count * 600 // 1024, f"{grown} KiB for {count} connections"
    cost.await_descriptors()


def test_connections_that_come_and_go(pylon, full):
    """No descriptor and no memory stays behind."""

    def once():
        with Crowd(pylon.port, 200, b"GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n") as crowd:
            crowd.await_taken()

    once()
    cost = Cost(pylon)
    for _ in range(50 if full else 5):
        once()
    cost.await_descriptors()
    assert cost.grown_kib() <= 1024


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
