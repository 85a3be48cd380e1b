"""The plugin forward-proxy, with curl as the client and nginx as the site. Pylon's own; RFC 9110
9.3.6, RFC 9112 3.2."""

import base64
import socket
import subprocess

import pytest

from harness.certs import Authority
from harness.dns import NameServer
from harness.ports import free_port
from harness.secure_site import SecureSite
from harness.wire import until

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
    plugins = ["forward-proxy", "ip-restriction", "proxy-rewrite", "basic-auth", "limit-count"]
    format = "$remote_addr $consumer_name $request $http_proxy_authorization"
    log = {"http": {"access_log_format": format}}
    return own_pylon({"plugins": plugins, "apisix": nobody, "nginx_config": log})


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


# ---- consumers


def consumer(gateway, name, password, plugins=None):
    auth = {"username": name, "password": password}
    gateway.admin.put(
        "/consumers", {"username": name, "plugins": {"basic-auth": auth, **(plugins or {})}}
    )


def log_lines(gateway, count):
    def whole():
        lines = gateway.read_log("access.log").splitlines()
        return lines if len(lines) >= count else None

    return until(whole, f"{count} lines", PATIENCE_S)


def test_consumers_are_users_that_are_limited_and_logged(gateway, echo, site):
    twice = {"limit-count": {"count": 2, "time_window": 600, "key": "consumer_name"}}
    consumer(gateway, "ann", "s:e cret", twice)
    consumer(gateway, "bob", "b")
    enable(gateway, echo, [echo.port, site.port], {"consumers": True})
    url = f"http://{echo.node}/"
    assert curl(gateway, url)[1] == 407
    assert curl(gateway, url, "--proxy-user", "ann:wrong")[1] == 407
    body, status, _ = curl(gateway, url, "--proxy-user", "ann:s:e cret")
    assert status == 200 and "x-consumer" not in body.lower() and "ann" not in body
    secure = f"https://{site.node}/"
    assert curl(gateway, secure, "-k", "--proxy-user", "ann:s:e cret")[1:] == (200, 200)
    assert curl(gateway, url, "--proxy-user", "ann:s:e cret")[1] == 503
    assert curl(gateway, url, "--proxy-user", "bob:b")[1] == 200
    lines = log_lines(gateway, 6)
    assert [line.split()[1] for line in lines] == ["-", "-", "ann", "ann", "ann", "bob"]


def test_users_and_consumers_together(gateway, echo):
    consumer(gateway, "ann", "a")
    users = [{"username": "bob", "password": "b"}]
    enable(gateway, echo, [echo.port], {"consumers": True, "users": users})
    url = f"http://{echo.node}/"
    for user, status in (("ann:a", 200), ("bob:b", 200), ("ann:b", 407), ("bob:a", 407)):
        assert curl(gateway, url, "--proxy-user", user)[1] == status
    gateway.admin.delete("/consumers/ann")
    assert curl(gateway, url, "--proxy-user", "ann:a")[1] == 407


# ---- hostile


def test_credentials_are_in_no_log(gateway, echo):
    users = [{"username": "ann", "password": "s3cret"}]
    enable(gateway, echo, [echo.port], {"users": users})
    token = base64.b64encode(b"ann:s3cret").decode()
    field = f"Host: {echo.node}\r\nProxy-Authorization: Basic {token}\r\n\r\n"
    assert status_of(ask(gateway, f"GET http://{echo.node}/ HTTP/1.1\r\n{field}".encode())) == 200
    assert status_of(ask(gateway, f"CONNECT 127.0.0.2:1 HTTP/1.1\r\n{field}".encode())) >= 400
    wrong = field.replace(token, base64.b64encode(b"ann:s3cret2").decode())
    assert status_of(ask(gateway, f"GET http://{echo.node}/ HTTP/1.1\r\n{wrong}".encode())) == 407
    target = f"http://ann:s3cret@{echo.node}/"
    assert status_of(ask(gateway, f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())) == 400
    log_lines(gateway, 4)
    for name in ("access.log", "error.log"):
        text = gateway.read_log(name)
        assert "s3cret" not in text and token[:8] not in text


@pytest.fixture
def names(own_pylon):
    server = NameServer()
    yield server
    server.sock.close()


@pytest.fixture
def named(own_pylon, names):
    resolver = {"dns_resolver": [f"127.0.0.1:{names.port}"], "resolver_timeout": 1}
    return own_pylon({"plugins": ["forward-proxy"], "apisix": resolver}, workers=1)


