"""TLS with clients: which certificate is shown, and to whom. APISIX docs: certificate, mtls."""

import os
import signal
import socket
import ssl
import time

import pytest

from harness.certs import Authority, server_ssl
from harness.raw_tls import DATA, RawClient
from harness.tls import Hello, curl
from harness.wire import unread_octets, until


@pytest.fixture(scope="module")
def one(authority):
    return authority.issue("one.test", "*.one.test")


@pytest.fixture(scope="module")
def two(authority):
    return authority.issue("two.test")


@pytest.fixture(autouse=True)
def ready(pylon, echo):
    pylon.admin.put("/routes/1", {"uri": "/*", "upstream": echo.upstream()})


def subject(pylon, name):
    shown = Hello(pylon.tls_port, name).subject
    return shown and shown.partition("CN = ")[2].split(",")[0]


def test_a_request_over_tls(pylon, authority, one):
    pylon.admin.put("/ssls/1", server_ssl(one, "one.test"))
    answer = curl(pylon.tls_port, "one.test", "/hello?a=1", ca=authority)
    assert (answer.code, answer.status) == (0, 200), answer
    assert answer.told.get("x-forwarded-proto") == "https"
    assert answer.told.get("x-forwarded-port") == str(pylon.tls_port)


def test_the_most_specific_name_wins(pylon, authority):
    for number, name in enumerate(("a.one.test", "*.one.test", "*"), 1):
        certificate = authority.issue(name if name != "*" else "any.test")
        pylon.admin.put(f"/ssls/{number}", server_ssl(certificate, name))
    assert subject(pylon, "a.one.test") == "a.one.test"
    assert subject(pylon, "A.One.Test") == "a.one.test"
    assert subject(pylon, "b.one.test") == "*.one.test"
    assert subject(pylon, "b.a.one.test") == "any.test"
    assert subject(pylon, "one.test") == "any.test"


def test_a_star_is_one_label(pylon, one):
    pylon.admin.put("/ssls/1", server_ssl(one, "*.one.test"))
    assert subject(pylon, "a.one.test") == "one.test"
    assert subject(pylon, "one.test") is None
    assert subject(pylon, "b.a.one.test") is None


def test_unknown_names_and_no_name_are_refused(pylon, one):
    pylon.admin.put("/ssls/1", server_ssl(one, "one.test"))
    answer = curl(pylon.tls_port, "other.test")
    assert answer.code == 35, answer
    assert Hello(pylon.tls_port).subject is None


def test_a_change_shows_in_the_next_handshake(pylon, one, two):
    pylon.admin.put("/ssls/1", server_ssl(one, "one.test"))
    assert subject(pylon, "one.test") == "one.test"
    context = ssl._create_unverified_context()
    with socket.create_connection(("127.0.0.1", pylon.tls_port)) as plain:
        with context.wrap_socket(plain, server_hostname="one.test") as old:
            pylon.admin.put("/ssls/1", server_ssl(two, "one.test"))
            assert subject(pylon, "one.test") == "two.test"
            pylon.admin.put("/ssls/1", server_ssl(two, "two.test"))
            assert subject(pylon, "one.test") is None
            assert subject(pylon, "two.test") == "two.test"
            pylon.admin.patch("/ssls/1", {"status": 0})
            assert subject(pylon, "two.test") is None
            old.sendall(b"GET /still HTTP/1.1\r\nHost: one.test\r\n\r\n")
            assert old.recv(65536).startswith(b"HTTP/1.1 200")
    pylon.admin.patch("/ssls/1", {"status": 1})
    assert subject(pylon, "two.test") == "two.test"
    assert pylon.admin.delete("/ssls/1") == 200
    assert subject(pylon, "two.test") is None


def test_an_rsa_and_an_ecdsa_certificate_in_one_object(pylon, authority):
    rsa, ec = authority.issue("both.test", kind="rsa"), authority.issue("both.test")
    pylon.admin.put("/ssls/1", server_ssl(rsa, "both.test", certs=[ec.cert], keys=[ec.key]))
    assert Hello(pylon.tls_port, "both.test").peer_key == "ECDSA"
    only_rsa = Hello(pylon.tls_port, "both.test", "-sigalgs", "RSA-PSS+SHA256")
    assert only_rsa.peer_key == "RSA-PSS"


