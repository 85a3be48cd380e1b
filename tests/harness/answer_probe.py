"""Hostile answers: the test is an upstream that misbehaves, and judges what the client gets."""

from dataclasses import dataclass

from harness import message
from harness.lane import answer
from harness.probe import ACCEPT, SAFE
from harness.wire import Stalled

WAIT_S = 1.5


@dataclass(frozen=True)
class Answer:
    """One row. REFUSE: 502, or cut short when the head had to leave before the fault was seen.
    SAFE: that, or one well-formed answer with `body`. ACCEPT: that answer only.
    `ends`: the upstream closes behind its octets."""

    name: str
    octets: bytes
    verdict: str
    rfc: str
    must: bool = False
    body: bytes = b""
    status: int = 200
    ends: bool = False
    method: bytes = b"GET"
    never: tuple = ()


def run_answer(lane, case):
    """One misbehaving answer; then an honest one on the same and on another connection."""
    client = lane.client()
    client.send(lane.get(b"first", method=case.method))
    upstream = lane.accept()
    upstream.read()
    upstream.try_send(case.octets)
    if case.ends:
        upstream.close()
    response, complete = _read(client, case, upstream)
    text = f"RFC {case.rfc}\nsent {case.octets[:200]!r}\ngot {bytes(client.log[:400])!r}"
    _judge(case, response, complete, text)
    if complete and not response.closes:
        _assert_in_step(lane, client, b"second", text)
    _assert_in_step(lane, lane.client(), b"third", text)


def _assert_in_step(lane, client, word, text):
    """The next request gets its own answer, or the connection ends before it is taken."""
    if not client.try_send(lane.get(word)):
        return
    served = lane.next_request(client)
    if served is None:
        assert (
            not client.buffer
        ), f"octets that belong to no request: {bytes(client.buffer)!r}\n{text}"
        return
    upstream, request = served
    assert request.target == lane.url(word), f"{request.target!r} came again\n{text}"
    upstream.send(answer(word))
    got = client.read()
    assert (got.content, got.interim) == (word, []), f"poisoned by {got.content!r}\n{text}"


def _read(client, case, upstream):
    """(response, whether it is complete). A gateway that waits for more is given the end."""
    try:
        response = message.read_response(client, case.method, WAIT_S)
    except Stalled:
        upstream.close()
        response = message.read_response(client, case.method)
    for wait_s in (WAIT_S, 5):
        try:
            response.content = response.body.rest(wait_s)
            return response, True
        except message.Truncated:
            break
        except Stalled:
            upstream.close()
    return response, False


def _judge(case, response, complete, text):
    for name in case.never:
        assert name not in response.fields.names(), f"{name!r} was passed on\n{text}"
    if response.status == 502 and complete and case.status != 502:
        assert case.verdict != ACCEPT, "a sound answer was refused\n" + text
        return
    if not complete:
        assert case.verdict != ACCEPT, "a sound answer was cut short\n" + text
        return
    assert case.verdict in (SAFE, ACCEPT), "it was passed on as a whole answer\n" + text
    assert response.status == case.status, text
    assert response.content == case.body, f"another body {response.content[:80]!r}\n{text}"
