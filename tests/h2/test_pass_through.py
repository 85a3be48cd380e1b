"""What an upstream of HTTP/1 and a client of HTTP/2 see of each other."""

import socket
import struct
import threading

import pytest

from harness.h2 import GOAWAY, INTERNAL, SETTINGS


class Once:
    """An upstream that answers each connection with the same octets, and closes it."""

    def __init__(self, reply):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.reply, self.seen = reply, b""
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            with peer:
                while b"\r\n\r\n" not in self.seen:
                    self.seen += peer.recv(65536)
                peer.sendall(self.reply)

    def close(self):
        self.listener.close()


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
