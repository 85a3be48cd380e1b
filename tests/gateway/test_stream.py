"""TCP connections that stream routes take. APISIX docs: stream-proxy, mqtt-proxy."""

import select
import shutil
import socket
import socketserver
import ssl
import struct
import subprocess
import threading

import pytest

from harness import http
from harness.certs import Authority, server_ssl
from harness.ports import free_port
from harness.process import Process
from harness.wire import until

PATIENCE_S = 10


class Named:
    """A TCP server that says its name and then returns every octet, end mark included."""

    def __init__(self, name):
        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                self.request.sendall(name.encode() + b"\n")
                while octets := self.request.recv(65536):
                    self.request.sendall(octets)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

        self.server = Server(("127.0.0.1", free_port()), Handler)
        self.node = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def upstream(self):
        return {"type": "roundrobin", "nodes": {self.node: 1}}

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(scope="module")
def nodes():
    made = [Named(name) for name in ("a", "b")]
    yield made
    for node in made:
        node.close()


@pytest.fixture
def ports():
    return [free_port() for _ in range(3)]


@pytest.fixture
def gateway(own_pylon, ports):
    listen = [f"127.0.0.1:{ports[0]}", {"addr": f"127.0.0.1:{ports[1]}"}]
    listen.append({"addr": f"127.0.0.1:{ports[2]}", "tls": True})
    return own_pylon({"apisix": {"proxy_mode": "http&stream", "stream_proxy": {"tcp": listen}}})


def connect(port):
    sock = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
    sock.settimeout(PATIENCE_S)
    return sock


def greeting(sock):
    """The name of the node that took the connection; empty when it was closed."""
    return sock.makefile("rb").readline().strip().decode()


def node_at(port):
    with connect(port) as sock:
        return greeting(sock)


def test_octets_go_both_ways_and_ends_are_passed_on(gateway, ports, nodes):
    gateway.admin.put("/stream_routes/1", {"upstream": nodes[0].upstream()})
    sent = bytes(range(256)) * 40_000
    with connect(ports[0]) as sock:
        assert greeting(sock) == "a"
        got = bytearray()

        def read():
            while octets := sock.recv(1 << 20):
                got.extend(octets)

        reader = threading.Thread(target=read)
        reader.start()
        sock.sendall(sent)
        sock.shutdown(socket.SHUT_WR)
        reader.join(PATIENCE_S * 3)
    assert bytes(got) == sent


def test_routes_by_port_and_address(gateway, ports, nodes):
    assert node_at(ports[0]) == ""
    gateway.admin.put(
        "/stream_routes/1", {"server_port": ports[0], "upstream": nodes[0].upstream()}
    )
    assert (node_at(ports[0]), node_at(ports[1])) == ("a", "")
    gateway.admin.put("/stream_routes/2", {"upstream": nodes[1].upstream()})
    assert (node_at(ports[0]), node_at(ports[1])) == ("a", "b")
    gateway.admin.put(
        "/stream_routes/1",
        {"server_port": ports[0], "remote_addr": "10.0.0.0/8", "upstream": nodes[0].upstream()},
    )
    assert node_at(ports[0]) == "b"
    gateway.admin.delete("/stream_routes/2")
    assert node_at(ports[0]) == ""


def test_a_change_of_nodes_leaves_sessions_alone(gateway, ports, nodes):
    gateway.admin.put("/upstreams/1", nodes[0].upstream())
    gateway.admin.put("/stream_routes/1", {"upstream_id": "1"})
    with connect(ports[0]) as sock:
        assert greeting(sock) == "a"
        gateway.admin.put("/upstreams/1", nodes[1].upstream())
        assert node_at(ports[0]) == "b"
        gateway.admin.delete("/stream_routes/1")
        sock.sendall(b"still here")
        assert sock.recv(100) == b"still here"


def test_a_service_lends_its_upstream_and_plugins(gateway, ports, nodes):
    closed = {"ip-restriction": {"blacklist": ["127.0.0.0/8"]}}
    gateway.admin.put("/services/1", {"upstream": nodes[0].upstream()})
    gateway.admin.put("/stream_routes/1", {"service_id": "1"})
    assert node_at(ports[0]) == "a"
    gateway.admin.put("/services/1", {"upstream": nodes[0].upstream(), "plugins": closed})
    assert node_at(ports[0]) == ""
    opened = {"ip-restriction": {"whitelist": ["127.0.0.0/8"]}}
    gateway.admin.put("/stream_routes/1", {"service_id": "1", "plugins": opened})
    assert node_at(ports[0]) == "a"


