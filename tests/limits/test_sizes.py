"""Sizes: request line, head, fields, body; head and fields of answers. RFC 9110 4.1, 5.4, 15.5."""

import pytest
from harness.lane import OK, answer, chunked

LINE, HEAD, FIELDS, BODY = 4096, 16384, 50, 65536
HOST = b"Host: a.test"
CHUNKED = b"Transfer-Encoding: chunked"


def refused(lane, octets, *statuses):
    """The refusal of what was sent; nothing of it reaches the upstream."""
    client = lane.client()
    client.try_send(octets)
    response = client.read_refusal(*statuses)
    lane.assert_unvisited()
    return response


def line_of(lane, octets):
    """A request whose request line has that many octets with its CRLF."""
    frame = len(b"GET  HTTP/1.1\r\n") + len(lane.url())
    return lane.get(b"x" * (octets - frame))


@pytest.mark.parametrize("less", [200, 1])
def test_request_line_within_the_limit(lane, less):
    seen, got = lane.exchange(line_of(lane, LINE - less))
    assert got.status == 200


@pytest.mark.parametrize("more", [10, 1000, 100000])
def test_request_line_too_long(lane, more):
    """RFC 9112 3: 414 when the target is too long."""
    refused(lane, line_of(lane, LINE + more), 414)


def test_request_line_without_an_end(lane):
    """The limit counts before the line is complete."""
    refused(lane, b"GET " + lane.url() + b"x" * (LINE * 4), 414, 400)


def test_method_without_an_end(lane):
    refused(lane, b"G" * (LINE * 4), 400, 414, 501)


@pytest.mark.parametrize("size", [LINE, HEAD - 400])
def test_field_within_the_limit(lane, size):
    seen, got = lane.exchange(lane.get(b"x", b"X-Long: " + b"v" * size))
    assert (len(seen.get(b"x-long")), got.status) == (size, 200)


@pytest.mark.parametrize("size", [HEAD, HEAD * 10, 1 << 20])
def test_head_too_long(lane, size):
    """RFC 6585 5: 431."""
    refused(lane, lane.get(b"x", b"X-Long: " + b"v" * size), 431, 400)


def test_head_too_long_in_many_fields(lane):
    fields = [b"X-%d: " % i + b"v" * 1000 for i in range(20)]
    refused(lane, lane.get(b"x", *fields), 431, 400)


def test_head_too_long_in_small_pieces(lane):
    client = lane.client()
    client.send(b"GET " + lane.url() + b" HTTP/1.1\r\nHost: a.test\r\n")
    for number in range(40):
        if not client.try_send(b"X-%d: " % number + b"v" * 1000 + b"\r\n"):
            break
    client.read_refusal(431, 400)
    lane.assert_unvisited()


def test_fields_within_the_limit(lane):
    _, got = lane.exchange(lane.get(b"x", *[b"X-%d: v" % i for i in range(FIELDS - 2)]))
    assert got.status == 200


@pytest.mark.parametrize("count", [FIELDS + 1, FIELDS * 20])
def test_too_many_fields(lane, count):
    refused(lane, lane.get(b"x", *[b"X-%d: v" % i for i in range(count)]), 431, 400)


def test_body_at_the_limit(lane):
    seen, got = lane.exchange(lane.post(b"x" * BODY))
    assert (len(seen.content), got.status) == (BODY, 200)


def test_chunked_body_at_the_limit(lane):
    head = lane.head(b"POST", b"x", HOST, CHUNKED)
    seen, got = lane.exchange(head + chunked(b"x" * (BODY - 100), b"y" * 100))
    assert (len(seen.content), got.status) == (BODY, 200)


@pytest.mark.parametrize("size", [BODY + 1, 1 << 30, 9223372036854775807])
def test_declared_body_too_long(lane, size):
    """RFC 9110 15.5.14: 413 from the head alone, before a single octet of the body."""
    refused(lane, lane.head(b"POST", b"x", HOST, b"Content-Length: %d" % size), 413)


def test_declared_body_too_long_is_not_continued(lane):
    """RFC 9110 10.1.1: 413 in place of 100."""
    head = lane.head(b"POST", b"x", HOST, b"Content-Length: 999999", b"Expect: 100-continue")
    response = refused(lane, head, 413)
    assert not response.interim


def test_declared_body_too_long_that_is_sent_all_the_same(lane):
    """The 413 reaches a client that sends everything before it reads."""
    client = lane.client()
    client.send(lane.head(b"POST", b"x", HOST, b"Content-Length: 5000000"))
    client.send_while_taken(b"x" * 5000000, 0.2)
    assert client.read().status == 413


def test_chunked_body_too_long(lane):
    """The limit is met in the middle: 413, and the upstream never sees a complete request."""
    client = lane.client()
    client.send(lane.head(b"POST", b"x", HOST, CHUNKED))
    upstream = lane.accept()
    request = upstream.read_head()
    client.try_send(chunked(*[b"x" * 10000] * 10))
    assert client.read().status == 413
    upstream.await_end()
    while request.body._decode():
        pass
    assert not request.body.complete


def test_one_chunk_too_long(lane):
    client = lane.client()
    client.send(lane.head(b"POST", b"x", HOST, CHUNKED) + b"fffffff\r\n")
    assert client.read().status == 413


def test_answer_head_within_the_limit(lane):
    _, got = lane.exchange(lane.get(), answer(b"ok", b"X-Long: " + b"v" * (HEAD - 400)))
    assert (got.status, len(got.get(b"x-long"))) == (200, HEAD - 400)


@pytest.mark.parametrize(
    "fields",
    [
        [b"X-Long: " + b"v" * HEAD],
        [b"X-Long: " + b"v" * (1 << 20)],
        [b"X-%d: v" % i for i in range(FIELDS + 1)],
    ],
    ids=["long", "longer", "many"],
)
def test_answer_head_too_long(lane, fields):
    client, upstream, _ = lane.begin(lane.get())
    upstream.try_send(answer(b"ok", *fields))
    assert client.read().status == 502


def test_answer_head_without_an_end(lane):
    client, upstream, _ = lane.begin(lane.get())
    upstream.try_send(b"HTTP/1.1 200 OK\r\n")
    while upstream.try_send(b"X-More: " + b"v" * 10000 + b"\r\n") and client.is_quiet(0.001):
        pass
    assert client.read().status == 502


def test_limits_do_not_add_up_over_a_connection(lane):
    """Each message counts for itself."""
    client = lane.client()
    for _ in range(8):
        client.send(lane.get(b"x", b"X-Long: " + b"v" * 8000) + lane.post(b"x" * 40000))
        lane.answer_next(OK)
        lane.answer_next(OK)
        assert (client.read().status, client.read().status) == (200, 200)


def test_trailers_count(lane):
    """A chunked request cannot have a head of any size behind its body."""
    client = lane.client()
    client.try_send(
        lane.head(b"POST", b"x", HOST, CHUNKED)
        + chunked(b"x", trailers=b"X-T: " + b"v" * 100000 + b"\r\n")
    )
    assert client.read().status in (400, 413, 431)
