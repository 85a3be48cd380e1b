"""TLS of stream routes: spoken to the nodes, and passed through by its server name. APISIX docs:
stream-proxy ("Proxy to TLS over TCP upstream"); the second is Pylon's own."""

import socket
import socketserver
import ssl
import threading

import pytest

from harness.certs import Authority, server_ssl
from harness.ports import free_port

PATIENCE_S = 10


class SecureEcho:
    """Says which server name it was asked for and whose certificate it saw, then echoes."""

    def __init__(self, certificate, clients=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.cert_path, certificate.key_path)
        if clients:
            context.load_verify_locations(str(clients.cert_path))
            context.verify_mode = ssl.CERT_REQUIRED
        context.sni_callback = self._asked
        self.names = {}

        class Handler(socketserver.BaseRequestHandler):
            def handle(handler):
                try:
                    sock = context.wrap_socket(handler.request, server_side=True)
                except (ssl.SSLError, OSError):
                    return
                shown = sock.getpeercert() or {}
                subject = dict(part[0] for part in shown.get("subject", ()))
                name = self.names.get(sock)
                sock.sendall(f"sni={name} subject={subject.get('commonName')}\n".encode())
                while octets := sock.recv(65536):
                    sock.sendall(octets)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

        self.server = Server(("127.0.0.1", free_port()), Handler)
        self.port = self.server.server_address[1]
        self.node = f"127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def _asked(self, sock, name, _context):
        self.names[sock] = name

    def upstream(self, **more):
        return {"type": "roundrobin", "nodes": {self.node: 1}, **more}

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


@pytest.fixture
def secure(authority):
    made = []

    def make(*names, **more):
        made.append(SecureEcho(authority.issue(*names), **more))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def ports():
    return [free_port() for _ in range(2)]


@pytest.fixture
def gateway(own_pylon, ports, authority):
    listen = [f"127.0.0.1:{ports[0]}", {"addr": f"127.0.0.1:{ports[1]}", "tls": True}]
    trusted = {"ssl_trusted_certificate": str(authority.cert_path)}
    return own_pylon(
        {
            "apisix": {
                "proxy_mode": "http&stream",
                "stream_proxy": {"tcp": listen},
                "ssl": trusted,
            }
        }
    )


def connect(port):
    sock = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
    sock.settimeout(PATIENCE_S)
    return sock


def said(sock):
    return sock.makefile("rb").readline().strip().decode()


# ---- to the nodes


def test_tls_is_spoken_to_the_node(gateway, ports, secure):
    node = secure("node.test")
    gateway.admin.put("/stream_routes/1", {"upstream": node.upstream(scheme="tls")})
    with connect(ports[0]) as sock:
        assert said(sock) == "sni=apisix_backend subject=None"
        sock.sendall(b"within TLS")
        assert sock.recv(100) == b"within TLS"


def test_the_name_of_the_client_is_passed_on(gateway, ports, secure, authority):
    node = secure("a.test")
    gateway.admin.put("/ssls/1", server_ssl(authority.issue("a.test"), "a.test"))
    gateway.admin.put("/stream_routes/1", {"upstream": node.upstream(scheme="tls")})
    context = ssl.create_default_context(cafile=str(authority.cert_path))
    with context.wrap_socket(connect(ports[1]), server_hostname="a.test") as sock:
        assert said(sock) == "sni=a.test subject=None"


def test_certificates_of_nodes_are_verified_when_asked(gateway, ports, secure):
    right, wrong = secure("127.0.0.1"), secure("other.test")
    for node, works in ((right, True), (wrong, False)):
        upstream = node.upstream(scheme="tls", tls={"verify": True})
        gateway.admin.put("/stream_routes/1", {"upstream": upstream})
        with connect(ports[0]) as sock:
            assert said(sock).startswith("sni=") is works
    assert "cannot connect to " + wrong.node in gateway.read_log("error.log")


