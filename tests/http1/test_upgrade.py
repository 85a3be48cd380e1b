"""Upgrade and tunnels. RFC 9110 7.8, 15.2.2; RFC 6455 4."""

import pytest
from harness.lane import OK, answer

ASK = [
    b"Connection: Upgrade",
    b"Upgrade: websocket",
    b"Sec-WebSocket-Version: 13",
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
]
SWITCH = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)


def tunnel(lane):
    """(client, upstream) of an open WebSocket tunnel."""
    client, upstream, seen = lane.begin(lane.get(b"ws", *ASK))
    assert seen.get(b"upgrade").lower() == b"websocket"
    assert b"upgrade" in seen.get(b"connection").lower()
    upstream.send(SWITCH)
    got = client.read_head()
    assert got.status == 101
    assert got.get(b"upgrade") == b"websocket"
    assert b"upgrade" in got.get(b"connection").lower()
    assert got.get(b"sec-websocket-accept") == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    return client, upstream


def exactly(peer, count):
    while len(peer.buffer) < count:
        assert peer.fill(), "the tunnel ended"
    return peer.take(count)


def test_tunnel_carries_any_octets_both_ways(websocket_lane):
    client, upstream = tunnel(websocket_lane)
    every = bytes(range(256)) * 64
    client.send(every)
    assert exactly(upstream, len(every)) == every
    upstream.send(every[::-1])
    assert exactly(client, len(every)) == every[::-1]


def test_tunnel_is_not_delayed(websocket_lane):
    client, upstream = tunnel(websocket_lane)
    for value in range(100):
        client.send(bytes([value]))
        assert exactly(upstream, 1) == bytes([value])
        upstream.send(bytes([value]))
        assert exactly(client, 1) == bytes([value])


def test_octets_behind_the_101_belong_to_the_tunnel(websocket_lane):
    lane = websocket_lane
    client, upstream, _ = lane.begin(lane.get(b"ws", *ASK))
    upstream.send(SWITCH + b"first frame")
    assert client.read_head().status == 101
    assert exactly(client, 11) == b"first frame"


def test_octets_sent_before_the_101_reach_the_upstream_after_it(websocket_lane):
    """RFC 6455 4.1 forbids it to clients; they are not parsed as HTTP by the gateway."""
    lane = websocket_lane
    client = lane.client()
    client.send(lane.get(b"ws", *ASK) + lane.get(b"hidden"))
    upstream = lane.accept()
    upstream.read()
    upstream.send(SWITCH)
    assert client.read_head().status == 101
    assert exactly(upstream, 4) == b"GET "
    lane.assert_unvisited()


def test_large_tunnel_traffic_with_backpressure(websocket_lane):
    client, upstream = tunnel(websocket_lane)
    octets = bytes(range(256)) * 4096 * 32
    sent = client.send_while_taken(octets)
    assert sent < len(octets), "the gateway collects what the upstream does not read"
    assert exactly(upstream, sent) == octets[:sent]


@pytest.mark.parametrize("by_client", [True, False], ids=["client", "upstream"])
def test_half_close_of_a_tunnel(websocket_lane, by_client):
    """What is under way in the other direction still arrives; then both sides are closed."""
    client, upstream = tunnel(websocket_lane)
    first, second = (client, upstream) if by_client else (upstream, client)
    first.send(b"last words")
    first.finish_sending()
    assert exactly(second, 10) == b"last words"
    assert second.await_end() == "fin"


def test_reset_of_a_tunnel_reaches_the_other_side(websocket_lane):
    client, upstream = tunnel(websocket_lane)
    client.reset()
    assert upstream.await_end() in ("fin", "rst")


def test_tunnel_connection_is_never_pooled(websocket_lane):
    lane = websocket_lane
    client, upstream = tunnel(lane)
    client.close()
    upstream.await_end()
    second = lane.client()
    second.send(lane.get(b"2"))
    fresh = lane.accept()
    assert fresh.read().target == lane.url(b"2")


def test_refused_upgrade_is_an_ordinary_answer(websocket_lane):
    lane = websocket_lane
    client, upstream, _ = lane.begin(lane.get(b"ws", *ASK))
    upstream.send(answer(b"no", status=b"403 Forbidden"))
    got = client.read()
    assert (got.status, got.content) == (403, b"no")
    client.send(lane.get(b"2"))
    assert lane.answer_next(OK).target == lane.url(b"2")
    assert client.read().status == 200


