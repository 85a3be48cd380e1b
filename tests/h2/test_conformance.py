"""RFC 9113 and RFC 7541, case by case: what a client must not do, and what it may."""

import socket

import pytest

from harness.h2 import *  # noqa: F403

OK = [(":method", "GET"), (":scheme", "http"), (":authority", "a.test"), (":path", "/")]


def code_of(client, stream=1):
    """How the gateway objected: to the stream or to the connection."""
    return client.stream_error(stream)


# ---- connections


def test_settings_are_acknowledged(client):
    client.until(lambda: client.saw(SETTINGS, ACK))
    assert client.saw(SETTINGS, ACK)
    assert client.frames[0][0] == SETTINGS


def test_invalid_preface(connect):
    client = connect(greet=False)
    client.send(b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n")
    assert client.connection_error() == PROTOCOL


def test_http1_that_begins_like_a_preface(served):
    """RFC 9113 3.4: the peer does not speak HTTP/2, so it is refused as HTTP/1."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=5) as client:
        client.sendall(b"PRI * HTTP/2.0\r\nHost: a.test\r\n\r\n")
        answer = b"".join(iter(lambda: client.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 505 ")


def test_preface_octet_by_octet(connect):
    client = connect(greet=False)
    for octet in PREFACE + frame(SETTINGS, 0, 0):
        client.send(bytes([octet]))
    assert client.read(client.ask()).status == 200


def test_first_frame_must_be_settings(connect):
    client = connect(greet=False)
    client.send(PREFACE, frame(PING, 0, 0, b"12345678"))
    assert client.connection_error() == PROTOCOL


CONNECTION_FAULTS = [
    ("data-on-0", frame(DATA, END_STREAM, 0, b"x"), PROTOCOL),
    ("data-on-idle", frame(DATA, END_STREAM, 1, b"x"), PROTOCOL),
    ("headers-on-0", frame(HEADERS, 5, 0, b"\x82"), PROTOCOL),
    ("headers-on-even", frame(HEADERS, 5, 2, b"\x82\x86\x84\x41\x01a"), PROTOCOL),
    ("headers-pad-too-long", frame(HEADERS, 5 | PADDED, 1, b"\x09\x82\x86"), PROTOCOL),
    ("headers-cut-priority", frame(HEADERS, 5 | PRIO, 1, b"\0\0\0"), SIZE),
    ("priority-on-0", frame(PRIORITY, 0, 0, b"\0\0\0\0\1"), PROTOCOL),
    ("rst-on-0", frame(RST, 0, 0, u32(8)), PROTOCOL),
    ("rst-on-idle", frame(RST, 0, 1, u32(8)), PROTOCOL),
    ("rst-short", frame(RST, 0, 1, b"\0\0\0"), SIZE),
    ("settings-on-stream", frame(SETTINGS, 0, 1), PROTOCOL),
    ("settings-odd", frame(SETTINGS, 0, 0, b"\0\0\0"), SIZE),
    ("settings-ack-payload", frame(SETTINGS, ACK, 0, setting(1, 1)), SIZE),
    ("settings-push-2", frame(SETTINGS, 0, 0, setting(2, 2)), PROTOCOL),
    ("settings-window", frame(SETTINGS, 0, 0, setting(4, 1 << 31)), FLOW),
    ("settings-frame-small", frame(SETTINGS, 0, 0, setting(5, 16383)), PROTOCOL),
    ("settings-frame-big", frame(SETTINGS, 0, 0, setting(5, 1 << 24)), PROTOCOL),
    ("push-promise", frame(PUSH, END_HEADERS, 1, u32(2) + b"\x82"), PROTOCOL),
    ("ping-on-stream", frame(PING, 0, 1, b"12345678"), PROTOCOL),
    ("ping-short", frame(PING, 0, 0, b"123456"), SIZE),
    ("goaway-on-stream", frame(GOAWAY, 0, 1, u32(0) + u32(0)), PROTOCOL),
    ("goaway-short", frame(GOAWAY, 0, 0, b"\0"), SIZE),
    ("window-0", frame(WINDOW, 0, 0, u32(0)), PROTOCOL),
    ("window-on-idle", frame(WINDOW, 0, 1, u32(1)), PROTOCOL),
    ("window-short", frame(WINDOW, 0, 0, b"\0\0\1"), SIZE),
    ("window-too-wide", frame(WINDOW, 0, 0, u32(0x7FFFFFFF)) * 2, FLOW),
    ("continuation-alone", frame(CONTINUATION, END_HEADERS, 1, b"\x82"), PROTOCOL),
    ("continuation-on-0", frame(CONTINUATION, END_HEADERS, 0, b"\x82"), PROTOCOL),
    ("frame-too-large", frame(PING, 0, 0, b"x" * 16385), SIZE),
    ("block-index-0", frame(HEADERS, 5, 1, b"\x80"), COMPRESSION),
    ("block-index-70", frame(HEADERS, 5, 1, b"\xc6"), COMPRESSION),
    ("block-cut", frame(HEADERS, 5, 1, b"\x82\x86\x84\x41\x09a"), COMPRESSION),
    ("block-table-too-big", frame(HEADERS, 5, 1, b"\x3f\xe2\x1f\x82\x86\x84"), COMPRESSION),
    ("block-table-at-end", frame(HEADERS, 5, 1, b"\x82\x86\x84\x41\x01a\x20"), COMPRESSION),
    ("block-huffman-eos", frame(HEADERS, 5, 1, b"\x82\x86\x84\x41\x84" + b"\xff" * 4), COMPRESSION),
    ("block-huffman-pad", frame(HEADERS, 5, 1, b"\x82\x86\x84\x41\x82\x1f\xff"), COMPRESSION),
    ("block-interrupted", frame(HEADERS, 1, 1, b"\x82") + frame(PING, 0, 0, b"12345678"), PROTOCOL),
    ("block-unknown-frame", frame(HEADERS, 1, 1, b"\x82") + frame(0x16, 0, 0, b"x"), PROTOCOL),
    (
        "block-of-another",
        frame(HEADERS, 1, 1, b"\x82") + frame(CONTINUATION, 4, 3, b"\x86\x84"),
        PROTOCOL,
    ),
]


@pytest.mark.parametrize(
    "octets, code", [c[1:] for c in CONNECTION_FAULTS], ids=[c[0] for c in CONNECTION_FAULTS]
)
def test_connection_error(client, octets, code):
    client.send(octets)
    assert client.connection_error() == code


ALLOWED = [
    ("unknown-type", frame(0x16, 0xFF, 0, b"octets")),
    ("unknown-flags", frame(PING, 0x16, 0, b"87654321")),
    ("reserved-bit", frame(PING, 0, 0x80000000, b"87654321")),
    ("unknown-setting", frame(SETTINGS, 0, 0, setting(0xFF, 1))),
    ("same-setting-twice", frame(SETTINGS, 0, 0, setting(4, 1) + setting(4, 70000))),
    ("ping-ack", frame(PING, ACK, 0, b"87654321")),
    ("priority-on-idle", frame(PRIORITY, 0, 9, b"\0\0\0\7\1")),
    ("goaway", frame(GOAWAY, 0, 0, u32(0) + u32(0xFF) + b"debug")),
]


@pytest.mark.parametrize("octets", [c[1] for c in ALLOWED], ids=[c[0] for c in ALLOWED])
def test_allowed(client, octets):
    client.send(octets)
    assert client.read(client.ask()).status == 200


# ---- streams


def test_stream_numbers_must_grow(client):
    client.next = 5
    client.ask()
    client.next = 3
    client.ask()
    assert client.connection_error() == PROTOCOL


def test_frames_after_end_stream(connect):
    for octets in (frame(DATA, END_STREAM, 1, b"x"), frame(HEADERS, 5, 1, b"\x82\x86\x84")):
        client = connect()
        client.read(client.ask())
        client.send(octets)
        assert client.connection_error() == CLOSED


def test_frames_after_our_reset(connect):
    for octets in (frame(DATA, END_STREAM, 1, b"x"), frame(HEADERS, 5, 1, b"\x82\x86\x84")):
        client = connect()
        client.ask("POST", end=False)
        client.send(frame(RST, 0, 1, u32(CANCEL)), octets)
        assert code_of(client) == CLOSED


def test_window_update_and_reset_after_the_end_are_ignored(client):
    client.read(client.ask())
    client.send(frame(WINDOW, 0, 1, u32(1)), frame(RST, 0, 1, u32(CANCEL)))
    assert client.ping()


def test_continuation_after_end(client):
    client.ask("POST", end=False)
    client.send(frame(CONTINUATION, 4, 1, b"\x82"))
    assert client.connection_error() == PROTOCOL


def test_self_dependency(connect):
    client = connect()
    block = client.encoder.encode(OK)
    client.send(frame(HEADERS, 5 | PRIO, 1, u32(1) + b"\xff" + block))
    assert code_of(client) == PROTOCOL
    client = connect()
    client.ask("POST", end=False)
    client.send(frame(PRIORITY, 0, 1, u32(1) + b"\xff"))
    assert code_of(client) == PROTOCOL


def test_priority_of_wrong_size(client):
    client.ask("POST", end=False)
    client.send(frame(PRIORITY, 0, 1, b"\0\0\0\0"))
    assert code_of(client) == SIZE


def test_zero_window_update_on_a_stream(client):
    client.ask("POST", end=False)
    client.open_window(1, 0)
    assert code_of(client) == PROTOCOL


def test_a_stream_window_too_wide(client):
    client.ask("POST", end=False)
    client.open_window(1, 0x7FFFFFFF)
    client.open_window(1, 0x7FFFFFFF)
    assert code_of(client) == FLOW


def test_data_padding_too_long(client):
    client.ask("POST", end=False)
    client.send(frame(DATA, PADDED | END_STREAM, 1, b"\x09abc"))
    assert client.connection_error() == PROTOCOL


def test_legal_padding(client):
    stream = client.ask("POST", end=False)
    client.send(frame(DATA, PADDED, stream, b"\x03abc" + b"\0" * 3))
    client.send(frame(DATA, PADDED | END_STREAM, stream, b"\xff" + b"\0" * 255))
    answer = client.read(stream)
    assert answer.status == 200 and b'"body": "abc"' in answer.body


def test_streams_over_the_limit_are_refused(connect):
    client = connect(setting(4, 0))
    streams = [client.ask() for _ in range(160)]
    client.until(lambda: client.answer(streams[-1]).reset is not None, 5)
    assert client.answer(streams[-1]).reset == REFUSED
    assert client.answer(streams[0]).reset is None


# ---- windows of the client


def test_head_comes_with_a_closed_window(connect):
    client = connect(setting(4, 0))
    stream = client.ask()
    client.until(lambda: client.answer(stream).heads)
    assert client.answer(stream).status == 200 and client.answer(stream).body == b""
    client.open_window(stream, 1)
    client.until(lambda: client.answer(stream).body)
    assert client.answer(stream).body == b"{"
    client.send(frame(SETTINGS, 0, 0, setting(4, 100)))
    client.until(lambda: len(client.answer(stream).body) >= 101)
    assert len(client.answer(stream).body) == 101
    client.open_window(stream, 60000)
    assert client.read(stream).ended


@pytest.mark.parametrize("order", ["stream-first", "connection-first"])
def test_both_windows_open_one_after_the_other(client, order):
    stream = client.ask(path="/size/200000")
    client.until(lambda: len(client.answer(stream).body) >= 65535)
    first, second = (stream, 0) if order == "stream-first" else (0, stream)
    client.open_window(first, 1 << 20)
    assert client.ping() and len(client.answer(stream).body) == 65535
    client.open_window(second, 1 << 20)
    assert client.read(stream, 2).ended


def test_cookies_of_nothing_leave_no_trace(client):
    more = [("cookie", "a=1"), ("cookie", ""), ("cookie", "b=2"), ("cookie", "")]
    body = client.read(client.ask(more=more)).body
    assert b'["cookie", "a=1; b=2"]' in body


def test_a_window_below_zero(connect):
    client = connect(setting(4, 10))
    stream = client.ask()
    client.until(lambda: len(client.answer(stream).body) >= 10)
    client.send(frame(SETTINGS, 0, 0, setting(4, 2)))
    client.open_window(stream, 8)
    assert client.ping()
    assert len(client.answer(stream).body) == 10
    client.open_window(stream, 1)
    client.until(lambda: len(client.answer(stream).body) > 10)
    assert len(client.answer(stream).body) == 11


def test_initial_window_too_wide_for_a_stream(connect):
    client = connect(setting(4, 0))
    client.send(
        client.head(1, client.fields()),
        frame(WINDOW, 0, 1, u32(0x7FFFFFFF)),
        frame(SETTINGS, 0, 0, setting(4, 0x7FFFFFFF)),
    )  # at once: an answer that came between would end the stream
    assert client.connection_error() == FLOW


# ---- heads


def without(*names):
    return [pair for pair in OK if pair[0] not in names]


MALFORMED = [
    ("no-method", without(":method")),
    ("no-scheme", without(":scheme")),
    ("no-path", without(":path")),
    ("empty-path", without(":path") + [(":path", "")]),
    ("method-twice", OK + [(":method", "GET")]),
    ("path-twice", OK + [(":path", "/")]),
    ("status", OK + [(":status", "200")]),
    ("unknown-pseudo", OK + [(":nope", "x")]),
    ("protocol", OK + [(":protocol", "websocket")]),
    ("pseudo-after-field", without(":path") + [("a", "b"), (":path", "/")]),
    ("uppercase", OK + [("X-Test", "1")]),
    ("empty-name", OK + [("", "1")]),
    ("space-in-name", OK + [("a b", "1")]),
    ("colon-in-name", OK + [("a:b", "1")]),
    ("crlf-in-name", OK + [("a\r\nb", "1")]),
    ("crlf-in-value", OK + [("a", "1\r\nevil: 1")]),
    ("lf-in-value", OK + [("a", "1\nevil: 1")]),
    ("nul-in-value", OK + [("a", "1\0")]),
    ("leading-space", OK + [("a", " 1")]),
    ("trailing-tab", OK + [("a", "1\t")]),
    ("connection", OK + [("connection", "close")]),
    ("keep-alive", OK + [("keep-alive", "1")]),
    ("proxy-connection", OK + [("proxy-connection", "close")]),
    ("transfer-encoding", OK + [("transfer-encoding", "chunked")]),
    ("upgrade", OK + [("upgrade", "h2c")]),
    ("te-gzip", OK + [("te", "trailers, deflate")]),
    ("space-in-path", without(":path") + [(":path", "/ HTTP/1.1")]),
    ("crlf-in-path", without(":path") + [(":path", "/ HTTP/1.1\r\nHost: b\r\n\r\nGET /")]),
    ("absolute-path", without(":path") + [(":path", "http://evil.test/")]),
    ("path-without-slash", without(":path") + [(":path", "index.html")]),
    ("asterisk-get", without(":path") + [(":path", "*")]),
    ("octets-in-path", without(":path") + [(":path", "/\x80")]),
    ("space-in-method", without(":method") + [(":method", "GET /x HTTP/1.1")]),
    ("crlf-in-method", without(":method") + [(":method", "GET\r\n")]),
    ("empty-method", without(":method") + [(":method", "")]),
    ("space-in-authority", without(":authority") + [(":authority", "a b")]),
    ("userinfo", without(":authority") + [(":authority", "u@a.test")]),
    ("path-in-authority", without(":authority") + [(":authority", "a.test/x")]),
    ("scheme-octets", without(":scheme") + [(":scheme", "ht tp")]),
    ("host-differs", OK + [("host", "b.test")]),
    ("host-twice", without(":authority") + [("host", "a.test"), ("host", "b.test")]),
    ("length-not-a-number", OK + [("content-length", "-0")]),
    ("length-plus", OK + [("content-length", "+0")]),
    ("lengths", OK + [("content-length", "0"), ("content-length", "1")]),
    ("length-with-end", OK + [("content-length", "1")]),
    ("connect-with-path", [(":method", "CONNECT"), (":authority", "a:1"), (":path", "/")]),
    ("connect-without-authority", [(":method", "CONNECT")]),
]


@pytest.mark.parametrize("fields", [c[1] for c in MALFORMED], ids=[c[0] for c in MALFORMED])
def test_malformed_head(client, echo, fields):
    raw = [(n.encode("latin-1"), v.encode("latin-1")) for n, v in fields]
    client.send(frame(HEADERS, 5, 1, client.encoder.encode(raw, huffman=False)))
    assert code_of(client) == PROTOCOL
    client.next = 3
    assert client.read(client.ask()).status == 200


@pytest.mark.parametrize(
    "length, parts", [("3", [b"ab"]), ("3", [b"ab", b"cd"]), ("1", [b"", b""])]
)
def test_body_unlike_its_length(client, length, parts):
    client.ask("POST", more=[("content-length", length)], end=False)
    for part in parts[:-1]:
        client.data(1, part)
    client.data(1, parts[-1], end=True)
    assert code_of(client) == PROTOCOL


def test_trailers_must_end_the_stream(client):
    client.ask("POST", end=False)
    client.send(client.head(1, [("x-t", "1")], end=False))
    assert code_of(client) == PROTOCOL


@pytest.mark.parametrize(
    "field", [(":path", "/"), ("X-T", "1"), ("content-length", "1"), ("connection", "close")]
)
def test_malformed_trailers(client, field):
    client.ask("POST", end=False)
    client.send(client.head(1, [field]))
    assert code_of(client) == PROTOCOL


def test_neither_authority_nor_host(client):
    assert client.read(client.ask(authority=None)).status == 400


def test_host_alone(client):
    answer = client.read(client.ask(authority=None, more=[("host", "a.test")]))
    assert answer.status == 200 and b'["host", "a.test"]' in answer.body


def test_connect_is_refused(client):
    stream = client.ask(method="CONNECT", path=None, scheme=None, authority="a.test:1", end=False)
    assert client.read(stream).status == 405
