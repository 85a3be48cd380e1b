"""Lane: one private way through a shared gateway, the test playing both ends of it.

A lane is a path prefix routed to one loopback address of its own, so the pooled connections of one
test are never met by the next. The test is single-threaded: it sends as the client, accepts as
the upstream, and each step is a blocking wait for what the gateway does.
"""

import select
import socket
import time

from harness import message
from harness.wire import WAIT_S, Peer, Stalled, connect

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def answer(body=b"", *fields, status=b"200 OK"):
    """A response with a Content-Length."""
    lines = [b"HTTP/1.1 " + status, *fields, b"Content-Length: %d" % len(body)]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def chunked(*pieces, trailers=b""):
    """A chunked body of these pieces."""
    body = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in pieces if p)
    return body + b"0\r\n" + trailers + b"\r\n"


class Client(Peer):
    """The client's side of the gateway."""

    def read_head(self, method=b"GET", wait_s=WAIT_S):
        return message.read_response(self, method, wait_s)

    def read(self, method=b"GET", wait_s=WAIT_S):
        """The next whole response."""
        return self.read_head(method, wait_s).read_content(wait_s)

    def read_truncated(self, method=b"GET"):
        """A response that must end before it is complete; returns what came of its body."""
        response = self.read_head(method)
        try:
            response.read_content()
        except message.Truncated:
            return response, bytes(response.body.data)
        raise AssertionError(
            f"the truncated answer ends as if complete: {response.content[-80:]!r}"
        )

    def read_refusal(self, *statuses):
        """An error of the gateway's own, then the end of the connection."""
        response = self.read()
        assert response.status in statuses, (response.status, response.content)
        assert response.closes, f"{response.status} does not announce the close"
        self.await_end()
        assert not self.buffer, f"octets after the last response: {bytes(self.buffer[:200])!r}"
        return response


class Upstream(Peer):
    """The upstream's side: one connection that the gateway opened."""

    def read_head(self, wait_s=WAIT_S):
        """The head of the next request; fails when the gateway closes instead."""
        request = message.read_request(self, wait_s)
        if request is None:
            raise message.Truncated(f"the gateway closed ({self.end}) without a request")
        return request

    def read(self, wait_s=WAIT_S):
        """The next whole request."""
        return self.read_head(wait_s).read_content(wait_s)


class Lane:
    def __init__(self, gateway, prefix, address, port):
        self.gateway = gateway
        self.prefix = prefix
        self.address = (address, port)
        self.opened = []
        self.listener = None
        self.listen()

    def listen(self):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(self.address)
        self.listener.listen(512)

    def stop_listening(self):
        """From now on the gateway's connects are refused."""
        self.listener.close()

    def client(self, **options):
        peer = connect("127.0.0.1", self.gateway.port, **options)
        client = Client(peer.sock)
        self.opened.append(client)
        return client

    def accept(self, wait_s=WAIT_S):
        """The next connection that the gateway opens to this upstream."""
        self.listener.settimeout(wait_s)
        try:
            upstream = Upstream(self.listener.accept()[0])
        except TimeoutError:
            raise Stalled(f"the gateway opened no connection within {wait_s} s") from None
        self.opened.append(upstream)
        return upstream

    def next_request(self, client=None, wait_s=WAIT_S):
        """(upstream, whole request): the next one, on whatever connection it comes, pooled or new.
        With `client`: None when that client's connection ends first."""
        deadline = time.monotonic() + wait_s
        while True:
            upstreams = [p for p in self.opened if isinstance(p, Upstream) and not p.end]
            for upstream in upstreams:
                if upstream.buffer:
                    return upstream, upstream.read()
            waited = [self.listener, *[u.sock for u in upstreams]]
            waited += [client.sock] if client else []
            ready = select.select(waited, [], [], max(0, deadline - time.monotonic()))[0]
            if not ready:
                raise Stalled(f"no request reached the upstream within {wait_s} s")
            if self.listener in ready:
                self.accept()
            for upstream in upstreams:
                if upstream.sock in ready:
                    upstream.fill()
            if client and client.sock in ready and not client.fill():
                return None

    def answer_next(self, response):
        """Serves the next request, wherever it comes; returns it."""
        upstream, request = self.next_request()
        upstream.send(response)
        return request

    def begin(self, request):
        """One request sent on fresh connections: (client, upstream, the request it saw)."""
        client = self.client()
        client.send(request)
        upstream = self.accept()
        return client, upstream, upstream.read()

    def url(self, rest=b""):
        return self.prefix + b"/" + rest

    def get(self, rest=b"", *fields, method=b"GET", version=b"1.1", host=b"a.test"):
        """The octets of a request without a body."""
        return self.head(method, rest, b"Host: " + host, *fields, version=version)

    def head(self, method, rest, *fields, version=b"1.1"):
        line = method + b" " + self.url(rest) + b" HTTP/" + version
        return b"\r\n".join([line, *fields]) + b"\r\n\r\n"

    def post(self, body, rest=b"", *fields, method=b"POST"):
        length = b"Content-Length: %d" % len(body)
        return self.head(method, rest, b"Host: a.test", length, *fields) + body

    def exchange(self, request, response=OK, method=b"GET"):
        """One request on fresh connections: (what the upstream saw, what the client got)."""
        client = self.client()
        client.send(request)
        upstream = self.accept()
        seen = upstream.read()
        upstream.send(response)
        got = client.read(method)
        client.close()
        upstream.close()
        return seen, got

    def visited(self, wait_s=0):
        """Whether a connection of the gateway waits to be accepted."""
        return bool(select.select([self.listener], [], [], wait_s)[0])

    def assert_unvisited(self):
        """Nothing was opened by what was sent before. The gateway runs one worker, so when it has
        answered a later request, it has dealt with the earlier ones."""
        self.fence()
        assert not self.visited(), "the gateway opened an upstream connection"

    def fence(self):
        """One answered exchange, on connections of its own."""
        with connect("127.0.0.1", self.gateway.port) as peer:
            client = Client(peer.sock)
            client.send(self.gateway.fence_request)
            client.read()

    def close_connections(self):
        """Both sides of all exchanges so far; the listener stays."""
        for peer in self.opened:
            peer.close()
        self.opened.clear()

    def close(self):
        self.close_connections()
        self.listener.close()
