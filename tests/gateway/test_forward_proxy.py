"""The plugin forward-proxy, with curl as the client and nginx as the site. Pylon's own; RFC 9110
9.3.6, RFC 9112 3.2."""

import base64
import socket
import subprocess

import pytest

from harness.certs import Authority
from harness.ports import free_port
from harness.secure_site import SecureSite

PATIENCE_S = 10


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    authority = Authority(folder)
    made = SecureSite(folder / "nginx", authority.issue("127.0.0.1"))
    made.authority = authority
    yield made
    made.process.stop()


@pytest.fixture
def gateway(own_pylon):
    nobody = {"dns_resolver": [f"127.0.0.1:{free_port()}"], "resolver_timeout": 1}
    plugins = ["forward-proxy", "ip-restriction", "proxy-rewrite"]
    return own_pylon({"plugins": plugins, "apisix": nobody})


LOCAL = {"allow_cidrs": ["127.0.0.1"]}


def enable(gateway, echo, ports, more=None, plugins=None):
    conf = {**LOCAL, "allow_ports": ports, **(more or {})}
    route = {"uri": "/*", "plugins": {"forward-proxy": conf, **(plugins or {})}}
    gateway.admin.put("/routes/1", {**route, "upstream": echo.upstream()})


def curl(gateway, url, *options):
    command = ["curl", "-sS", "-x", f"http://127.0.0.1:{gateway.port}", "--noproxy", ""]
    done = subprocess.run(
        [*command, *options, "-w", "\n%{http_code} %{http_connect}", url],
        capture_output=True,
        timeout=20,
        check=False,
    )
    body, _, codes = done.stdout.decode().rpartition("\n")
    return body, *map(int, codes.split())


def ask(gateway, head, wait_for=b"\r\n\r\n"):
    with socket.create_connection(("127.0.0.1", gateway.port), PATIENCE_S) as sock:
        sock.settimeout(PATIENCE_S)
        sock.sendall(head)
        answer = b""
        while wait_for not in answer and (part := sock.recv(65536)):
            answer += part
    return answer.decode()


def status_of(answer):
    return int(answer.split(" ", 2)[1])


def test_plain_requests_go_where_they_name(gateway, echo):
    enable(gateway, echo, [echo.port])
    body, status, _ = curl(gateway, f"http://{echo.node}/hello?a=1", "-H", "X-Own: 1")
    assert status == 200
    assert '"uri": "/hello?a=1"' in body and f'["host", "{echo.node}"]' in body
    assert '["via", "1.1 pylon"]' in body and '["x-own", "1"]' in body
    for hidden in ("x-forwarded", "x-real-ip", "proxy-"):
        assert hidden not in body


def test_bodies_go_both_ways(gateway, echo):
    enable(gateway, echo, [echo.port])
    body, status, _ = curl(gateway, f"http://{echo.node}/post", "-d", "x" * 100_000)
    assert status == 200 and "x" * 100_000 in body
    body, status, _ = curl(gateway, f"http://{echo.node}/size/1000000")
    assert (status, len(body)) == (200, 1_000_000)


def test_a_secure_site_through_connect(gateway, echo, site):
    enable(gateway, echo, [site.port])
    trust = ["--cacert", str(site.authority.cert_path)]
    body, status, connect = curl(gateway, f"https://{site.node}/", *trust)
    assert (status, connect) == (200, 200)
    assert f"host={site.node}" in body
    body, status, _ = curl(gateway, f"https://{site.node}/large", *trust, "-o", "/dev/null")
    assert status == 200
    log = gateway.read_log("access.log")
    assert log == "" or f"CONNECT {site.node}" in log


def test_without_the_plugin_there_is_no_proxy(gateway, echo):
    gateway.admin.put("/routes/1", {"uri": "/*", "upstream": echo.upstream()})
    answer = ask(gateway, f"CONNECT {echo.node} HTTP/1.1\r\nHost: {echo.node}\r\n\r\n".encode())
    assert status_of(answer) == 405
    gateway.admin.delete("/routes/1")
    answer = ask(gateway, f"CONNECT {echo.node} HTTP/1.1\r\nHost: {echo.node}\r\n\r\n".encode())
    assert status_of(answer) == 405


def test_other_requests_go_to_the_upstream(gateway, echo):
    enable(gateway, echo, [1])
    answer = ask(gateway, b"GET /own HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n", b"}")
    assert status_of(answer) == 200 and '"uri": "/own"' in answer


