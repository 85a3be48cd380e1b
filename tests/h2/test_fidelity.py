"""What a request and an answer keep on their way between HTTP/2 and HTTP/1, and what they lose."""

import json
import struct

import pytest

from harness.h2 import *  # noqa: F403


def told(client, stream):
    """What the upstream saw."""
    answer = client.read(stream)
    assert answer.status == 200, answer.heads
    return json.loads(answer.body)


def values(seen, name):
    return [value for field, value in seen["headers"] if field == name]


METHODS = "GET POST PUT DELETE PATCH OPTIONS TRACE PROPFIND M-SEARCH get X!#$%&'*+-.^_`|~1".split()


@pytest.mark.parametrize("method", METHODS)
def test_methods(client, method):
    seen = told(client, client.ask(method, "/m"))
    assert seen["method"] == method
    # RFC 9110 8.6: no body is told where one is expected.
    expects = method in ("POST", "PUT", "PATCH")
    assert values(seen, "content-length") == (["0"] if expects else [])
    assert values(seen, "transfer-encoding") == []


LENGTHS = [
    ("post-0", "POST", "0", None, ["0"], []),
    ("post-0-empty-data", "POST", "0", [b""], ["0"], []),
    ("get-0", "GET", "0", None, ["0"], []),
    ("post-3", "POST", "3", [b"a", b"bc"], ["3"], []),
    ("delete-3", "DELETE", "3", [b"abc"], ["3"], []),
    ("get-3", "GET", "3", [b"", b"abc", b""], ["3"], []),
    ("post-unknown", "POST", None, [b"ab", b"c"], [], ["chunked"]),
    ("get-unknown", "GET", None, [b"abc"], [], ["chunked"]),
    ("unknown-empty", "POST", None, [b""], [], ["chunked"]),
]


@pytest.mark.parametrize(
    "method, length, parts, told_length, coding",
    [row[1:] for row in LENGTHS],
    ids=[row[0] for row in LENGTHS],
)
def test_the_framing_of_a_request(client, method, length, parts, told_length, coding):
    more = [("content-length", length)] if length else []
    stream = client.ask(method, "/b", more, end=parts is None)
    for number, part in enumerate(parts or []):
        client.data(stream, part, end=number == len(parts) - 1)
    seen = told(client, stream)
    assert seen["body"] == "".join(part.decode() for part in parts or [])
    assert values(seen, "content-length") == told_length
    assert values(seen, "transfer-encoding") == coding


def test_odd_but_legal_fields(client):
    more = [
        ("x-empty", ""),
        ("x-tab", "a\tb"),
        ("x-quoted", '"q", w; x="\\""'),
        ("x-twice", "1"),
        ("x_underscore", "u"),
        ("!#$%&'*+-.^`|~", "symbols"),
        ("x-twice", "2"),
        ("x-long", "v" * 8000),
        ("priority", "u=1, i"),
        ("te", "trailers"),
        ("via", "2 a"),
    ]
    seen = told(client, client.ask(more=more))
    for name, value in more:
        kept = [v for n, v in more if n == name] if name != "te" else []
        assert values(seen, name) == kept, (name, value)


def test_octets_beyond_ascii(client):
    raw = [(n.encode(), v.encode()) for n, v in client.fields()] + [(b"x-obs", b"\xe9\xff")]
    client.send(frame(HEADERS, 5, 1, client.encoder.encode(raw, huffman=False)))
    assert values(told(client, 1), "x-obs") == ["\xe9\xff"]


def test_a_head_in_many_frames(client):
    more = [(f"x-{number}", "v" * 1000) for number in range(40)]
    block = client.encoder.encode(client.fields(more=more), huffman=False)
    parts = [block[at : at + 5000] for at in range(0, len(block), 5000)]
    client.send(frame(HEADERS, END_STREAM, 1, parts[0]))
    for part in parts[1:-1]:
        client.send(frame(CONTINUATION, 0, 1, part))
    client.send(frame(CONTINUATION, 0, 1), frame(CONTINUATION, END_HEADERS, 1, parts[-1]))
    seen = told(client, 1)
    assert all(values(seen, f"x-{number}") == ["v" * 1000] for number in range(40))


def test_padding_counts_for_the_windows_and_is_given_back(client):
    """More padding than any window is wide, sent as the stream's window allows."""
    client.until(lambda: client.saw(SETTINGS, ACK))
    told_settings = next(f[3] for f in client.frames if f[0] == SETTINGS)
    window = next(v for n, v in struct.iter_unpack(">HI", told_settings) if n == 4)
    count, stream = 6000, client.ask("POST", "/p", [("content-length", "6000")], end=False)
    taken = 0

    def room():
        opened = [f[3] for f in client.frames if f[0] == WINDOW and f[2] == stream]
        return window + sum(int.from_bytes(more, "big") for more in opened) - taken

    for number in range(count):
        assert room() >= 257 or client.until(lambda: room() >= 257)
        flags = PADDED | (END_STREAM if number == count - 1 else 0)
        client.send(frame(DATA, flags, stream, b"\xffx" + bytes(255)))
        taken += 257
    assert told(client, stream)["body"] == "x" * count


HOSTS = [
    ("only-host", None, ["h.test:81"], "h.test:81"),
    ("both", "h.test", ["h.test"], "h.test"),
    ("both-but-case", "h.test", ["H.Test"], None),
    ("ipv6", "[::1]:80", [], "[::1]:80"),
    ("dot", "h.test.", [], "h.test."),
    ("empty-authority", "", ["h.test"], "h.test"),
]


@pytest.mark.parametrize(
    "authority, hosts, seen", [row[1:] for row in HOSTS], ids=[row[0] for row in HOSTS]
)
def test_one_host_goes_on(client, authority, hosts, seen):
    more = [("host", host) for host in hosts]
    kept = values(told(client, client.ask(more=more, authority=authority)), "host")
    assert len(kept) == 1 and kept[0] in ([seen] if seen else [authority, *hosts])


@pytest.mark.parametrize("authority", [None, "", "h:8x", "h:99999", "[::1", "a..b"])
def test_no_host_no_request(client, echo, authority):
    before = len(echo.requests)
    answer = client.read(client.ask(authority=authority))
    assert answer.reset == PROTOCOL or answer.status == 400
    assert client.read(client.ask()).status == 200 and len(echo.requests) == before + 1


@pytest.mark.parametrize("path", ["/a#b", "/a?b#c", "/%zz", "/%", "/a%00"])
def test_targets_that_mean_nothing(client, echo, path):
    before = len(echo.requests)
    assert client.read(client.ask(path=path)).status == 400
    assert client.read(client.ask()).status == 200 and len(echo.requests) == before + 1


TARGETS = ["/a?", "/a?b=c?d", "/a//b", "//a", "/a;p=1", "/a/%0d%0aX:1", "/a|b", '/a?{"b"}', "/a\\b"]


@pytest.mark.parametrize("path", TARGETS)
def test_targets_go_on_as_they_are(client, path):
    assert told(client, client.ask(path=path))["uri"] == path


@pytest.mark.parametrize("method, status", [("OPTIONS", 200), ("GET", None)])
def test_the_asterisk_is_for_options(served, client, method, status):
    route = served.admin.get("/routes/1")["value"]
    served.admin.put("/routes/star", {"uri": "*", "upstream": route["upstream"]})
    answer = client.read(client.ask(method, "*"))
    if status is None:
        assert answer.reset == PROTOCOL
    else:
        assert json.loads(answer.body)["uri"] == "*"
