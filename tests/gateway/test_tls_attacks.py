"""Octets that no TLS library sends: hellos in odd shapes, and records of a client that has been
through its handshake and then misbehaves."""

import socket
import struct

import pytest

from harness.certs import server_ssl
from harness.raw_tls import (
    ALERT,
    CHANGE_CIPHER_SPEC,
    CLOSE_NOTIFY,
    DATA,
    HANDSHAKE,
    RawClient,
    record,
)
from harness.tls import Hello, curl

REQUEST = b"GET / HTTP/1.1\r\nHost: one.test\r\n\r\n"


@pytest.fixture(autouse=True)
def ready(pylon, echo, one):
    pylon.admin.put("/routes/1", {"uri": "/*", "upstream": echo.upstream()})
    pylon.admin.put("/ssls/1", server_ssl(one, "one.test"))


@pytest.fixture
def client(pylon, tmp_path):
    made = []

    def make(**more):
        made.append(RawClient(pylon.tls_port, "one.test", tmp_path / f"keys{len(made)}", **more))
        return made[-1]

    yield make
    for each in made:
        each.close()
    assert curl(pylon.tls_port, "one.test").status == 200


def is_served(client):
    client.send(client.seal(DATA, REQUEST))
    return client.answer() == 200


# ---- hellos


def as_records(hello, size):
    """The message in records of so many octets."""
    message = hello[5:]
    return [record(HANDSHAKE, message[i : i + size], 0x0301) for i in range(0, len(message), size)]


def with_extension(hello, kind, body):
    """One more extension; the handshake cannot end well, as only the gateway knows of it."""
    extra = struct.pack("!HH", kind, len(body)) + body
    message = bytearray(hello[9:])
    at = 34 + 1 + message[34]
    at += 2 + int.from_bytes(message[at : at + 2], "big")
    at += 1 + message[at]
    size = int.from_bytes(message[at : at + 2], "big") + len(extra)
    if size > 0xFFFF:
        raise ValueError("that is no hello any more")
    message[at : at + 2] = size.to_bytes(2, "big")
    return b"\x01" + (len(message) + len(extra)).to_bytes(3, "big") + bytes(message) + extra


def test_a_hello_octet_by_octet(client):
    peer = client()
    peer.shake(hello=lambda octets: [peer.send(octets[i : i + 1]) for i in range(len(octets))])
    assert is_served(peer)


@pytest.mark.parametrize("size", [1, 7, 100])
def test_a_hello_in_many_records(client, size):
    peer = client()
    peer.shake(hello=lambda octets: [peer.send(each) for each in as_records(octets, size)])
    assert is_served(peer)


@pytest.mark.parametrize("size", [4_000, 60_000])
def test_a_large_hello(client, size):
    """Padding (RFC 7685), then one of no known kind: read to its end, in bounded memory."""
    for kind in (21, 0x5A5A):
        peer = client()
        message = with_extension(peer.hello, kind, bytes(size))
        for start in range(0, len(message), 16_384):
            peer.send(record(HANDSHAKE, message[start : start + 16_384], 0x0301))
        first = peer.sock.recv(5)
        assert first[:1] in (b"\x16", b"\x15"), first


def test_a_hello_that_promises_too_much(client):
    peer = client()
    peer.send(record(HANDSHAKE, b"\x01\xff\xff\xff" + bytes(1000), 0x0301))
    assert peer.refusal() != "close notify"


@pytest.mark.parametrize("version", [0x0000, 0x0200, 0x0403, 0xFFFF])
def test_records_of_no_version(client, version):
    peer = client()
    peer.send(record(HANDSHAKE, peer.hello[5:], version))
    assert not peer.sock.recv(5).startswith(b"\x16")


def test_a_hello_of_ssl_2(client):
    peer = client()
    specs = b"\x07\x00\xc0\x05\x00\x80\x03\x00\x80"
    hello = b"\x01\x03\x03" + struct.pack("!HHH", len(specs), 0, 16) + specs + bytes(16)
    peer.send(struct.pack("!H", 0x8000 | len(hello)) + hello)
    assert not peer.sock.recv(5).startswith(b"\x16")


