"""The pool: reuse, stale connections, retries, poison, timeouts. RFC 9112 9.3.1, 9.5."""

import pytest
from harness.lane import OK, answer, chunked
from harness.wire import until

HOST = b"Host: a.test"


def pooled(lane):
    """A client whose first exchange left one idle connection in the pool: (client, upstream)."""
    client, upstream, _ = lane.begin(lane.get(b"first"))
    upstream.send(OK)
    client.read()
    return client, upstream


@pytest.mark.parametrize("reset", [False, True], ids=["fin", "rst"])
def test_pooled_connection_closed_while_idle(lane, reset):
    """The gateway sees the end and uses a fresh one."""
    client, upstream = pooled(lane)
    if reset:
        upstream.reset()
    else:
        upstream.close()
    lane.fence()
    client.send(lane.get(b"2"))
    assert lane.answer_next(answer(b"2")).target == lane.url(b"2")
    assert client.read().content == b"2"


@pytest.mark.must
@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"PUT", b"DELETE", b"OPTIONS"])
@pytest.mark.parametrize("reset", [False, True], ids=["fin", "rst"])
def test_stale_connection_idempotent_request_is_sent_again(lane, method, reset):
    """RFC 9112 9.3.1: closed after the request was sent, before any answer: once more, on a fresh
    connection."""
    client, upstream = pooled(lane)
    client.send(lane.post(b"", b"2", method=method))
    assert upstream.read().method == method
    if reset:
        upstream.reset()
    else:
        upstream.close()
    fresh = lane.accept()
    seen = fresh.read()
    assert (seen.method, seen.target) == (method, lane.url(b"2"))
    fresh.send(answer(b""))
    assert client.read(method).status == 200


@pytest.mark.must
@pytest.mark.parametrize("method", [b"POST", b"PATCH", b"LOCK", b"MADE-UP"])
def test_stale_connection_other_methods_are_never_sent_twice(lane, method):
    """RFC 9110 9.2.2: it may have been processed."""
    client, upstream = pooled(lane)
    client.send(lane.post(b"order", b"2", method=method))
    assert upstream.read().content == b"order"
    upstream.close()
    assert client.read().status == 502
    lane.fence()
    assert not lane.visited()


def test_stale_connection_is_retried_once_only(lane):
    """The fresh connection fails too: that is an answer, not a loop."""
    client, upstream = pooled(lane)
    client.send(lane.get(b"2"))
    upstream.read()
    upstream.close()
    fresh = lane.accept()
    fresh.read()
    fresh.close()
    assert client.read().status == 502
    assert not lane.visited()


def test_fresh_connection_closed_unanswered_is_not_retried(lane):
    """One node, retries 0: RFC 9112 9.3.1 allows a retry only on a persistent connection."""
    client, upstream, _ = lane.begin(lane.get(b"x"))
    upstream.close()
    assert client.read().status == 502
    assert not lane.visited()


def test_stale_connection_after_the_first_octet_of_an_answer(lane):
    """An answer had begun: no retry."""
    client, upstream = pooled(lane)
    client.send(lane.get(b"2"))
    upstream.read()
    upstream.send(b"HTTP/1.1 2")
    upstream.await_taken()
    upstream.close()
    assert client.read().status == 502
    assert not lane.visited()


def test_stale_connection_and_a_body_that_is_already_gone(lane):
    """A streamed PUT cannot be replayed: refused, or replayed whole; never sent in part."""
    client, upstream = pooled(lane)
    client.send(lane.head(b"PUT", b"2", HOST, b"Content-Length: 300000") + b"x" * 100000)
    request = upstream.read_head()
    request.body.read(100000)
    upstream.close()
    client.try_send(b"x" * 200000)
    if lane.visited(0.3):
        again = lane.accept().read()
        assert again.content == b"x" * 300000
    else:
        assert client.read().status == 502


def test_stale_pool_of_several_connections(lane):
    """All of the pool is stale, one retry: it must go to a new connection, not the next stale."""
    clients = [lane.client() for _ in range(4)]
    for client in clients:
        client.send(lane.get(b"x"))
    upstreams = [lane.accept() for _ in clients]
    for upstream in upstreams:
        upstream.read()
        upstream.send(OK)
    for client in clients:
        client.read()
    for upstream in upstreams:
        upstream.reset()
    clients[0].send(lane.get(b"2"))
    assert lane.answer_next(answer(b"2")).target == lane.url(b"2")
    assert clients[0].read().content == b"2"


