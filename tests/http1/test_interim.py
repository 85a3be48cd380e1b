"""1xx responses and Expect. RFC 9110 10.1.1, 15.2; RFC 8297."""

import pytest
from harness.lane import OK, answer

HINT = b"HTTP/1.1 103 Early Hints\r\nLink: </s.css>; rel=preload\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
PROCESSING = b"HTTP/1.1 102 Processing\r\n\r\n"
EXPECT = b"Expect: 100-continue"


def statuses(response):
    return [r.status for r in response.interim]


@pytest.mark.must
@pytest.mark.parametrize(
    "interim", [HINT, PROCESSING, b"HTTP/1.1 199 Own\r\nX-A: 1\r\n\r\n"], ids=["103", "102", "199"]
)
def test_interim_response_reaches_the_client(lane, interim):
    """RFC 9110 15.2: a proxy must forward 1xx responses."""
    client, upstream, _ = lane.begin(lane.get(b"1"))
    upstream.send(interim)
    upstream.send(OK)
    got = client.read()
    assert statuses(got) == [int(interim[9:12])]
    assert (got.status, got.content) == (200, b"ok")


@pytest.mark.must
def test_early_hints_arrive_before_the_final_response_is_made(lane):
    """RFC 8297: that is their use."""
    client, upstream, _ = lane.begin(lane.get())
    upstream.send(HINT)
    while b"\r\n\r\n" not in client.buffer:
        assert client.fill(), "the connection ended"
    assert client.buffer.startswith(b"HTTP/1.1 103 ")
    upstream.send(OK)
    got = client.read()
    assert got.interim[0].get(b"link") == b"</s.css>; rel=preload"
    assert got.status == 200


def test_several_kinds_in_a_row(lane):
    client, upstream, _ = lane.begin(lane.get())
    upstream.send(PROCESSING + HINT + PROCESSING + HINT + OK)
    got = client.read()
    assert statuses(got) == [102, 103, 102, 103]
    assert got.content == b"ok"


def test_fields_of_interim_and_final_do_not_mix(lane):
    client, upstream, _ = lane.begin(lane.get())
    upstream.send(HINT + answer(b"x", b"X-Final: 1"))
    got = client.read()
    assert got.get(b"link") is None
    assert got.interim[0].get(b"x-final") is None
    assert got.get(b"x-final") == b"1"


def test_interim_hop_by_hop_fields_are_removed(lane):
    """RFC 9110 7.6.1 holds for every message."""
    client, upstream, _ = lane.begin(lane.get())
    upstream.send(b"HTTP/1.1 103 X\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\n\r\n" + OK)
    got = client.read()
    assert not {b"x-hop", b"keep-alive"} & set(got.interim[0].fields.names())


@pytest.mark.must
def test_http10_client_gets_no_interim(lane):
    """RFC 9110 15.2: must not send 1xx to an HTTP/1.0 client."""
    client, upstream, _ = lane.begin(lane.head(b"GET", b"x", b"Host: a.test", version=b"1.0"))
    upstream.send(HINT + CONTINUE + OK)
    got = client.read()
    assert (statuses(got), got.content) == ([], b"ok")


def test_pipelined_answers_stay_in_step_behind_interim_ones(lane):
    client = lane.client()
    client.send(lane.get(b"1") + lane.get(b"2") + lane.get(b"3"))
    for body in (b"1", b"2", b"3"):
        assert lane.answer_next(HINT + HINT + answer(body)).target == lane.url(body)
    assert [client.read().content for _ in range(3)] == [b"1", b"2", b"3"]


@pytest.mark.parametrize("count", [8, 300, 20000])
def test_flood_of_interim_responses(lane, count):
    """All of them, or a refusal with 502: but in step, and the gateway lives."""
    client, upstream, _ = lane.begin(lane.get(b"1"))
    upstream.try_send(HINT * count + answer(b"final"))
    got = client.read()
    if got.status == 502:
        assert count > 8
    else:
        assert (len(got.interim), got.content) == (count, b"final")
    fresh = lane.client()
    fresh.send(lane.get(b"2"))
    assert lane.answer_next(answer(b"second")).target == lane.url(b"2")
    assert fresh.read().content == b"second"


def test_endless_interim_to_a_client_that_does_not_read(lane):
    """Backpressure or a refusal: the gateway must not collect them without limit."""
    client, upstream, _ = lane.begin(lane.get())
    sent = upstream.send_while_taken(HINT * 700000, 0.4)
    assert sent < len(HINT) * 700000, "38 MB of interim responses were taken unread"
    client.close()


def test_interim_while_the_request_body_is_still_sent(lane):
    client = lane.client()
    client.send(lane.head(b"POST", b"x", b"Host: a.test", b"Content-Length: 10") + b"hello")
    upstream = lane.accept()
    request = upstream.read_head()
    assert request.body.read(5) == b"hello"
    upstream.send(HINT)
    while b"\r\n\r\n" not in client.buffer:
        assert client.fill()
    client.send(b"world")
    assert request.body.rest() == b"world"
    upstream.send(OK)
    got = client.read()
    assert (statuses(got), got.content) == ([103], b"ok")


