"""Peers that cost more than they bring: they are sent away, memory stays, others are served."""

import selectors
import socket
import threading

import pytest

from harness.h2 import *  # noqa: F403
from harness.http import get
from harness.pylon import rss_kb
from harness.wire import until


def headed(client):
    """How many streams have a head."""
    return sum(len(answer.heads) > 0 for answer in client.answers.values())


FLOODS = [
    ("ping", lambda c: frame(PING, 0, 0, b"12345678")),
    ("settings", lambda c: frame(SETTINGS, 0, 0, setting(4, 1000))),
    ("priority", lambda c: frame(PRIORITY, 0, 1, b"\0\0\0\3\1")),
    ("unknown", lambda c: frame(0x77, 0, 0, b"")),
    ("window", lambda c: frame(WINDOW, 0, 0, u32(1))),
    ("empty-data", lambda c: frame(DATA, 0, 1, b"")),
]


@pytest.mark.parametrize("made", [f[1] for f in FLOODS], ids=[f[0] for f in FLOODS])
def test_flood(served, client, made):
    before = rss_kb(served)
    client.ask("POST", end=False)
    for _ in range(20):
        client.send(made(client) * 1000)
    client.until(lambda: client.closed)
    assert client.closed and (client.goaway is None or client.goaway[1] == CALM)
    assert rss_kb(served) - before < 4096


def test_rapid_reset(served, client):
    before = rss_kb(served)
    fields = client.fields()
    for _ in range(40):
        parts = []
        for _ in range(50):
            parts += [client.head(client.next, fields), frame(RST, 0, client.next, u32(CANCEL))]
            client.next += 2
        client.send(*parts)
    client.until(lambda: client.closed)
    assert client.closed and (client.goaway is None or client.goaway[1] == CALM)
    assert rss_kb(served) - before < 8192
    ended = b',what="ended"}'  # for resets, or for streams beyond the limit
    page = "/apisix/prometheus/metrics"
    until(lambda: ended in get(served.metrics_port, page).content, "the metric", 5, 0.2)


def test_requests_that_must_be_reset(client):
    for _ in range(400):
        client.send(client.head(client.next, client.fields(path="nope")))
        client.next += 2
    client.until(lambda: client.closed)
    assert client.closed and (client.goaway is None or client.goaway[1] == CALM)


def test_continuation_flood(client):
    client.send(frame(HEADERS, END_STREAM, 1, b"\x82"))
    for _ in range(200):
        client.send(frame(CONTINUATION, 0, 1, b""))
    assert client.connection_error() in (CALM, None)


def test_header_bomb(served, connect):
    """One large field in the table, named again and again."""
    before = rss_kb(served)
    for _ in range(10):
        client = connect()
        large = b"\x40\x01a\x7f" + b"\xa1\x1e" + b"x" * 4000  # literal, indexed, 4000 octets
        start = client.encoder.encode(client.fields(), huffman=False)
        client.send(frame(HEADERS, 5, 1, start + large))
        for stream in range(3, 200, 2):
            client.send(frame(HEADERS, 4, stream, b"\x82\x86\x84" + b"\xbe" * 4000))
        client.until(lambda: client.answer(199).over or client.closed)
    assert rss_kb(served) - before < 16384


def test_closed_windows_hold_little(served, connect, echo):
    """Many streams whose answers may not leave."""
    before = rss_kb(served)
    clients = [connect(setting(4, 0)) for _ in range(20)]
    for client in clients:
        for _ in range(100):
            client.ask(path="/x")
    for client in clients:
        client.until(lambda: headed(client) >= 100, 2)
        assert client.ping()
    assert rss_kb(served) - before < 20 * 640 * 1.2


def test_a_good_client_beside_a_bad_one(served, connect):
    bad, stop = connect(), threading.Event()

    def flood():
        while not stop.is_set() and not bad.closed:
            bad.send(frame(PING, 0, 0, b"12345678") * 500)

    thread = threading.Thread(target=flood)
    thread.start()
    try:
        good = connect()
        for _ in range(50):
            assert good.read(good.ask()).status == 200
    finally:
        stop.set()
        thread.join()


class Generous:
    """An upstream that answers every connection with more than anybody takes, in one thread."""

    HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1000000\r\n\r\n"

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.port = self.listener.getsockname()[1]
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.left = {}
        self.running = True
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while self.running:
            for key, _ in self.selector.select(0.1):
                if key.fileobj is self.listener:
                    peer, _ = self.listener.accept()
                    peer.setblocking(False)
                    self.selector.register(peer, selectors.EVENT_READ)
                else:
                    self._answer(key.fileobj)

    def _answer(self, peer):
        try:
            if peer not in self.left and peer.recv(65536):
                self.left[peer] = True
                peer.send(self.HEAD + b"x" * 200_000)
                return self.selector.unregister(peer)
        except OSError:
            pass
        self.selector.unregister(peer)
        peer.close()

    def close(self):
        self.running = False
        self.listener.close()
        for peer in self.left:
            peer.close()


def test_stalled_streams_hold_little(served, connect, full):
    """Streams of a client that takes the default window of its connection, and no more."""
    count, before = 100 if full else 20, rss_kb(served)
    upstream = Generous()
    nodes = {f"127.0.0.1:{upstream.port}": 1}
    served.admin.put("/routes/large", {"uri": "/large", "upstream": {"nodes": nodes}})
    clients = [connect() for _ in range(count)]
    for client in clients:
        for _ in range(100):
            client.ask(path="/large")
    for client in clients:
        assert client.until(lambda: headed(client) >= 100, 20)
        assert sum(len(a.body) for a in client.answers.values()) <= 65535
    grown = rss_kb(served) - before
    upstream.close()
    print(f"\n{count * 100} stalled streams: {grown} KiB")
    assert grown <= count * 655