@pytest.mark.parametrize("protocols,refused", [(["TLSv1.2"], "-tls1_3"), (["TLSv1.3"], "-tls1_2")])
def test_protocols_of_the_object(pylon, one, protocols, refused):
    pylon.admin.put("/ssls/1", server_ssl(one, "one.test", ssl_protocols=protocols))
    assert Hello(pylon.tls_port, "one.test").protocol == protocols[0]
    assert Hello(pylon.tls_port, "one.test", refused).subject is None


def test_tls_1_1_is_spoken_when_an_object_says_so(own_pylon, one):
    gateway = own_pylon({"apisix": {"ssl": {"ssl_ciphers": "DEFAULT"}}}, workers=1)
    old = ("-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0")
    gateway.admin.put("/ssls/1", server_ssl(one, "one.test", ssl_protocols=["TLSv1.1", "TLSv1.2"]))
    assert Hello(gateway.tls_port, "one.test", *old).subject is not None
    gateway.admin.put("/ssls/1", server_ssl(one, "one.test"))
    assert Hello(gateway.tls_port, "one.test", *old).subject is None


def test_the_protocol_above_is_agreed_on(pylon, one):
    pylon.admin.put("/ssls/1", server_ssl(one, "one.test"))
    assert Hello(pylon.tls_port, "one.test", "-alpn", "http/1.1").alpn == "http/1.1"
    assert "alert" in Hello(pylon.tls_port, "one.test", "-alpn", "spdy/1").text


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
@pytest.mark.parametrize("tickets", [False, True])
def test_sessions_are_taken_up_by_any_worker(own_pylon, echo, one, tmp_path, version, tickets):
    gateway = own_pylon({"apisix": {"ssl": {"ssl_session_tickets": tickets}}})
    gateway.admin.put("/ssls/1", server_ssl(one, "one.test"))
    session = tmp_path / "session"
    request = b"GET / HTTP/1.1\r\nHost: one.test\r\nConnection: close\r\n\r\n"
    keep = ("-sess_out", session, "-ign_eof", version)
    assert not Hello(gateway.tls_port, "one.test", *keep, stdin=request).resumed
    for _ in range(6):
        assert Hello(gateway.tls_port, "one.test", "-sess_in", session, version).resumed


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_tickets_outlive_a_reload_and_a_death(own_pylon, echo, one, tmp_path, version):
    gateway = own_pylon({"apisix": {"ssl": {"ssl_session_tickets": True}}})
    gateway.admin.put("/ssls/1", server_ssl(one, "one.test"))
    session = tmp_path / "session"
    request = b"GET / HTTP/1.1\r\nHost: one.test\r\nConnection: close\r\n\r\n"
    keep = ("-sess_out", session, "-ign_eof", version)
    assert not Hello(gateway.tls_port, "one.test", *keep, stdin=request).resumed

    def resumed():
        return Hello(gateway.tls_port, "one.test", "-sess_in", session, version).resumed

    before = gateway.workers()
    gateway.reload()
    until(lambda: not set(gateway.workers()) & set(before), "the next process alone")
    assert resumed() and resumed()
    (process,) = gateway.workers()
    os.kill(process, signal.SIGKILL)
    until(lambda: gateway.workers() not in ([], [process]), "a process after that")
    until(lambda: Hello(gateway.tls_port, "one.test").subject, "its certificates")
    assert resumed() and resumed()


def test_the_fallback_name(own_pylon, one):
    gateway = own_pylon({"apisix": {"ssl": {"fallback_sni": "one.test"}}}, workers=1)
    gateway.admin.put("/ssls/1", server_ssl(one, "one.test"))
    assert "one.test" in Hello(gateway.tls_port).subject
    assert Hello(gateway.tls_port, "other.test").subject is None


