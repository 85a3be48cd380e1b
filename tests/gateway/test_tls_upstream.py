"""TLS with upstreams and services. APISIX docs: terminology/upstream `tls`, mtls."""

import hashlib
import re
import socket
import ssl
import threading

import pytest

from harness import h2
from harness.certs import server_ssl
from harness.http import get, receive, send
from harness.secure_site import SecureSite
from harness.wire import connect


@pytest.fixture(scope="module")
def client(authority):
    return authority.issue("client")


@pytest.fixture(scope="module")
def site(authority, tmp_path_factory):
    site = SecureSite(tmp_path_factory.mktemp("site"), authority.issue("site.test", "127.0.0.1"))
    yield site
    site.stop()


@pytest.fixture(scope="module")
def shut_site(authority, tmp_path_factory):
    """Demands client certificates."""
    certificate = authority.issue("shut.test")
    site = SecureSite(tmp_path_factory.mktemp("shut"), certificate, clients=authority)
    yield site
    site.stop()


def route(pylon, upstream, **fields):
    pylon.admin.put("/routes/1", {"uri": "/*", "upstream": upstream, **fields})


def seen(response):
    assert response.status == 200, response.content
    return dict(re.findall(r"(\w+)=(\S*)", response.content.decode()))


def test_the_name_is_that_of_the_host(pylon, site):
    route(pylon, site.upstream())
    told = seen(get(pylon.port, "/", headers={"Host": "Client.test:81"}))
    assert (told["sni"].lower(), told["host"]) == ("client.test", "Client.test:81")
    route(pylon, site.upstream(pass_host="rewrite", upstream_host="site.test"))
    assert seen(get(pylon.port, "/"))["sni"] == "site.test"
    route(pylon, site.upstream(pass_host="node"))
    told = seen(get(pylon.port, "/"))
    assert (told["sni"], told["host"]) == ("", site.node)


def test_connections_are_used_again_for_their_name_only(pylon, site):
    route(pylon, site.upstream())
    with connect("127.0.0.1", pylon.port) as peer:
        told = []
        for host in ("a.test", "a.test", "b.test", "a.test"):
            send(peer, "GET", "/", host=host)
            told.append(seen(receive(peer)))
    assert [t["sni"] for t in told] == ["a.test", "a.test", "b.test", "a.test"]
    assert told[0]["connection"] == told[1]["connection"] == told[3]["connection"]
    assert told[2]["connection"] != told[0]["connection"]


def test_sessions_are_taken_up(pylon, site):
    route(pylon, site.upstream())
    with connect("127.0.0.1", pylon.port) as peer:
        resumed = []
        for _ in range(3):
            send(peer, "GET", "/close", host="again.test")
            resumed.append(seen(receive(peer))["resumed"])
    assert resumed == [".", "r", "r"]


def test_certificates_are_not_verified_unless_asked(own_pylon, site, authority):
    ssl = {"ssl_trusted_certificate": str(authority.cert_path)}
    gateway = own_pylon({"apisix": {"ssl": ssl}}, workers=1)
    verify = {"tls": {"verify": True}, "pass_host": "rewrite"}
    route(gateway, site.upstream(**verify, upstream_host="site.test"))
    assert get(gateway.port, "/").status == 200
    route(gateway, site.upstream(**verify, upstream_host="other.test"))
    assert get(gateway.port, "/").status == 502
    route(gateway, site.upstream(tls={"verify": True}, pass_host="node"))
    assert get(gateway.port, "/").status == 200


def test_an_unknown_authority_fails_verification(pylon, site):
    route(pylon, site.upstream(tls={"verify": True}))
    assert get(pylon.port, "/").status == 502
    route(pylon, site.upstream())
    assert get(pylon.port, "/").status == 200


def test_a_client_certificate_in_the_upstream(pylon, shut_site, client):
    route(pylon, shut_site.upstream())
    assert get(pylon.port, "/").status == 400  # nginx: no required SSL certificate was sent
    pair = {"client_cert": client.cert, "client_key": client.key}
    route(pylon, shut_site.upstream(tls=pair))
    told = seen(get(pylon.port, "/"))
    assert told["verify"] == "SUCCESS"


def test_a_client_certificate_by_id(pylon, shut_site, client, authority):
    pylon.admin.put("/ssls/7", {"type": "client", "cert": client.cert, "key": client.key})
    route(pylon, shut_site.upstream(tls={"client_cert_id": "7"}))
    assert "client" in seen(get(pylon.port, "/"))["subject"]
    other = authority.issue("renewed")
    pylon.admin.put("/ssls/7", {"type": "client", "cert": other.cert, "key": other.key})
    assert "renewed" in seen(get(pylon.port, "/"))["subject"]


def test_large_bodies_come_whole(pylon, site):
    route(pylon, site.upstream())
    answer = get(pylon.port, "/large")
    assert hashlib.sha256(answer.content).digest() == hashlib.sha256(
        bytes(range(256)) * 8192
    ).digest()


def test_an_upstream_without_tls(pylon, echo):
    limits = {"connect": 1, "send": 1, "read": 1}
    route(pylon, echo.upstream(scheme="https", timeout=limits))
    assert get(pylon.port, "/").status in (502, 504)
    assert echo.requests == []