def test_a_client_that_resets_frees_a_node_that_does_not_read(gateway, ports):
    with socket.create_server(("127.0.0.1", free_port())) as server:
        server.settimeout(PATIENCE_S)
        node = f"127.0.0.1:{server.getsockname()[1]}"
        upstream = {"type": "roundrobin", "nodes": {node: 1}}
        gateway.admin.put("/stream_routes/1", {"upstream": upstream})
        client = connect(ports[0])
        taken, _ = server.accept()
        client.settimeout(0.5)
        with pytest.raises(TimeoutError):  # everything between the two is full
            while True:
                client.sendall(bytes(1 << 20))
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        poll = select.poll()
        poll.register(taken, 0)  # a reset is told without reading
        assert poll.poll(PATIENCE_S * 1000)
        taken.close()


def test_a_dead_node_is_passed_over(gateway, ports, nodes):
    dead = f"127.0.0.1:{free_port()}"
    upstream = {"type": "roundrobin", "nodes": {dead: 1, nodes[0].node: 1}}
    gateway.admin.put("/stream_routes/1", {"upstream": upstream})
    assert [node_at(ports[0]) for _ in range(6)] == ["a"] * 6


def test_tls_ends_here_and_names_choose(gateway, ports, nodes, tmp_path):
    authority = Authority(tmp_path)
    certificate = authority.issue("a.test", "b.test")
    gateway.admin.put("/ssls/1", server_ssl(certificate, "a.test", "b.test"))
    gateway.admin.put("/stream_routes/1", {"sni": "a.test", "upstream": nodes[0].upstream()})
    gateway.admin.put("/stream_routes/2", {"upstream": nodes[1].upstream()})
    context = ssl.create_default_context(cafile=str(authority.cert_path))
    for name, node in (("a.test", "a"), ("b.test", "b")):
        with context.wrap_socket(connect(ports[2]), server_hostname=name) as sock:
            assert greeting(sock) == node
            sock.sendall(b"within TLS")
            assert sock.recv(100) == b"within TLS"


def test_a_plugin_for_connections_only_is_unknown_to_routes(gateway, nodes):
    route = {"uri": "/", "plugins": {"mqtt-proxy": {"protocol_level": 4}}}
    route["upstream"] = nodes[0].upstream()
    status, answer, _ = gateway.admin.call("PUT", "/routes/1", route)
    assert status == 400
    assert "unknown plugin [mqtt-proxy]" in answer["error_msg"]


def test_sessions_are_counted(own_pylon, ports, nodes):
    stream = {"tcp": [f"127.0.0.1:{ports[0]}"]}
    gateway = own_pylon(
        {
            "apisix": {"proxy_mode": "http&stream", "stream_proxy": stream},
            "stream_plugins": ["prometheus", "ip-restriction"],
        }
    )
    route = {"plugins": {"prometheus": {}}, "upstream": nodes[0].upstream()}
    gateway.admin.put("/stream_routes/1", route)
    with connect(ports[0]) as sock:
        assert greeting(sock) == "a"
        sock.sendall(b"12345")
        assert sock.recv(100) == b"12345"
    listen = f'listen_addr="127.0.0.1:{ports[0]}"'
    expected = [
        'apisix_stream_connection_total{route="1"} 1',
        f'apisix_stream_status{{code="200",{listen},node="{nodes[0].node}"}} 1',
        f'apisix_stream_bandwidth{{{listen},type="ingress",side="downstream"}} 5',
        f'apisix_stream_bandwidth{{{listen},type="egress",side="downstream"}} 7',
    ]

    def counted():
        page = http.get(gateway.metrics_port, "/apisix/prometheus/metrics").content.decode()
        return all(line in page for line in expected)

    until(counted, "the metrics", PATIENCE_S)


# ---- MQTT, with real brokers


class Broker:
    def __init__(self, folder):
        self.port = free_port()
        folder = folder / f"broker{self.port}"
        folder.mkdir()
        path = folder / "mosquitto.conf"
        path.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\n")
        binary = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        self.process = Process([binary, "-c", str(path)], folder)
        self.process.await_port(self.port)
        self.node = f"127.0.0.1:{self.port}"

    def clients(self):
        """Ids of the clients that have connected here."""
        text = self.process.tail(100_000)
        return {part.split()[0] for part in text.split(" as ")[1:] if "disconnect" not in part[:3]}

    def stop(self):
        self.process.stop()


@pytest.fixture
def brokers(tmp_path):
    made = [Broker(tmp_path) for _ in range(2)]
    yield made
    for broker in made:
        broker.stop()