def connect_status(gateway, target):
    head = f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n"
    return status_of(ask(gateway, head.encode()))


PRIVATE = [
    ["10.1.2.3"],
    ["127.0.0.2"],
    ["0.0.0.0"],
    ["169.254.169.254"],
    ["192.168.1.1", "172.16.0.1", "100.64.0.1"],
    ["::ffff:127.0.0.2"],
    ["::1"],
    ["fd00::1"],
    ["fe80::1"],
    ["64:ff9b::a9fe:a9fe"],
    ["2002:7f00:2::"],
]


@pytest.mark.parametrize("addresses", PRIVATE)
def test_names_of_private_addresses_are_refused(named, names, echo, addresses):
    enable(named, echo, [echo.port])
    names.names["inside.test"] = (60, addresses)
    assert connect_status(named, f"inside.test:{echo.port}") == 403


def test_of_several_addresses_only_the_allowed_are_tried(named, names, echo):
    enable(named, echo, [echo.port])
    names.names["mixed.test"] = (60, ["10.0.0.1", "127.0.0.2", "127.0.0.1"])
    assert connect_status(named, f"mixed.test:{echo.port}") == 200


def test_a_name_that_changes_its_mind_is_judged_by_what_is_connected_to(named, names, echo):
    """DNS rebinding: allowed at first, inside a moment later."""
    enable(named, echo, [echo.port])
    names.names["rebind.test"] = (0, ["127.0.0.1"])
    assert connect_status(named, f"rebind.test:{echo.port}") == 200
    names.names["rebind.test"] = (0, ["127.0.0.2"])
    until(lambda: connect_status(named, f"rebind.test:{echo.port}") == 403, "the new address")
    questions = [name for name, _ in names.asked].count("rebind.test")
    assert questions >= 2


def test_host_does_not_speak_for_the_target(gateway, echo):
    """What is connected to is what the target names, whatever Host says: RFC 9112 3.2.2."""
    enable(gateway, echo, [echo.port], {"allow_hosts": ["127.0.0.1"]})
    inner = f"169.254.169.254:{echo.port}"
    for line, host, status in (
        (f"GET http://{echo.node}/", inner, 200),
        (f"GET http://{inner}/", echo.node, 403),
        (f"CONNECT {inner}", echo.node, 403),
    ):
        answer = ask(gateway, f"{line} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode(), b"}")
        assert status_of(answer) == status and inner not in answer, line


@pytest.mark.parametrize(
    "head",
    [
        "POST http://{node}/ HTTP/1.1\r\nHost: {node}\r\nContent-Length: 5\r\n"
        "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST http://{node}/ HTTP/1.1\r\nHost: {node}\r\nContent-Length: 5\r\n"
        "Content-Length: 6\r\n\r\nhello",
        "GET http://{node}/\x0b HTTP/1.1\r\nHost: {node}\r\n\r\n",
        "GET http://{node}\\@evil.test/ HTTP/1.1\r\nHost: {node}\r\n\r\n",
        "GET http://{node}#@evil.test/ HTTP/1.1\r\nHost: {node}\r\n\r\n",
        "GET http:///{node}/ HTTP/1.1\r\nHost: {node}\r\n\r\n",
        "GET http://{node}/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "CONNECT {node} HTTP/1.1\r\nHost: {node}\r\nContent-Length: 5\r\n"
        "Transfer-Encoding: chunked\r\n\r\nhello",
    ],
)
def test_smuggling_by_absolute_targets_is_refused(gateway, echo, head):
    enable(gateway, echo, [echo.port])
    before = len(echo.requests)
    answer = ask(gateway, head.format(node=echo.node).encode("latin-1"))
    assert status_of(answer) == 400
    assert "connection: close" in answer.lower()
    assert len(echo.requests) == before


def test_a_second_request_behind_a_refused_connect_is_not_served(gateway, echo):
    enable(gateway, echo, [echo.port])
    before = len(echo.requests)
    head = "CONNECT 127.0.0.2:1 HTTP/1.1\r\nHost: 127.0.0.2:1\r\n\r\n"
    hidden = f"GET http://{echo.node}/hidden HTTP/1.1\r\nHost: {echo.node}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", gateway.port), PATIENCE_S) as sock:
        sock.settimeout(PATIENCE_S)
        sock.sendall((head + hidden).encode())
        answer = b""
        while part := sock.recv(65536):
            answer += part
    assert status_of(answer.decode()) == 403 and answer.count(b"HTTP/1.1 ") == 1
    assert len(echo.requests) == before
