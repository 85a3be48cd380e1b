"""Who gets past a demand for client certificates, and by which paths and hosts."""

import posixpath
import re
import socket
import ssl
from urllib.parse import unquote

import pytest

from harness import h2
from harness.certs import Authority, Certificate, server_ssl
from harness.echo import Echo, Told
from harness.message import read_response
from harness.tls import curl
from harness.wire import Peer


@pytest.fixture(scope="module")
def two(authority):
    return authority.issue("two.test")


@pytest.fixture(autouse=True)
def ready(pylon, echo, two):
    pylon.admin.put("/routes/1", {"uri": "/*", "upstream": echo.upstream()})
    pylon.admin.put("/ssls/2", server_ssl(two, "two.test"))


def demand(authority, **more):
    return {"client": {"ca": authority.cert, **more}}


def ask(port, name, head, cert=None):
    """The answer to these octets over TLS."""
    context = ssl._create_unverified_context()
    if cert:
        context.load_cert_chain(cert.cert_path, cert.key_path)
    with socket.create_connection(("127.0.0.1", port), timeout=5) as plain:
        with context.wrap_socket(plain, server_hostname=name) as sock:
            sock.sendall(head)
            return read_response(Peer(sock), b"GET", 5).read_content(5)


# ---- certificates


@pytest.mark.parametrize("skip", [{}, {"skip_mtls_uri_regex": ["^/open/"]}])
def test_certificates_that_prove_nothing(pylon, authority, one, tmp_path, skip):
    """Also where the handshake takes any client and requests are judged."""
    pylon.admin.put("/ssls/1", server_ssl(one, "one.test", **demand(authority, **skip)))
    refused = 400 if skip else 0
    good = authority.issue("good", usage="clientAuth")
    assert curl(pylon.tls_port, "one.test", cert=good).status == 200
    namesake = Authority(tmp_path)  # the same subject, another key
    for bad in (
        authority.issue("late", days=-1),
        authority.issue("server", usage="serverAuth"),
        namesake.issue("good"),
        Authority(tmp_path, "self-signed"),
    ):
        assert curl(pylon.tls_port, "one.test", cert=bad).status == refused, bad.cert_path


def test_the_depth_of_chains(pylon, authority, one, tmp_path):
    upper = Authority(tmp_path, "upper", issuer=authority)
    lower = Authority(tmp_path, "lower", issuer=upper)

    def chained(issuer, *above):
        leaf = issuer.issue("client")
        made = Certificate(tmp_path / f"chain{len(above)}")
        made.cert_path.write_text("".join(each.cert for each in (leaf, issuer, *above)))
        made.key_path.write_text(leaf.key)
        return made

    short, long = chained(upper), chained(lower, upper)

    def status(cert, depth):
        fields = demand(authority, depth=depth)
        pylon.admin.put("/ssls/1", server_ssl(one, "one.test", **fields))
        return curl(pylon.tls_port, "one.test", cert=cert).status

    assert [status(short, depth) for depth in (0, 1, 2)] == [0, 200, 200]
    assert [status(long, depth) for depth in (0, 1, 2)] == [0, 0, 200]
    leaf = authority.issue("leaf")
    forged = _Impostor(leaf, tmp_path).issue("forged")
    forged.cert_path.write_text(forged.cert + leaf.cert)
    assert status(forged, 5) == 0


class _Impostor(Authority):
    """Signs with a certificate that is not for signing."""

    def __init__(self, certificate, folder):
        self.folder, self.count = folder, 100
        self.cert_path, self.key_path = certificate.cert_path, certificate.key_path


# ---- paths


@pytest.mark.parametrize(
    "target",
    [
        "/secret",
        "//secret",
        "/open/../secret",
        "/open/./../secret",
        "/open//../secret",
        "/open//../../secret",
        "/open/%2e%2e/secret",
        "/open/.%2E/secret",
        "/open/..%2fsecret",
        "/open/%2e%2e%2fsecret",
        "/open%2f..%2fsecret",
        "/open/x/..%2f..%2fsecret",
        "/open/..",
        "/open/..?/open/",
        "/secret?/open/",
        "/secret%3f/open/",
        "/secret%23/open/",
        "/secret/../open/../secret",
        "/%2fopen/secret",
        "/%00/open/",
        "/open\\..\\secret",
        "/open/..;/secret",
        "http://one.test/secret",
        "https://one.test/open/../secret",
        "https://one.test//secret",
    ],
)
def test_paths_that_look_like_exempt_ones(pylon, authority, one, target):
    """What gets past is exempt for those behind us, too: decoded and resolved it stays there."""
    skip = demand(authority, skip_mtls_uri_regex=["^/open/"])
    pylon.admin.put("/ssls/1", server_ssl(one, "one.test", **skip))
    head = f"GET {target} HTTP/1.1\r\nHost: one.test\r\nConnection: close\r\n\r\n"
    answer = ask(pylon.tls_port, "one.test", head.encode())
    if answer.status == 200:
        seen = re.sub("/+", "/", unquote(Told(answer).uri.partition("?")[0]))
        assert posixpath.normpath(seen).startswith("/open/"), (target, seen)
    else:
        assert answer.status == 400


# ---- hosts


@pytest.fixture
def guarded(pylon, authority, one):
    """A host that only clients with a certificate may come to, with a node of its own."""
    node = Echo("guarded")
    pylon.admin.put("/ssls/1", server_ssl(one, "one.test", **demand(authority)))
    pylon.admin.put("/routes/9", {"uri": "/*", "host": "one.test", "upstream": node.upstream()})
    yield node
    node.close()


@pytest.mark.parametrize(
    "head",
    [
        "GET / HTTP/1.1\r\nHost: one.test\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: ONE.TEST.:443\r\n\r\n",
        "GET https://one.test/ HTTP/1.1\r\nHost: two.test\r\n\r\n",
        "GET https://one.test/ HTTP/1.1\r\nHost: one.test\r\n\r\n",
        "GET https://two.test/ HTTP/1.1\r\nHost: one.test\r\n\r\n",
        "GET https://two.test@one.test/ HTTP/1.1\r\nHost: two.test\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: two.test\r\nHost: one.test\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: one.test, two.test\r\n\r\n",
        "GET / HTTP/1.0\r\nHost: one.test\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: two.test\r\nX-Forwarded-Host: one.test\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: one%2etest\r\n\r\n",
    ],
)
def test_another_host_is_not_reached(pylon, guarded, head):
    ask(pylon.tls_port, "two.test", head.encode())
    assert guarded.requests == []


def test_streams_to_another_host_are_refused_one_by_one(pylon, guarded):
    """HTTP/2 clients like to send what is for several hosts over one connection."""
    client = h2.Client(pylon.tls_port, tls="two.test")
    both = [("host", "one.test")]
    streams = [
        client.ask(authority="two.test", scheme="https"),
        client.ask(authority="one.test", scheme="https"),
        client.ask(authority="One.test.:443", scheme="https"),
        client.ask(authority="two.test", scheme="https", more=both),
        client.ask(authority=None, scheme="https", more=both),
        client.ask(authority="two.test", scheme="https"),
    ]
    answers = [client.read(stream) for stream in streams]
    assert (answers[0].status, answers[-1].status) == (200, 200)
    for answer in answers[1:-1]:
        assert answer.reset is not None or answer.status == 400
    assert guarded.requests == []
    client.close()
