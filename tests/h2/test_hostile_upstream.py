"""Upstreams of HTTP/2 that break the rules, before clients of either version."""

import contextlib
import socketserver
import threading
import time

import pytest

from harness import message
from harness.h2 import *  # noqa: F403
from harness.http import receive, send
from harness.wire import connect as dial


@pytest.fixture
def before(served):
    """before(answer): the gateway's route /up/* leads to an upstream that answers so."""
    made = []

    def make(answer, settings=b"", early=False, timeout=None, **more):
        upstream = Upstream(answer, settings, early)
        made.append(upstream)
        route = {"uri": "/up/*", "upstream": upstream.upstream(**more)}
        if timeout:
            route["timeout"] = {"connect": timeout, "send": timeout, "read": timeout}
        served.admin.put("/routes/up", route)
        return upstream

    yield make
    for upstream in made:
        upstream.close()


class Http1:
    """What a client of HTTP/1 gets, told like an Answer."""

    def __init__(self, port):
        self.port = port

    def ask(self, method="GET", body=None):
        """(status, content or None when it is cut short)"""
        with dial("127.0.0.1", self.port, 5) as peer:
            send(peer, method, "/up/x", {}, body)
            try:
                got = receive(peer, method)
            except (message.Truncated, ConnectionError):
                return None, None
            if got.header("connection") != "close":  # and the connection is in step
                send(peer, "GET", "/after")
                after = receive(peer)
                assert after.status == 200 and after.header("server")
            return got.status, got.content


class Http2:
    def __init__(self, port):
        self.port = port

    def ask(self, method="GET", body=None):
        client = Client(self.port)
        try:
            stream = client.ask(method, "/up/x", end=body is None)
            if body is not None:
                client.data(stream, body, end=True)
            got = client.read(stream)
            assert client.read(client.ask(path="/after")).status == 200
            status = got.status if got.heads else None
            return status, (got.body if got.ended else None)
        finally:
            client.close()


@pytest.fixture(params=[Http1, Http2], ids=["http1", "http2"])
def asker(request, served):
    return request.param(served.port)


def head(peer, stream, status="200", more=(), end=False):
    peer.send(peer.head(stream, [(":status", status), *more], end=end))