def test_no_tls_at_all(own_pylon):
    gateway = own_pylon({"apisix": {"ssl": {"enable": False}}}, workers=1)
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", gateway.tls_port), 1)


def test_large_bodies_both_ways(pylon, authority, one, tmp_path):
    pylon.admin.put("/ssls/1", server_ssl(one, "one.test"))
    body = tmp_path / "body"
    body.write_bytes(bytes(range(256)) * 8192)
    for version in ("--tlsv1.3", "--tls-max=1.2"):
        options = ["--data-binary", f"@{body}", *version.split("=")]
        answer = curl(pylon.tls_port, "one.test", "/up", *options, ca=authority)
        assert answer.status == 200, answer
        assert len(answer.told.body) == 256 * 8192


def test_garbage_and_silence_harm_nobody(pylon, one):
    pylon.admin.put("/ssls/1", server_ssl(one, "one.test"))
    idle = [socket.create_connection(("127.0.0.1", pylon.tls_port)) for _ in range(50)]
    for peer in idle[::2]:
        peer.sendall(b"\x16\x03\x01\x02\x00\x01\x00" + b"x" * 100)
    with socket.create_connection(("127.0.0.1", pylon.tls_port)) as peer:
        peer.sendall(b"GET / HTTP/1.1\r\n\r\n")
        peer.settimeout(5)
        assert not peer.recv(100).startswith(b"HTTP")
    assert curl(pylon.tls_port, "one.test").status == 200
    for peer in idle:
        peer.close()


def test_a_reload_keeps_the_port_open(own_pylon, one):
    gateway = own_pylon(workers=1)
    gateway.admin.put("/ssls/1", server_ssl(one, "one.test"))
    before = gateway.workers()
    gateway.reload()
    refused = 0
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and set(gateway.workers()) & set(before):
        refused += Hello(gateway.tls_port, "one.test").subject is None
    assert refused == 0
    assert Hello(gateway.tls_port, "one.test").subject is not None


def test_a_reload_lets_a_handshake_that_has_begun_come_to_its_end(own_pylon, echo, one, tmp_path):
    """It outlives the moment at which the old process closes those that have sent nothing."""
    gateway = own_pylon(workers=1)
    gateway.admin.put("/ssls/1", server_ssl(one, "one.test"))
    gateway.admin.put("/routes/1", {"uri": "/*", "upstream": echo.upstream()})
    with socket.create_connection(("127.0.0.1", gateway.tls_port), timeout=10) as silent:
        client = RawClient(gateway.tls_port, "one.test", tmp_path / "keys")

        def slowly(hello):
            client.send(hello[:40])
            until(lambda: unread_octets(client.sock) == 0, "the taking of the first half")
            gateway.reload()
            assert silent.recv(1) == b""
            client.send(hello[40:])

        with client:
            assert client.shake(slowly)
            client.send(client.seal(DATA, b"GET / HTTP/1.1\r\nHost: one.test\r\n\r\n"))
            assert client.answer() == 200


def test_a_key_that_does_not_fit_is_refused(pylon, one, two):
    body = {"cert": one.cert, "key": two.key, "snis": ["one.test"]}
    status, answer, _ = pylon.admin.call("PUT", "/ssls/1", body)
    assert status == 400, answer


# ---- variables


