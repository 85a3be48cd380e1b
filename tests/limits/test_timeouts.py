"""Timeouts of one second towards clients. RFC 9110 15.5.9, RFC 9112 9.5."""

import time

import pytest

from harness.lane import OK, answer
from harness.wire import Stalled

HOST = b"Host: a.test"
LATEST_S = 3.5  # one second, the wheel's granularity, and a busy machine


def ends_in_time(client, least_s=0.5):
    """The connection's end and what came before, between least_s and LATEST_S from now."""
    start = time.monotonic()
    client.await_end(LATEST_S)
    assert time.monotonic() - start >= least_s, "cut off too early"
    return bytes(client.log)


def test_silent_client_is_closed(lane):
    """No octet at all: closed without an answer to a request that never was."""
    assert ends_in_time(lane.client()) == b""


def test_half_a_head_is_answered_408_or_closed(lane):
    client = lane.client()
    client.send(b"GET /slow HTTP/1.1\r\nHost: a.")
    assert ends_in_time(client)[:13] in (b"HTTP/1.1 408 ", b"")
    lane.assert_unvisited()


def test_slow_head_is_cut_though_octets_come(lane):
    """Slowloris: the time is for the whole head, not between two octets."""
    client = lane.client()
    start = time.monotonic()
    for octet in b"GET /slow HTTP/1.1\r\nHost: a.test\r\nX-Slow: " + b"x" * 100:
        if not client.is_quiet(0.2) or not client.try_send(bytes([octet])):
            break
    assert time.monotonic() - start < LATEST_S, "the head was awaited"
    client.await_end()


def test_half_a_body_is_cut(lane):
    """408 or an end, and the upstream sees that the request is incomplete."""
    client = lane.client()
    client.send(lane.head(b"POST", b"x", HOST, b"Content-Length: 100") + b"some")
    upstream = lane.accept()
    request = upstream.read_head()
    request.body.read(4)
    upstream.await_end(LATEST_S)
    assert not request.body.complete
    assert ends_in_time(client, 0)[9:12] in (b"408", b"")


def test_slow_body_that_goes_on_is_not_cut(lane):
    """The time is between two reads: a slow link is no attack."""
    client = lane.client()
    client.send(lane.head(b"POST", b"x", HOST, b"Content-Length: 5"))
    request = lane.accept().read_head()
    for octet in b"hello":
        assert client.is_quiet(0.5)
        client.send(bytes([octet]))
        request.body.read(1)
    assert request.body.complete


def test_idle_kept_connection_is_closed_quietly(lane):
    """RFC 9112 9.5: no 408 nobody asked for."""
    client = lane.client()
    client.send(lane.get())
    lane.answer_next(OK)
    client.read()
    end_of_answer = len(client.log)
    assert ends_in_time(client)[end_of_answer:] == b""


def test_keep_alive_time_starts_anew_with_each_request(lane):
    client = lane.client()
    for _ in range(4):
        client.send(lane.get())
        lane.answer_next(OK)
        client.read()
        assert client.is_quiet(0.6)


def test_waiting_for_the_upstream_is_no_timeout_of_the_client(lane):
    client, upstream, _ = lane.begin(lane.get())
    assert client.is_quiet(2.2)
    upstream.send(answer(b"at last"))
    assert client.read().content == b"at last"


def test_client_that_does_not_read_is_let_go(lane):
    """send_timeout: the answer is dropped and the upstream freed."""
    client = lane.client(receive_buffer=4096)
    client.send(lane.get())
    upstream = lane.accept()
    upstream.read()
    upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (1 << 30))
    upstream.send_while_taken(b"x" * (64 << 20), 0.3)
    try:
        upstream.await_end(LATEST_S)
    except Stalled:
        raise AssertionError("a client that reads nothing holds the upstream for ever") from None


@pytest.mark.parametrize("receive_buffer", [4096, 65536, None])
def test_slow_reader_that_goes_on_is_not_cut(lane, receive_buffer):
    """It reads twenty times a second, so there is progress in every second, though the kernel may
    not call a large send buffer writable again for long."""
    client = lane.client(receive_buffer=receive_buffer)
    client.send(lane.get())
    upstream = lane.accept()
    upstream.read()
    total = 64 << 20
    upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % total)
    upstream.send_while_taken(b"x" * total, 0.05)
    start = time.monotonic()
    while time.monotonic() - start < 3:
        client.sock.recv(65536)
        assert upstream.is_quiet(0.05), f"cut after {time.monotonic() - start:.2f} s"


def test_half_closed_silent_client_is_closed_at_once(lane):
    client = lane.client()
    client.finish_sending()
    start = time.monotonic()
    client.await_end()
    assert time.monotonic() - start < 0.9


def test_refused_client_is_let_go(lane):
    """Lingering after an error ends by itself."""
    client = lane.client()
    client.send(b"BAD\r\n\r\n")
    assert client.read().status == 400
    client.await_end(LATEST_S)
