"""WebSocket in a stream of HTTP/2 (RFC 8441), to a real server of HTTP/1."""

import struct

import pytest

from harness.h2 import *  # noqa: F403
from harness.websocket import CLOSE, PONG, TEXT, EchoSocket, client_frame, server_frames
from harness.websocket import PING as WS_PING
from harness.wire import until


@pytest.fixture(scope="module")
def socket_echo():
    server = EchoSocket()
    yield server
    server.close()


@pytest.fixture(autouse=True)
def routes(served, socket_echo, echo):
    def route(name, port, **more):
        upstream = {"nodes": {f"127.0.0.1:{port}": 1}, **more.pop("upstream", {})}
        served.admin.put(f"/routes/{name}", {"uri": f"/{name}", "upstream": upstream, **more})

    brief = {"timeout": {"connect": 1, "send": 1, "read": 1}}
    route("socket", socket_echo.port, enable_websocket=True)
    route("brief", socket_echo.port, enable_websocket=True, upstream=brief)
    route("closed", socket_echo.port)
    route("plain", echo.port, enable_websocket=True)


def ask(client, path="/socket", protocol="websocket", **changed):
    more = [("sec-websocket-version", "13"), ("origin", "http://a.test")]
    fields = client.fields("CONNECT", path, more, protocol=protocol, **changed)
    fields.sort(key=lambda pair: not pair[0].startswith(":"))
    stream, client.next = client.next, client.next + 2
    client.send(client.head(stream, fields, end=False))
    return stream


def opened(client, path="/socket"):
    stream = ask(client, path)
    client.until(lambda: client.answer(stream).heads or client.answer(stream).over)
    assert client.answer(stream).status == 200
    return stream


def frames_of(client, stream, count):
    answer = client.answer(stream)
    client.until(lambda: len(server_frames(answer.body)) >= count or answer.over)
    return server_frames(answer.body)


def test_it_is_offered(client):
    client.until(lambda: client.saw(SETTINGS))
    payload = next(f[3] for f in client.frames if f[0] == SETTINGS)
    told = dict(struct.unpack(">HI", payload[i : i + 6]) for i in range(0, len(payload), 6))
    assert told[8] == 1


def test_an_echo_and_a_close(client, socket_echo):
    stream = opened(client)
    head = client.answer(stream).head
    assert not {"sec-websocket-accept", "upgrade", "connection"} & set(head)
    until(lambda: socket_echo.asked, "the request")
    path, fields = socket_echo.asked[-1]
    assert path == "/socket" and fields["upgrade"] == "websocket"
    client.data(stream, client_frame(TEXT, b"hello"))
    assert frames_of(client, stream, 1) == [(TEXT, b"hello")]
    client.data(stream, client_frame(WS_PING, b"p") + client_frame(TEXT, b"x" * 60000)[:10])
    client.data(stream, client_frame(TEXT, b"x" * 60000)[10:16384])
    for at in range(16384, 60008, 16384):
        client.data(stream, client_frame(TEXT, b"x" * 60000)[at : at + 16384])
    assert frames_of(client, stream, 3)[1:] == [(PONG, b"p"), (TEXT, b"x" * 60000)]
    client.data(stream, client_frame(CLOSE, b"\x03\xe8"))
    answer = client.read(stream)
    assert answer.ended and server_frames(answer.body)[-1][0] == CLOSE
    client.data(stream, b"", end=True)
    until(lambda: socket_echo.open == 0, "the end at the server")
    assert client.ping()


def test_many_at_once(client):
    streams = [opened(client) for _ in range(50)]
    for stream in streams:
        client.data(stream, client_frame(TEXT, b"%d" % stream))
    for stream in streams:
        assert frames_of(client, stream, 1) == [(TEXT, b"%d" % stream)]


def test_a_reset_reaches_the_server(client, socket_echo):
    stream = opened(client)
    client.send(frame(RST, 0, stream, u32(CANCEL)))
    until(lambda: socket_echo.open == 0, "the end at the server")
    assert client.ping()


def test_idle_ones_end(client):
    stream = opened(client, "/brief")
    client.data(stream, client_frame(TEXT, b"a"))
    assert frames_of(client, stream, 1) == [(TEXT, b"a")]
    assert client.read(stream, 5).over


def test_only_where_the_route_allows_it(client):
    assert client.read(ask(client, "/closed")).status >= 400


def test_an_upstream_that_does_not_switch(client):
    assert client.read(ask(client, "/plain")).status == 502


def test_other_protocols(client):
    assert client.read(ask(client, protocol="connect-udp")).status == 501


@pytest.mark.parametrize("missing", ["path", "scheme", "authority"])
def test_the_target_is_whole(client, missing):
    assert client.stream_error(ask(client, **{missing: None})) == PROTOCOL


def test_not_without_connect(client):
    fields = client.fields(protocol="websocket")
    client.send(client.head(1, fields))
    assert client.stream_error(1) == PROTOCOL


def test_drain_lets_them_go_on(served, connect):
    client = connect()
    stream = opened(client)
    served.reload()
    client.until(lambda: client.goaway, 10)
    client.data(stream, client_frame(TEXT, b"still here"))
    assert frames_of(client, stream, 1) == [(TEXT, b"still here")]
    client.data(stream, client_frame(CLOSE, b"\x03\xe8"))
    assert client.read(stream).ended
    client.data(stream, b"", end=True)
    client.until(lambda: client.closed, 10)
    assert client.closed
