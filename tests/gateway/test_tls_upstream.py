"""TLS with upstreams and services. APISIX docs: terminology/upstream `tls`, mtls."""

import hashlib
import re

import pytest

from harness.certs import Authority
from harness.http import get, receive, send
from harness.secure_site import SecureSite
from harness.wire import connect


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certs"))


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
