"""Every case that the public conformance suite of HTTP/2 servers has, over TLS.

A row is: the suite's number, what a client does (a function of it that gives the octets to send),
and what must come of it. The expectation is the suite's; where RFC 9113 is stricter, the sharper
test stands in test_conformance.py. "generic" is what must work, the rest is what must be refused.
"""

import pytest

from harness.certs import Authority, server_ssl
from harness.h2 import *  # noqa: F403

DUMMY = "x" * 4000


@pytest.fixture(scope="module")
def tls(served, tmp_path_factory):
    certificate = Authority(tmp_path_factory.mktemp("certs")).issue("a.test")
    served.admin.put("/ssls/1", server_ssl(certificate, "a.test"))
    return served.tls_port


def open_client(port, settings=b"", greet=True):
    client = Client(port, settings, tls="a.test", greet=greet)
    client.authority = f"127.0.0.1:{port}"
    if greet:
        client.until(lambda: client.saw(SETTINGS, ACK))
    return client


# ---- what is sent


def head(client, stream=1, method="GET", more=(), end=True, fields=None, tail=b"", start=b""):
    """HEADERS with a whole block; `start` and `tail` are octets of the block around the fields."""
    fields = fields or client.fields(method, "/", more, scheme="https")
    block = start + client.encoder.encode(fields, huffman=False) + tail
    return frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), stream, block)


def block(client, more=()):
    return client.encoder.encode(client.fields(more=more, scheme="https"), huffman=False)


def post(client, more=()):
    return head(client, 1, "POST", more, end=False)


def data(octets=b"test", stream=1, end=True):
    return frame(DATA, END_STREAM if end else 0, stream, octets)


def dummy(client):
    return client.encoder.encode([("x-dummy0", DUMMY)], huffman=False)


def cont(octets, last=True, stream=1):
    return frame(CONTINUATION, END_HEADERS if last else 0, stream, octets)


def priority(stream=1, depends=0, weight=255, exclusive=False):
    return frame(PRIORITY, 0, stream, u32(depends | exclusive << 31) + bytes([weight]))


def rst(stream=1, code=CANCEL):
    return frame(RST, 0, stream, u32(code))


def window(octets, stream=1):
    return frame(WINDOW, 0, stream, u32(octets))


def change(*pairs):
    return frame(SETTINGS, 0, 0, b"".join(setting(*pair) for pair in pairs))


def answered(client):
    """A request, and its whole answer."""
    client.send(head(client))
    assert client.read(1).ended
    return b""


def split(client, *at):
    """A head in several frames."""
    octets, parts, begin = block(client), [], 0
    for end in (*at, len(octets)):
        parts.append(octets[begin:end])
        begin = end
    first = frame(HEADERS, END_STREAM, 1, parts[0])
    return first + b"".join(cont(p, p is parts[-1]) for p in parts[1:])


def unended(client):
    return frame(HEADERS, END_STREAM, 1, block(client))


def waits(client):
    """A request whose answer has no window."""
    return change((4, 0)) + head(client)


def without(client, name):
    return [pair for pair in client.fields(scheme="https") if pair[0] != name]


def twice(client, name):
    fields = client.fields(scheme="https")
    return head(client, fields=fields + [pair for pair in fields if pair[0] == name])


def too_many_streams(client):
    client.send(change((4, 0)))
    for _ in range(129):
        client.ask(scheme="https")
    client.watched = 257
    return b""


def negative_window(client):
    client.send(change((4, 3)), head(client))
    client.until(lambda: client.answer(1).body)
    client.send(change((4, 2)))
    client.answer(1).body = b""
    return window(2)


# ---- what comes of it


def answer(client):
    return client.until(lambda: client.answer(1).heads and client.answer(1).status == 200)


def pong(client):
    return client.ping()


def pong_or_close(client):
    return client.ping() or client.closed


def some_data(client):
    return client.until(lambda: client.answer(1).body)


def one_octet(client):
    client.until(lambda: client.answer(1).body)
    return len(client.answer(1).body) == 1


def acknowledged(client):
    return client.until(lambda: sum(k == SETTINGS and f & ACK for k, f, _, _ in client.frames) > 1)


def closes(client):
    return client.until(lambda: client.closed)


