"""The PROXY protocol, in and out, with HAProxy on the other side. APISIX docs: stream-proxy."""

import json
import socket
import ssl
import struct

import pytest

from harness.certs import Authority, server_ssl
from harness.ports import free_port
from harness.process import Process
from harness.wire import until

PATIENCE_S = 10
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def v1(client="192.0.2.9", port=4242):
    return f"PROXY TCP4 {client} 203.0.113.1 {port} 443\r\n".encode()


def v2(client="192.0.2.9", port=4242, extension=b""):
    ends = socket.inet_aton(client) + socket.inet_aton("203.0.113.1")
    rest = ends + struct.pack("!HH", port, 443) + extension
    return SIGNATURE + b"\x21\x11" + struct.pack("!H", len(rest)) + rest


@pytest.fixture
def ports():
    names = "http https tcp tls plain"
    return {name: free_port() for name in names.split()}


@pytest.fixture
def make(own_pylon, ports):
    def start(believed=("127.0.0.1",), to_upstream=False):
        tcp = [
            f"127.0.0.1:{ports['tcp']}",
            {"addr": f"127.0.0.1:{ports['tls']}", "tls": True},
            {"addr": f"127.0.0.1:{ports['plain']}", "proxy_protocol": False},
        ]
        spoken = {
            "listen_http_port": ports["http"],
            "listen_https_port": ports["https"],
            "enable_tcp_pp": True,
            "enable_tcp_pp_to_upstream": to_upstream,
        }
        real_ip = {"real_ip_from": list(believed)}
        return own_pylon(
            {
                "apisix": {
                    "proxy_mode": "http&stream",
                    "proxy_protocol": spoken,
                    "stream_proxy": {"tcp": tcp},
                },
                "nginx_config": {"stream": real_ip, "http": real_ip},
            }
        )

    return start


class Haproxy:
    """Sends what comes to `port` on to `to`, with the PROXY protocol; `accepts`: and takes it."""

    def __init__(self, folder, to, option="", accepts=False):
        folder.mkdir(exist_ok=True)
        self.port = free_port()
        path = folder / f"haproxy{self.port}.cfg"
        accept = "accept-proxy" if accepts else ""
        path.write_text(
            f"""
defaults
  mode tcp
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend f
  bind 127.0.0.1:{self.port} {accept}
  default_backend b
backend b
  server s 127.0.0.1:{to} {option}
"""
        )
        self.process = Process(["haproxy", "-db", "-f", str(path)], folder)
        self.process.await_port(self.port)


@pytest.fixture
def haproxy(tmp_path):
    made = []

    def start(*arguments, **more):
        made.append(Haproxy(tmp_path / "haproxy", *arguments, **more))
        return made[-1].port

    yield start
    for each in made:
        each.process.stop()


def connect(port):
    sock = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
    sock.settimeout(PATIENCE_S)
    return sock


GET = b"GET /hello HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n%s\r\n"


def ask(sock, octets=b"", more=b""):
    """The answer's JSON: what the upstream saw."""
    answer = b""
    try:
        sock.sendall(octets + GET % more)
        while part := sock.recv(65536):
            answer += part
            try:
                return json.loads(answer.partition(b"\r\n\r\n")[2])
            except ValueError:
                continue  # not all of it yet
    except ConnectionResetError:
        pass  # what was not read makes the kernel send one
    return None


def seen(told, name):
    return dict(told["headers"]).get(name)


def route(gateway, echo):
    plugins = {
        "proxy-rewrite": {
            "headers": {
                "set": {
                    "X-Said": "$proxy_protocol_addr:$proxy_protocol_port",
                    "X-Server": "$proxy_protocol_server_addr:$proxy_protocol_server_port",
                    "X-Peer": "$realip_remote_addr",
                }
            }
        }
    }
    gateway.admin.put(
        "/routes/1", {"uri": "/hello", "plugins": plugins, "upstream": echo.upstream()}
    )


