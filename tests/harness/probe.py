"""Probes: hostile octets sent to the gateway, and a verdict over what both sides then saw.

The octets of a case are followed at once by an innocent request, `after`. A gateway that reads the
case in one way only either refuses it and closes, or forwards it in an unambiguous form, and then
`after` too. Everything that it sends is read by the strict parser of harness/message.py.
"""

import select
import time
from dataclasses import dataclass, field

import pytest

from harness import message
from harness.lane import answer

IDLE_S = 0.6  # a gateway that waits longer than this waits for more octets


@dataclass
class Outcome:
    """What both sides saw of one probe."""

    responses: list = field(default_factory=list)  # final responses, whole
    requests: list = field(default_factory=list)  # whole requests at the upstream
    faults: list = field(default_factory=list)  # what the strict parser refused, from either side
    ended: bool = False  # the gateway closed the client's connection by itself
    stalled: bool = False  # it waited for more octets

    def targets(self):
        return [request.target for request in self.requests]

    def text(self):
        lines = [f"request {r.head!r} body {r.content[:200]!r}" for r in self.requests]
        lines += [f"response {r.status} {r.content[:60]!r}" for r in self.responses]
        lines += [f"fault {fault}" for fault in self.faults]
        return "\n".join([*lines, f"ended={self.ended} stalled={self.stalled}"])


class Probe:
    """Plays client and upstream for octets whose meaning is not known in advance."""

    def __init__(self, lane, idle_s=IDLE_S):
        self.lane = lane
        self.idle_s = idle_s
        self.outcome = Outcome()
        self.upstreams = []
        self.pending = {}  # upstream -> request whose body is not complete

    def run(self, octets, method=b"GET"):
        client = self.lane.client()
        client.try_send(octets)
        self._serve_until_idle(client)
        if not client.end:
            self.outcome.stalled = True
            client.finish_sending()
            self._serve_until_idle(client)
        self.outcome.ended = client.end is not None
        self._read_responses(client, method)
        self._fence()
        return self.outcome

    def _serve_until_idle(self, client, idle_s=None):
        """Answers requests until the client's connection ends or nothing happens for a while."""
        deadline = time.monotonic() + 5
        while not client.end and time.monotonic() < deadline:
            socks = {u.sock: u for u in self.upstreams if not u.end}
            watched = [client.sock, self.lane.listener, *socks]
            ready = select.select(watched, [], [], idle_s or self.idle_s)[0]
            if not ready:
                return
            if self.lane.listener in ready:
                self.upstreams.append(self.lane.accept())
            for sock in ready:
                if sock in socks:
                    self._serve(socks[sock])
            if client.sock in ready:
                client.fill()

    def _serve(self, upstream):
        upstream.fill()
        try:
            while request := self._whole_request(upstream):
                self.outcome.requests.append(request)
                upstream.try_send(answer(request.target))
        except (message.Malformed, message.Truncated) as fault:
            self.outcome.faults.append(f"to the upstream: {fault}")
            upstream.reset()

    def _whole_request(self, upstream):
        """The next request once it is complete, else None."""
        request = self.pending.pop(upstream, None)
        if request is None:
            if b"\r\n\r\n" not in upstream.buffer:
                return None
            request = message.read_request(upstream)
        while not request.body.complete and request.body._decode():
            pass
        if not request.body.complete:
            self.pending[upstream] = request
            return None
        return request.read_content()

    def _read_responses(self, client, method):
        try:
            while client.buffer:
                response = message.read_response(client, method).read_content()
                self.outcome.responses.append(response)
                method = b"GET"
        except (message.Malformed, message.Truncated) as fault:
            self.outcome.faults.append(f"to the client: {fault}")

    def _fence(self):
        """One more request on a new connection: what the gateway had still to do is done then."""
        client = self.lane.client()
        client.send(self.lane.get(b"fence", b"Connection: close"))
        self._serve_until_idle(client, 5)
        fence = self.lane.url(b"fence")
        if fence not in self.outcome.targets():
            self.outcome.faults.append("the gateway no longer serves")
        self.outcome.requests = [r for r in self.outcome.requests if r.target != fence]
        response = client.read()
        if response.content != fence:
            self.outcome.faults.append(f"the fence got {response.content[:80]!r}")


REFUSE = "refuse"  # an error; the connection may go on where the framing is sound
CLOSE = "close"  # an error, and the connection ends: nobody knows where the next message begins
SAFE = "safe"  # refused, or forwarded in an unambiguous form with one meaning
ACCEPT = "accept"  # valid, however odd: forwarded


@dataclass(frozen=True)
class Case:
    """One row of a table. /LANE in the octets stands for the lane's prefix. `body` is what the
    upstream may see as the body, `target` what may follow the prefix; `never` are names of fields
    that must not reach it."""

    name: str
    octets: bytes
    verdict: str
    rfc: str
    must: bool = False
    body: bytes = b""
    target: object = b"/x"  # or a tuple of them
    never: tuple = ()
    method: bytes = b"GET"


def params(cases):
    """For pytest.mark.parametrize."""
    names = [case.name for case in cases]
    assert len(set(names)) == len(names), [n for n in names if names.count(n) > 1]
    return [
        pytest.param(case, id=case.name, marks=[pytest.mark.must] if case.must else [])
        for case in cases
    ]


def run_case(lane, case):
    """Sends the case with `after` behind it and fails when the outcome is not what it allows."""
    probe = Probe(lane)
    octets = case.octets.replace(b"/LANE", lane.prefix)
    outcome = probe.run(octets + lane.get(b"after", b"Connection: close"), case.method)
    text = f"RFC {case.rfc}\nsent {octets[:300]!r}\n{outcome.text()}"
    assert not outcome.faults, text
    after = lane.url(b"after")
    seen = [r for r in outcome.requests if r.target != after]
    afters = len(outcome.requests) - len(seen)
    if not seen:
        _judge_refusal(case, outcome, afters, text)
    else:
        assert case.verdict in (SAFE, ACCEPT), "it was forwarded\n" + text
        _judge_forwarding(case, lane, seen, afters, text)


def _judge_refusal(case, outcome, afters, text):
    assert case.verdict != ACCEPT, "it was refused\n" + text
    assert outcome.responses, "no answer at all\n" + text
    first = outcome.responses[0]
    assert 400 <= first.status < 600 and first.status not in (500, 502, 503, 504), text
    assert outcome.ended and not outcome.stalled, "it waits for more, or stays open\n" + text
    if case.verdict == CLOSE:
        assert afters == 0 and len(outcome.responses) == 1, "it reads on\n" + text
        assert first.closes, "the close is not announced\n" + text
    else:
        assert afters <= 1 and len(outcome.responses) == 1 + afters, text


def _judge_forwarding(case, lane, seen, afters, text):
    assert len(seen) == 1, "one request became several\n" + text
    targets = case.target if isinstance(case.target, tuple) else (case.target,)
    assert seen[0].target.removeprefix(lane.prefix) in targets, "another target\n" + text
    assert seen[0].content == case.body, "another body\n" + text
    assert not set(case.never) & set(seen[0].fields.names()), "a field that must not pass\n" + text
    assert afters <= 1, text
    if case.verdict == ACCEPT:
        assert afters == 1, "the next request was lost\n" + text
