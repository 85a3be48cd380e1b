"""An upstream for tests that are not about octets: it answers with what it saw, as JSON.

Paths that it knows: /status/N answers with that status; /delay/S waits S seconds first; /abort
closes the connection unanswered; /size/N sends N octets; /headers?Name=value sends those fields.
Everything else: 200. The request is told in all of them but /size.
"""

import json
import socketserver
import threading
import time
from urllib.parse import parse_qsl, urlsplit

from harness import message
from harness.ports import free_port
from harness.wire import Peer


class Echo:
    """A server thread on address:port with a name, so that tests can tell nodes apart."""

    def __init__(self, name="echo", address="127.0.0.1", port=0):
        self.name = name
        self.requests = []  # (method, target) of all, in order of arrival
        self.connections = 0
        handler = type("Handler", (_Handler,), {"echo": self})
        kind = _Server6 if ":" in address else _Server
        self.server = kind((address, port or free_port()), handler)
        self.address, self.port = self.server.server_address[:2]
        thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        thread.start()

    @property
    def node(self):
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{host}:{self.port}"

    def upstream(self, **more):
        """An upstream object with this one node."""
        return {"type": "roundrobin", "nodes": {self.node: 1}, **more}

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 256


class _Server6(_Server):
    address_family = 10  # AF_INET6


class _Handler(socketserver.BaseRequestHandler):
    def handle(self):
        self.echo.connections += 1
        peer = Peer(self.request)
        try:
            while (request := message.read_request(peer, 60)) is not None:
                request.read_content(30)
                if not self._answer(peer, request):
                    return
        except (AssertionError, OSError):
            return

    def _answer(self, peer, request):
        """False when the connection is to be closed."""
        self.echo.requests.append((request.method.decode(), request.target.decode()))
        url = urlsplit(request.target.decode())
        word, _, value = url.path.lstrip("/").partition("/")
        status, fields, body = 200, [], self._told(request)
        if word == "abort":
            return False
        if word == "status":
            status = int(value)
        if word == "delay":
            time.sleep(float(value))
        if word == "size":
            body = b"x" * int(value)
        if word == "headers":
            fields = parse_qsl(url.query)
        content = b"" if request.method == b"HEAD" else body
        peer.send(_head(status, fields, len(body)) + content, 60)
        return True

    def _told(self, request):
        port = self.client_address[1]
        return json.dumps(
            {
                "node": self.echo.name,
                "method": request.method.decode(),
                "uri": request.target.decode("latin-1"),
                "headers": [
                    [n.decode("latin-1").lower(), v.decode("latin-1")] for n, v in request.fields
                ],
                "body": request.content.decode("latin-1"),
                "connection": port,
            }
        ).encode()


def _head(status, fields, length):
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {length}", "Content-Type: application/json"]
    lines += [f"{name}: {value}" for name, value in fields]
    return "\r\n".join([*lines, "", ""]).encode()


class Told:
    """What the upstream said it saw, out of a response."""

    def __init__(self, response):
        said = json.loads(response.content)
        self.node, self.method, self.uri = said["node"], said["method"], said["uri"]
        self.body, self.connection = said["body"], said["connection"]
        self.fields = said["headers"]

    def all(self, name):
        return [v for n, v in self.fields if n == name]

    def get(self, name):
        values = self.all(name)
        return values[0] if values else None
