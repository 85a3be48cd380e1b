"""Persistence, pipelining, ends and aborts on the client's side. RFC 9112 9."""

import pytest
from harness.lane import OK, answer, chunked
from harness.wire import until

HOST = b"Host: a.test"


def test_keep_alive_is_the_default(lane):
    """RFC 9112 9.3."""
    client = lane.client()
    for number in range(20):
        client.send(lane.get(b"%d" % number))
        assert lane.answer_next(OK).target == lane.url(b"%d" % number)
        assert not client.read().closes


def test_upstream_connection_is_reused(lane):
    client, upstream, _ = lane.begin(lane.get(b"1"))
    upstream.send(OK)
    client.read()
    for number in range(5):
        client.send(lane.get(b"%d" % number))
        assert upstream.read().target == lane.url(b"%d" % number)
        upstream.send(OK)
        client.read()
    assert not lane.visited()


def test_another_client_reuses_the_upstream_connection(lane):
    client, upstream, _ = lane.begin(lane.get(b"1"))
    upstream.send(OK)
    client.read()
    client.close()
    second = lane.client()
    second.send(lane.get(b"2"))
    assert upstream.read().target == lane.url(b"2")
    upstream.send(OK)
    assert second.read().status == 200


@pytest.mark.must
@pytest.mark.parametrize(
    "value", [b"close", b"Close", b"CLOSE", b"x, close", b"close,x", b"\tclose "], ids=repr
)
def test_close_asked_by_the_client(lane, value):
    """RFC 9112 9.6: the server closes after the response, and says so."""
    client, upstream, _ = lane.begin(lane.get(b"1", b"Connection:" + value) + lane.get(b"2"))
    upstream.send(OK)
    got = client.read()
    assert got.closes
    assert client.await_end() in ("fin", "rst")
    assert not client.buffer
    lane.assert_unvisited()


def test_close_of_the_client_is_not_passed_on(lane):
    """RFC 9110 7.6.1: the pooled upstream connection lives on."""
    client, upstream, _ = lane.begin(lane.get(b"1", b"Connection: close"))
    upstream.send(OK)
    client.read()
    second = lane.client()
    second.send(lane.get(b"2"))
    assert upstream.read().target == lane.url(b"2")


@pytest.mark.must
def test_http10_closes_by_default(lane):
    """RFC 9112 9.3."""
    client, upstream, _ = lane.begin(lane.head(b"GET", b"x", HOST, version=b"1.0"))
    upstream.send(OK)
    assert client.read().closes
    assert client.await_end() == "fin"


def test_http10_keep_alive(lane):
    """RFC 9112 9.3 and C.2.2: kept, and said so, or closed."""
    request = lane.head(b"GET", b"x", HOST, b"Connection: keep-alive", version=b"1.0")
    client, upstream, _ = lane.begin(request)
    upstream.send(OK)
    got = client.read()
    if got.closes:
        client.await_end()
        return
    assert b"keep-alive" in got.get(b"connection").lower()
    client.send(request)
    lane.answer_next(answer(b"2"))
    assert client.read().content == b"2"


def test_http10_keep_alive_with_an_unknown_length_closes(lane):
    request = lane.head(b"GET", b"x", HOST, b"Connection: keep-alive", version=b"1.0")
    client, upstream, _ = lane.begin(request)
    upstream.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"hello"))
    got = client.read()
    assert got.content == b"hello"
    if got.body.kind == "close":
        assert b"keep-alive" not in b",".join(got.all(b"connection")).lower()


@pytest.mark.must
@pytest.mark.parametrize("depth", [2, 10, 100])
def test_pipelined_requests_are_answered_in_order(lane, depth):
    """RFC 9112 9.3.2."""
    client = lane.client()
    client.send(b"".join(lane.get(b"%d" % i) for i in range(depth)))
    for number in range(depth):
        assert lane.answer_next(answer(b"%d" % number)).target == lane.url(b"%d" % number)
    assert [client.read().content for _ in range(depth)] == [b"%d" % i for i in range(depth)]


def test_pipelined_posts_keep_their_bodies(lane):
    client = lane.client()
    client.send(b"".join(lane.post(b"body-%d" % i, b"%d" % i) for i in range(30)))
    for number in range(30):
        assert lane.answer_next(answer(b"%d" % number)).content == b"body-%d" % number
        assert client.read().content == b"%d" % number


def test_pipeline_cut_at_every_octet(lane):
    """Two requests in two segments, the border anywhere."""
    octets = lane.post(b"abc", b"1") + lane.get(b"2")
    client = lane.client()
    for cut in range(1, len(octets), 3):
        client.send(octets[:cut])
        client.await_taken()
        client.send(octets[cut:])
        assert lane.answer_next(answer(b"1")).content == b"abc"
        assert lane.answer_next(answer(b"2")).target == lane.url(b"2")
        assert (client.read().content, client.read().content) == (b"1", b"2")