@pytest.mark.parametrize("count, ended", [(1, False), (20, False), (5_000, True)])
def test_change_cipher_specs_before_the_end_of_the_handshake(client, count, ended):
    """A few are compatibility (RFC 8446 D.4)."""
    peer = client()
    flood = record(CHANGE_CIPHER_SPEC, b"\x01") * count
    if not ended:
        peer.shake(behind_hello=flood)
        assert is_served(peer)
    else:
        peer.send(peer.hello + flood)
        assert peer.refusal() != "close notify"


@pytest.mark.parametrize("alert", [b"\x01\x5a", b"\x01\x2a", b"\x02\x28", b""])
def test_alerts_in_place_of_a_hello(client, alert):
    peer = client()
    peer.send(record(ALERT, alert) * 5_000)
    assert peer.refusal() != "close notify"


def test_empty_records_in_place_of_a_hello(client):
    for kind in (HANDSHAKE, DATA):
        peer = client()
        peer.send(record(kind, b"") * 5_000)
        assert peer.refusal() != "close notify"


# ---- server names


def server_name(name, kind=0):
    entry = struct.pack("!BH", kind, len(name)) + name
    return struct.pack("!H", len(entry)) + entry


@pytest.mark.parametrize("name", ["ONE.test", "one.test.", "oNe.TEST."])
def test_names_that_are_the_same(pylon, name):
    assert "one.test" in Hello(pylon.tls_port, name).subject


@pytest.mark.parametrize("name", ["127.0.0.1", "one.test..", ".one.test", "*", "a" * 255])
def test_names_of_nobody(pylon, name):
    assert Hello(pylon.tls_port, name).subject is None
    assert curl(pylon.tls_port, "one.test").status == 200


@pytest.mark.parametrize(
    "extension",
    [
        b"",
        b"\0\0",
        server_name(b""),
        server_name(b"one.test\0"),
        server_name(b"one.test\0.evil.test"),
        server_name(b"a" * 256),
        server_name(b"one.test", kind=1),
        server_name(b"one.test")[:-1],
        server_name(b"one.test") + b"x",
        server_name(b"one.test") + server_name(b"two.test"),
    ],
)
def test_malformed_names_do_not_fall_back(own_pylon, one, tmp_path, extension):
    """Not even where clients without a name are served."""
    gateway = own_pylon({"apisix": {"ssl": {"fallback_sni": "one.test"}}}, workers=1)
    gateway.admin.put("/ssls/1", server_ssl(one, "one.test"))
    with RawClient(gateway.tls_port, None, tmp_path / "keys") as peer:
        message = with_extension(peer.hello, 0, extension)
        peer.send(record(HANDSHAKE, message, 0x0301))
        assert peer.sock.recv(5)[:1] in (b"\x15", b"")
    assert Hello(gateway.tls_port).subject is not None


# ---- protocols


@pytest.mark.parametrize("list_", [b"", b"\0\0", b"\0\1\0", b"\0\3\2h", b"\0\3\3h2x"])
def test_malformed_lists_of_protocols(client, list_):
    peer = client()
    peer.send(record(HANDSHAKE, with_extension(peer.hello, 16, list_), 0x0301))
    assert peer.sock.recv(5)[:1] in (b"\x15", b"")


@pytest.mark.parametrize("cipher", ["ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES256-SHA"])
def test_http2_is_not_agreed_on_with_ciphers_that_it_forbids(own_pylon, one, cipher):
    """RFC 9113 9.2.2: HTTP/1.1 is what is left."""
    gateway = own_pylon({"apisix": {"ssl": {"ssl_ciphers": "ALL:@SECLEVEL=0"}}}, workers=1)
    gateway.admin.put("/ssls/1", server_ssl(one, "one.test"))
    old = ("-tls1_2", "-cipher", cipher, "-alpn")
    assert Hello(gateway.tls_port, "one.test", *old, "h2,http/1.1").alpn == "http/1.1"
    assert "no application protocol" in Hello(gateway.tls_port, "one.test", *old, "h2").text
    good = ("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256", "-alpn", "h2,http/1.1")
    assert Hello(gateway.tls_port, "one.test", *good).alpn == "h2"