@pytest.mark.must
def test_expecting_client_is_told_to_continue(lane):
    """RFC 9110 10.1.1: 100 by the gateway or passed from the upstream; the body then follows."""
    client = lane.client()
    client.send(lane.head(b"POST", b"x", b"Host: a.test", b"Content-Length: 5", EXPECT))
    upstream = None
    while b"\r\n\r\n" not in client.buffer:
        if upstream is None and lane.visited(0.2):
            upstream = lane.accept()
            upstream.read_head()
            upstream.send(CONTINUE)
        assert client.fill()
    assert client.buffer.startswith(b"HTTP/1.1 100 ")
    client.send(b"hello")
    if upstream is None:
        upstream = lane.accept()
        request = upstream.read_head()
        assert request.body.rest() == b"hello"
    else:
        while len(upstream.buffer) < 5:
            assert upstream.fill()
        assert upstream.take(5) == b"hello"
    upstream.send(OK)
    got = client.read()
    assert got.status == 200
    assert set(statuses(got)) == {100}


def test_body_that_does_not_wait_for_continue(lane):
    """RFC 9110 10.1.1: a client may send on; 100 may then be left out."""
    client = lane.client()
    client.send(lane.post(b"hello", b"x", EXPECT))
    upstream = lane.accept()
    request = upstream.read_head()
    if request.get(b"expect"):
        upstream.send(CONTINUE)
    assert request.body.rest() == b"hello"
    upstream.send(OK)
    assert client.read().content == b"ok"
    client.send(lane.get(b"2"))
    assert lane.answer_next(OK).target == lane.url(b"2")
    assert client.read().content == b"ok"


@pytest.mark.parametrize(
    "status", [b"417 Expectation Failed", b"401 Unauthorized", b"413 Too Large"]
)
def test_final_status_instead_of_continue(lane, status):
    """RFC 9110 10.1.1: the client gets it without sending the body; what it sends next on the same
    connection is not taken for a body nor the other way round."""
    client = lane.client()
    client.send(lane.head(b"POST", b"x", b"Host: a.test", b"Content-Length: 5", EXPECT))
    if not lane.visited(0.3):
        pytest.skip("answers 100 by itself before it connects")
    upstream = lane.accept()
    upstream.read_head()
    upstream.send(answer(b"no", b"Connection: close", status=status))
    got = client.read()
    assert (got.status, got.content) == (int(status[:3]), b"no")
    upstream.close()
    if client.try_send(b"hello" + lane.get(b"2")):
        later = lane.next_request(client)
        assert later is None or later[1].target == lane.url(b"2")


def test_final_answer_after_continue_and_part_of_the_body(lane):
    client = lane.client()
    client.send(lane.head(b"POST", b"x", b"Host: a.test", b"Content-Length: 10", EXPECT))
    if not lane.visited(0.3):
        pytest.skip("answers 100 by itself before it connects")
    upstream = lane.accept()
    upstream.read_head()
    upstream.send(CONTINUE)
    while b"\r\n\r\n" not in client.buffer:
        assert client.fill()
    client.send(b"hello")
    while len(upstream.buffer) < 5:
        assert upstream.fill()
    upstream.send(answer(b"enough", b"Connection: close", status=b"413 Too Large"))
    upstream.close()
    got = client.read()
    assert (got.status, got.content) == (413, b"enough")


@pytest.mark.must
def test_expect_of_http10_is_ignored(lane):
    """RFC 9110 10.1.1: no 100 to a 1.0 client."""
    client = lane.client()
    head = lane.head(b"POST", b"x", b"Host: a.test", b"Content-Length: 5", EXPECT, version=b"1.0")
    client.send(head + b"hello")
    upstream = lane.accept()
    assert upstream.read().content == b"hello"
    upstream.send(OK)
    got = client.read()
    assert (statuses(got), got.status) == ([], 200)


def test_expect_without_a_body(lane):
    """RFC 9110 10.1.1: nothing to wait for, so nothing hangs."""
    client = lane.client()
    client.send(lane.get(b"x", EXPECT))
    upstream = lane.accept()
    assert upstream.read().target == lane.url(b"x")
    upstream.send(OK)
    assert client.read().content == b"ok"


def test_unknown_expectation(lane):
    """RFC 9110 10.1.1: 417, or passed on."""
    client = lane.client()
    client.send(lane.post(b"hello", b"x", b"Expect: 200-ok"))
    if lane.visited(0.2):
        upstream = lane.accept()
        assert upstream.read().content == b"hello"
        upstream.send(OK)
    assert client.read().status in (200, 417)


@pytest.mark.parametrize("first", [b"100-continue", b"200-ok"])
def test_expectations_in_several_lines(lane, first):
    """RFC 9110 5.3, 10.1.1: they are one list, of which none is met without all the others."""
    lines = (b"Expect: " + first, b"Expect: 300-more")
    client = lane.client()
    client.send(lane.post(b"hello", b"x", *lines))
    client.read_refusal(417)
    lane.assert_unvisited()


@pytest.mark.parametrize("value", [b"100-CONTINUE", b"100-Continue"])
def test_expectation_in_any_case(lane, value):
    """RFC 9110 10.1.1: case-insensitive."""
    client = lane.client()
    client.send(
        lane.head(b"POST", b"x", b"Host: a.test", b"Content-Length: 2", b"Expect: " + value)
    )
    if lane.visited(0.2):
        upstream = lane.accept()
        upstream.read_head()
        upstream.send(CONTINUE)
    while b"\r\n\r\n" not in client.buffer:
        assert client.fill()
    assert client.buffer.startswith(b"HTTP/1.1 100 ")


@pytest.mark.parametrize("count", [1, 5])
def test_unasked_continue_is_harmless(lane, count):
    """RFC 9110 15.2: a client can take 100 without having asked; passed on or left out."""
    client, upstream, _ = lane.begin(lane.get())
    upstream.send(CONTINUE * count + OK)
    got = client.read()
    assert got.content == b"ok"
    assert set(statuses(got)) <= {100}
