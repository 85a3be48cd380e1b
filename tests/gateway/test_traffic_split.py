"""traffic-split and limit-conn, for requests and for connections. APISIX docs: traffic-split,
limit-conn."""

import socket
import threading
from collections import Counter

import pytest

from harness import http
from harness.echo import Told
from harness.ports import free_port
from harness.wire import until

PATIENCE_S = 10


@pytest.fixture
def port():
    return free_port()


@pytest.fixture
def gateway(own_pylon, port):
    stream = {"tcp": [f"127.0.0.1:{port}"]}
    return own_pylon({"apisix": {"proxy_mode": "http&stream", "stream_proxy": stream}})


def get(gateway, path="/hello", group=None):
    return http.get(gateway.port, path, headers={"X-Group": group})


def nodes_of(gateway, count, group=None):
    return Counter(Told(get(gateway, group=group)).node for _ in range(count))


def split(targets, match=None):
    rule = {"weighted_upstreams": targets}
    if match:
        rule["match"] = [{"vars": match}]
    return {"traffic-split": {"rules": [rule]}}


def test_shares_of_requests(gateway, echoes):
    a, b, c = echoes
    gateway.admin.put("/upstreams/b", b.upstream())
    targets = [
        {"upstream_id": "b", "weight": 2},
        {"upstream": c.upstream(), "weight": 3},
        {"weight": 5},
    ]
    route = {"uri": "/hello", "plugins": split(targets), "upstream": a.upstream()}
    gateway.admin.put("/routes/1", route)
    assert nodes_of(gateway, 20) == {"a": 10, "b": 4, "c": 6}
    gateway.admin.put("/upstreams/b", c.upstream())  # seen by the plugin at once
    assert nodes_of(gateway, 20) == {"a": 10, "c": 10}


def test_requests_by_condition(gateway, echoes):
    a, b, _ = echoes
    plugins = split([{"upstream": b.upstream()}], [["http_x_group", "==", "b"]])
    route = {"uri": "/hello", "plugins": plugins, "upstream": a.upstream()}
    gateway.admin.put("/routes/1", route)
    assert nodes_of(gateway, 5) == {"a": 5}
    assert nodes_of(gateway, 5, "b") == {"b": 5}
    route["plugins"] = {}
    gateway.admin.put("/routes/1", route)
    assert nodes_of(gateway, 5, "b") == {"a": 5}


FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def post(gateway, body, headers=None):
    return http.request(gateway.port, "POST", "/hello", headers or FORM, body)


@pytest.mark.parametrize(
    "condition, headers, body",
    [
        (["post_arg_id", "==", "1"], FORM, "id=1"),
        (["post_arg.a.b", "==", "c"], {"Content-Type": "application/json"}, '{"a":{"b":"c"}}'),
    ],
)
def test_requests_by_what_stands_in_their_body(gateway, echoes, condition, headers, body):
    a, b, _ = echoes
    plugins = split([{"upstream": b.upstream()}], [condition])
    route = {"uri": "/hello", "plugins": plugins, "upstream": a.upstream()}
    gateway.admin.put("/routes/1", route)
    got = Told(post(gateway, body, headers))
    assert (got.node, got.body) == ("b", body)
    assert Told(post(gateway, "id=2")).node == "a"
    assert Told(get(gateway)).node == "a"


def test_other_plugins_see_the_body_too(gateway, echo):
    """By a filter, a key and a template; the plugin of the route and that of all routes."""
    seen = {"headers": {"set": {"X-Id": "$post_arg_id"}}}
    filtered = {
        "status_code": 299,
        "_meta": {"filter": [["post_arg_id", "==", "1"]]},
    }
    counted = {"count": 2, "time_window": 60, "rejected_code": 429, "key": "post_arg_id"}
    plugins = {"proxy-rewrite": seen, "limit-count": counted}
    gateway.admin.put("/global_rules/1", {"plugins": {"response-rewrite": filtered}})
    route = {"uri": "/hello", "plugins": plugins, "upstream": echo.upstream()}
    gateway.admin.put("/routes/1", route)
    got = post(gateway, "id=1")
    assert (got.status, Told(got).get("x-id"), Told(got).body) == (299, "1", "id=1")
    assert post(gateway, "id=2").status == 200
    assert [post(gateway, "id=3").status for _ in range(3)] == [200, 200, 429]
    assert post(gateway, "id=4").status == 200


def test_an_upstream_in_use_is_not_deleted(gateway, echoes):
    a, b, _ = echoes
    gateway.admin.put("/upstreams/b", b.upstream())
    route = {"uri": "/hello", "plugins": split([{"upstream_id": "b"}]), "upstream": a.upstream()}
    gateway.admin.put("/routes/1", route)
    status, answer, _ = gateway.admin.call("DELETE", "/upstreams/b")
    assert status == 400 and "still using it" in answer["error_msg"]


def test_shares_of_connections(gateway, port, echoes):
    a, b, _ = echoes
    plugins = split([{"upstream": b.upstream(), "weight": 1}, {"weight": 1}])
    gateway.admin.put("/stream_routes/1", {"plugins": plugins, "upstream": a.upstream()})
    seen = Counter()
    for _ in range(10):
        seen[Told(http.get(port, "/")).node] += 1
    assert seen == {"a": 5, "b": 5}


# ---- limit-conn


def limit(conn, burst, delay=0.3, **more):
    conf = {"conn": conn, "burst": burst, "default_conn_delay": delay, "key": "remote_addr"}
    return {"limit-conn": {**conf, **more}}


def test_requests_at_once_are_limited(gateway, echo):
    plugins = limit(1, 0, rejected_code=429, rejected_msg="busy")
    route = {"uri": "/*", "plugins": plugins, "upstream": echo.upstream()}
    gateway.admin.put("/routes/1", route)
    slow = threading.Thread(target=get, args=(gateway, "/delay/1"))
    before = len(echo.requests)
    slow.start()
    until(lambda: len(echo.requests) > before, "the slow request", PATIENCE_S)
    refused = get(gateway)
    assert refused.status == 429 and refused.content == b'{"error_msg":"busy"}\n'
    slow.join()
    until(lambda: get(gateway).status == 200, "room again", PATIENCE_S)


def test_connections_at_once_are_limited(gateway, port, echo):
    gateway.admin.put("/stream_routes/1", {"plugins": limit(1, 1), "upstream": echo.upstream()})

    def open_one():
        sock = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
        sock.settimeout(PATIENCE_S)
        sock.sendall(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
        return sock

    first, second = open_one(), open_one()
    assert first.recv(4) == b"HTTP"
    assert second.recv(4) == b"HTTP"  # after its delay
    third = open_one()
    try:
        assert third.recv(4) == b""
    except ConnectionResetError:
        pass
    first.close()

    def admitted():
        sock = open_one()
        try:
            return sock.recv(4) == b"HTTP"
        except ConnectionResetError:
            return False
        finally:
            sock.close()

    until(admitted, "room again", PATIENCE_S)
    second.close()


def test_plugins_for_http_only_are_unknown_to_streams(gateway, echo):
    route = {"plugins": {"key-auth": {}}, "upstream": echo.upstream()}
    status, answer, _ = gateway.admin.call("PUT", "/stream_routes/1", route)
    assert status == 400 and "unknown plugin [key-auth]" in answer["error_msg"]
    names = gateway.admin.get("/plugins/list?subsystem=stream")
    assert names == ["ip-restriction", "limit-conn", "mqtt-proxy", "traffic-split", "syslog"]