def test_interim_responses_before_the_101(websocket_lane):
    lane = websocket_lane
    client, upstream, _ = lane.begin(lane.get(b"ws", *ASK))
    upstream.send(b"HTTP/1.1 103 Early Hints\r\nX: 1\r\n\r\n" + SWITCH + b"frame")
    got = client.read_head()
    assert got.status == 101
    assert exactly(client, 5) == b"frame"


def test_ordinary_requests_on_a_websocket_route(websocket_lane):
    seen, got = websocket_lane.exchange(websocket_lane.get(b"x"))
    assert seen.get(b"upgrade") is None
    assert got.content == b"ok"


@pytest.mark.must
def test_upgrade_is_removed_where_the_route_does_not_allow_it(lane):
    """RFC 9110 7.8: Upgrade is for the next hop only."""
    seen, got = lane.exchange(lane.get(b"ws", *ASK))
    assert seen.get(b"upgrade") is None
    assert b"upgrade" not in b",".join(seen.all(b"connection")).lower()
    assert got.status == 200


UNASKED = [("plain", []), ("asked-without-leave", ASK)]


@pytest.mark.must
@pytest.mark.parametrize("fields", [u[1] for u in UNASKED], ids=[u[0] for u in UNASKED])
def test_unasked_101_opens_no_tunnel(lane, fields):
    """RFC 9110 15.2.2: a server must not switch unasked; 502, and nothing of either side passes."""
    client = lane.client()
    client.send(lane.get(b"x", *fields))
    upstream = lane.accept()
    upstream.read()
    upstream.send(SWITCH + b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\ntunnel")
    got = client.read()
    assert got.status == 502
    if not got.closes:
        client.send(lane.get(b"2"))
        fresh, request = lane.next_request()
        assert fresh is not upstream
        fresh.send(answer(b"second"))
        assert client.read().content == b"second"


@pytest.mark.must
@pytest.mark.parametrize("protocol", [b"h2c", b"TLS/1.0", b"websocket2", b"foo, bar"])
def test_101_to_a_protocol_nobody_asked_for(websocket_lane, protocol):
    """RFC 9110 7.8: only a protocol that the request named."""
    lane = websocket_lane
    client, upstream, _ = lane.begin(lane.get(b"ws", *ASK))
    upstream.send(SWITCH.replace(b"websocket", protocol, 1))
    assert client.read().status == 502


@pytest.mark.parametrize("protocol", [b"h2c", b"TLS/1.0", b"foo/2", b"websocket, h2c"])
def test_other_upgrades_are_not_offered(websocket_lane, protocol):
    """A WebSocket route is for WebSocket: h2c would be a tunnel past routing and plugins."""
    lane = websocket_lane
    seen, _ = lane.exchange(lane.get(b"x", b"Connection: Upgrade", b"Upgrade: " + protocol))
    assert b"h2c" not in b",".join(seen.all(b"upgrade")).lower()
    assert seen.get(b"upgrade") in (None, b"websocket")


def test_upgrade_without_the_connection_option(websocket_lane):
    """RFC 9110 7.8: Upgrade without Connection: upgrade is ignored."""
    seen, got = websocket_lane.exchange(websocket_lane.get(b"x", *ASK[1:]))
    assert seen.get(b"upgrade") is None
    assert got.status == 200


def test_upgrade_of_http10_is_ignored(websocket_lane):
    """RFC 9110 7.8."""
    lane = websocket_lane
    seen, _ = lane.exchange(lane.head(b"GET", b"x", b"Host: a.test", *ASK, version=b"1.0"))
    assert seen.get(b"upgrade") is None


def test_upgrade_with_a_body(websocket_lane):
    """RFC 9110 7.8: the body goes first; smuggled octets are not the tunnel."""
    lane = websocket_lane
    client = lane.client()
    client.send(lane.post(b"hello", b"ws", *ASK, method=b"GET"))
    upstream = lane.accept()
    assert upstream.read().content == b"hello"
    upstream.send(answer(b"no"))
    assert client.read().content == b"no"


@pytest.mark.parametrize("framing", [b"Content-Length: 5", b"Transfer-Encoding: chunked"])
def test_101_in_the_middle_of_a_body(websocket_lane, framing):
    """RFC 9110 7.8: the protocol is not changed within a message: 502, and no tunnel."""
    lane = websocket_lane
    client = lane.client()
    begun = b"hel" if b"Length" in framing else b"5\r\nhel"
    client.send(lane.head(b"GET", b"ws", b"Host: a.test", framing, *ASK) + begun)
    upstream = lane.accept()
    upstream.read_head()
    upstream.send(SWITCH + b"tunnel")
    client.read_refusal(502)