def publish(port, client_id, version="mqttv311"):
    command = ["mosquitto_pub", "-h", "127.0.0.1", "-p", str(port), "-V", version]
    command += ["-i", client_id, "-t", "t", "-m", "x"]
    return subprocess.run(command, capture_output=True, timeout=PATIENCE_S, check=False).returncode


def mqtt_route(level, brokers, name="MQTT"):
    chash = {"type": "chash", "key": "mqtt_client_id", "nodes": {b.node: 1 for b in brokers}}
    plugin = {"protocol_name": name, "protocol_level": level}
    return {"plugins": {"mqtt-proxy": plugin}, "upstream": chash}


VERSIONS = [("mqttv31", "MQIsdp", 3), ("mqttv311", "MQTT", 4), ("mqttv5", "MQTT", 5)]


@pytest.mark.parametrize("version, name, level", VERSIONS)
def test_mqtt_clients_of_one_id_meet_at_one_broker(gateway, ports, brokers, version, name, level):
    gateway.admin.put("/stream_routes/1", mqtt_route(level, brokers, name))
    ids = [f"client-{number}" for number in range(12)]
    for client_id in ids * 2:
        assert publish(ports[0], client_id, version) == 0
    until(lambda: set(ids) <= brokers[0].clients() | brokers[1].clients(), "all clients", 5)
    assert not brokers[0].clients() & brokers[1].clients()
    assert brokers[0].clients() and brokers[1].clients()


def test_mqtt_of_another_version_is_refused(gateway, ports, brokers):
    gateway.admin.put("/stream_routes/1", mqtt_route(5, brokers))
    assert publish(ports[0], "x", "mqttv311") != 0


HOSTILE = [
    b"GET / HTTP/1.1\r\n\r\n",
    b"\x10\xff\xff\xff\xff\x7f",  # a length of five octets
    b"\x10\x02\x00\xff",  # a name longer than the packet
    b"\x30\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00",  # PUBLISH
    b"\x10\x0c\x00\x04MQTT\x04\x03\x00\x3c\x00\x00",  # the reserved flag
    b"\x10\x0c\x00\x04MQTT\x06\x02\x00\x3c\x00\x00",  # a version that does not exist
    b"\x10\x0c\x00\x04MQTX\x04\x02\x00\x3c\x00\x00",
    b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\xff\xff",  # an id that ends behind the packet
    b"\x10\x00",
    b"\x10\xff\xff\x7f" + bytes(20_000),  # more than is ever looked at
]


@pytest.mark.parametrize("octets", HOSTILE)
def test_a_hostile_connect_is_refused_at_once(gateway, ports, brokers, octets):
    gateway.admin.put("/stream_routes/1", mqtt_route(4, brokers))
    with connect(ports[0]) as sock:
        sock.sendall(octets)
        try:
            assert sock.recv(10) == b""
        except ConnectionResetError:
            pass
    assert publish(ports[0], "a-good-client") == 0


def test_a_connect_may_come_octet_by_octet(gateway, ports, brokers):
    gateway.admin.put("/stream_routes/1", mqtt_route(4, brokers))
    with connect(ports[0]) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for octet in b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04slow":
            sock.sendall(bytes([octet]))
        assert sock.recv(4) == b"\x20\x02\x00\x00"  # CONNACK


def test_a_connect_may_be_longer_than_what_is_looked_at(gateway, ports, brokers):
    """The will of a CONNECT packet may take 64 KiB."""
    gateway.admin.put("/stream_routes/1", mqtt_route(4, brokers))
    will = b"\x00\x01t" + b"\xea\x60" + b"w" * 60_000
    fields = b"\x00\x04MQTT\x04\x06\x00\x3c\x00\x04wide" + will
    length = bytes([0x80 | len(fields) & 0x7F, 0x80 | len(fields) >> 7 & 0x7F, len(fields) >> 14])
    with connect(ports[0]) as sock:
        sock.sendall(b"\x10" + length + fields)
        assert sock.recv(4) == b"\x20\x02\x00\x00"  # CONNACK


def test_nodes_that_die_under_way_are_passed_over(gateway, ports):
    """A node that goes away cuts its own sessions; new ones find the other, whichever is next."""
    gone, stays = Named("gone"), Named("stays")
    upstream = {"type": "roundrobin", "nodes": {gone.node: 1, stays.node: 1}}
    gateway.admin.put("/stream_routes/1", {"upstream": upstream})
    assert {node_at(ports[0]) for _ in range(4)} == {"gone", "stays"}
    gone.close()
    assert [node_at(ports[0]) for _ in range(6)] == ["stays"] * 6
    stays.close()