def test_variables_of_the_session(pylon, authority, one, client, echo):
    names = """scheme https ssl_protocol ssl_cipher ssl_server_name ssl_session_reused ssl_curve
    ssl_alpn_protocol ssl_client_verify ssl_client_s_dn ssl_client_i_dn ssl_client_serial
    ssl_client_fingerprint ssl_client_v_start ssl_client_v_end ssl_client_v_remain
    ssl_client_escaped_cert ssl_client_s_dn_legacy ssl_client_i_dn_legacy ssl_ciphers ssl_curves
    ssl_early_data ssl_session_id""".split()
    fields = {f"x-{name.replace('_', '-')}": f"${name}" for name in names}
    rewrite = {"proxy-rewrite": {"headers": {"set": fields}}}
    upstream = echo.upstream()
    pylon.admin.put("/routes/1", {"uri": "/*", "upstream": upstream, "plugins": rewrite})
    pylon.admin.put("/ssls/1", server_ssl(one, "one.test", **demand(authority)))
    told = curl(pylon.tls_port, "one.test", "/", "--tlsv1.3", "--http1.1", cert=client).told
    said = {name: told.get(f"x-{name.replace('_', '-')}") for name in names}
    assert (said["scheme"], said["https"], said["ssl_protocol"]) == ("https", "on", "TLSv1.3")
    assert said["ssl_cipher"].startswith("TLS_AES_")
    assert (said["ssl_server_name"], said["ssl_session_reused"]) == ("one.test", ".")
    assert said["ssl_curve"] == "X25519" and said["ssl_alpn_protocol"] == "http/1.1"
    assert said["ssl_client_verify"] == "SUCCESS"
    assert said["ssl_client_s_dn"] == "O=Pylon,CN=client"
    assert said["ssl_client_i_dn"] == "CN=authority"
    assert len(said["ssl_client_fingerprint"]) == 40
    assert said["ssl_client_v_start"].endswith(" GMT")
    assert said["ssl_client_v_end"].endswith(" GMT")
    assert said["ssl_client_v_remain"] in ("29", "30")
    assert said["ssl_client_s_dn_legacy"] == "/CN=client/O=Pylon"
    assert said["ssl_client_i_dn_legacy"] == "/CN=authority"
    assert "TLS_AES_128_GCM_SHA256" in said["ssl_ciphers"].split(":")
    assert "X25519" in said["ssl_curves"].split(":")
    assert not said["ssl_early_data"]
    assert len(said["ssl_session_id"]) == 64
    assert said["ssl_client_escaped_cert"].startswith("-----BEGIN%20CERTIFICATE-----%0A")


# ---- client certificates


@pytest.fixture(scope="module")
def client(authority):
    return authority.issue("client")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("strange"), "strange").issue("stranger")


def demand(authority, **more):
    return {"client": {"ca": authority.cert, **more}}


def test_a_client_certificate_is_demanded(pylon, authority, one, client, stranger):
    pylon.admin.put("/ssls/1", server_ssl(one, "one.test", **demand(authority)))
    assert curl(pylon.tls_port, "one.test", cert=client).status == 200
    assert curl(pylon.tls_port, "one.test").status == 0
    assert curl(pylon.tls_port, "one.test", cert=stranger).status == 0


@pytest.mark.parametrize("trusted", [None, "stranger", "client"])
def test_paths_without_client_certificate(pylon, authority, one, request, trusted):
    cert = request.getfixturevalue(trusted) if trusted else None
    skip = demand(authority, skip_mtls_uri_regex=["/open.*"])
    pylon.admin.put("/ssls/1", server_ssl(one, "one.test", **skip))
    assert curl(pylon.tls_port, "one.test", "/open/x", cert=cert).status == 200
    shut = curl(pylon.tls_port, "one.test", "/other", cert=cert)
    assert shut.status == (200 if trusted == "client" else 400), shut
    if trusted != "client":
        assert b"400 Bad Request" in shut.content


def test_the_host_is_the_name_of_the_handshake(pylon, authority, one, two, client):
    """Else a client would come to a host that demands certificates through one that does not."""
    pylon.admin.put("/ssls/1", server_ssl(one, "one.test", "*.one.test", **demand(authority)))
    pylon.admin.put("/ssls/2", server_ssl(two, "two.test"))
    assert curl(pylon.tls_port, "two.test").status == 200
    for host in ("one.test", "ONE.test:443", "one.test.", "a.one.test"):
        answer = curl(pylon.tls_port, "two.test", "/", "-H", f"Host: {host}")
        assert answer.status == 400, (host, answer)
    other = curl(pylon.tls_port, "a.one.test", "/", "-H", "Host: b.one.test", cert=client)
    assert other.status == 400
    assert curl(pylon.tls_port, "a.one.test", "/", cert=client).status == 200