POISON = [
    ("response", answer(b"poison")),
    ("crlf", b"\r\n"),
    ("one-octet", b"x"),
    ("half-head", b"HTTP/1.1 200 OK\r\n"),
    ("interim", b"HTTP/1.1 103 Early Hints\r\nX: 1\r\n\r\n"),
]


@pytest.mark.must
@pytest.mark.parametrize("poison", [p[1] for p in POISON], ids=[p[0] for p in POISON])
@pytest.mark.parametrize("together", [True, False], ids=["same-segment", "later"])
def test_octets_after_an_answer_never_answer_the_next_request(lane, poison, together):
    """RFC 9112 9.2: they belong to no request; the connection is not used again."""
    client, upstream, _ = lane.begin(lane.get(b"1"))
    if together:
        upstream.send(answer(b"first") + poison)
    else:
        upstream.send(answer(b"first"))
        assert client.read().content == b"first"
        upstream.send(poison)
        lane.fence()
    if together:
        assert client.read().content == b"first"
    client.send(lane.get(b"2"))
    fresh, request = lane.next_request()
    assert request.target == lane.url(b"2")
    assert fresh is not upstream, "a connection with unasked octets was used again"
    fresh.send(answer(b"second"))
    got = client.read()
    assert (got.content, got.interim) == (b"second", [])


@pytest.mark.parametrize(
    "head",
    [b"Content-Length: 5\r\n\r\nhello", b"Transfer-Encoding: chunked\r\n\r\n" + chunked(b"hello")],
    ids=["length", "chunked"],
)
def test_octets_after_the_body_do_not_reach_the_client(lane, head):
    """RFC 9112 6.3: the length ends the message."""
    client, upstream, _ = lane.begin(lane.get(b"1", b"Connection: close"))
    upstream.send(b"HTTP/1.1 200 OK\r\n" + head + b"GARBAGE")
    assert client.read().content == b"hello"
    client.await_end()
    assert not client.buffer


