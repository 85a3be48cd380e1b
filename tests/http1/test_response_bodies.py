"""Response bodies on their way down: framing, streaming, backpressure, truncation. RFC 9112 6-8."""

import pytest
from harness.lane import OK, answer, chunked

HEAD_CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\n\r\n"


def octets(count):
    return bytes((i * 11 + i // 253) % 256 for i in range(count))


@pytest.mark.parametrize("size", [0, 1, 1023, 16384, 65535, 65536, 65537, 1 << 20, 9 << 20])
def test_body_with_a_length(lane, size):
    client, upstream, _ = lane.begin(lane.get())
    body = octets(min(size, 1 << 16)) * max(1, size >> 16) if size >= 1 << 20 else octets(size)
    upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
    response = client.read_head()
    assert response.get(b"content-length") == b"%d" % size
    for start in range(0, size, 1 << 16):
        piece = body[start : start + (1 << 16)]
        upstream.send(piece)
        assert response.body.read(len(piece)) == piece
    assert response.body.rest() == b""


@pytest.mark.parametrize(
    "sizes",
    [[], [1], [1, 1, 1], [10, 100, 1000], [65536], [65535, 1, 65537], [1] * 500, [200000, 3]],
    ids=lambda s: f"{len(s)}-{sum(s)}",
)
def test_chunked_body(lane, sizes):
    pieces = [octets(size) for size in sizes]
    client, upstream, _ = lane.begin(lane.get())
    upstream.send(HEAD_CHUNKED + chunked(*pieces))
    got = client.read()
    assert got.content == b"".join(pieces)
    client.send(lane.get(b"2"))
    lane.answer_next(OK)
    assert client.read().content == b"ok"


@pytest.mark.parametrize(
    "text",
    [
        b"5;a=b\r\nhello\r\n0\r\n\r\n",
        b'5;a="q"\r\nhello\r\n0;z\r\n\r\n',
        b"0005\r\nhello\r\n00\r\n\r\n",
    ],
    ids=repr,
)
def test_chunk_extensions_are_ignored(lane, text):
    """RFC 9112 7.1.1."""
    client, upstream, _ = lane.begin(lane.get())
    upstream.send(HEAD_CHUNKED + text)
    assert client.read().content == b"hello"


def test_trailers_arrive_behind_the_body_or_not_at_all(lane):
    """RFC 9110 6.5.1."""
    client, upstream, _ = lane.begin(lane.get(b"", b"TE: trailers", b"Connection: TE"))
    trailers = b"X-Sum: 1\r\nX-More: 2\r\n"
    upstream.send(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
        + chunked(b"hello", trailers=trailers)
    )
    got = client.read()
    assert (got.content, got.get(b"x-sum")) == (b"hello", None)
    assert got.body.trailers.get(b"x-sum") in (b"1", None)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_chunked_body_in_pieces(lane, size):
    client, upstream, _ = lane.begin(lane.get())
    upstream.send_in_pieces(HEAD_CHUNKED + b"3\r\nabc\r\n2;x\r\nde\r\n0\r\nX-T: 1\r\n\r\n", size)
    assert client.read().content == b"abcde"


@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
def test_body_until_close(lane, version):
    """RFC 9112 6.3 point 8."""
    client, upstream, _ = lane.begin(lane.get())
    upstream.send(b"HTTP/" + version + b" 200 OK\r\n\r\n" + octets(100000))
    upstream.close()
    assert client.read().content == octets(100000)


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_the_first_octets_arrive_before_the_last_are_made(lane, framing):
    """Streaming: server-sent events, long polls."""
    client, upstream, _ = lane.begin(lane.get())
    head = {
        "length": b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n",
        "chunked": HEAD_CHUNKED,
        "close": UNTIL_CLOSE,
    }[framing]
    upstream.send(head)
    response = client.read_head()
    for text in (b"ab", b"cd", b"ef"):
        upstream.send(b"2\r\n%s\r\n" % text if framing == "chunked" else text)
        assert response.body.read(2) == text
    if framing == "chunked":
        upstream.send(b"0\r\n\r\n")
    if framing == "close":
        upstream.close()
    assert response.body.rest() == b""


def test_head_arrives_before_the_body(lane):
    client, upstream, _ = lane.begin(lane.get())
    upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: 1\r\n\r\n")
    response = client.read_head()
    assert response.get(b"x-a") == b"1"
    upstream.send(b"hello")
    assert response.body.rest() == b"hello"


def test_download_waits_for_a_slow_client(lane):
    """Backpressure: what the client does not read is not collected by the gateway. Sockets
    of both its sides may hold much: what net.ipv4.tcp_rmem and tcp_wmem allow."""
    client, upstream, _ = lane.begin(lane.get())
    total = 192 << 20
    upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % total)
    body = octets(1 << 16) * (total >> 16)
    sent = upstream.send_while_taken(body)
    assert sent < 96 << 20, f"{sent >> 20} MiB were taken though nobody reads them"
    response = client.read_head()
    received = bytearray()
    while len(received) < sent:
        received += response.body.read(min(1 << 16, sent - len(received)))
    assert received == body[:sent]
    upstream.send(body[sent : sent + 1000])
    assert response.body.read(1000) == body[sent : sent + 1000]


def test_slow_client_does_not_slow_another(lane):
    slow, upstream, _ = lane.begin(lane.get(b"slow"))
    upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (64 << 20))
    upstream.send_while_taken(b"x" * (64 << 20))
    _, got = lane.exchange(lane.get(b"quick"))
    assert got.content == b"ok"