def test_ten_thousand_requests_pipelined_without_reading(lane):
    """A client that sends and never reads must not make the gateway collect answers."""
    client = lane.client(receive_buffer=16384)
    total = lane.get(b"x") * 200000
    sent = 0
    while sent < len(total):
        took = client.send_while_taken(total[sent : sent + 65536], 0.05)
        sent += took
        served = serve_what_is_there(lane, answer(b"y" * 20000))
        if not took and not served:
            return
    raise AssertionError("200,000 requests were taken while no answer was read")


def serve_what_is_there(lane, response, limit=50):
    """Answers up to `limit` requests that have already arrived."""
    for count in range(limit):
        try:
            upstream, _ = lane.next_request(wait_s=0.03)
        except AssertionError:
            return count
        if not upstream.try_send(response):
            return count
    return limit


def test_half_closing_client_gets_its_answer(lane):
    """RFC 9112 9.6 and TCP: end of sending is not the end of reading."""
    client = lane.client()
    client.send(lane.get(b"x"))
    client.finish_sending()
    upstream = lane.accept()
    upstream.read()
    upstream.send(answer(b"still there"))
    assert client.read().content == b"still there"
    assert client.await_end() == "fin"


def test_half_close_before_the_upstream_answers(lane):
    client, upstream, _ = lane.begin(lane.get(b"x"))
    client.finish_sending()
    lane.fence()
    upstream.send(answer(b"late"))
    assert client.read().content == b"late"


def test_half_close_after_a_post_and_a_slow_answer(lane):
    client, upstream, _ = lane.begin(lane.post(b"hello"))
    client.finish_sending()
    lane.fence()
    upstream.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
    response = client.read_head()
    assert response.body.read(5) == b"hello"
    upstream.send(b"0\r\n\r\n")
    assert response.body.rest() == b""


def test_half_close_behind_a_pipeline(lane):
    client = lane.client()
    client.send(lane.get(b"1") + lane.get(b"2") + lane.get(b"3"))
    client.finish_sending()
    for number in (b"1", b"2", b"3"):
        assert lane.answer_next(answer(number)).target == lane.url(number)
    assert [client.read().content for _ in range(3)] == [b"1", b"2", b"3"]
    assert client.await_end() == "fin"


def test_half_close_within_a_head_is_no_request(lane):
    client = lane.client()
    client.send(lane.get(b"x")[:-2])
    client.finish_sending()
    client.await_end()
    lane.assert_unvisited()


def test_half_closing_client_that_is_gone_is_noticed(lane):
    """After the FIN a reset tells that nobody reads any more."""
    client, upstream, _ = lane.begin(lane.get(b"x"))
    client.finish_sending()
    lane.fence()
    client.reset()
    upstream.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(20000):
        if not upstream.try_send(b"1000\r\n" + b"x" * 4096 + b"\r\n"):
            return
    raise AssertionError("80 MB were taken for a client that is gone")


def test_reset_of_a_waiting_client_frees_the_upstream(lane):
    """The upstream connection is closed, or kept and its answer dropped; never given to another."""
    client, upstream, _ = lane.begin(lane.get(b"1"))
    client.reset()
    lane.fence()
    second = lane.client()
    second.send(lane.get(b"2"))
    upstream.try_send(answer(b"for the first"))
    other, request = lane.next_request()
    assert request.target == lane.url(b"2")
    other.send(answer(b"for the second"))
    assert second.read().content == b"for the second"


def test_connection_without_a_request_is_closed_quietly(lane):
    client = lane.client()
    client.finish_sending()
    assert client.await_end() in ("fin", "rst")
    assert not client.log


def test_answer_is_whole_though_the_client_sent_on(lane):
    """RFC 9112 9.6: with unread octets behind, close() would reset the connection and the client
    could lose the answer; the gateway must linger."""
    client = lane.client()
    client.send(b"GET / HTTP/1.1\r\nHost: a b\r\nContent-Length: 5000000\r\n\r\n")
    client.send_while_taken(b"x" * 5000000, 0.2)
    got = client.read()
    assert got.status == 400
    assert len(got.content) == int(got.get(b"content-length"))


def test_refused_client_is_let_go_in_time(lane, full):
    """The lingering after a refusal is bounded, though the client goes on sending."""
    if not full:
        pytest.skip("takes up to half a minute: --full")
    client = lane.client()
    client.send(b"BAD\r\n\r\n")
    client.read()
    until(lambda: not client.try_send(b"x"), "the end of the lingering", 35, 0.5)


def test_many_connections_at_once(lane):
    """500 clients, each in the middle of its own exchange."""
    clients = [lane.client() for _ in range(200)]
    for number, client in enumerate(clients):
        client.send(lane.get(b"%d" % number))
    waiting = {}
    for _ in clients:
        upstream, request = lane.next_request()
        waiting[request.target] = upstream
    for number, client in reversed(list(enumerate(clients))):
        waiting[lane.url(b"%d" % number)].send(answer(b"%d" % number))
        assert client.read().content == b"%d" % number
