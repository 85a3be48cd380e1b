"""Tunnels in streams of HTTP/2 (RFC 9113 8.5), on a route with the plugin forward-proxy."""

import select
import socket
import struct

import pytest

from harness.h2 import *  # noqa: F403
from harness.ports import free_port
from harness.pylon import Pylon
from harness.wire import until

CONNECT_ERROR = 10
PATIENCE_S = 10


class Host:
    """A TCP server; each connection is handed to whoever asks next()."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", free_port()))
        self.listener.settimeout(PATIENCE_S)
        self.node = f"127.0.0.1:{self.listener.getsockname()[1]}"

    def next(self):
        sock, _ = self.listener.accept()
        sock.settimeout(PATIENCE_S)
        return sock

    def close(self):
        self.listener.close()


@pytest.fixture(scope="module")
def host():
    made = Host()
    yield made
    made.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pylon")
    gateway = Pylon(folder, {"plugins": ["forward-proxy", "limit-conn"]}, workers=1).start()
    yield gateway
    gateway.stop()


@pytest.fixture
def enable(served, host):
    def put(more=None, plugins=None):
        port = int(host.node.rsplit(":", 1)[1])
        conf = {"allow_cidrs": ["127.0.0.1"], "allow_ports": [port], **(more or {})}
        plugins = {"forward-proxy": conf, **(plugins or {})}
        upstream = {"nodes": {"127.0.0.1:1": 1}}
        served.admin.put("/routes/1", {"uri": "/*", "plugins": plugins, "upstream": upstream})

    put()
    return put


def ask(client, node, more=(), end=False):
    stream, client.next = client.next, client.next + 2
    fields = [(":method", "CONNECT"), (":authority", node), *more]
    client.send(client.head(stream, fields, end))
    return stream


def opened(client, host):
    stream = ask(client, host.node)
    answer = client.answer(stream)
    client.until(lambda: answer.heads or answer.over)
    assert answer.status == 200
    assert not {"content-length", "transfer-encoding"} & set(answer.head)
    return stream, host.next()


def received(client, stream, octets):
    answer = client.answer(stream)
    client.until(lambda: len(answer.body) >= len(octets) or answer.over)
    return answer.body == octets


def test_octets_go_both_ways(enable, client, host):
    stream, node = opened(client, host)
    client.data(stream, b"to the node")
    assert node.recv(100) == b"to the node"
    node.sendall(b"to the client")
    assert received(client, stream, b"to the client")
    node.close()


def test_ends_are_passed_on_one_by_one(enable, client, host):
    stream, node = opened(client, host)
    client.data(stream, b"all of it", end=True)
    assert node.recv(100) + node.recv(100) == b"all of it"
    node.sendall(b"an answer after the end")
    node.shutdown(socket.SHUT_WR)
    answer = client.read(stream)
    assert answer.body == b"an answer after the end" and answer.ended and answer.reset is None

    stream, node = opened(client, host)
    node.shutdown(socket.SHUT_WR)
    assert client.read(stream).ended
    client.data(stream, b"still heard", end=True)
    assert node.recv(100) == b"still heard"
    assert node.recv(100) == b""


def test_a_reset_of_the_node_is_a_connect_error(enable, client, host):
    stream, node = opened(client, host)
    node.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    node.close()
    assert client.stream_error(stream) == CONNECT_ERROR
    assert client.ping()


@pytest.mark.parametrize("how", ["stream", "connection"])
def test_what_the_client_cuts_off_is_no_end_to_the_node(enable, connect, host, how):
    client = connect()
    stream, node = opened(client, host)
    client.data(stream, b"half a mes")
    assert node.recv(100) == b"half a mes"
    if how == "stream":
        client.send(frame(RST, 0, stream, u32(CANCEL)))
    else:
        client.close()
    with pytest.raises(ConnectionResetError):
        node.recv(100)


def test_a_closed_window_holds_the_node_back(enable, connect, host):
    client = connect(setting(4, 1000))
    stream, node = opened(client, host)
    node.setblocking(False)
    sent = 0
    while select.select([], [node], [], 0.5)[1]:
        sent += node.send(bytes(1 << 16))
    assert received(client, stream, bytes(1000))
    assert client.ping() and len(client.answer(stream).body) == 1000
    client.open_window(0, 1 << 30)
    client.open_window(stream, 1 << 30)
    node.close()
    answer = client.read(stream, 20)
    assert (answer.ended, answer.reset, len(answer.body)) == (True, None, sent)


def test_a_node_that_does_not_read_holds_the_client_back(enable, client, host):
    stream, node = opened(client, host)
    client.until(lambda: client.saw(SETTINGS))
    client.data(stream, bytes(16384))
    client.data(stream, bytes(16384))
    got = 0
    while got < 32768:
        got += len(node.recv(65536))
    client.until(lambda: client.saw(WINDOW))
    node.close()


def test_many_tunnels_in_one_connection(enable, client, host):
    tunnels = [opened(client, host) for _ in range(20)]
    for number, (stream, _) in enumerate(tunnels):
        client.data(stream, b"%d" % number, end=True)
    for number, (stream, node) in enumerate(tunnels):
        assert node.recv(100) == b"%d" % number
        node.sendall(b"answer %d" % number)
        node.close()
    for number, (stream, _) in enumerate(tunnels):
        assert client.read(stream).body == b"answer %d" % number


def test_octets_before_the_answer_are_not_lost(enable, client, host):
    stream = ask(client, host.node)
    client.data(stream, b"early", end=True)
    node = host.next()
    assert node.recv(100) == b"early"
    node.close()
    assert client.read(stream).status == 200


def test_refusals(enable, served, client, host):
    for node, status in (
        ("127.0.0.2:" + host.node.split(":")[1], 403),
        ("127.0.0.1:1", 403),
        ("127.0.0.1", 400),
        ("user@" + host.node, 400),
    ):
        answer = client.read(ask(client, node))
        assert answer.reset == PROTOCOL or answer.status == status, node
    enable({"users": [{"username": "ann", "password": "x"}]})
    answer = client.read(ask(client, host.node))
    assert answer.status == 407 and "proxy-authenticate" in answer.head
    served.admin.put("/routes/1", {"uri": "/*", "upstream": {"nodes": {host.node: 1}}})
    assert client.read(ask(client, host.node)).status == 405
    assert client.ping()


@pytest.mark.parametrize(
    "fields",
    [
        [(":method", "CONNECT"), (":authority", "{node}"), (":path", "/")],
        [(":method", "CONNECT"), (":authority", "{node}"), (":scheme", "http")],
        [(":method", "CONNECT")],
        [(":method", "CONNECT"), (":authority", "{node}"), ("host", "127.0.0.1:25")],
        [(":method", "CONNECT"), (":authority", "{node}"), ("content-length", "5")],
        [(":method", "CONNECT"), (":authority", "{node}"), ("connection", "close")],
    ],
)
def test_malformed_requests_are_stream_errors(enable, client, host, fields):
    stream, client.next = client.next, client.next + 2
    fields = [(name, value.format(node=host.node)) for name, value in fields]
    client.send(client.head(stream, fields, False))
    assert client.stream_error(stream) == PROTOCOL
    assert client.ping()


def test_a_closed_port_is_a_bad_gateway(enable, client):
    port = free_port()
    enable({"allow_ports": [port]})
    assert client.read(ask(client, f"127.0.0.1:{port}")).status == 502


def test_a_silent_tunnel_ends(enable, client, host):
    enable({"idle_timeout": 0.3})
    stream, node = opened(client, host)
    assert client.stream_error(stream) == CONNECT_ERROR
    assert node.recv(1) == b""


def test_tunnels_count_as_requests_under_way(enable, connect, host):
    limit = {"conn": 1, "burst": 0, "default_conn_delay": 0.1, "key": "remote_addr"}
    enable(plugins={"limit-conn": limit})
    client = connect()
    stream, node = opened(client, host)
    other = connect()
    assert other.read(ask(other, host.node)).status == 503
    client.close()

    def admitted():
        stream = ask(other, host.node)
        answer = other.answer(stream)
        other.until(lambda: answer.heads or answer.over)
        return answer.status == 200

    until(admitted, "room again", PATIENCE_S)


def test_who_breaks_the_protocol_while_held_back_gives_the_place_back(served, connect, host):
    """limit-conn delays a request; the connection is gone before the delay is over."""
    limit = {"conn": 1, "burst": 1, "default_conn_delay": 4, "key": "remote_addr"}
    nodes = {host.node: 1}
    route = {"uri": "/*", "plugins": {"limit-conn": limit}, "upstream": {"nodes": nodes}}
    served.admin.put("/routes/1", route)
    first = connect()
    first.ask()
    node = host.next()
    hostile = connect()
    hostile.ask()
    hostile.send(frame(DATA, 0, 0, b"data of no stream"))
    assert hostile.connection_error() == PROTOCOL

    def held_back():
        client = connect()
        answer = client.answer(client.ask())
        client.until(lambda: answer.over, 0.5)
        return not answer.over

    assert not held_back()
    until(held_back, "the hostile client's place", PATIENCE_S, 0.2)
    node.close()
