"""Datagrams that stream routes take. APISIX docs: stream-proxy."""

import shutil
import socket
import struct
import subprocess
import threading

import pytest

from harness.ports import free_port
from harness.process import Process
from harness.wire import until

PATIENCE_S = 10


class Node:
    """Answers each datagram with its name and what it was; keeps from whom they came."""

    def __init__(self, name, answers=1):
        self.name, self.answers = name, answers
        self.peers = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", free_port()))
        self.port = self.socket.getsockname()[1]
        self.node = f"127.0.0.1:{self.port}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                octets, peer = self.socket.recvfrom(65536)
            except OSError:
                return
            if octets == b"end":
                return
            self.peers.append(peer)
            for _ in range(self.answers):
                self.socket.sendto(self.name.encode() + b":" + octets, peer)

    def upstream(self, **more):
        return {"type": "roundrobin", "scheme": "udp", "nodes": {self.node: 1}, **more}

    def close(self):
        self.socket.sendto(b"end", ("127.0.0.1", self.port))
        self.socket.close()


@pytest.fixture
def nodes():
    made = [Node(name) for name in ("a", "b")]
    yield made
    for node in made:
        node.close()


@pytest.fixture
def ports():
    return [free_port() for _ in range(2)]


@pytest.fixture
def make(own_pylon, ports):
    def start(workers=2, limits=None):
        udp = [f"127.0.0.1:{ports[0]}", ports[1]]
        config = {"apisix": {"proxy_mode": "http&stream", "stream_proxy": {"udp": udp}}}
        if limits:
            config["pylon"] = {"limits": limits}
        return own_pylon(config, workers=workers)

    return start


@pytest.fixture
def gateway(make):
    return make()


class Client:
    def __init__(self, port, address="127.0.0.1", source=0):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", source))
        self.socket.settimeout(PATIENCE_S)
        self.to = (address, port)

    def ask(self, octets):
        self.socket.sendto(octets, self.to)
        return self.answer()

    def answer(self):
        octets, peer = self.socket.recvfrom(65536)
        assert peer == self.to
        return octets

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


def test_datagrams_go_both_ways(gateway, ports, nodes):
    gateway.admin.put("/stream_routes/1", {"upstream": nodes[0].upstream()})
    with Client(ports[0]) as client:
        for octets in (b"x", b"", b"y" * 1400, b"z" * 60_000):
            assert client.ask(octets) == b"a:" + octets


def test_all_of_a_client_goes_to_one_node(gateway, ports, nodes):
    both = {"type": "roundrobin", "nodes": {node.node: 1 for node in nodes}}
    gateway.admin.put("/stream_routes/1", {"upstream": both})
    seen = set()
    for _ in range(8):
        with Client(ports[0]) as client:
            names = {client.ask(b"x")[:1] for _ in range(5)}
            assert len(names) == 1
            seen |= names
    assert seen == {b"a", b"b"}
    assert len(set(nodes[0].peers)) + len(set(nodes[1].peers)) == 8


def test_answers_come_from_the_address_that_was_asked(gateway, ports, nodes):
    """The listener is a wildcard: 127.0.0.5 is as good as 127.0.0.1."""
    gateway.admin.put("/stream_routes/1", {"upstream": nodes[0].upstream()})
    for address in ("127.0.0.1", "127.0.0.5"):
        with Client(ports[1], address) as client:
            assert client.ask(b"x") == b"a:x"


def test_routes_by_port_and_address(gateway, ports, nodes):
    route = {"server_port": ports[1], "server_addr": "127.0.0.5", "upstream": nodes[0].upstream()}
    gateway.admin.put("/stream_routes/1", route)
    gateway.admin.put("/stream_routes/2", {"upstream": nodes[1].upstream()})
    for address, port, node in (
        ("127.0.0.5", ports[1], b"a"),
        ("127.0.0.1", ports[1], b"b"),
        ("127.0.0.1", ports[0], b"b"),
    ):
        with Client(port, address) as client:
            assert client.ask(b"x")[:1] == node


def test_plugins_refuse(gateway, ports, nodes):
    closed = {"ip-restriction": {"blacklist": ["127.0.0.0/8"]}}
    route = {"plugins": closed, "server_port": ports[0], "upstream": nodes[0].upstream()}
    gateway.admin.put("/stream_routes/1", route)
    gateway.admin.put("/stream_routes/2", {"upstream": nodes[1].upstream()})
    with Client(ports[0]) as refused, Client(ports[1]) as fence:
        refused.socket.sendto(b"x", refused.to)
        assert fence.ask(b"y") == b"b:y"
        assert nodes[0].peers == []


def test_a_change_of_nodes_leaves_sessions_alone(gateway, ports, nodes):
    gateway.admin.put("/upstreams/1", nodes[0].upstream())
    gateway.admin.put("/stream_routes/1", {"upstream_id": "1"})
    with Client(ports[0]) as old:
        assert old.ask(b"x") == b"a:x"
        gateway.admin.put("/upstreams/1", nodes[1].upstream())
        with Client(ports[0]) as new:
            assert new.ask(b"x") == b"b:x"
        assert old.ask(b"y") == b"a:y"
        gateway.admin.delete("/stream_routes/1")
        assert old.ask(b"z") == b"a:z"


def test_a_client_port_is_used_again(gateway, ports, nodes):
    """Another socket on the same port is the same session."""
    gateway.admin.put("/stream_routes/1", {"upstream": nodes[0].upstream()})
    with Client(ports[0]) as client:
        source = client.socket.getsockname()[1]
        assert client.ask(b"x") == b"a:x"
    with Client(ports[0], source=source) as client:
        assert client.ask(b"y") == b"a:y"
    assert len(set(nodes[0].peers)) == 1