# ---- after the handshake


@pytest.fixture(params=[None, "http/1.1", "h2"])
def sealed(client, request):
    peer = client(alpn=request.param)
    peer.shake()
    return peer


def test_records_of_our_own_are_read(client):
    peer = client()
    peer.shake()
    assert is_served(peer)
    peer.send(peer.seal_update())
    assert is_served(peer)
    peer.send(peer.seal_update(asks=1))
    assert is_served(peer)
    parts = [peer.seal(DATA, REQUEST[i : i + 1], padding=i) for i in range(len(REQUEST))]
    peer.send(b"".join(parts))
    assert peer.answer() == 200


def test_a_flood_of_key_updates(sealed):
    for asks in (0, 1):
        for _ in range(20):
            if not sealed.send(b"".join(sealed.seal_update(asks) for _ in range(500))):
                break
    assert sealed.refusal() in ("sslv3 alert unexpected message", "closed")


def test_a_flood_of_empty_records(sealed):
    sealed.send(b"".join(sealed.seal(DATA, b"", padding=i % 50) for i in range(5_000)))
    assert sealed.refusal() in ("sslv3 alert unexpected message", "closed")


def test_a_flood_of_warnings(sealed):
    sealed.send(b"".join(sealed.seal(ALERT, b"\x01\x5a") for _ in range(5_000)))
    assert sealed.refusal() in ("sslv3 alert unexpected message", "closed")


@pytest.mark.parametrize(
    "odd",
    [
        lambda peer: record(CHANGE_CIPHER_SPEC, b"\x01"),
        lambda peer: record(ALERT, CLOSE_NOTIFY),
        lambda peer: record(HANDSHAKE, peer.hello[5:]),
        lambda peer: peer.hello,
        lambda peer: peer.seal(CHANGE_CIPHER_SPEC, b"\x01"),
        lambda peer: peer.seal(HANDSHAKE, peer.hello[5:]),
        lambda peer: peer.seal(HANDSHAKE, b""),
        lambda peer: peer.seal(HANDSHAKE, b"\x18\0\0\1\2"),
        lambda peer: peer.seal(HANDSHAKE, b"\x04\0\0\1\0"),  # a ticket, from a client
        lambda peer: peer.seal(24, b"\x01\0\3abc"),  # a heartbeat
        lambda peer: peer.seal(0, b"\0\0\0"),
        lambda peer: peer.seal(ALERT, b"\x01"),
        lambda peer: peer.seal(DATA, bytes(16_384), padding=1),
        lambda peer: peer.seal(DATA, REQUEST)[:-1] + b"\0",
        lambda peer: b"\x17\x03\x03\xff\xff" + bytes(1000),
        lambda peer: b"\x17\x03\x03\0\x01x",
        lambda peer: peer.seal(HANDSHAKE, b"\x18\0") + peer.seal(DATA, REQUEST),
    ],
)
def test_what_ends_a_connection(client, odd):
    peer = client()
    peer.shake()
    assert is_served(peer)
    peer.send(odd(peer))
    peer.send(peer.seal(DATA, REQUEST))
    refusal = peer.refusal()
    assert "alert" in refusal or refusal in ("record overflow", "closed"), refusal


def test_an_end_is_answered_and_nothing_behind_it_is_read(client):
    peer = client()
    peer.shake()
    peer.send(peer.seal(ALERT, CLOSE_NOTIFY) + peer.seal(DATA, REQUEST))
    assert peer.refusal() == "close notify"


def test_a_request_that_is_cut_is_not_sent_on(client, echo):
    """The end of TCP without that of TLS, in the middle of a body."""
    peer = client()
    peer.shake()
    head = b"POST /cut HTTP/1.1\r\nHost: one.test\r\nTransfer-Encoding: chunked\r\n\r\n"
    peer.send(peer.seal(DATA, head + b"5\r\nhello\r\n"))
    peer.sock.shutdown(socket.SHUT_WR)
    peer.refusal()
    assert ("POST", "/cut") not in echo.requests
