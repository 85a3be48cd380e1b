"""Request bodies on their way up: framing, streaming, backpressure. RFC 9112 6, 7."""

import pytest
from harness.lane import OK, answer, chunked

CHUNKED = b"Transfer-Encoding: chunked"
HOST = b"Host: a.test"


def octets(count):
    """Every octet value, not compressible to a short period."""
    return bytes((i * 7 + i // 251) % 256 for i in range(count))


def start_chunked(lane, *fields):
    """A chunked POST whose head has been sent: (client, upstream, request)."""
    client = lane.client()
    client.send(lane.head(b"POST", b"x", HOST, CHUNKED, *fields))
    client.send(b"5\r\nhello\r\n")
    upstream = lane.accept()
    return client, upstream, upstream.read_head()


@pytest.mark.parametrize(
    "size", [0, 1, 2, 1023, 4096, 16384, 65535, 65536, 65537, 1 << 20, 9 << 20]
)
def test_body_with_a_length(lane, size):
    client = lane.client()
    body = octets(size) if size < 1 << 20 else octets(1 << 16) * (size >> 16)
    client.send(lane.head(b"POST", b"x", HOST, b"Content-Length: %d" % size))
    upstream = lane.accept()
    request = upstream.read_head()
    for start in range(0, size, 1 << 16):
        piece = body[start : start + (1 << 16)]
        client.send(piece)
        assert request.body.read(len(piece)) == piece
    assert request.body.rest() == b""
    upstream.send(OK)
    assert client.read().content == b"ok"


@pytest.mark.parametrize(
    "sizes",
    [[], [1], [1, 1, 1], [10, 100, 1000], [65536], [65535, 1, 65537], [1] * 500, [200000, 3]],
    ids=lambda s: f"{len(s)}-{sum(s)}",
)
def test_chunked_body(lane, sizes):
    """RFC 9112 7.1: whatever the chunks, the octets are the same."""
    pieces = [octets(size) for size in sizes]
    client = lane.client()
    client.send(lane.head(b"POST", b"x", HOST, CHUNKED) + chunked(*pieces))
    upstream = lane.accept()
    assert upstream.read().content == b"".join(pieces)
    upstream.send(OK)
    assert client.read().content == b"ok"


@pytest.mark.parametrize(
    "text",
    [
        b"5;a=b\r\nhello\r\n0\r\n\r\n",
        b'5;a="q;\\"x"\r\nhello\r\n0;z\r\n\r\n',
        b"5;a;b;c=1\r\nhello\r\n0\r\n\r\n",
        b"00005\r\nhello\r\n000\r\n\r\n",
        b"5 ;a=b\r\nhello\r\n0\r\n\r\n",
    ],
    ids=repr,
)
def test_chunk_extensions_are_ignored(lane, text):
    """RFC 9112 7.1.1: unrecognised extensions are ignored; BWS before them is an old habit."""
    client = lane.client()
    client.send(lane.head(b"POST", b"x", HOST, CHUNKED) + text)
    if b"5 " in text and not lane.visited(0.2):
        client.read_refusal(400)
        return
    upstream = lane.accept()
    assert upstream.read().content == b"hello"
    upstream.send(OK)
    assert client.read().content == b"ok"


@pytest.mark.parametrize("text", [b"A\r\n0123456789\r\n0\r\n\r\n", b"a\r\n0123456789\r\n0\r\n\r\n"])
def test_chunk_sizes_in_either_case(lane, text):
    seen, _ = lane.exchange(lane.head(b"POST", b"x", HOST, CHUNKED) + text)
    assert seen.content == b"0123456789"


@pytest.mark.parametrize("value", [b"chunked", b"Chunked", b"CHUNKED", b"\tchunked "], ids=repr)
def test_name_of_the_coding_is_case_insensitive(lane, value):
    """RFC 9112 7: and blanks around it are no part of it."""
    head = lane.head(b"POST", b"x", HOST, b"Transfer-Encoding:" + value)
    seen, _ = lane.exchange(head + chunked(b"hello"))
    assert seen.content == b"hello"


@pytest.mark.parametrize("size", [1, 2, 3])
def test_chunked_body_in_pieces(lane, size):
    client = lane.client()
    client.send(lane.head(b"POST", b"x", HOST, CHUNKED))
    client.send_in_pieces(b"3;e=1\r\nabc\r\n2\r\nde\r\n0\r\nX-T: 1\r\n\r\n", size)
    upstream = lane.accept()
    assert upstream.read().content == b"abcde"
    upstream.send(OK)
    assert client.read().content == b"ok"


def test_trailers_do_no_harm(lane):
    """RFC 9110 6.5.1: forwarded as trailers or dropped; never merged into the head."""
    head = lane.head(b"POST", b"x", HOST, CHUNKED, b"Trailer: X-Sum")
    seen, got = lane.exchange(head + chunked(b"hello", trailers=b"X-Sum: 1\r\nX-More: 2\r\n"))
    assert seen.content == b"hello"
    assert seen.get(b"x-sum") is None
    assert seen.body.trailers.get(b"x-sum") in (b"1", None)
    assert got.status == 200


@pytest.mark.parametrize("declared", [True, False], ids=["length", "chunked"])
def test_upstream_sees_the_head_before_the_body_is_there(lane, declared):
    """An upload is streamed, not collected."""
    client = lane.client()
    framing = b"Content-Length: 10" if declared else CHUNKED
    client.send(lane.head(b"POST", b"x", HOST, framing))
    upstream = lane.accept()
    request = upstream.read_head()
    client.send(b"hello" if declared else b"5\r\nhello\r\n")
    assert request.body.read(5) == b"hello"
    client.send(b"world" if declared else b"5\r\nworld\r\n0\r\n\r\n")
    assert request.body.rest() == b"world"
    upstream.send(OK)
    assert client.read().content == b"ok"


def test_octet_by_octet_upload_arrives_octet_by_octet(lane):
    client = lane.client()
    client.send(lane.head(b"POST", b"x", HOST, b"Content-Length: 20"))
    upstream = lane.accept()
    request = upstream.read_head()
    for value in range(20):
        client.send(bytes([value]))
        assert request.body.read(1) == bytes([value])
    upstream.send(OK)
    assert client.read().content == b"ok"


def test_a_dialogue_of_chunks(lane):
    """Both directions at once: the answer to each chunk comes before the next chunk is sent."""
    client, upstream, request = start_chunked(lane)
    assert request.body.read(5) == b"hello"
    upstream.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    response = client.read_head()
    for text in (b"one", b"two", b"three"):
        client.send(b"%x\r\n%s\r\n" % (len(text), text))
        assert request.body.read(len(text)) == text
        upstream.send(b"%x\r\n%s\r\n" % (len(text), text.upper()))
        assert response.body.read(len(text)) == text.upper()
    client.send(b"0\r\n\r\n")
    assert request.body.rest() == b""
    upstream.send(b"0\r\n\r\n")
    assert response.body.rest() == b""


def test_upload_waits_for_a_slow_upstream(lane):
    """Backpressure: what the upstream does not read is not collected by the gateway. Sockets
    of both its sides may hold much: what net.ipv4.tcp_rmem and tcp_wmem allow."""
    client = lane.client()
    total = 192 << 20
    client.send(lane.head(b"POST", b"x", HOST, b"Content-Length: %d" % total))
    upstream = lane.accept()
    request = upstream.read_head()
    body = octets(1 << 16) * (total >> 16)
    sent = client.send_while_taken(body)
    assert sent < 96 << 20, f"{sent >> 20} MiB were taken though nobody reads them"
    received = 0
    while received < sent:
        received += len(request.body.read(min(1 << 16, sent - received)))
    client.send(body[sent : sent + 1000])
    assert request.body.read(1000) == body[sent : sent + 1000]


@pytest.mark.parametrize("close", [False, True], ids=["kept", "closed"])
def test_answer_before_the_body_ends(lane, close):
    """RFC 9112 9.5: the client gets the early answer whole, though it still sends."""
    client = lane.client()
    client.send(lane.head(b"POST", b"x", HOST, b"Content-Length: 1000000") + b"x" * 1000)
    upstream = lane.accept()
    upstream.read_head().body.read(1000)
    upstream.send(
        answer(
            b"too much" * 100,
            *([b"Connection: close"] if close else []),
            status=b"413 Content Too Large",
        )
    )
    if close:
        upstream.close()
    got = client.read()
    assert (got.status, got.content) == (413, b"too much" * 100)


def test_early_answer_never_mixes_with_the_next_request(lane):
    """The rest of the body is taken and dropped, or the connection ends: it is no request."""
    client = lane.client()
    hidden = lane.get(b"hidden")
    client.send(lane.head(b"POST", b"x", HOST, b"Content-Length: %d" % len(hidden)))
    upstream = lane.accept()
    upstream.read_head()
    upstream.send(answer(b"early"))
    assert client.read().content == b"early"
    client.try_send(hidden + lane.get(b"next"))
    later = lane.next_request(client)
    assert later is None or later[1].target == lane.url(b"next")


def test_upstream_of_an_early_answer_is_not_reused_in_the_middle_of_a_body(lane):
    """The old connection still waits for the rest of the old body."""
    client = lane.client()
    client.send(lane.head(b"POST", b"x", HOST, b"Content-Length: 100") + b"part")
    upstream = lane.accept()
    assert upstream.read_head().body.read(4) == b"part"
    upstream.send(answer(b"early"))
    assert client.read().content == b"early"
    other = lane.client()
    other.send(lane.get(b"2"))
    fresh = lane.accept()
    assert fresh.read().target == lane.url(b"2")
    fresh.send(OK)
    assert other.read().content == b"ok"


def test_large_early_answer_while_both_sides_are_full(lane):
    """No deadlock: the answer flows though the upstream has stopped reading."""
    client = lane.client()
    client.send(lane.head(b"POST", b"x", HOST, b"Content-Length: %d" % (64 << 20)))
    upstream = lane.accept()
    upstream.read_head()
    client.send_while_taken(b"u" * (64 << 20))
    upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\nConnection: close\r\n\r\n")
    upstream.try_send(b"d" * 300000)
    got = client.read_head()
    assert got.body.rest() == b"d" * 300000


@pytest.mark.parametrize("reset", [False, True], ids=["fin", "rst"])
@pytest.mark.parametrize("kind", ["length", "chunked", "chunked-all-but-the-end"])
def test_aborted_upload_is_never_complete_upstream(lane, kind, reset):
    """RFC 9112 8: the upstream must be able to see that the request is incomplete, and no answer of
    the gateway's may be a success."""
    client = lane.client()
    if kind == "length":
        client.send(lane.head(b"POST", b"x", HOST, b"Content-Length: 10") + b"hello")
    else:
        client.send(lane.head(b"POST", b"x", HOST, CHUNKED) + b"5\r\nhello\r\n")
        if kind != "chunked":
            client.send(b"0\r\n")
    upstream = lane.accept()
    request = upstream.read_head()
    request.body.read(5)
    if reset:
        client.reset()
    else:
        client.finish_sending()
    upstream.await_end()
    assert not request.body.complete
    assert not upstream.log.endswith(b"\r\n0\r\n\r\n")
    if not reset:
        while client.fill():
            pass
        assert not client.buffer or int(client.buffer[9:12]) >= 400


def test_upload_of_one_mebibyte_chunks_streams(lane):
    client, upstream, request = start_chunked(lane)
    request.body.read(5)
    piece = octets(1 << 16) * 16
    for _ in range(4):
        client.send(b"100000\r\n")
        for start in range(0, 1 << 20, 1 << 17):
            client.send(piece[start : start + (1 << 17)])
            assert request.body.read(1 << 17) == piece[start : start + (1 << 17)]
        client.send(b"\r\n")
    client.send(b"0\r\n\r\n")
    assert request.body.rest() == b""
    upstream.send(OK)
    assert client.read().content == b"ok"


def test_body_of_a_get(lane):
    """RFC 9110 9.3.1: no meaning, but framing is framing."""
    client = lane.client()
    client.send(lane.post(b"hello", b"1", method=b"GET") + lane.get(b"2"))
    first = lane.answer_next(answer(b"1"))
    assert (first.target, first.content) == (lane.url(b"1"), b"hello")
    assert lane.answer_next(answer(b"2")).target == lane.url(b"2")
    assert [client.read().content, client.read().content] == [b"1", b"2"]


@pytest.mark.must
def test_transfer_encoding_is_not_lost_between_two_requests(lane):
    """A chunked, a lengthy, a bodiless request on one connection: each keeps its own framing."""
    client = lane.client()
    client.send(
        lane.head(b"POST", b"1", HOST, CHUNKED)
        + chunked(b"one")
        + lane.post(b"two", b"2")
        + lane.get(b"3")
        + lane.head(b"POST", b"4", HOST, CHUNKED)
        + chunked(b"four")
    )
    for number, body in enumerate([b"one", b"two", b"", b"four"], 1):
        assert lane.answer_next(answer(b"%d" % number)).content == body
        assert client.read().content == b"%d" % number


LARGE = 1 << 20  # passed on without being looked at, but for what comes along with the head


def large_upload(lane, client, upstream, rest):
    client.send(lane.head(b"POST", rest, HOST, b"Content-Length: %d" % LARGE))
    upstream = upstream or lane.accept()
    request = upstream.read_head()
    body = octets(LARGE)
    for start in range(0, LARGE, 1 << 18):
        client.send(body[start : start + (1 << 18)])
        assert request.body.read(1 << 18) == body[start : start + (1 << 18)]
    assert request.body.rest() == b""
    upstream.send(OK)
    assert client.read().content == b"ok"
    return upstream


def test_large_uploads_share_connections(lane):
    client = lane.client()
    upstream = large_upload(lane, client, None, b"1")
    large_upload(lane, client, upstream, b"2")
    assert not lane.visited()


def test_request_behind_a_large_upload(lane):
    """What follows the body belongs to the next request."""
    client = lane.client()
    client.send(lane.head(b"POST", b"1", HOST, b"Content-Length: %d" % LARGE))
    upstream = lane.accept()
    request = upstream.read_head()
    client.try_send(b"x" * LARGE + lane.get(b"2"))
    assert request.body.rest() == b"x" * LARGE
    upstream.send(OK)
    assert client.read().content == b"ok"
    assert lane.next_request(client)[1].target == lane.url(b"2")


@pytest.mark.parametrize("reset", [False, True], ids=["fin", "rst"])
def test_aborted_large_upload_is_never_complete_upstream(lane, reset):
    client = lane.client()
    client.send(lane.head(b"POST", b"x", HOST, b"Content-Length: %d" % LARGE))
    upstream = lane.accept()
    request = upstream.read_head()
    client.send(b"x" * 300_000)
    request.body.read(300_000)
    client.reset() if reset else client.finish_sending()
    upstream.await_end()
    assert not request.body.complete


UNWANTED = {
    "length": b"Content-Length: 5\r\n\r\nhello",
    "chunked": CHUNKED + b"\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("body", UNWANTED.values(), ids=list(UNWANTED))
def test_a_body_that_nobody_wants_does_not_end_the_connection(lane, body):
    """RFC 9112 9.3: behind an answer of the gateway's own the next request is the next one."""
    lane.stop_listening()
    request = lane.head(b"POST", b"x", HOST).removesuffix(b"\r\n") + body
    client = lane.client()
    for _ in range(2):
        client.send(request + request)
        assert [client.read().status for _ in range(2)] == [502, 502]
    lane.listen()
    client.send(request)
    assert lane.next_request(client)[1].content == b"hello"