TRUNCATED = [
    ("length", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"x" * 50),
    ("length-none", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"),
    ("length-but-one", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"x" * 99),
    ("large", b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + b"x" * 200000),
    ("in-chunk", HEAD_CHUNKED + b"64\r\n" + b"x" * 50),
    ("after-chunk", HEAD_CHUNKED + b"5\r\nhello\r\n"),
    ("in-chunk-crlf", HEAD_CHUNKED + b"5\r\nhello\r"),
    ("in-chunk-size", HEAD_CHUNKED + b"5\r\nhello\r\n1"),
    ("in-last-chunk", HEAD_CHUNKED + b"5\r\nhello\r\n0\r\n"),
    ("in-trailers", HEAD_CHUNKED + b"5\r\nhello\r\n0\r\nX-A: 1\r\n"),
    ("no-chunk", HEAD_CHUNKED),
    ("http10-length", b"HTTP/1.0 200 OK\r\nContent-Length: 100\r\n\r\n" + b"x" * 50),
]


@pytest.mark.must
@pytest.mark.parametrize("reset", [False, True], ids=["fin", "rst"])
@pytest.mark.parametrize("octets", [t[1] for t in TRUNCATED], ids=[t[0] for t in TRUNCATED])
def test_truncated_answer_is_seen_as_truncated(lane, octets, reset):
    """RFC 9112 8: never passed on as if it were complete."""
    client, upstream, _ = lane.begin(lane.get())
    upstream.send(octets)
    upstream.await_taken()
    if reset:
        upstream.reset()
    else:
        upstream.close()
    first = client.read_head()
    if first.status == 502:
        return
    assert first.status == 200
    try:
        first.read_content()
    except AssertionError as cut:
        assert "cut short" in str(cut)
        return
    raise AssertionError(f"ends as if complete: {first.body.kind} {first.content[-50:]!r}")


@pytest.mark.must
def test_truncated_answer_to_http10_is_seen_as_truncated(lane):
    """With Content-Length the client can tell; until-close only a reset can."""
    client, upstream, _ = lane.begin(lane.head(b"GET", b"x", b"Host: a.test", version=b"1.0"))
    upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"x" * 50)
    upstream.await_taken()
    upstream.close()
    client.read_truncated()


def test_truncated_chunked_answer_to_http10_ends_with_a_reset(lane):
    """There is no other way to tell a client of HTTP/1.0 (RFC 9112 8)."""
    client, upstream, _ = lane.begin(lane.head(b"GET", b"x", b"Host: a.test", version=b"1.0"))
    upstream.send(HEAD_CHUNKED + b"5\r\nhello\r\n")
    assert client.read_head().body.read(5) == b"hello"
    upstream.close()
    assert client.await_end() == "rst"


@pytest.mark.must
def test_reset_of_an_until_close_answer_is_not_its_end(lane):
    """RFC 9112 8: an abnormal end makes it incomplete."""
    client, upstream, _ = lane.begin(lane.get())
    upstream.send(UNTIL_CLOSE + b"hello")
    response = client.read_head()
    assert response.body.read(5) == b"hello"
    upstream.reset()
    try:
        response.body.rest()
    except AssertionError:
        return
    raise AssertionError("ends as if complete")


def test_upstream_gone_before_any_answer(lane):
    """A fresh connection that was closed unanswered: the request may have been processed."""
    client, upstream, _ = lane.begin(lane.post(b"hello"))
    upstream.close()
    assert client.read().status == 502
    assert not lane.visited(0.1), "a POST was sent twice"


