"""What an upstream of HTTP/2 and its clients see of each other: of HTTP/2, and of HTTP/1."""

import threading

import pytest

from harness.h2 import *  # noqa: F403
from harness.http import request
from harness.wire import until


@pytest.fixture
def before(served):
    """before(answer): the gateway's route /up/* leads to an upstream that answers so."""
    made = []

    def make(answer, settings=b"", early=False, **more):
        upstream = Upstream(answer, settings, early)
        made.append(upstream)
        served.admin.put("/routes/up", {"uri": "/up/*", "upstream": upstream.upstream(**more)})
        return upstream

    yield make
    for upstream in made:
        upstream.close()


def ok(body=b"ok", more=(), trailers=None):
    def answer(peer, stream):
        peer.send(peer.head(stream, [(":status", "200"), *more], end=not body and not trailers))
        if body:
            peer.data(stream, body, end=not trailers)
        if trailers:
            peer.send(peer.head(stream, trailers))

    return answer


def test_what_the_upstream_is_asked(before, client):
    upstream = before(ok())
    more = [("cookie", "a=1"), ("cookie", "b=2"), ("x-a", "1"), ("te", "trailers")]
    answer = client.read(client.ask(path="/up/x?y=1", more=more, authority="a.test"))
    assert answer.status == 200 and answer.body == b"ok"
    fields = upstream.requests[0].heads[0]
    head = dict(fields)
    assert fields[:4] == [
        (":method", "GET"),
        (":scheme", "http"),
        (":path", "/up/x?y=1"),
        (":authority", "a.test"),
    ]
    assert head["cookie"] == "a=1; b=2" and head["x-a"] == "1" and head["te"] == "trailers"
    assert not {"host", "connection", "transfer-encoding"} & set(head)


def test_trailers_both_ways(before, client):
    upstream = before(ok(trailers=[("x-t", "1"), ("x-u", "2")]))
    stream = client.ask("POST", "/up/x", end=False)
    client.data(stream, b"abc")
    client.send(client.head(stream, [("x-in", "1")]))
    answer = client.read(stream)
    assert answer.trailers == [("x-t", "1"), ("x-u", "2")] and answer.ended
    assert upstream.requests[0].body == b"abc" and upstream.requests[0].trailers == [("x-in", "1")]


def test_a_client_of_http1(before, served):
    upstream = before(ok(b"abc", [("x-a", "1")], [("x-t", "1")]))
    answer = request(served.port, "POST", "/up/x", body=b"body", headers={"TE": "trailers"})
    assert (answer.status, answer.content, answer.header("x-a")) == (200, b"abc", "1")
    assert upstream.requests[0].body == b"body"
    assert dict(upstream.requests[0].heads[0])["content-length"] == "4"


def test_interim_answers(before, client):
    def answer(peer, stream):
        for _ in range(3):
            peer.send(peer.head(stream, [(":status", "103"), ("link", "</a>")], end=False))
        ok()(peer, stream)

    before(answer)
    got = client.read(client.ask(path="/up/x"))
    assert [dict(head)[":status"] for head in got.heads] == ["103"] * 3 + ["200"]


def test_legal_padding(before, client):
    def answer(peer, stream):
        block = peer.encoder.encode([(":status", "200")])
        peer.send(frame(HEADERS, END_HEADERS | PADDED, stream, b"\x09" + block + bytes(9)))
        peer.send(frame(DATA, PADDED, stream, b"\xffab" + bytes(255)))
        peer.send(frame(DATA, PADDED | END_STREAM, stream, b"\x00"))

    before(answer)
    got = client.read(client.ask(path="/up/x"))
    assert got.body == b"ab" and got.ended


CUTS = [
    ("reset", lambda peer, stream: peer.send(frame(RST, 0, stream, u32(INTERNAL)))),
    ("close", lambda peer, stream: peer.socket.shutdown(2)),
    ("length", lambda peer, stream: peer.data(stream, b"", end=True)),
    ("no-error", lambda peer, stream: peer.send(frame(RST, 0, stream, u32(NO_ERROR)))),
    ("goaway", lambda peer, stream: peer.send(frame(GOAWAY, 0, 0, u32(0) + u32(INTERNAL)))),
]


@pytest.mark.parametrize("cut", [c[1] for c in CUTS], ids=[c[0] for c in CUTS])
@pytest.mark.parametrize("begun", [True, False])
def test_an_answer_cut_short_is_no_whole_one(before, client, cut, begun):
    """What the client has is reset; if it has nothing yet, it gets 502."""
    seen = threading.Event()

    def answer(peer, stream):
        peer.send(peer.head(stream, [(":status", "200"), ("content-length", "5")], end=False))
        peer.data(stream, b"ab")
        if begun:
            seen.wait(5)
        cut(peer, stream)

    before(answer)
    stream = client.ask(path="/up/x")
    got = client.answer(stream)
    if begun:
        client.until(lambda: got.body)
    seen.set()
    client.read(stream)
    if got.status == 200:
        assert not got.ended and got.reset == INTERNAL
    else:
        assert got.status == 502 and not begun
    assert client.ping()


MALFORMED = [
    [(":status", "200"), ("connection", "close")],
    [(":status", "200"), ("transfer-encoding", "chunked")],
    [(":status", "200"), ("X-Upper", "1")],
    [(":status", "200"), ("x-a", "b\r\nevil: 1")],
    [(":status", "200"), ("x-a", "b\0")],
    [(":status", "20")],
    [("x-a", "b")],
    [(":status", "101")],
    [(":status", "200"), ("content-length", "1"), ("content-length", "2")],
]


