"""A real site behind the gateway is the same site, octet for octet."""

import hashlib

import pytest

from harness import message
from harness.http import receive, request, send
from harness.site import Site
from harness.wire import connect, until

FILES = [
    "index.html",
    "style.css",
    "image.png",
    "empty.txt",
    "a%20b+c.json",
    "1.bin",
    "65535.bin",
    "65536.bin",
    "65537.bin",
    "1048576.bin",
]
# Fields that may differ between the site and the gateway.
OWN = {b"date", b"server", b"connection", b"keep-alive", b"via", b"x-apisix-upstream-status"}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    server = Site(tmp_path_factory.mktemp("site"))
    yield server
    server.stop()


@pytest.fixture
def front(pylon, site):
    """The port of the gateway, everything routed to the site."""
    upstream = {"type": "roundrobin", "nodes": {f"127.0.0.1:{site.port}": 1}}
    pylon.admin.put("/routes/site", {"uri": "/*", "upstream": upstream})
    return pylon.port


def same(front, site, method, path, headers=None):
    """The answers of gateway and site, which must be equal."""
    direct = request(site.port, method, path, headers)
    proxied = request(front, method, path, headers)
    assert (proxied.status, proxied.content) == (direct.status, direct.content)
    for name in set(direct.fields.names()) - OWN:
        if name == b"transfer-encoding":
            continue
        assert proxied.all(name) == direct.all(name), name
    assert not set(proxied.fields.names()) - set(direct.fields.names()) - OWN
    return proxied


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_files(front, site, file, method):
    assert same(front, site, method, f"/{file}").status == 200


@pytest.mark.parametrize(
    "path", ["/", "/nothing.html", "/upload", "/redirect", "/private/x", "/index.html?x=1"]
)
def test_other_answers(front, site, path):
    same(front, site, "GET", path)


@pytest.mark.parametrize(
    "value",
    [
        "bytes=0-0",
        "bytes=100-199",
        "bytes=-1",
        "bytes=65000-",
        "bytes=0-9,20-29",
        "bytes=9999999-",
        "bytes=x",
    ],
)
def test_ranges(front, site, value):
    direct = request(site.port, "GET", "/image.png", {"Range": value})
    proxied = request(front, "GET", "/image.png", {"Range": value})
    assert proxied.status == direct.status
    assert proxied.get(b"content-range") == direct.get(b"content-range")
    if b"multipart" not in direct.get(b"content-type"):
        assert proxied.content == direct.content


def test_not_modified(front, site):
    first = same(front, site, "GET", "/index.html")
    for name, value in (
        ("If-None-Match", first.get(b"etag")),
        ("If-Modified-Since", first.get(b"last-modified")),
    ):
        got = same(front, site, "GET", "/index.html", {name: value.decode()})
        assert (got.status, got.content) == (304, b"")


def test_compressed_answers_stay_compressed(front, site):
    got = same(front, site, "GET", "/style.css", {"Accept-Encoding": "gzip"})
    assert (got.get(b"content-encoding"), got.content[:2]) == (b"gzip", b"\x1f\x8b")


def test_many_files_over_one_connection(front, site):
    with connect("127.0.0.1", front) as peer:
        for _ in range(5):
            for file in FILES:
                send(peer, "GET", f"/{file}")
                got = receive(peer)
                assert got.status == 200
                assert got.content == request(site.port, "GET", f"/{file}").content


def digest_of(port, path):
    """SHA-256 of a body read as it comes, never held whole."""
    digest = hashlib.sha256()
    with connect("127.0.0.1", port) as peer:
        send(peer, "GET", path, {"Connection": "close"})
        body = message.read_response(peer).body
        while not body.complete:
            body._advance(20)
            digest.update(body.read(len(body.data)))
    return digest.hexdigest()


def test_large_file(front, site, full):
    """64 MiB, or 1 GiB with --full."""
    expected = site.make_large("large.bin", 1024 if full else 64)
    assert digest_of(front, "/large.bin") == expected


@pytest.mark.parametrize("chunked", [True, False], ids=["chunked", "length"])
@pytest.mark.parametrize("size", [0, 1, 65536, 5_000_000])
def test_upload(front, site, chunked, size):
    """PUT through the gateway; the file at the site is what was sent."""
    body = bytes(i * 31 % 256 for i in range(251)) * (size // 251 + 1)
    body = body[:size]
    name = f"{size}-{chunked}.bin"
    with connect("127.0.0.1", front) as peer:
        head = f"PUT /upload/{name} HTTP/1.1\r\nHost: a.test\r\n"
        if chunked:
            peer.send((head + "Transfer-Encoding: chunked\r\n\r\n").encode())
            for start in range(0, size, 100_000):
                piece = body[start : start + 100_000]
                peer.send(b"%x\r\n" % len(piece) + piece + b"\r\n")
            peer.send(b"0\r\n\r\n")
        else:
            peer.send(f"{head}Content-Length: {size}\r\n\r\n".encode() + body)
        assert receive(peer).status in (201, 204)
    assert (site.files / "upload" / name).read_bytes() == body


def test_aborted_upload_leaves_no_file(front, site):
    with connect("127.0.0.1", front) as peer:
        peer.send(b"PUT /upload/cut.bin HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100000\r\n\r\n")
        peer.send(b"x" * 50000)
        peer.await_taken()
    until(
        lambda: " 400 " in (site.folder / "access.log").read_text()
        or " 499 " in (site.folder / "access.log").read_text(),
        "the end of the upload",
    )
    assert not (site.files / "upload" / "cut.bin").exists()


def test_slow_download_beside_quick_ones(front, site):
    with connect("127.0.0.1", front) as slow:
        send(slow, "GET", "/slow/image.png")
        body = message.read_response(slow).body
        body.read(1000)
        for _ in range(20):
            assert request(front, "GET", "/1.bin").status == 200
        assert len(body.rest()) == (site.files / "image.png").stat().st_size - 1000