@pytest.mark.parametrize("reset", [False, True], ids=["fin", "rst"])
def test_upstream_gone_within_the_head(lane, reset):
    client, upstream, _ = lane.begin(lane.get())
    upstream.send(b"HTTP/1.1 200 OK\r\nContent-Le")
    upstream.await_taken()
    if reset:
        upstream.reset()
    else:
        upstream.close()
    assert client.read().status == 502


@pytest.mark.parametrize("reset", [False, True], ids=["fin", "rst"])
def test_client_gone_while_the_answer_comes(lane, reset):
    """The upstream must learn of it, and the gateway must not read the rest for nobody."""
    client, upstream, _ = lane.begin(lane.get())
    upstream.send(HEAD_CHUNKED + b"5\r\nhello\r\n")
    client.read_head().body.read(5)
    if reset:
        client.reset()
    else:
        client.close()
    for _ in range(20000):
        if not upstream.try_send(b"1000\r\n" + b"x" * 4096 + b"\r\n"):
            return
    raise AssertionError("80 MB were taken for a client that is gone")


def test_answer_of_exactly_what_a_read_takes(lane):
    """Head and body that fill a 64 KiB buffer to the octet, and one more and less."""
    for size in range(65536 - 130, 65536 + 3):
        client, upstream, _ = lane.begin(lane.get())
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (size - 45)
        upstream.send(head + b"z" * (size - 45))
        assert client.read().content == b"z" * (size - 45)
        client.close()
        upstream.close()


def test_one_connection_many_framings(lane):
    """Each answer has its own framing, none leaks into the next."""
    client = lane.client()
    answers = [
        answer(b"one"),
        HEAD_CHUNKED + chunked(b"two"),
        b"HTTP/1.1 204 X\r\n\r\n",
        b"HTTP/1.1 304 X\r\n\r\n",
        answer(b""),
        HEAD_CHUNKED + chunked(),
        answer(b"seven"),
    ]
    bodies = []
    for octets_ in answers:
        client.send(lane.get())
        lane.answer_next(octets_)
        bodies.append(client.read().content)
    assert bodies == [b"one", b"two", b"", b"", b"", b"", b"seven"]


LARGE = 1 << 20  # passed on without being looked at, but for what comes along with the head


def large_answer(lane, upstream, client, octets=b"x", behind=b""):
    upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % LARGE)
    response = client.read_head()
    upstream.send(octets * LARGE + behind)
    assert response.body.rest() == octets * LARGE


def test_large_answers_share_an_upstream_connection(lane):
    client, upstream, _ = lane.begin(lane.get(b"0"))
    large_answer(lane, upstream, client)
    for octet in (b"y", b"z"):
        client.send(lane.get(octet))
        assert upstream.read().target == lane.url(octet)
        large_answer(lane, upstream, client, octet)
    assert not lane.visited()


@pytest.mark.must
def test_octets_behind_a_large_answer_reach_nobody(lane):
    """RFC 9112 9.2: what nobody asked for must not answer the next request."""
    client, upstream, _ = lane.begin(lane.get(b"1"))
    large_answer(lane, upstream, client, behind=answer(b"poison"))
    client.send(lane.get(b"2"))
    fresh = lane.accept()
    assert fresh.read().target == lane.url(b"2")
    fresh.send(OK)
    assert client.read().content == b"ok"


@pytest.mark.must
@pytest.mark.parametrize("reset", [False, True], ids=["fin", "rst"])
@pytest.mark.parametrize("octets", [100_000, LARGE - 1])
def test_large_answer_that_is_truncated(lane, octets, reset):
    client, upstream, _ = lane.begin(lane.get())
    upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % LARGE)
    response = client.read_head()
    upstream.send(b"x" * octets)
    if not reset:
        assert response.body.read(octets) == b"x" * octets
    upstream.reset() if reset else upstream.close()
    with pytest.raises(AssertionError, match="cut short"):
        response.body.rest()
    _, got = lane.exchange(lane.get(b"next"))
    assert got.content == b"ok"


def test_client_that_leaves_in_the_middle_of_a_large_answer(lane):
    client, upstream, _ = lane.begin(lane.get())
    upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (64 << 20))
    upstream.send_while_taken(b"x" * (64 << 20))
    client.reset()
    upstream.await_end()
    _, got = lane.exchange(lane.get(b"next"))
    assert got.content == b"ok"
