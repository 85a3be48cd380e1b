"""Whole requests for tests that are not about octets."""

from harness import message
from harness.wire import WAIT_S, connect


def send(peer, method, path, headers=None, body=None, host="a.test"):
    """Sends one request on an open connection."""
    fields = {"Host": host, **(headers or {})}
    if body is not None:
        fields["Content-Length"] = str(len(body))
    lines = [f"{method} {path} HTTP/1.1"]
    for name, value in fields.items():
        lines += [
            f"{name}: {v}" for v in (value if isinstance(value, list) else [value]) if v is not None
        ]
    peer.send("\r\n".join([*lines, "", ""]).encode() + (body or b""))


def receive(peer, method="GET", wait_s=WAIT_S):
    """The next whole response; `.text` and `.header(name)` are strings."""
    return message.read_response(peer, method.encode(), wait_s).read_content(wait_s)


def request(
    port, method, path, headers=None, body=None, host="a.test", address="127.0.0.1", wait_s=WAIT_S
):
    """One request on a connection of its own."""
    body = body.encode() if isinstance(body, str) else body
    with connect(address, port, wait_s) as peer:
        send(peer, method, path, {"Connection": "close", **(headers or {})}, body, host)
        return receive(peer, method, wait_s)


def get(port, path, **more):
    return request(port, "GET", path, **more)