def test_forward_auth_over_https(own_pylon, site, authority, echo):
    ssl = {"ssl_trusted_certificate": str(authority.cert_path)}
    gateway = own_pylon({"apisix": {"ssl": ssl}}, workers=1)

    def ask(**more):
        plugin = {"uri": f"https://127.0.0.1:{site.port}/auth", **more}
        route(gateway, echo.upstream(), plugins={"forward-auth": plugin})
        return get(gateway.port, "/x").status

    assert ask() == 200
    assert ask(ssl_verify=False) == 200


# ---- whose connection it is


def test_connections_are_shared_by_nobody_else(own_pylon, shut_site, authority):
    """One node, one worker, connections that stay: what was agreed for one upstream is not used
    for another."""
    gateway = own_pylon(workers=1)
    certificates = [authority.issue(name) for name in ("first", "second")]
    tls = [{"client_cert": each.cert, "client_key": each.key} for each in certificates]
    tls += [{}, {"verify": True, **tls[0]}]
    for number, fields in enumerate(tls):
        upstream = shut_site.upstream(tls=fields) if fields else shut_site.upstream()
        gateway.admin.put(f"/routes/{number}", {"uri": f"/{number}", "upstream": upstream})
    with connect("127.0.0.1", gateway.port) as peer:
        for _ in range(2):
            for number, name in enumerate(("first", "second")):
                send(peer, "GET", f"/{number}")
                assert f"CN={name}" in seen(receive(peer))["subject"]
            send(peer, "GET", "/2")
            assert receive(peer).status == 400  # nginx: no required certificate
            send(peer, "GET", "/3")
            assert receive(peer).status == 502  # nobody vouches for the node


@pytest.mark.parametrize("days, status", [(30, 200), (-1, 502)])
def test_certificates_that_have_expired(own_pylon, authority, tmp_path, days, status):
    node = Node(authority.issue("site.test", days=days), b"HTTP/1.1 204 No Content\r\n\r\n", True)
    ssl_keys = {"ssl_trusted_certificate": str(authority.cert_path)}
    gateway = own_pylon({"apisix": {"ssl": ssl_keys}}, workers=1)
    upstream = node.upstream(tls={"verify": True}, pass_host="rewrite", upstream_host="site.test")
    route(gateway, upstream)
    assert get(gateway.port, "/").status == (204 if status == 200 else 502)
    node.close()


def test_without_a_name_nothing_is_verified(own_pylon, authority):
    """A request without Host must not be content with any certificate of the authority."""
    node = Node(authority.issue("site.test"), b"HTTP/1.1 204 No Content\r\n\r\n", True)
    ssl_keys = {"ssl_trusted_certificate": str(authority.cert_path)}
    gateway = own_pylon({"apisix": {"ssl": ssl_keys}}, workers=1)
    route(gateway, node.upstream(tls={"verify": True}))
    for head in (b"GET / HTTP/1.0\r\n\r\n", b"GET / HTTP/1.0\r\nHost:\r\n\r\n"):
        with connect("127.0.0.1", gateway.port) as peer:
            peer.send(head)
            peer.await_end()
            assert b" 204 " not in peer.log
    assert node.requests == 0
    node.close()


# ---- answers that are cut short


class Node:
    """An https node that answers with these octets and closes: `polite`, TLS first, else only TCP
    below it."""

    def __init__(self, certificate, octets, polite):
        self.octets, self.polite, self.requests = octets, polite, 0
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate.cert_path, certificate.key_path)
        self.listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    def upstream(self, **more):
        port = self.listener.getsockname()[1]
        return {"scheme": "https", "retries": 0, "nodes": {f"127.0.0.1:{port}": 1}, **more}

    def _accept(self):
        while True:
            try:
                plain = self.listener.accept()[0]
            except OSError:
                return
            try:
                self._serve(plain)
            except OSError:
                plain.close()

    def _serve(self, plain):
        with self.context.wrap_socket(plain, server_side=True) as sock:
            head = b""
            while b"\r\n\r\n" not in head:
                part = sock.recv(65536)
                if not part:
                    return
                head += part
            self.requests += 1
            sock.sendall(self.octets)
            if self.polite:
                sock.unwrap()

    def close(self):
        self.listener.close()


ENDLESS = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello"
COUNTED = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"


@pytest.mark.parametrize(
    "octets, polite, whole",
    [
        (ENDLESS, True, True),
        (ENDLESS, False, False),  # RFC 9112 9.8
        (COUNTED % 5, True, True),
        (COUNTED % 5, False, True),
        (COUNTED % 6, True, False),
        (COUNTED % 6, False, False),
        (CHUNKED, True, False),
        (CHUNKED, False, False),
        (CHUNKED + b"0\r\n\r\n", False, True),
    ],
)
def test_an_answer_that_is_cut_short_is_told(pylon, authority, octets, polite, whole):
    node = Node(authority.issue("site.test"), octets, polite)
    route(pylon, node.upstream())
    with connect("127.0.0.1", pylon.port) as peer:
        send(peer, "GET", "/", {"Connection": "close"})
        peer.await_end()
        head, _, body = bytes(peer.log).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200") and b"hello" in body
        complete = body.endswith(b"0\r\n\r\n") if b"chunked" in head else b"Length: 5\r" in head
        assert complete == whole, (head, body)
    site = authority.issue("one.test")
    pylon.admin.put("/ssls/1", server_ssl(site, "one.test"))
    client = h2.Client(pylon.tls_port, tls="one.test")
    answer = client.read(client.ask(authority="one.test", scheme="https"))
    assert answer.ended == whole and (answer.reset is None) == whole
    client.close()
    node.close()