@pytest.mark.parametrize("status", ["204", "304"])
def test_octets_behind_a_bodiless_answer_go_nowhere(before, asker, status):
    def answer(peer, stream):
        head(peer, stream, status)
        peer.data(stream, b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", end=True)

    before(answer)
    got = asker.ask()
    assert got in ((int(status), b""), (502, got[1]))


def test_octets_behind_the_answer_to_head_go_nowhere(before, asker):
    def answer(peer, stream):
        head(peer, stream, "200", [("content-length", "5")])
        peer.data(stream, b"HTTP/1.1 200 OK\r\n\r\n", end=True)

    before(answer)
    assert asker.ask("HEAD") == (200, b"")


CUT = [
    ("short", [("content-length", "5")], b"abcd"),
    ("long", [("content-length", "3")], b"abcdef"),
    ("none", [("content-length", "3")], b""),
]


@pytest.mark.parametrize("more, body", [c[1:] for c in CUT], ids=[c[0] for c in CUT])
def test_a_body_unlike_its_length(before, asker, more, body):
    def answer(peer, stream):
        head(peer, stream, "200", more, end=not body)
        if body:
            peer.data(stream, body, end=True)

    before(answer)
    status, content = asker.ask()
    assert status in (None, 502) or content is None


BAD_HEADS = {
    "connection": [(":status", "200"), ("keep-alive", "timeout=5")],
    "proxy-connection": [(":status", "200"), ("proxy-connection", "close")],
    "upgrade": [(":status", "200"), ("upgrade", "h2c")],
    "te": [(":status", "200"), ("te", "gzip")],
    "pseudo": [(":status", "200"), (":path", "/")],
    "pseudo-behind": [("x-a", "1"), (":status", "200")],
    "status-twice": [(":status", "200"), (":status", "200")],
    "status-0": [(":status", "000")],
    "status-99": [(":status", "099")],
    "status-sign": [(":status", "+20")],
    "status-600": [(":status", "1000")],
    "name-space": [(":status", "200"), ("x a", "1")],
    "name-colon": [(":status", "200"), ("x:a", "1")],
    "name-empty": [(":status", "200"), ("", "1")],
    "name-cr": [(":status", "200"), ("x-a\r\nx-b", "1")],
    "value-lf": [(":status", "200"), ("x-a", "1\nx-b: 2")],
    "value-nul": [(":status", "200"), ("x-a", "\0")],
    "value-space": [(":status", "200"), ("x-a", " 1")],
    "value-tab": [(":status", "200"), ("x-a", "1\t")],
    "length-sign": [(":status", "200"), ("content-length", "+0")],
    "length-list": [(":status", "200"), ("content-length", "0, 0")],
    "length-empty": [(":status", "200"), ("content-length", "")],
    "length-huge": [(":status", "200"), ("content-length", "9" * 30)],
    "too-large": [(":status", "200"), *[(f"x-{n}", "y" * 8000) for n in range(20)]],
}


@pytest.mark.parametrize("fields", BAD_HEADS.values(), ids=list(BAD_HEADS))
def test_a_malformed_head(before, asker, fields):
    def answer(peer, stream):
        raw = [(name.encode(), value.encode()) for name, value in fields]
        block = peer.encoder.encode(raw, huffman=False)
        first, rest = block[:16000], block[16000:]
        peer.send(frame(HEADERS, END_STREAM | (0 if rest else END_HEADERS), stream, first))
        while rest:
            part, rest = rest[:16000], rest[16000:]
            peer.send(frame(CONTINUATION, 0 if rest else END_HEADERS, stream, part))

    before(answer)
    assert asker.ask()[0] == 502


BAD_TRAILERS = {
    "pseudo": [(":status", "200")],
    "length": [("content-length", "2")],
    "coding": [("transfer-encoding", "chunked")],
    "connection": [("connection", "close")],
    "upper": [("X-A", "1")],
    "crlf": [("x-a", "1\r\n\r\nHTTP/1.1 200 OK")],
    "cookie": [("set-cookie", "a=b")],
}


@pytest.mark.parametrize("fields", BAD_TRAILERS.values(), ids=list(BAD_TRAILERS))
def test_malformed_trailers(before, asker, fields):
    """The answer is cut short, or whole without them."""

    def answer(peer, stream):
        head(peer, stream)
        peer.data(stream, b"ok")
        raw = [(name.encode(), value.encode()) for name, value in fields]
        block = peer.encoder.encode(raw, huffman=False)
        peer.send(frame(HEADERS, END_STREAM | END_HEADERS, stream, block))

    before(answer)
    status, content = asker.ask()
    assert content in (None, b"ok") or status == 502


ENDS = {
    "second-head": lambda peer, stream: head(peer, stream, "200", [("x-a", "1")]),
    "interim-behind": lambda peer, stream: head(peer, stream, "103"),
    "flow": lambda peer, stream: peer.send(frame(DATA, 0, stream, b"x" * 16384) * 200),
    "padding": lambda peer, stream: peer.send(frame(DATA, PADDED, stream, b"\x09abc")),
    "priority": lambda peer, stream: peer.send(frame(PRIORITY, 0, stream, b"abc")),
    "window": lambda peer, stream: peer.send(frame(WINDOW, 0, stream, u32(0))),
    "wide": lambda peer, stream: peer.send(frame(WINDOW, 0, stream, u32(0x7FFFFFFF))),
    "rst-size": lambda peer, stream: peer.send(frame(RST, 0, stream, b"abc")),
    "settings": lambda peer, stream: peer.send(frame(SETTINGS, 0, 0, setting(5, 1))),
    "settings-window": lambda peer, stream: peer.send(frame(SETTINGS, 0, 0, setting(4, 1 << 31))),
    "goaway-stream": lambda peer, stream: peer.send(frame(GOAWAY, 0, stream, bytes(8))),
    "continuation": lambda peer, stream: peer.send(frame(CONTINUATION, 4, stream, b"")),
    "push-setting": lambda peer, stream: peer.send(frame(SETTINGS, 0, 0, setting(2, 1))),
    "bad-hpack": lambda peer, stream: peer.send(frame(HEADERS, 5, stream, b"\xff\xff\xff")),
    "cancel": lambda peer, stream: peer.send(frame(RST, 0, stream, u32(CANCEL))),
    "half-frame": lambda peer, stream: peer.send(b"\0\0\x09\0\0\0\0\0\x01abc")
    or peer.socket.shutdown(2),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=list(ENDS))
def test_an_answer_that_is_broken_off(before, asker, end):
    """Nobody takes what came for the whole."""

    def answer(peer, stream):
        head(peer, stream)
        peer.data(stream, b"ab")
        end(peer, stream)

    before(answer)
    status, content = asker.ask()
    assert content is None or status == 502, (status, content)


def test_a_flood_of_interim_answers(before, asker):
    def answer(peer, stream):
        block = frame(HEADERS, END_HEADERS, stream, peer.encoder.encode([(":status", "103")]))
        peer.send(block * 20000)
        head(peer, stream, end=True)

    before(answer)
    started = time.monotonic()
    assert asker.ask()[0] in (200, 502)
    assert time.monotonic() - started < 5


@pytest.fixture
def same_answer():
    """same_answer(octets): an upstream of HTTP/1 that answers every request so."""
    made = []

    def make(octets):
        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                self.rfile.readline()
                with contextlib.suppress(OSError):
                    self.wfile.write(octets)

        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads, server.block_on_close = True, False
        server.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        made.append(server)
        return server

    yield make
    for server in made:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("version", ["http1", "http2"])
def test_interim_answers_without_end(before, served, connect, same_answer, version):
    if version == "http2":
        def answer(peer, stream):
            fields = [(":status", "103"), ("link", "x" * 1000)]
            block = peer.encoder.encode(fields, huffman=False)
            peer.send(frame(HEADERS, END_HEADERS, stream, block) * 20000)

        before(answer)
    else:
        hint = b"HTTP/1.1 103 Early Hints\r\nLink: " + b"x" * 1000 + b"\r\n\r\n"
        upstream = same_answer(hint * 20000)
        nodes = {f"127.0.0.1:{upstream.port}": 1}
        served.admin.put("/routes/up", {"uri": "/up/*", "upstream": {"nodes": nodes}})
    client, good = connect(), connect()
    streams = [client.ask(path="/up/x") for _ in range(4)]
    assert good.read(good.ask(path="/after")).status == 200
    for stream in streams:
        got = client.read(stream, 20)
        assert got.reset is not None or got.status == 502
        assert len(got.heads) <= 270  # 256 KiB


@pytest.mark.parametrize("kind", ["continuation", "empty-data", "window", "bomb", "priority"])
def test_floods(before, asker, kind):
    def answer(peer, stream):
        head(peer, stream)
        if kind == "continuation":
            octets = frame(HEADERS, 0, stream, b"") + frame(CONTINUATION, 0, stream, b"") * 50_000
        elif kind == "bomb":
            name, value = b"x-a", b"y" * 4000
            first = peer.encoder.encode([(name, value)], huffman=False)
            octets = frame(HEADERS, END_HEADERS, stream, first + b"\xbe" * 15_000)
        else:
            octets = {
                "empty-data": frame(DATA, 0, stream, b"") * 100_000,
                "window": frame(WINDOW, 0, 0, u32(1)) * 100_000,
                "priority": frame(PRIORITY, 0, stream, bytes(5)) * 100_000,
            }[kind]
        peer.send(octets)

    before(answer)
    started = time.monotonic()
    status, content = asker.ask()
    assert content is None or status == 502
    assert time.monotonic() - started < 5


def test_an_upstream_that_says_nothing(before, asker):
    before(lambda peer, stream: None, timeout=0.5)
    assert asker.ask()[0] == 504


def test_an_upstream_that_stops_within_its_answer(before, asker):
    def answer(peer, stream):
        head(peer, stream)
        peer.data(stream, b"ab")

    before(answer, timeout=0.5)
    status, content = asker.ask()
    assert content is None and status in (None, 200)


def test_an_upstream_that_takes_no_body(before, asker):
    before(lambda peer, stream: None, setting(4, 10), early=True, timeout=0.5)
    assert asker.ask("POST", b"x" * 1000)[0] == 504


def test_a_dead_connection_takes_no_further_exchange(before, asker):
    """It looks open, but nobody answers on it: those who come later get another one."""
    peers = []

    def answer(peer, stream):
        if peer not in peers:
            peers.append(peer)
        dead = peer is peers[0] and sum(1 for number in peer.answers if number) > 1
        if not dead:
            head(peer, stream, end=True)

    before(answer, timeout=1.1)
    assert [asker.ask()[0] for _ in range(3)] == [200, 504, 200]
    assert len(peers) == 2
