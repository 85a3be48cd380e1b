"""gRPC-Web clients, in binary and in text, before a real gRPC service. APISIX docs: grpc-web."""

import base64
import struct

import pytest

from harness.grpc_service import Shop
from harness.http import request
from harness.ports import free_port

BINARY, TEXT = "application/grpc-web+proto", "application/grpc-web-text"


@pytest.fixture(scope="module")
def shop():
    service = Shop()
    yield service
    service.stop()


@pytest.fixture(autouse=True)
def routes(pylon, shop):
    plugins = {"grpc-web": {}}
    route = {"plugins": plugins, "upstream": shop.upstream()}
    pylon.admin.put("/routes/web", {"uri": "/web/*", **route})
    pylon.admin.put("/routes/exact", {"uri": "/shop.v1.Shop/Echo", **route})


def frames(octets):
    """[(flags, payload)], strictly."""
    found = []
    while octets:
        flags, size = struct.unpack(">BI", octets[:5])
        assert len(octets) >= 5 + size
        found.append((flags, octets[5 : 5 + size]))
        octets = octets[5 + size :]
    return found


def message(octets):
    return struct.pack(">BI", 0, len(octets)) + octets


def call(pylon, order, path="/web/shop.v1.Shop/Echo", kind=BINARY, body=None):
    octets = message(order.SerializeToString()) if body is None else body
    if kind.startswith(TEXT):
        octets = base64.b64encode(octets)
    answer = request(pylon.port, "POST", path, body=octets, headers={"Content-Type": kind})
    if not kind.startswith(TEXT) or answer.status != 200:
        return answer, answer.content
    return answer, b"".join(
        base64.b64decode(piece + b"=" * (-len(piece) % 4) if piece else b"")
        for piece in split_text(answer.content)
    )


def split_text(text):
    """Base64 that was padded piece by piece."""
    pieces, start = [], 0
    for at in range(0, len(text), 4):
        if b"=" in text[at : at + 4]:
            pieces.append(text[start : at + 4])
            start = at + 4
    return [*pieces, text[start:]]


@pytest.mark.parametrize("kind", [BINARY, "application/grpc-web", TEXT, TEXT + "+proto"])
@pytest.mark.parametrize("path", ["/web/shop.v1.Shop/Echo", "/shop.v1.Shop/Echo"])
def test_one_message_each_way(pylon, shop, kind, path):
    order = shop.types["Order"](customer="ann", number=7)
    answer, octets = call(pylon, order, path, kind)
    assert answer.status == 200 and answer.header("content-type") == kind
    assert answer.header("access-control-allow-origin") == "*"
    assert answer.header("access-control-expose-headers") == "grpc-message,grpc-status"
    (flags, got), (last, trailers) = frames(octets)
    assert flags == 0 and shop.types["Order"].FromString(got) == order
    assert last == 0x80
    assert trailers == b"grpc-status:0\r\ngrpc-message:\r\nx-shop:open\r\n"


@pytest.mark.parametrize("kind", [BINARY, TEXT])
def test_a_stream_of_answers(pylon, shop, kind):
    order = shop.types["Order"](customer="x" * 1000, number=200)
    _, octets = call(pylon, order, "/web/shop.v1.Shop/Count", kind)
    got = frames(octets)
    assert [shop.types["Item"].FromString(each[1]).count for each in got[:-1]] == [*range(200)]
    assert got[-1][1].startswith(b"grpc-status:0\r\n")


def test_a_stream_that_fails_half_way(pylon, shop):
    order = shop.types["Order"](number=2, cash=True)
    _, octets = call(pylon, order, "/web/shop.v1.Shop/Count")
    got = frames(octets)
    assert len(got) == 3
    assert got[2][1].startswith(b"grpc-status:15\r\ngrpc-message:half way: 100%25")


@pytest.mark.parametrize("kind", [BINARY, TEXT])
def test_an_answer_of_trailers_only(pylon, shop, kind):
    """Its status stands in the head, and the body is empty."""
    answer, octets = call(pylon, shop.types["Order"](), "/web/shop.v1.Shop/Fail", kind)
    assert (answer.status, octets) == (200, b"")
    assert (answer.header("grpc-status"), answer.header("grpc-message")) == ("14", "shut")


def test_preflight(pylon):
    answer = request(pylon.port, "OPTIONS", "/web/shop.v1.Shop/Echo")
    assert answer.status == 204
    assert answer.header("access-control-allow-methods") == "POST"
    assert answer.header("access-control-allow-headers") == "content-type,x-grpc-web,x-user-agent"
    assert answer.header("access-control-allow-origin") == "*"


@pytest.mark.parametrize(
    "method, kind, body, status",
    [
        ("GET", BINARY, b"", 405),
        ("PUT", BINARY, b"", 405),
        ("POST", "application/json", b"{}", 400),
        ("POST", "application/grpc", b"", 400),
        ("POST", TEXT, b"!!!!", 400),
    ],
)
def test_what_is_no_grpc_web(pylon, method, kind, body, status):
    sent = {"Content-Type": kind}
    answer = request(pylon.port, method, "/web/shop.v1.Shop/Echo", body=body, headers=sent)
    assert answer.status == status
    assert answer.header("access-control-allow-origin") == "*"


def test_a_body_that_is_too_large(pylon, shop):
    plugins = {"grpc-web": {"max_req_body_size": 100}}
    route = {"uri": "/small/*", "plugins": plugins, "upstream": shop.upstream()}
    pylon.admin.put("/routes/small", route)
    order = shop.types["Order"](customer="x" * 100)
    assert call(pylon, order, "/small/shop.v1.Shop/Echo")[0].status == 400


def test_an_upstream_that_is_away(pylon, shop):
    dead = {"scheme": "grpc", "nodes": {f"127.0.0.1:{free_port()}": 1}}
    pylon.admin.put(
        "/routes/dead", {"uri": "/dead/*", "plugins": {"grpc-web": {}}, "upstream": dead}
    )
    answer, _ = call(pylon, shop.types["Order"](), "/dead/shop.v1.Shop/Echo")
    assert answer.status == 502 and answer.header("access-control-allow-origin") == "*"