@pytest.mark.parametrize("header", [v1(), v2(), v2(extension=b"\x04\x00\x05hello")])
def test_http_takes_the_client_that_the_header_names(make, ports, echo, header):
    gateway = make()
    route(gateway, echo)
    with connect(ports["http"]) as sock:
        told = ask(sock, header)
    assert seen(told, "x-real-ip") == "192.0.2.9"
    assert seen(told, "x-forwarded-for") == "192.0.2.9"
    assert seen(told, "x-said") == "192.0.2.9:4242"
    assert seen(told, "x-server") == "203.0.113.1:443"
    assert seen(told, "x-peer") == "127.0.0.1"


@pytest.mark.parametrize("option", ["send-proxy", "send-proxy-v2", "send-proxy-v2 send-proxy"])
def test_haproxy_in_front_of_http(make, ports, echo, haproxy, option):
    gateway = make()
    route(gateway, echo)
    front = haproxy(ports["http"], option.split()[0])
    with connect(front) as sock:
        client = sock.getsockname()[1]
        told = ask(sock)
    assert seen(told, "x-real-ip") == "127.0.0.1"
    assert seen(told, "x-said") == f"127.0.0.1:{client}"


@pytest.mark.parametrize("option", ["send-proxy", "send-proxy-v2"])
def test_haproxy_in_front_of_https(make, ports, echo, haproxy, option, tmp_path):
    gateway = make()
    route(gateway, echo)
    authority = Authority(tmp_path)
    gateway.admin.put("/ssls/1", server_ssl(authority.issue("a.test"), "a.test"))
    context = ssl.create_default_context(cafile=str(authority.cert_path))
    front = haproxy(ports["https"], option)
    for _ in range(3):
        with context.wrap_socket(connect(front), server_hostname="a.test") as sock:
            client = sock.getsockname()[1]
            assert seen(ask(sock), "x-said") == f"127.0.0.1:{client}"
    # header and ClientHello in one packet
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="a.test")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    with connect(ports["https"]) as sock:
        sock.sendall(v2() + outgoing.read())
        assert sock.recv(1) == b"\x16"


def test_who_is_not_believed_is_the_client_itself(make, ports, echo):
    gateway = make(believed=["10.0.0.0/8"])
    route(gateway, echo)
    with connect(ports["http"]) as sock:
        told = ask(sock, v1())
    assert seen(told, "x-real-ip") == "127.0.0.1"
    assert seen(told, "x-said") == "192.0.2.9:4242"


def test_fields_of_the_client_behind_are_not_believed(make, ports, echo):
    """X-Real-IP counts from believed peers; the load balancer did not write it."""
    gateway = make()
    route(gateway, echo)
    with connect(ports["http"]) as sock:
        told = ask(sock, v1(), b"X-Real-IP: 198.51.100.7\r\n")
    assert seen(told, "x-real-ip") == "192.0.2.9"


def test_a_header_may_come_octet_by_octet(make, ports, echo):
    gateway = make()
    route(gateway, echo)
    for header in (v1(), v2()):
        with connect(ports["http"]) as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for octet in header:
                sock.sendall(bytes([octet]))
            assert seen(ask(sock), "x-real-ip") == "192.0.2.9"


def test_local_and_unknown_keep_the_peer(make, ports, echo):
    gateway = make()
    route(gateway, echo)
    for header in (b"PROXY UNKNOWN\r\n", SIGNATURE + b"\x20\x00\x00\x00"):
        with connect(ports["http"]) as sock:
            told = ask(sock, header)
        assert seen(told, "x-real-ip") == "127.0.0.1"


def test_without_a_sound_header_the_connection_ends(make, ports, echo):
    gateway = make()
    route(gateway, echo)
    wrong = [
        b"",
        b"PROXY TCP4 1.1.1.1\r\n",
        b"PROXY TCP4 " + b"x" * 200,
        SIGNATURE + b"\x21\x11\xff\xff",
        SIGNATURE + b"\x31\x11\x00\x0c" + b"x" * 12,
    ]
    for header in wrong:
        with connect(ports["http"]) as sock:
            sock.sendall(header + GET % b"")
            assert ended(sock), header
    with connect(ports["http"]) as sock:
        sock.sendall(b"PROXY TCP4")  # and nothing more
        assert ended(sock)