def test_users_prove_who_they_are(gateway, echo, site):
    users = [{"username": "ann", "password": "s:e cret"}, {"username": "bob", "password": "b"}]
    enable(gateway, echo, [echo.port, site.port], {"users": users, "realm": "the proxy"})
    url = f"http://{echo.node}/"
    answer = ask(gateway, f"GET {url} HTTP/1.1\r\nHost: {echo.node}\r\n\r\n".encode())
    assert status_of(answer) == 407
    assert 'Proxy-Authenticate: Basic realm="the proxy", charset="UTF-8"' in answer
    for user, status in (("ann:s:e cret", 200), ("bob:b", 200), ("ann:b", 407), (":", 407)):
        body, got, _ = curl(gateway, url, "--proxy-user", user)
        assert got == status
        assert "proxy-authorization" not in body
    secure = f"https://{site.node}/"
    assert curl(gateway, secure, "-k", "--proxy-user", "ann:s:e cret")[1:] == (200, 200)
    assert curl(gateway, secure, "-k", "--proxy-user", "ann:x")[2] == 407


def test_other_plugins_of_the_route_count(gateway, echo):
    closed = {"ip-restriction": {"blacklist": ["127.0.0.1"]}}
    enable(gateway, echo, [echo.port], plugins=closed)
    assert curl(gateway, f"http://{echo.node}/")[1] == 403


def test_hosts_are_limited(gateway, echo):
    enable(gateway, echo, [echo.port], {"allow_hosts": ["*.allowed.test"]})
    assert curl(gateway, f"http://{echo.node}/")[1] == 403


ABUSE = [
    "127.0.0.2:{port}",  # loopback that is not on the list
    "localhost.:25",
    "127.0.0.1:25",
    "127.0.0.1:{admin}",
    "[::1]:{port}",
    "[::ffff:127.0.0.2]:{port}",
    "[::ffff:169.254.169.254]:{port}",
    "[64:ff9b::7f00:2]:{port}",
    "169.254.169.254:{port}",
    "10.0.0.1:{port}",
    "0.0.0.0:{port}",
    "2130706434:{port}",
    "0x7f.0.0.2:{port}",
    "127.2:{port}",
]


@pytest.mark.parametrize("target", ABUSE)
def test_abuse_is_refused(gateway, echo, target):
    enable(gateway, echo, [echo.port])
    before = len(echo.requests)
    target = target.format(port=echo.port, admin=gateway.admin_port)
    answer = ask(gateway, f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
    assert status_of(answer) in (403, 502), answer
    answer = ask(gateway, f"GET http://{target}/ HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
    assert status_of(answer) in (403, 502), answer
    assert len(echo.requests) == before


@pytest.mark.parametrize(
    "line",
    [
        "CONNECT a@127.0.0.1:{port}",
        "CONNECT 127.0.0.1",
        "CONNECT 127.0.0.1:0",
        "CONNECT 127.0.0.1:99999",
        "CONNECT http://127.0.0.1:{port}/",
        "GET http://user:pw@127.0.0.1:{port}/",
        "GET ftp://127.0.0.1:{port}/",
        "GET https://127.0.0.1:{port}/",
    ],
)
def test_odd_targets_are_refused(gateway, echo, line):
    enable(gateway, echo, [echo.port])
    answer = ask(gateway, f"{line.format(port=echo.port)} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert status_of(answer) in (400, 403), answer


def test_own_addresses_are_refused_even_when_public(gateway, echo):
    """Whatever this machine's interfaces have: the gateway is no way to its own ports."""
    listed = subprocess.run(["hostname", "-I"], capture_output=True, check=False).stdout.split()
    enable(gateway, echo, [gateway.admin_port])
    for address in listed:
        host = address.decode()
        host = f"[{host}]" if ":" in host else host
        target = f"{host}:{gateway.admin_port}"
        answer = ask(gateway, f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
        assert status_of(answer) == 403


def test_a_closed_port_is_a_bad_gateway(gateway, echo):
    port = free_port()
    enable(gateway, echo, [port])
    target = f"127.0.0.1:{port}"
    answer = ask(gateway, f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
    assert status_of(answer) == 502
    assert curl(gateway, f"http://{target}/")[1] == 502


def test_octets_behind_connect_are_not_lost(gateway, echo):
    """A client that does not wait for the 200."""
    enable(gateway, echo, [echo.port])
    early = b"GET /early HTTP/1.1\r\nHost: e\r\n\r\n"
    head = f"CONNECT {echo.node} HTTP/1.1\r\nHost: {echo.node}\r\n\r\n".encode()
    answer = ask(gateway, head + early, b"}")
    assert answer.startswith("HTTP/1.1 200 ") and '"uri": "/early"' in answer
    head = answer.split("\r\n\r\n")[0].lower()
    assert "content-length" not in head and "transfer-encoding" not in head


def test_credentials_are_for_the_proxy_alone(gateway, echo):
    enable(gateway, echo, [echo.port])
    token = base64.b64encode(b"a:b").decode()
    fields = f"Host: {echo.node}\r\nProxy-Authorization: Basic {token}\r\nProxy-Connection: x\r\n"
    answer = ask(gateway, f"GET http://{echo.node}/ HTTP/1.1\r\n{fields}\r\n".encode(), b"}")
    assert status_of(answer) == 200 and "proxy-" not in answer.lower()