def test_body_after_head_answer_poisons_nothing(lane):
    """RFC 9112 6.3 point 1: a HEAD answer has no body; what follows spoils the connection."""
    client, upstream, _ = lane.begin(lane.get(b"1", method=b"HEAD"))
    upstream.send(answer(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"))
    client.read(b"HEAD")
    lane.fence()
    client.send(lane.get(b"2"))
    fresh, request = lane.next_request()
    assert fresh is not upstream
    fresh.send(answer(b"second"))
    assert client.read().content == b"second"


def test_upstream_that_says_close_is_not_used_again(lane):
    """RFC 9112 9.6."""
    client, upstream, _ = lane.begin(lane.get(b"1"))
    upstream.send(answer(b"1", b"Connection: close"))
    client.read()
    client.send(lane.get(b"2"))
    fresh = lane.accept()
    assert fresh.read().target == lane.url(b"2")
    fresh.send(OK)
    assert client.read().status == 200
    assert upstream.await_end() == "fin"


def test_http10_upstream_is_not_used_again(lane):
    """RFC 9112 9.3: 1.0 without keep-alive does not persist."""
    client, upstream, _ = lane.begin(lane.get(b"1"))
    upstream.send(b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n1")
    client.read()
    client.send(lane.get(b"2"))
    fresh = lane.accept()
    assert fresh.read().target == lane.url(b"2")


def test_upstream_busy_with_a_body_is_not_used_for_another(lane):
    client, upstream, _ = lane.begin(lane.get(b"1"))
    upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
    response = client.read_head()
    response.body.read(5)
    second = lane.client()
    second.send(lane.get(b"2"))
    fresh = lane.accept()
    assert fresh.read().target == lane.url(b"2")
    fresh.send(answer(b"2"))
    assert second.read().content == b"2"
    upstream.send(b"world")
    assert response.body.rest() == b"world"


def test_client_abort_does_not_leave_its_answer_in_the_pool(lane):
    """An exchange cut in the middle of the answer: the connection is gone with it."""
    client, upstream, _ = lane.begin(lane.get(b"1"))
    upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nsome")
    client.read_head().body.read(4)
    client.reset()
    lane.fence()
    second = lane.client()
    second.send(lane.get(b"2"))
    fresh, request = lane.next_request()
    assert request.target == lane.url(b"2")
    assert fresh is not upstream
    fresh.send(answer(b"2"))
    assert second.read().content == b"2"


def test_answer_before_the_request_is_not_taken(lane):
    """RFC 9112 9.2: a response needs a request. On a pooled connection it is poison."""
    client, upstream = pooled(lane)
    upstream.send(answer(b"unasked"))
    lane.fence()
    client.send(lane.get(b"2"))
    assert lane.answer_next(answer(b"asked")).target == lane.url(b"2")
    assert client.read().content == b"asked"


def test_greeting_of_a_server_that_speaks_first(lane):
    """Not HTTP (mail, ssh): 502, never an answer."""
    client = lane.client()
    client.send(lane.get(b"x"))
    upstream = lane.accept()
    upstream.send(b"220 mail.test ESMTP\r\n")
    assert client.read().status == 502


def test_read_timeout_of_the_upstream(brief_lane):
    """Route timeout of one second: 504, and the late answer goes nowhere."""
    lane = brief_lane
    client, upstream, _ = lane.begin(lane.get(b"1"))
    got = client.read()
    assert got.status == 504
    upstream.try_send(answer(b"late"))
    fresh = lane.client()
    fresh.send(lane.get(b"2"))
    assert lane.answer_next(answer(b"2")).target == lane.url(b"2")
    assert fresh.read().content == b"2"


def test_read_timeout_counts_between_octets(brief_lane):
    """A slow answer that goes on is no timeout."""
    lane = brief_lane
    client, upstream, _ = lane.begin(lane.get(b"1"))
    upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
    response = client.read_head()
    for value in b"abcde":
        assert client.is_quiet(0.4)
        upstream.send(bytes([value]))
        response.body.read(1)
    assert response.body.complete


@pytest.mark.must
def test_read_timeout_within_the_body_is_a_truncation(brief_lane):
    """RFC 9112 8."""
    client, upstream, _ = brief_lane.begin(brief_lane.get())
    upstream.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
    _, body = client.read_truncated()
    assert body == b"hello"
    upstream.await_end()


def test_timeout_of_a_post_is_not_retried(brief_lane):
    client, upstream, _ = brief_lane.begin(brief_lane.post(b"order"))
    assert client.read().status == 504
    assert not brief_lane.visited()


def test_send_timeout_of_the_upstream(brief_lane):
    """An upstream that never reads: 504 or 502, not for ever."""
    lane = brief_lane
    client = lane.client()
    client.send(lane.head(b"POST", b"x", HOST, b"Content-Length: %d" % (64 << 20)))
    lane.accept().read_head()
    client.send_while_taken(b"x" * (64 << 20), 0.2)
    assert client.read().status in (502, 504, 408)


def test_waiting_for_a_slow_client_is_no_upstream_timeout(brief_lane):
    """The upstream's read timeout starts when the request is complete."""
    lane = brief_lane
    client = lane.client()
    client.send(lane.head(b"POST", b"x", HOST, b"Content-Length: 5"))
    upstream = lane.accept()
    request = upstream.read_head()
    for value in b"hello":
        assert client.is_quiet(0.4)
        client.send(bytes([value]))
        request.body.read(1)
    upstream.send(OK)
    assert client.read().status == 200


def test_refused_connect(lane):
    lane.stop_listening()
    client = lane.client()
    client.send(lane.get(b"x"))
    assert client.read().status in (502, 503)


def test_refused_connect_with_a_body_keeps_the_connection_in_step(lane):
    lane.stop_listening()
    client = lane.client()
    client.send(lane.post(lane.get(b"hidden"), b"x"))
    assert client.read().status in (502, 503)
    lane.listen()
    if client.try_send(lane.get(b"2")):
        later = lane.next_request(client)
        assert later is None or later[1].target == lane.url(b"2")


def test_upstream_comes_back(lane):
    """No state of a failed connect lingers."""
    lane.stop_listening()
    client = lane.client()
    client.send(lane.get(b"1", b"Connection: close"))
    client.read()
    lane.listen()
    _, got = lane.exchange(lane.get(b"2"))
    assert got.status == 200


def test_idle_pool_does_not_grow_without_end(lane):
    """64 exchanges one after the other need one upstream connection."""
    client = lane.client()
    opened = set()
    for _ in range(64):
        client.send(lane.get(b"x"))
        upstream, _ = lane.next_request()
        opened.add(upstream)
        upstream.send(OK)
        client.read()
    assert len(opened) == 1


def test_close_of_an_idle_upstream_is_answered(lane):
    """The gateway closes its half: no descriptor is left in CLOSE_WAIT."""
    client, upstream = pooled(lane)
    upstream.finish_sending()
    assert upstream.await_end() in ("fin", "rst")
    until(lambda: upstream.end, "the close of the gateway's half")