class Dies:
    """A connection error of one of these codes."""

    def __init__(self, *codes):
        self.codes = codes

    def __call__(self, client):
        return client.connection_error() in self.codes


class Fails(Dies):
    """The same, or an error of the stream."""

    def __call__(self, client):
        return client.stream_error(getattr(client, "watched", 1)) in self.codes


GREETING = [
    ("generic/1/1 3.5/1", PREFACE + change((4, 65535)), lambda c: pong(c) and c.frames[0][0] == 4),
    ("3.5/2", b"INVALID CONNECTION PREFACE\r\n\r\n", Dies(PROTOCOL)),
]
WORKS = [
    ("2/1", lambda c: priority(), pong),
    ("2/2", lambda c: waits(c) + window(1), some_data),
    ("2/3", lambda c: waits(c) + priority() + window(1), some_data),
    ("2/4", lambda c: head(c) + rst(), pong_or_close),
    ("2/5", lambda c: answered(c) + priority(), pong),
    ("3.1/1", lambda c: post(c) + data(), answer),
    ("3.1/2", lambda c: post(c) + data(end=False) + data(), answer),
    ("3.1/3", lambda c: post(c) + frame(DATA, 9, 1, b"\5test" + bytes(5)), answer),
    ("3.2/1", head, answer),
    ("3.2/2", lambda c: frame(HEADERS, 13, 1, b"\x08" + block(c) + bytes(8)), answer),
    ("3.2/3", lambda c: frame(HEADERS, 37, 1, b"\0\0\0\0\xff" + block(c)), answer),
    ("3.3/1", lambda c: priority(weight=0) + head(c), answer),
    ("3.3/2", lambda c: priority(weight=255) + head(c), answer),
    ("3.3/3", lambda c: priority(3, 1, 0) + head(c), answer),
    ("3.3/4", lambda c: priority(exclusive=True) + head(c), answer),
    ("3.3/5", lambda c: priority(3) + head(c), answer),
    ("3.4/1", lambda c: post(c) + rst(), pong_or_close),
    (
        "3.5/1",
        lambda c: change((1, 4096), (2, 1), (3, 100), (4, 65535), (5, 16384), (6, 100)),
        acknowledged,
    ),
    ("3.7/1", lambda c: b"", pong),
    ("3.8/1", lambda c: frame(GOAWAY, 0, 0, bytes(8) + b"debug"), pong_or_close),
    ("3.9/1", lambda c: window(1, 0), pong),
    ("3.9/2", lambda c: head(c) + window(1), answer),
    ("3.10/1", lambda c: split(c, 5), answer),
    ("3.10/2", lambda c: split(c, 5, 10), answer),
    ("4/1", head, answer),
    ("4/2", lambda c: head(c, method="HEAD"), answer),
    ("4/3", lambda c: post(c) + data(), answer),
    (
        "4/4",
        lambda c: post(c, [("trailer", "x-test")])
        + data(end=False)
        + head(c, fields=[("x-test", "ok")]),
        answer,
    ),
]
AGENT, TOOL = b"\x0auser-agent", b"\x06h2test"
AGENT_H, TOOL_H = b"\x87\xb5\x05\xb1\x61\xcc\x5a\x93", b"\x84\x9c\x48\xac\xa4"
TEST, TEST_H = b"\x06x-test", b"\x85\xf2\xb2\x4a\x84\xff"
LITERALS = [
    (1, b"\xba"),
    (2, b"\x40" + AGENT_H + TOOL_H),
    (3, b"\x40" + AGENT + TOOL),
    (4, b"\x40" + TEST + TOOL),
    (5, b"\x40" + TEST_H + TOOL_H),
    (6, b"\x00" + AGENT + TOOL),
    (7, b"\x00" + AGENT_H + TOOL_H),
    (8, b"\x00" + TEST + TOOL),
    (9, b"\x00" + TEST_H + TOOL_H),
    (10, b"\x10" + AGENT + TOOL),
    (11, b"\x10" + AGENT_H + TOOL_H),
    (12, b"\x10" + TEST + TOOL),
    (13, b"\x10" + TEST_H + TOOL_H),
]
WORKS += [(f"5/{n}", lambda c, tail=t: head(c, tail=tail), answer) for n, t in LITERALS]
WORKS += [
    ("5/14", lambda c: head(c, start=b"\x3f\x61"), answer),
    ("5/15", lambda c: head(c, start=b"\x3f\x61\x3f\xe1\x1f"), answer),
]
FRAMES = [
    ("4.1/1 5.5/1", lambda c: frame(0x16, 0, 0, bytes(8)), pong),
    ("4.1/2", lambda c: frame(PING, 0x16, 0, bytes(8)), lambda c: c.until(lambda: c.saw(PING))),
    ("4.1/3", lambda c: frame(PING, 0x16, 1 << 31, bytes(8)), lambda c: c.until(lambda: c.saw(6))),
    ("4.2/1", lambda c: post(c) + data(b"x" * 16384), answer),
    ("4.2/2", lambda c: post(c) + data(b"x" * 16385), Fails(SIZE)),
    ("4.2/3", lambda c: head(c, more=[(f"x-{n}", DUMMY) for n in range(5)]), Dies(SIZE)),
    ("4.3/1", lambda c: frame(HEADERS, 5, 1, b"\x40"), Dies(COMPRESSION)),
    ("4.3/2 6.2/1", lambda c: unended(c) + priority() + cont(dummy(c)), Dies(PROTOCOL)),
    ("4.3/3 6.2/2", lambda c: unended(c) + head(c, 3) + cont(dummy(c)), Dies(PROTOCOL)),
    ("5.5/2", lambda c: unended(c) + frame(0x16, 0, 0, bytes(8)), Dies(PROTOCOL)),
    ("6.1/1", lambda c: data(stream=0), Dies(PROTOCOL)),
    ("6.1/2", lambda c: head(c, method="POST") + data(), Fails(CLOSED)),
    (
        "6.1/3",
        lambda c: post(c, [("content-length", "4")]) + frame(DATA, 9, 1, b"\x06Test"),
        Dies(PROTOCOL),
    ),
    ("6.2/3", lambda c: head(c, 0), Dies(PROTOCOL)),
    (
        "6.2/4",
        lambda c: (lambda b: frame(HEADERS, 13, 1, bytes([len(b) + 2]) + b))(block(c)),
        Fails(PROTOCOL),
    ),
    ("6.3/1", lambda c: priority(0), Dies(PROTOCOL)),
    ("6.3/2", lambda c: head(c) + frame(PRIORITY, 0, 1, b"\x80\0\0\1"), Fails(SIZE)),
    ("6.4/1", lambda c: rst(0), Dies(PROTOCOL)),
    ("6.4/2 5.1/2", lambda c: rst(), Dies(PROTOCOL)),
    ("6.4/3", lambda c: head(c) + frame(RST, 0, 1, bytes(3)), Fails(SIZE)),
    ("6.5/1", lambda c: frame(SETTINGS, ACK, 0, b"\0"), Dies(SIZE)),
    ("6.5/2", lambda c: frame(SETTINGS, 0, 1, setting(3, 100)), Dies(PROTOCOL)),
    ("6.5/3", lambda c: frame(SETTINGS, 0, 0, b"\0\3\0"), Fails(PROTOCOL, SIZE)),
    ("6.5.2/1", lambda c: change((2, 2)), Dies(PROTOCOL)),
    ("6.5.2/2 6.9.2/3", lambda c: change((4, 1 << 31)), Dies(FLOW)),
    ("6.5.2/3", lambda c: change((5, 16383)), Dies(PROTOCOL)),
    ("6.5.2/4", lambda c: change((5, 1 << 24)), Dies(PROTOCOL)),
    ("6.5.2/5", lambda c: change((0xFF, 1)), pong),
    ("6.5.3/1", lambda c: change((4, 100), (4, 1)) + head(c), one_octet),
    ("6.5.3/2", lambda c: change((2, 0)), acknowledged),
    ("6.7/1", lambda c: b"", pong),
    ("6.7/2", lambda c: frame(PING, ACK, 0, b"invalid!"), pong),
    ("6.7/3", lambda c: frame(PING, 0, 1, bytes(8)), Dies(PROTOCOL)),
    ("6.7/4", lambda c: frame(PING, 0, 0, bytes(6)), Dies(SIZE)),
    ("6.8/1", lambda c: frame(GOAWAY, 0, 1, bytes(8)), Dies(PROTOCOL)),
    ("6.9/1", lambda c: window(0, 0), Dies(PROTOCOL)),
    ("6.9/2", lambda c: post(c) + window(0), Fails(PROTOCOL)),
    ("6.9/3", lambda c: frame(WINDOW, 0, 0, b"\0\0\1"), Dies(SIZE)),
    ("6.9.1/1", lambda c: change((4, 1)) + head(c), one_octet),
    ("6.9.1/2", lambda c: window(0x7FFFFFFF, 0) * 2, Dies(FLOW)),
    ("6.9.1/3", lambda c: post(c) + window(0x7FFFFFFF) * 2, Fails(FLOW)),
    ("6.9.2/1", lambda c: waits(c) + change((4, 1)), one_octet),
    ("6.9.2/2", negative_window, one_octet),
    (
        "6.10/1",
        lambda c: frame(HEADERS, 1, 1, block(c)) + cont(dummy(c), False) + cont(dummy(c)),
        answer,
    ),
    ("6.10/2", lambda c: unended(c) + cont(dummy(c), False) + data(), Dies(PROTOCOL)),
    ("6.10/3", lambda c: unended(c) + cont(dummy(c), stream=0), Dies(PROTOCOL)),
    ("6.10/4", lambda c: head(c) + cont(dummy(c)), Dies(PROTOCOL)),
    ("6.10/5", lambda c: unended(c) + cont(dummy(c)) + cont(dummy(c)), Dies(PROTOCOL)),
    ("6.10/6", lambda c: post(c) + data() + cont(dummy(c), False), Dies(PROTOCOL)),
    ("7/1", lambda c: frame(GOAWAY, 0, 0, u32(0) + u32(0xFF)), pong_or_close),
    ("7/2", lambda c: post(c) + rst(code=0xFF), pong_or_close),
]
STREAMS = [
    ("5.1/1", lambda c: data(), Fails(PROTOCOL, CLOSED)),
    ("5.1/3", lambda c: window(100), Dies(PROTOCOL)),
    ("5.1/4", lambda c: cont(block(c)), Dies(PROTOCOL)),
    ("5.1/5", lambda c: head(c) + data(), Fails(CLOSED)),
    ("5.1/6", lambda c: head(c) * 2, Fails(CLOSED)),
    ("5.1/7", lambda c: head(c) + cont(block(c)), Fails(CLOSED, PROTOCOL)),
    ("5.1/8", lambda c: post(c) + rst() + data(), Fails(CLOSED)),
    ("5.1/9", lambda c: post(c) + rst() + head(c), Fails(CLOSED)),
    ("5.1/10", lambda c: post(c) + rst() + cont(dummy(c)), Fails(CLOSED, PROTOCOL)),
    ("5.1/11", lambda c: answered(c) + data(), Fails(CLOSED)),
    ("5.1/12", lambda c: answered(c) + head(c), Dies(CLOSED)),
    ("5.1/13", lambda c: answered(c) + cont(dummy(c)), Dies(CLOSED, PROTOCOL)),
    ("5.1.1/1", lambda c: head(c, 2), Dies(PROTOCOL)),
    ("5.1.1/2", lambda c: head(c, 5) + head(c, 3), Dies(PROTOCOL)),
    ("5.1.2/1", too_many_streams, Fails(PROTOCOL, REFUSED)),
    ("5.3.1/1", lambda c: frame(HEADERS, 37, 1, u32(1) + b"\xff" + block(c)), Fails(PROTOCOL)),
    ("5.3.1/2", lambda c: priority(1, 1), Fails(PROTOCOL)),
    ("5.4.1/1", lambda c: frame(PING, 0, 3, bytes(8)), closes),
    ("5.4.1/2", lambda c: frame(PING, 0, 3, bytes(8)), lambda c: c.until(lambda: c.goaway)),
]
MESSAGES = [
    (
        "8.1/1",
        lambda c: post(c) + data(end=False) + head(c, fields=[("x-test", "ok")], end=False),
        Fails(PROTOCOL),
    ),
    ("8.1.2/1", lambda c: head(c, more=[("X-TEST", "ok")]), Fails(PROTOCOL)),
    ("8.1.2.1/1", lambda c: head(c, more=[(":test", "ok")]), Fails(PROTOCOL)),
    ("8.1.2.1/2", lambda c: head(c, more=[(":status", "200")]), Fails(PROTOCOL)),
    (
        "8.1.2.1/3",
        lambda c: post(c) + data(end=False) + head(c, fields=[(":method", "POST")]),
        Fails(PROTOCOL),
    ),
    (
        "8.1.2.1/4",
        lambda c: head(c, fields=[("x-test", "ok")] + c.fields(scheme="https")),
        Fails(PROTOCOL),
    ),
    ("8.1.2.2/1", lambda c: head(c, more=[("connection", "keep-alive")]), Fails(PROTOCOL)),
    (
        "8.1.2.2/2",
        lambda c: head(c, more=[("trailers", "test"), ("te", "trailers, deflate")]),
        Fails(PROTOCOL),
    ),
    ("8.1.2.3/1", lambda c: head(c, fields=c.fields(path="", scheme="https")), Fails(PROTOCOL)),
    ("8.1.2.3/2", lambda c: head(c, fields=without(c, ":method")), Fails(PROTOCOL)),
    ("8.1.2.3/3", lambda c: head(c, fields=without(c, ":scheme")), Fails(PROTOCOL)),
    ("8.1.2.3/4", lambda c: head(c, fields=without(c, ":path")), Fails(PROTOCOL)),
    ("8.1.2.3/5", lambda c: twice(c, ":method"), Fails(PROTOCOL)),
    ("8.1.2.3/6", lambda c: twice(c, ":scheme"), Fails(PROTOCOL)),
    ("8.1.2.3/7", lambda c: twice(c, ":path"), Fails(PROTOCOL)),
    ("8.1.2.6/1", lambda c: post(c, [("content-length", "1")]) + data(), Fails(PROTOCOL)),
    (
        "8.1.2.6/2",
        lambda c: post(c, [("content-length", "1")]) + data(end=False) + data(),
        Fails(PROTOCOL),
    ),
    ("8.2/1", lambda c: frame(PUSH, END_HEADERS, 1, u32(3) + block(c)), Dies(PROTOCOL)),
]
COMPRESSED = [
    ("2.3.3/1", lambda c: head(c, tail=b"\xc6"), Dies(COMPRESSION)),
    ("2.3.3/2", lambda c: head(c, tail=b"\x7f\x07\x00"), Dies(COMPRESSION)),
    ("4.2/1", lambda c: head(c, tail=b"\x21"), Dies(COMPRESSION)),
    (
        "5.2/1",
        lambda c: head(c, tail=b"\x00" + TEST_H + b"\x84\x49\x50\x9f\xff"),
        Dies(COMPRESSION),
    ),
    ("5.2/2", lambda c: head(c, tail=b"\x00" + TEST_H + b"\x83\x49\x50\x90"), Dies(COMPRESSION)),
    (
        "5.2/3",
        lambda c: head(c, tail=b"\x00" + TEST_H + b"\x87\x49\x51\xff\xff\xff\xfa\x7f"),
        Dies(COMPRESSION),
    ),
    ("6.1/1", lambda c: head(c, tail=b"\x80"), Dies(COMPRESSION)),
    ("6.3/1", lambda c: head(c, start=b"\x3f\xe2\x1f"), Dies(COMPRESSION)),
]
GROUPS = {
    "generic": WORKS,
    "http2": FRAMES + STREAMS + MESSAGES,
    "hpack": COMPRESSED,
}
ROWS = [
    pytest.param(sent, expected, id=f"{group} {name}")
    for group, rows in GROUPS.items()
    for name, sent, expected in rows
]


@pytest.mark.parametrize("sent, expected", ROWS)
def test_rule(tls, sent, expected):
    client = open_client(tls)
    try:
        client.send(sent(client))
        assert expected(client), (client.goaway, client.answers.get(1), client.frames[-3:])
    finally:
        client.close()


@pytest.mark.parametrize("sent, expected", [g[1:] for g in GREETING], ids=[g[0] for g in GREETING])
def test_greeting(tls, sent, expected):
    client = open_client(tls, greet=False)
    client.send(sent)
    assert expected(client)
    client.close()
