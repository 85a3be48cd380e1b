"""TLS clients that mean harm, or want what we do not give: earlier sessions, early data,
renegotiation."""

import re
import socket
import ssl
import threading
import urllib.request

import pytest

from harness.certs import Authority, server_ssl
from harness.tls import Hello, curl
from harness.wire import until

REQUEST = b"GET / HTTP/1.1\r\nHost: one.test\r\nConnection: close\r\n\r\n"


@pytest.fixture(autouse=True)
def ready(pylon, echo):
    pylon.admin.put("/routes/1", {"uri": "/*", "upstream": echo.upstream()})


def demand(authority):
    return {"client": {"ca": authority.cert}}


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
@pytest.mark.parametrize("tickets", [False, True])
def test_an_earlier_session_does_not_stand_in_for_a_certificate(
    own_pylon, echo, authority, one, tmp_path, tmp_path_factory, version, tickets
):
    """The object's authority is another one now: a session that the old one vouched for is void."""
    gateway = own_pylon({"apisix": {"ssl": {"ssl_session_tickets": tickets}}})
    gateway.admin.put("/routes/1", {"uri": "/*", "upstream": echo.upstream()})
    gateway.admin.put("/ssls/1", server_ssl(one, "one.test", **demand(authority)))
    client = authority.issue("client")
    session = tmp_path / "session"
    shown = ("-cert", client.cert_path, "-key", client.key_path, version)
    keep = ("-sess_out", session, "-ign_eof", *shown)
    first = Hello(gateway.tls_port, "one.test", *keep, stdin=REQUEST)
    assert "HTTP/1.1 200" in first.text
    again = ("-sess_in", session, "-ign_eof", version)
    # Without showing a certificate again: the session has it.
    resumed = Hello(gateway.tls_port, "one.test", *again, stdin=REQUEST)
    assert resumed.resumed and "HTTP/1.1 200" in resumed.text
    other = Authority(tmp_path_factory.mktemp("other"), "other")
    gateway.admin.put("/ssls/1", server_ssl(one, "one.test", **demand(other)))
    for options in (again, ("-sess_in", session, "-ign_eof", *shown)):
        refused = Hello(gateway.tls_port, "one.test", *options, stdin=REQUEST)
        assert "HTTP/1.1" not in refused.text, refused.text


def test_early_data_is_not_taken(pylon, one, tmp_path):
    pylon.admin.put("/ssls/1", server_ssl(one, "one.test"))
    session, early = tmp_path / "session", tmp_path / "early"
    early.write_bytes(REQUEST)
    first = Hello(
        pylon.tls_port, "one.test", "-tls1_3", "-sess_out", session, "-ign_eof", stdin=REQUEST
    )
    assert "Max Early Data: 0" in first.text
    again = Hello(
        pylon.tls_port, "one.test", "-tls1_3", "-sess_in", session, "-early_data", early
    )
    assert "Early data was accepted" not in again.text


def test_renegotiation_is_refused(pylon, one):
    pylon.admin.put("/ssls/1", server_ssl(one, "one.test"))
    asked = Hello(pylon.tls_port, "one.test", "-tls1_2", stdin=b"R\n")
    assert "RENEGOTIATING" in asked.text
    assert "no renegotiation" in asked.text or "handshake failure" in asked.text, asked.text
    assert curl(pylon.tls_port, "one.test").status == 200


def test_handshakes_go_on_while_the_object_changes(pylon, authority, one):
    two = authority.issue("one.test")
    pylon.admin.put("/ssls/1", server_ssl(one, "one.test"))
    context = ssl.create_default_context(cafile=authority.cert_path)
    stop, failures, done = threading.Event(), [], [0]

    def shake():
        while not stop.is_set():
            try:
                with socket.create_connection(("127.0.0.1", pylon.tls_port)) as plain:
                    with context.wrap_socket(plain, server_hostname="one.test") as peer:
                        peer.sendall(REQUEST)
                        assert peer.recv(65536).startswith(b"HTTP/1.1 200")
                        done[0] += 1
            except (OSError, AssertionError) as error:
                failures.append(error)

    clients = [threading.Thread(target=shake) for _ in range(4)]
    for client in clients:
        client.start()
    for turn in range(30):
        pylon.admin.put("/ssls/1", server_ssl(two if turn % 2 else one, "one.test"))
    stop.set()
    for client in clients:
        client.join()
    assert not failures and done[0] > 20, (failures[:3], done)


def test_parsed_certificates_are_bounded_and_told(own_pylon, one):
    """One worker keeps 1,024 of them. Each name makes an object of its own."""
    gateway = own_pylon(workers=1)
    names = 1100
    for number in range(names):
        gateway.admin.put(f"/ssls/{number}", server_ssl(one, f"{number}.test"))
    context = ssl._create_unverified_context()
    for number in range(names):
        with socket.create_connection(("127.0.0.1", gateway.tls_port)) as plain:
            with context.wrap_socket(plain, server_hostname=f"{number}.test") as peer:
                assert peer.version() == "TLSv1.3"

    def told(name):
        url = f"http://127.0.0.1:{gateway.metrics_port}/apisix/prometheus/metrics"
        text = urllib.request.urlopen(url).read().decode()
        found = re.search(rf'^pylon_tls_{name}{{side="server"}} (\d+)', text, re.M)
        return found and int(found.group(1))

    until(lambda: told("certificates") == 1024, "the gauge")
    assert told("certificates_evicted_total") == names - 1024
