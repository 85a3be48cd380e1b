"""The Admin API over TLS: deployment.admin.https_admin and admin_api_mtls."""

import contextlib
import socket
import ssl
import subprocess
import time

import pytest

from harness.certs import Authority
from harness.pylon import ADMIN_KEY
from harness.tls import Hello, curl
from harness.wire import until

ROUTES = "/apisix/admin/routes"
NO_CERTIFICATE = b"No required SSL certificate was sent"


def over_tls(certificate, authority=None, **more):
    """A config.yaml whose Admin API has this certificate, and asks for those of `authority`."""
    files = {
        "admin_ssl_cert": str(certificate.cert_path),
        "admin_ssl_cert_key": str(certificate.key_path),
    }
    if authority:
        files["admin_ssl_ca_cert"] = str(authority.cert_path)
    return {"deployment": {"admin": {"https_admin": True, "admin_api_mtls": files, **more}}}


def start(own_pylon, *arguments, **more):
    return own_pylon(over_tls(*arguments, **more), ready_path=None)


def ask(gateway, *options, path=ROUTES, key=ADMIN_KEY, **more):
    return curl(gateway.admin_port, "admin.test", path, "-H", f"X-API-KEY: {key}", *options, **more)


@pytest.fixture(scope="module")
def of_admin(authority):
    return authority.issue("admin.test")


@pytest.fixture(scope="module")
def operator(authority):
    return authority.issue("operator", usage="clientAuth")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    """A certificate that somebody else has signed."""
    return Authority(tmp_path_factory.mktemp("strangers")).issue("operator")


def test_calls_go_over_tls_and_only_there(own_pylon, authority, of_admin):
    gateway = start(own_pylon, of_admin)
    body = '{"uri":"/a","upstream":{"nodes":{"127.0.0.1:1":1},"type":"roundrobin"}}'
    put = ask(gateway, "-X", "PUT", "-d", body, path=ROUTES + "/1", ca=authority)
    assert put.status == 201, put
    assert b'"total":1' in ask(gateway, ca=authority).content
    assert ask(gateway, key="wrong", ca=authority).status == 401
    with socket.create_connection(("127.0.0.1", gateway.admin_port), timeout=5) as plain:
        plain.sendall(b"GET /apisix/admin/routes HTTP/1.1\r\nHost: a\r\nX-API-KEY: x\r\n\r\n")
        received = plain.recv(1000)
    assert b"HTTP/1.1 200" not in received and b"error_msg" not in received


def test_clients_read_the_version_without_a_key(own_pylon, of_admin):
    gateway = start(own_pylon, of_admin)
    head = curl(gateway.admin_port, "admin.test", "/apisix/admin", "-I")
    assert head.status == 200
    assert b"Server: APISIX/3." in head.content


def test_one_certificate_for_every_name(own_pylon, of_admin):
    gateway = start(own_pylon, of_admin)
    for name in (None, "admin.test", "other.test"):
        hello = Hello(gateway.admin_port, name)
        assert "admin.test" in hello.subject, hello.text
        assert hello.protocol == "TLSv1.3"


def test_versions_are_those_of_the_gateway(own_pylon, of_admin):
    config = over_tls(of_admin)
    config["apisix"] = {"ssl": {"ssl_protocols": "TLSv1.2"}}
    gateway = own_pylon(config, ready_path=None)
    assert Hello(gateway.admin_port, "admin.test").protocol == "TLSv1.2"
    assert Hello(gateway.admin_port, "admin.test", "-tls1_3").protocol is None


@pytest.mark.parametrize("version", ["--tlsv1.3", "--tls-max=1.2"])
def test_a_client_must_show_a_certificate(own_pylon, authority, of_admin, operator, version):
    gateway = start(own_pylon, of_admin, authority)
    option = version.split("=")
    assert ask(gateway, *option, cert=operator).status == 200
    without = ask(gateway, *option)
    assert (without.status, NO_CERTIFICATE in without.content) == (400, True)
    # Nothing is told without one, not even that the key is wrong.
    assert ask(gateway, *option, key="wrong").status == 400
    assert ask(gateway, *option, "-I", path="/apisix/admin").status == 400


def test_a_certificate_of_somebody_else(own_pylon, authority, of_admin, stranger):
    gateway = start(own_pylon, of_admin, authority)
    refused = ask(gateway, cert=stranger)
    assert refused.status == 400
    assert b"The SSL certificate error" in refused.content


def test_a_resumed_session_keeps_its_verdict(own_pylon, authority, of_admin, tmp_path):
    gateway = start(own_pylon, of_admin, authority)
    kept = tmp_path / "session"
    request = f"GET {ROUTES} HTTP/1.1\r\nHost: a\r\nX-API-KEY: {ADMIN_KEY}\r\n\r\n".encode()
    for option in (["-sess_out", kept], ["-sess_in", kept]):
        hello = Hello(
            gateway.admin_port, "a", "-tls1_2", "-quiet", "-no_ign_eof", *option, stdin=request
        )
        assert '"total"' not in hello.text


def test_large_bodies(own_pylon, of_admin, tmp_path):
    gateway = start(own_pylon, of_admin)
    large = tmp_path / "large.json"
    nodes = ",".join(f'"10.{i // 250}.{i % 250}.1:80":1' for i in range(40_000))
    large.write_text('{"type":"roundrobin","nodes":{%s}}' % nodes)
    path = "/apisix/admin/upstreams/1"
    put = ask(gateway, "-X", "PUT", "--data-binary", f"@{large}", path=path)
    assert put.status == 201
    assert len(ask(gateway, path=path).content) > 700_000


