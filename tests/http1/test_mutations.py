"""Sound messages with random damage. Whatever the gateway makes of them must be well-formed, and
must be what another reader (h11) makes of them, or a refusal. The seeds are fixed: a failure
repeats."""

import random

import pytest

from harness import message
from harness.lane import answer
from harness.oracle import requests_of, response_of
from harness.probe import Probe
from harness.wire import Stalled

PIECES = [
    b"\r",
    b"\n",
    b"\r\n",
    b"\0",
    b" ",
    b"\t",
    b":",
    b";",
    b",",
    b"\x0b",
    b"\x7f",
    b"\x80",
    b"\xff",
    b'"',
    b"\\",
    b"0",
    b"1",
    b"-",
    b"+",
    b"x",
    b"/",
    b"?",
    b"#",
    b"%",
    b"%00",
    b"..",
    b"\r\n ",
    b"\n\n",
    b"\r\n\r\n",
    b"Content-Length: 3\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Host: b\r\n",
    b"HTTP/1.1",
    b"HTTP/1.0",
    b"chunked",
    b"identity",
    b"GET / HTTP/1.1\r\n",
]

REQUESTS = [
    b"GET /LANE/m?q=1 HTTP/1.1\r\nHost: a.test\r\nX-A: 1\r\nConnection: keep-alive\r\n\r\n",
    b"POST /LANE/m HTTP/1.1\r\nHost: a.test\r\nContent-Length: 11\r\nX-A: 1\r\n\r\nhello world",
    b"POST /LANE/m HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5;a=b\r\nhello\r\n6\r\n world\r\n0\r\nX-T: 1\r\n\r\n",
    b"POST /LANE/m HTTP/1.1\r\nContent-Length: 40\r\nHost: a.test\r\n\r\n"
    b"GET /LANE/hidden HTTP/1.1\r\nHost: a.tes\r\n",
]

RESPONSES = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\nX-A: 1\r\n\r\nhello world",
    b"HTTP/1.1 200 OK\r\nX-A: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5;a=b\r\nhello\r\n6\r\n world\r\n0\r\nX-T: 1\r\n\r\n",
    b"HTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n",
]


def damaged(sound, seed):
    """The message with one to three random changes, most of them in its head."""
    dice = random.Random(seed)
    octets = bytearray(sound)
    for _ in range(dice.choice([1, 1, 2, 3])):
        at = dice.randrange(len(octets) + 1)
        change = dice.choice(["insert", "replace", "delete", "double"])
        if change == "insert":
            octets[at:at] = dice.choice(PIECES)
        elif change == "replace":
            octets[at : at + 1] = dice.choice(PIECES)
        elif change == "delete":
            del octets[at : at + dice.choice([1, 1, 2, 5])]
        else:
            octets[at:at] = octets[at : at + dice.choice([1, 4, 20])]
    return bytes(octets)


def is_same_target(ours, theirs):
    """Normalising a path is no other meaning; anything plain must be equal."""
    odd = any(mark in theirs for mark in (b"%", b"..", b"/.", b"//", b"#", b"://"))
    return odd or ours == theirs


def assert_some_of(requests, expected, text):
    """Each request is one that h11 reads too, in the same order. Some may be missing: they went to
    another route, or were refused."""
    rest = iter(expected)
    for request in requests:
        ours = (request.method, request.content)
        found = any(ours == (m, b) and is_same_target(request.target, t) for m, t, b in rest)
        assert found, f"h11 reads only {expected}\n{text}"


def check_request(lane, octets):
    after = lane.get(b"after", b"Connection: close")
    outcome = Probe(lane, idle_s=0.15).run(octets + after)
    text = f"sent {octets!r}\n{outcome.text()}"
    assert not outcome.faults, text
    assert_some_of(outcome.requests, requests_of(octets + after), text)
    lane.close_connections()


@pytest.mark.parametrize("group", range(12))
def test_damaged_requests(lane, full, group):
    for seed in range(400 if full else 25):
        for kind, sound in enumerate(REQUESTS):
            octets = damaged(sound.replace(b"/LANE", lane.prefix), f"q{kind}-{group}-{seed}")
            check_request(lane, octets)


def check_response(lane, octets):
    client = lane.client()
    client.send(lane.get(b"first"))
    upstream, _ = lane.next_request()
    upstream.try_send(octets)
    upstream.close()
    text = f"upstream sent {octets!r}"
    try:
        response = message.read_response(client).read_content()
    except (message.Truncated, Stalled) as cut:
        assert isinstance(cut, message.Truncated), f"{cut}\n{text}"
        response = None
    if response is not None and response.status != 502:
        got = (response.status, response.content)
        assert got == response_of(octets, ended=True), f"client got {got}\n{text}"
    client.close()
    other = lane.client()
    other.send(lane.get(b"second"))
    served, request = lane.next_request()
    assert request.target == lane.url(b"second"), text
    served.send(answer(b"second"))
    assert other.read().content == b"second", text
    lane.close_connections()


@pytest.mark.parametrize("group", range(12))
def test_damaged_responses(lane, full, group):
    for seed in range(400 if full else 25):
        for kind, sound in enumerate(RESPONSES):
            check_response(lane, damaged(sound, f"s{kind}-{group}-{seed}"))


@pytest.mark.parametrize("group", range(4))
def test_noise(lane, full, group):
    """Octets without any sense, in either direction."""
    for seed in range(100 if full else 10):
        dice = random.Random(f"n{group}-{seed}")
        check_request(lane, dice.randbytes(dice.randrange(1, 3000)))
        check_response(lane, dice.randbytes(dice.randrange(1, 3000)))