def ended(sock):
    """With or without a reset: what was not read makes the kernel send one."""
    try:
        return sock.recv(100) == b""
    except ConnectionResetError:
        return True


def test_other_ports_take_no_header(make, echo):
    gateway = make()
    route(gateway, echo)
    with connect(gateway.port) as sock:
        sock.sendall(v1() + GET % b"")
        assert sock.recv(100).startswith(b"HTTP/1.1 400")


# ---- TCP


@pytest.fixture
def sink():
    """A server that keeps what its one client sends first."""
    server = socket.create_server(("127.0.0.1", free_port()))
    server.settimeout(PATIENCE_S)
    yield server
    server.close()


def upstream_of(server):
    return {"type": "roundrobin", "nodes": {f"127.0.0.1:{server.getsockname()[1]}": 1}}


def first_octets(server, count=200):
    taken, _ = server.accept()
    with taken:
        taken.settimeout(PATIENCE_S)
        return taken.recv(count)


def test_tcp_routes_by_the_client_that_is_named(make, ports, echo):
    gateway = make()
    gateway.admin.put(
        "/stream_routes/1", {"remote_addr": "192.0.2.0/24", "upstream": echo.upstream()}
    )
    with connect(ports["tcp"]) as sock:
        assert ask(sock, v2())["method"] == "GET"
    with connect(ports["tcp"]) as sock:
        assert ask(sock, v2("198.51.100.1")) is None
    with connect(ports["plain"]) as sock:
        assert ask(sock) is None


def test_tcp_within_tls(make, ports, echo, haproxy, tmp_path):
    gateway = make()
    authority = Authority(tmp_path)
    gateway.admin.put("/ssls/1", server_ssl(authority.issue("a.test"), "a.test"))
    gateway.admin.put("/stream_routes/1", {"sni": "a.test", "upstream": echo.upstream()})
    context = ssl.create_default_context(cafile=str(authority.cert_path))
    front = haproxy(ports["tls"], "send-proxy-v2")
    with context.wrap_socket(connect(front), server_hostname="a.test") as sock:
        assert ask(sock)["method"] == "GET"


def test_the_node_is_told_the_client(make, ports, sink):
    gateway = make(to_upstream=True)
    gateway.admin.put("/stream_routes/1", {"upstream": upstream_of(sink)})
    with connect(ports["tcp"]) as sock:
        sock.sendall(v2() + b"hello")
        line = first_octets(sink)
    assert line.startswith(f"PROXY TCP4 192.0.2.9 127.0.0.1 4242 {ports['tcp']}\r\n".encode())
    with connect(ports["plain"]) as sock:  # taken without a header, told with one
        port = sock.getsockname()[1]
        line = first_octets(sink)
    assert line == f"PROXY TCP4 127.0.0.1 127.0.0.1 {port} {ports['plain']}\r\n".encode()


def test_who_is_not_believed_is_told_itself(make, ports, sink):
    gateway = make(believed=[], to_upstream=True)
    gateway.admin.put("/stream_routes/1", {"upstream": upstream_of(sink)})
    with connect(ports["tcp"]) as sock:
        sock.sendall(v1())
        assert first_octets(sink).startswith(b"PROXY TCP4 127.0.0.1 127.0.0.1 ")


def test_haproxy_behind_takes_the_header(make, ports, echo, haproxy):
    gateway = make(to_upstream=True)
    behind = haproxy(echo.port, accepts=True)
    upstream = {"type": "roundrobin", "nodes": {f"127.0.0.1:{behind}": 1}}
    gateway.admin.put("/stream_routes/1", {"upstream": upstream})
    with connect(ports["tcp"]) as sock:
        assert ask(sock, v1())["method"] == "GET"


def test_silent_connections_are_bounded_in_time(make, ports):
    gateway = make()
    silent = [connect(ports["http"]) for _ in range(50)]
    for sock in silent:
        assert sock.recv(1) == b""
        sock.close()
    until(lambda: "it did not come in time" in gateway.read_log("error.log"), "the log", 5)