def test_those_who_say_nothing_keep_nobody_out(own_pylon, of_admin):
    gateway = start(own_pylon, of_admin)
    silent = [socket.create_connection(("127.0.0.1", gateway.admin_port)) for _ in range(200)]
    for each in silent[:100]:
        each.sendall(b"\x16\x03\x01\x02\x00\x01")  # the first octets of a ClientHello
    assert ask(gateway, timeout=20).status == 200
    for each in silent:
        each.close()


def begun(port):
    """A handshake that stops behind the ClientHello."""
    peer = socket.create_connection(("127.0.0.1", port))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    told, answer = ssl.MemoryBIO(), ssl.MemoryBIO()
    hello = context.wrap_bio(answer, told, server_hostname="admin.test")
    with contextlib.suppress(ssl.SSLWantReadError):
        hello.do_handshake()
    peer.sendall(told.read())
    return peer


def test_unfinished_handshakes_do_not_keep_an_administrator_waiting(own_pylon, of_admin):
    """A place is lost after a quarter of a second, when others wait for one."""
    gateway = start(own_pylon, of_admin)
    held = [begun(gateway.admin_port) for _ in range(100)]
    started = time.monotonic()
    assert ask(gateway, timeout=20).status == 200
    assert time.monotonic() - started < 1.5, "before: two seconds"
    for each in held:
        each.close()


def test_as_many_silent_connections_as_there_may_be(own_pylon, of_admin):
    gateway = start(own_pylon, of_admin)
    silent = [socket.create_connection(("127.0.0.1", gateway.admin_port)) for _ in range(1100)]
    started = time.monotonic()
    assert ask(gateway, timeout=20).status == 200
    assert time.monotonic() - started < 5, "before: ten seconds, until the first gave up"
    for each in silent:
        each.close()


def test_reload_takes_a_new_certificate(own_pylon, authority, of_admin, tmp_path):
    first, second = authority.issue("admin.test"), authority.issue("renewed.test")
    gateway = start(own_pylon, first)
    assert "admin.test" in Hello(gateway.admin_port).subject
    first.cert_path.write_text(second.cert)
    first.key_path.write_text(second.key)
    gateway.reload()
    until(lambda: "renewed.test" in (Hello(gateway.admin_port).subject or ""), "it", 10, 0.05)
    assert ask(gateway).status == 200


def test_relative_paths_are_those_of_conf(own_pylon, of_admin):
    config = over_tls(of_admin)
    config["deployment"]["admin"]["admin_api_mtls"] = {
        "admin_ssl_cert": "own.crt",
        "admin_ssl_cert_key": "../own.key",
    }
    gateway = own_pylon(config, start=False, ready_path=None)
    (gateway.folder / "conf/own.crt").write_text(of_admin.cert)
    (gateway.folder / "own.key").write_text(of_admin.key)
    gateway.start()
    assert ask(gateway).status == 200


def failed_start(gateway):
    command = gateway.command("start", "--foreground")
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode != 0
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    "key, path",
    [
        ("admin_ssl_cert", "/nonesuch.crt"),
        ("admin_ssl_cert_key", "/nonesuch.key"),
        ("admin_ssl_ca_cert", "/nonesuch.crt"),
        ("admin_ssl_ca_cert", "config.yaml"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(own_pylon, authority, of_admin, key, path):
    config = over_tls(of_admin, authority)
    config["deployment"]["admin"]["admin_api_mtls"][key] = path
    said = failed_start(own_pylon(config, start=False, ready_path=None))
    assert f"deployment.admin.admin_api_mtls.{key}" in said


def test_a_key_of_another_certificate(own_pylon, of_admin, operator):
    config = over_tls(of_admin)
    config["deployment"]["admin"]["admin_api_mtls"]["admin_ssl_cert_key"] = str(operator.key_path)
    said = failed_start(own_pylon(config, start=False, ready_path=None))
    assert "the key does not belong to the certificate" in said


def test_tls_without_a_certificate(own_pylon):
    config = {"deployment": {"admin": {"https_admin": True}}}
    said = failed_start(own_pylon(config, start=False, ready_path=None))
    assert "missing ssl cert for https admin" in said


@pytest.mark.parametrize("asks", [False, True])
def test_the_command_line_speaks_with_it(own_pylon, authority, of_admin, asks):
    gateway = start(own_pylon, of_admin, authority if asks else None)
    body = '{"username":"eve"}'
    ask(gateway, "-X", "PUT", "-d", body, path="/apisix/admin/consumers", cert=of_admin)
    done = subprocess.run(
        gateway.command("history"), capture_output=True, text=True, timeout=20, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "eve" in done.stdout


def test_the_command_line_tells_nothing_to_others(own_pylon, of_admin, stranger):
    gateway = start(own_pylon, of_admin)
    text = gateway.config_path.read_text()
    other = text.replace(str(of_admin.cert_path), str(stranger.cert_path))
    gateway.write_config(other.replace(str(of_admin.key_path), str(stranger.key_path)))
    done = subprocess.run(
        gateway.command("history"), capture_output=True, text=True, timeout=20, check=False
    )
    assert done.returncode != 0
    assert "another certificate than" in done.stderr