def test_sessions_end_when_they_are_silent(gateway, ports, nodes):
    timeout = {"connect": 1, "send": 1, "read": 0.3}
    gateway.admin.put("/stream_routes/1", {"upstream": nodes[0].upstream(timeout=timeout)})
    with Client(ports[0]) as client:
        assert client.ask(b"x") == b"a:x"

        def another_session():
            client.socket.settimeout(0.5)
            client.ask(b"y")
            return len(set(nodes[0].peers)) > 1

        # Each try waits longer than the one before, until it is longer than the timeout.
        pauses = iter([0.05 * step for step in range(1, 40)])
        waiting = threading.Event()

        def attempt():
            waiting.wait(next(pauses))
            return another_session()

        until(attempt, "another session", PATIENCE_S, 0)


def test_a_dead_node_is_left(gateway, ports, nodes):
    """ICMP tells that nobody listens there; what the client sends next starts anew."""
    dead = f"127.0.0.1:{free_port()}"
    both = {"type": "roundrobin", "nodes": {dead: 1, nodes[0].node: 1}}
    gateway.admin.put("/stream_routes/1", {"upstream": both})
    with Client(ports[0]) as client:
        client.socket.settimeout(0.2)

        def answered():
            try:
                return client.ask(b"x") == b"a:x"
            except TimeoutError:
                return False

        until(answered, "an answer", PATIENCE_S)


def test_many_answers_to_one(gateway, ports):
    node = Node("n", answers=100)
    gateway.admin.put("/stream_routes/1", {"upstream": node.upstream()})
    with Client(ports[0]) as client:
        assert client.ask(b"x") == b"n:x"
        for _ in range(99):
            assert client.answer() == b"n:x"
    node.close()


def test_a_flood_is_bounded(make, ports, nodes):
    gateway = make(workers=1, limits={"udp_sessions": 50})
    gateway.admin.put("/stream_routes/1", {"upstream": nodes[0].upstream()})
    with Client(ports[0]) as old:
        assert old.ask(b"x") == b"a:x"
        crowd = [Client(ports[0]) for _ in range(300)]
        for client in crowd:
            client.socket.sendto(b"flood", client.to)
        old.socket.settimeout(0.5)

        def still_served():  # what overflows the kernel's queue is lost
            try:
                return old.ask(b"y") == b"a:y"
            except TimeoutError:
                return False

        until(still_served, "an answer", PATIENCE_S)
        assert len(set(nodes[0].peers)) <= 50
        for client in crowd:
            client.socket.close()

        def newcomer():  # once somebody has been silent for a second
            with Client(ports[0]) as client:
                client.socket.settimeout(0.3)
                try:
                    return client.ask(b"n") == b"a:n"
                except TimeoutError:
                    return False

        until(newcomer, "room for a newcomer", PATIENCE_S)
    assert "places for UDP sessions are taken" in gateway.read_log("error.log")


def test_a_reload_keeps_the_port(gateway, ports, nodes):
    gateway.admin.put("/stream_routes/1", {"upstream": nodes[0].upstream()})
    with Client(ports[0]) as client:
        assert client.ask(b"x") == b"a:x"
        before = gateway.workers()
        gateway.reload()
        until(lambda: set(gateway.workers()) - set(before), "another process", PATIENCE_S)
        client.socket.settimeout(0.5)

        def answered():
            try:
                return client.ask(b"y") == b"a:y"
            except TimeoutError:
                return False

        for _ in range(5):
            until(answered, "an answer", PATIENCE_S)


# ---- a real server


def query(name):
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    return struct.pack("!6H", 4711, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", 1, 1)


def test_dns_by_dnsmasq(gateway, ports, tmp_path):
    binary = shutil.which("dnsmasq") or "/usr/sbin/dnsmasq"
    port = free_port()
    command = [binary, "--no-daemon", "--no-resolv", "--no-hosts", f"--port={port}"]
    command += ["--listen-address=127.0.0.1", "--bind-interfaces", "--user=root"]
    command += ["--conf-file=/dev/null", "--address=/a.test/192.0.2.77"]
    process = Process(command, tmp_path)
    try:
        process.await_port(port)
        upstream = {"type": "roundrobin", "scheme": "udp", "nodes": {f"127.0.0.1:{port}": 1}}
        gateway.admin.put("/stream_routes/1", {"upstream": upstream})
        for _ in range(50):
            with Client(ports[0]) as client:
                assert client.ask(query("a.test")).endswith(socket.inet_aton("192.0.2.77"))
    finally:
        process.stop()


def test_tcp_and_udp_on_one_port(own_pylon, nodes):
    port = free_port()
    stream = {"tcp": [f"127.0.0.1:{port}"], "udp": [f"127.0.0.1:{port}"]}
    gateway = own_pylon({"apisix": {"proxy_mode": "http&stream", "stream_proxy": stream}})
    gateway.admin.put("/stream_routes/1", {"upstream": nodes[0].upstream()})
    with Client(port) as client:
        assert client.ask(b"x") == b"a:x"
    assert gateway.process.accepts(port)


def test_one_address_for_two_purposes_is_refused(own_pylon, tmp_path):
    gateway = own_pylon(start=False)
    gateway.config["apisix"]["proxy_mode"] = "http&stream"
    gateway.config["apisix"]["stream_proxy"] = {"tcp": [f"127.0.0.1:{gateway.port}"]}
    gateway.write_config()
    done = subprocess.run(
        gateway.command("start", "--foreground"), capture_output=True, timeout=20, check=False
    )
    said = (done.stdout + done.stderr).decode()
    assert done.returncode != 0
    assert "apisix.node_listen" in said and "apisix.stream_proxy.tcp" in said