@pytest.mark.parametrize("fields", MALFORMED)
def test_malformed_answers(before, client, fields):
    def answer(peer, stream):
        raw = [(name.encode(), value.encode()) for name, value in fields]
        block = peer.encoder.encode(raw, huffman=False)
        peer.send(frame(HEADERS, END_HEADERS | END_STREAM, stream, block))

    before(answer)
    assert client.read(client.ask(path="/up/x")).status == 502


def test_the_upstreams_window_holds_the_body_back(before, client):
    seen = []

    def answer(peer, stream):
        peer.until(lambda: len(peer.answer(stream).body) >= 10)
        seen.append(len(peer.answer(stream).body))
        peer.open_window(stream, 1000)
        peer.until(lambda: peer.answer(stream).ended)
        ok()(peer, stream)

    upstream = before(answer, setting(4, 10), early=True)
    stream = client.ask("POST", "/up/x", end=False)
    client.data(stream, b"x" * 500, end=True)
    assert client.read(stream).status == 200
    assert seen == [10] and len(upstream.requests[0].body) == 500


def test_an_early_answer(before, client):
    before(lambda peer, stream: ok(b"no")(peer, stream), early=True)
    stream = client.ask("POST", "/up/x", end=False)
    got = client.read(stream)
    assert got.status == 200 and got.body == b"no"


@pytest.mark.parametrize("end", ["reset", "goaway", "close"])
def test_an_early_answer_is_whole_whatever_follows(before, client, end):
    """RFC 9113 8.1: an answer is not discarded because its stream is reset behind it."""

    def answer(peer, stream):
        ok(b"no" * 1000, [("content-length", "2000")])(peer, stream)
        if end == "reset":
            peer.send(frame(RST, 0, stream, u32(NO_ERROR)))
        if end == "goaway":
            peer.send(frame(GOAWAY, 0, 0, u32(stream) + u32(0)))
        if end != "reset":
            peer.socket.shutdown(2)

    before(answer, early=True)
    stream = client.ask("POST", "/up/x", end=False)
    client.data(stream, b"abc")
    got = client.read(stream)
    assert got.status == 200 and got.body == b"no" * 1000 and got.ended


def test_no_more_streams_than_the_upstream_allows(before, client):
    """Further exchanges get connections of their own."""
    waiting, lock = {}, threading.Lock()

    def answer(peer, stream):
        with lock:
            waiting.setdefault(peer, []).append(stream)
            full = sum(map(len, waiting.values())) == 20
        if full:
            for each, streams in waiting.items():
                for number in streams:
                    ok()(each, number)

    before(answer, setting(3, 2))
    assert client.read(client.ask(path="/nothing")).status  # our SETTINGS are there
    streams = [client.ask(path="/up/x") for _ in range(2)]
    until(lambda: sum(map(len, waiting.values())) == 2, "the first two")
    streams += [client.ask(path="/up/x") for _ in range(18)]
    assert [client.read(stream).status for stream in streams] == [200] * 20
    assert [len(each) for each in waiting.values()] == [2] * 10


def test_a_client_that_leaves_cancels(before, client):
    resets = []

    def answer(peer, stream):
        peer.until(lambda: peer.answer(stream).reset is not None)
        resets.append(peer.answer(stream).reset)

    before(answer, early=True)
    stream = client.ask("POST", "/up/x", end=False)
    assert client.ping()
    client.send(frame(RST, 0, stream, u32(CANCEL)))
    until(lambda: resets, "the cancellation")
    assert resets == [CANCEL]


def test_refused_streams_are_tried_again(before, client):
    tried = []

    def answer(peer, stream):
        tried.append(stream)
        if len(tried) == 1:
            peer.send(frame(RST, 0, stream, u32(REFUSED)))
        else:
            ok()(peer, stream)

    before(answer, retries=1)
    assert client.read(client.ask(path="/up/x")).status == 200 and len(tried) == 2


def test_after_goaway_on_a_new_connection(before, client):
    peers = []

    def answer(peer, stream):
        peers.append(peer)
        ok()(peer, stream)
        if len(peers) == 1:
            peer.send(frame(GOAWAY, 0, 0, u32(stream) + u32(0)))

    before(answer)
    for _ in range(3):
        assert client.read(client.ask(path="/up/x")).status == 200
    assert peers[0] is not peers[1] and peers[1] is peers[2]


FAULTS = [
    ("push", lambda peer: frame(PUSH, END_HEADERS, 1, u32(2) + b"\x82")),
    ("data-on-idle", lambda peer: frame(DATA, 1, 77, b"x")),
    ("too-large", lambda peer: frame(DATA, 0, 1, b"x" * 16385)),
    ("bad-block", lambda peer: frame(HEADERS, 5, 1, b"\x80")),
    ("stream-2", lambda peer: frame(HEADERS, 5, 2, peer.encoder.encode([(":status", "200")]))),
    ("no-http2", lambda peer: b"HTTP/1.1 400 Bad Request\r\n\r\n"),
]


@pytest.mark.parametrize("octets", [f[1] for f in FAULTS], ids=[f[0] for f in FAULTS])
def test_connection_errors_of_the_upstream(before, client, octets):
    before(lambda peer, stream: peer.send(octets(peer)))
    assert client.read(client.ask(path="/up/x")).status == 502
    assert client.ping()


@pytest.mark.parametrize("kind", [PING, SETTINGS, 0x77])
def test_floods_of_the_upstream(before, client, kind):
    payload = {PING: b"12345678", SETTINGS: setting(4, 1000)}.get(kind, b"")
    before(lambda peer, stream: [peer.send(frame(kind, 0, 0, payload) * 1000) for _ in range(20)])
    assert client.read(client.ask(path="/up/x")).status == 502