def test_a_certificate_is_shown_to_the_node(gateway, ports, secure, authority):
    node = secure("node.test", clients=authority)
    mine = authority.issue("gateway.test")
    tls = {"client_cert": mine.cert, "client_key": mine.key}
    gateway.admin.put("/stream_routes/1", {"upstream": node.upstream(scheme="tls", tls=tls)})
    with connect(ports[0]) as sock:
        assert said(sock) == "sni=apisix_backend subject=gateway.test"
    kept = {"type": "client", "cert": mine.cert, "key": mine.key}
    gateway.admin.put("/ssls/c", kept)
    tls = {"client_cert_id": "c"}
    gateway.admin.put("/stream_routes/1", {"upstream": node.upstream(scheme="tls", tls=tls)})
    with connect(ports[0]) as sock:
        assert said(sock) == "sni=apisix_backend subject=gateway.test"


def test_a_node_that_speaks_no_tls_is_passed_over(gateway, ports, secure):
    node = secure("node.test")
    with socket.create_server(("127.0.0.1", free_port())) as mute:
        mute.settimeout(PATIENCE_S)
        nodes = {f"127.0.0.1:{mute.getsockname()[1]}": 1, node.node: 1}
        upstream = {"type": "roundrobin", "scheme": "tls", "nodes": nodes}
        gateway.admin.put("/stream_routes/1", {"upstream": upstream})

        def refuse():
            while True:
                try:
                    taken, _ = mute.accept()
                except OSError:
                    return
                with taken:
                    taken.recv(1000)
                    taken.sendall(b"220 no TLS here\r\n")

        threading.Thread(target=refuse, daemon=True).start()
        for _ in range(4):
            with connect(ports[0]) as sock:
                assert said(sock).startswith("sni=")


# ---- passed through


def handshake(port, name, authority):
    context = ssl.create_default_context(cafile=str(authority.cert_path))
    return context.wrap_socket(connect(port), server_hostname=name)


def test_names_choose_without_ending_tls(gateway, ports, secure, authority):
    a, b = secure("a.test"), secure("b.test", "c.b.test")
    gateway.admin.put("/stream_routes/1", {"sni": "a.test", "upstream": a.upstream()})
    gateway.admin.put("/stream_routes/2", {"sni": "*.test", "upstream": b.upstream()})
    for name in ("a.test", "b.test", "c.b.test", "A.TEST"):
        with handshake(ports[0], name, authority) as sock:
            assert said(sock).lower() == f"sni={name.lower()} subject=none"
            sock.sendall(b"x" * 100_000)
            got = b""
            while len(got) < 100_000:
                got += sock.recv(65536)


def test_a_hello_in_fragments(gateway, ports, secure, authority):
    node = secure("a.test")
    gateway.admin.put("/stream_routes/1", {"sni": "a.test", "upstream": node.upstream()})
    context = ssl.create_default_context(cafile=str(authority.cert_path))
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="a.test")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    message = outgoing.read()[5:]
    with connect(ports[0]) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(message), 30):
            part = message[start : start + 30]
            sock.sendall(b"\x16\x03\x01" + len(part).to_bytes(2, "big") + part)
        incoming.write(sock.recv(65536))
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                sock.sendall(outgoing.read())
                incoming.write(sock.recv(65536))


def test_what_asks_for_no_name_takes_the_other_routes(gateway, ports, secure, authority):
    named, other = secure("a.test"), secure("b.test")
    gateway.admin.put("/stream_routes/1", {"sni": "a.test", "upstream": named.upstream()})
    with connect(ports[0]) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert sock.recv(10) == b""
    gateway.admin.put("/stream_routes/2", {"upstream": other.upstream()})
    with handshake(ports[0], "b.test", authority) as sock:
        assert said(sock) == "sni=b.test subject=None"


def test_ports_without_names_wait_for_nothing(gateway, ports, secure):
    """A server that speaks first is reached at once."""
    with socket.create_server(("127.0.0.1", free_port())) as first:
        first.settimeout(PATIENCE_S)
        upstream = {"type": "roundrobin", "nodes": {f"127.0.0.1:{first.getsockname()[1]}": 1}}
        gateway.admin.put("/stream_routes/1", {"upstream": upstream})
        named = {"sni": "a.test", "server_port": ports[1], "upstream": upstream}
        gateway.admin.put("/stream_routes/2", named)
        with connect(ports[0]) as sock:
            taken, _ = first.accept()
            taken.sendall(b"220 hello\r\n")
            assert sock.recv(100) == b"220 hello\r\n"
            taken.close()
