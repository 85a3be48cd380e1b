"""What an upstream of HTTP/1 and a client of HTTP/2 see of each other."""

import socket
import struct
import threading

import pytest

from harness.h2 import GOAWAY, HEADERS, INTERNAL, PROTOCOL, SETTINGS, frame


class Once:
    """An upstream that answers each connection with the same octets, and closes it."""

    def __init__(self, reply, until=b"\r\n\r\n"):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.reply, self.seen, self.until = reply, b"", until
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            with peer:
                while self.until not in self.seen:
                    self.seen += peer.recv(65536)
                peer.sendall(self.reply)
                self._end(peer)

    def _end(self, peer):
        pass

    def close(self):
        self.listener.close()


class Resetting(Once):
    """The same, but the connection ends with a reset."""

    def _end(self, peer):
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.fixture
def answered(served, connect):
    """answered(reply, method, more): the answer the client gets, and the request that went on."""
    made = []

    def ask(reply, method="GET", more=()):
        upstream = Once(reply)
        made.append(upstream)
        nodes = {f"127.0.0.1:{upstream.port}": 1}
        route = {"uri": "/once/*", "upstream": {"retries": 0, "nodes": nodes}}
        served.admin.put("/routes/once", route)
        client = connect()
        answer = client.read(client.ask(method, "/once/x", more))
        assert client.ping()
        return answer, upstream.seen

    yield ask
    for upstream in made:
        upstream.close()


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.mark.parametrize(
    "framing", [b"Content-Length: 9\r\n\r\nab", b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n"]
)
def test_an_answer_cut_short_is_no_whole_one(answered, framing):
    answer, _ = answered(b"HTTP/1.1 200 OK\r\n" + framing)
    assert answer.body == b"ab" and not answer.ended and answer.reset == INTERNAL


def test_early_hints(answered):
    answer, _ = answered(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK)
    assert [dict(head)[":status"] for head in answer.heads] == ["103", "200"]
    assert dict(answer.heads[0])["link"] == "</a>" and answer.body == b"ok"


def test_trailers(answered):
    chunks = b"2\r\nok\r\n0\r\nX-T: 1\r\n\r\n"
    answer, _ = answered(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)
    assert answer.body == b"ok" and answer.trailers == [("x-t", "1")]


def test_an_upgrade_is_never_forwarded(answered):
    answer, _ = answered(b"HTTP/1.1 101 Yes\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n")
    assert answer.status == 502 and answer.ended


def test_an_answer_reset_half_way(served, connect):
    """A reset of the upstream's connection is no end either; it may overtake the head."""
    upstream = Resetting(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n")
    nodes = {f"127.0.0.1:{upstream.port}": 1}
    served.admin.put("/routes/reset", {"uri": "/reset", "upstream": {"retries": 0, "nodes": nodes}})
    client = connect()
    answer = client.read(client.ask(path="/reset"))
    upstream.close()
    assert answer.reset == INTERNAL or answer.status == 502
    assert client.ping()


def test_an_answer_that_ends_with_its_connection(answered):
    answer, _ = answered(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc")
    assert answer.ended and answer.body == b"abc" and "connection" not in answer.head


def test_fields_about_the_connection_stay(answered):
    lines = b"Connection: x-a, close\r\nX-A: 1\r\nKeep-Alive: timeout=5\r\nX-B: 2\r\n"
    answer, _ = answered(b"HTTP/1.1 200 OK\r\n" + lines + b"Content-Length: 2\r\n\r\nok")
    names = [name for name, _ in answer.heads[0]]
    assert "x-b" in names and not {"connection", "x-a", "keep-alive"} & set(names)
    assert all(name == name.lower() for name in names)


def test_many_interim_answers(answered):
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 20
    answer, _ = answered(hints + OK)
    assert len(answer.heads) == 21 and answer.ended


def test_request_trailers_and_chunks(served, connect):
    upstream = Once(OK, b"\r\n0\r\nx-t: 1\r\n\r\n")
    nodes = {f"127.0.0.1:{upstream.port}": 1}
    served.admin.put("/routes/once", {"uri": "/once/*", "upstream": {"nodes": nodes}})
    client = connect()
    stream = client.ask("POST", "/once/x", end=False)
    client.data(stream, b"abc")
    client.send(client.head(stream, [("x-t", "1")]))
    assert client.read(stream).status == 200
    upstream.close()
    assert b"transfer-encoding: chunked\r\n" in upstream.seen.lower()
    assert upstream.seen.endswith(b"3\r\nabc\r\n0\r\nx-t: 1\r\n\r\n")


@pytest.mark.parametrize("path", ["/a?b=c d", "/a\0", "/a\r\nX: 1", "/a\nb", "/\x7f"])
def test_nothing_writes_the_request_line(served, client, echo, path):
    before = len(echo.requests)
    raw = [(n.encode(), v.encode()) for n, v in client.fields(path=path)]
    client.send(frame(HEADERS, 5, 1, client.encoder.encode(raw, huffman=False)))
    assert client.stream_error(1) == PROTOCOL
    client.next = 3
    assert client.read(client.ask()).status == 200
    assert len(echo.requests) == before + 1


def test_head(answered):
    answer, seen = answered(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", "HEAD")
    assert seen.startswith(b"HEAD ") and answer.head["content-length"] == "100"
    assert answer.ended and answer.body == b""


def test_cookies_become_one(answered):
    _, seen = answered(OK, more=[("cookie", "a=1"), ("cookie", "b=2"), ("te", "trailers")])
    assert b"cookie: a=1; b=2\r\n" in seen and b"te:" not in seen.lower()


def test_drain_in_two_steps(served, client):
    client.read(client.ask())
    served.reload()
    client.until(lambda: client.closed, 10)
    last = [struct.unpack(">II", f[3][:8]) for f in client.frames if f[0] == GOAWAY]
    assert last == [(0x7FFFFFFF, 0), (1, 0)] and client.closed
    assert client.frames[0][0] == SETTINGS
