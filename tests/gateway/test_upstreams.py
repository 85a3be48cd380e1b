"""Which node gets a request, and what happens when it fails. APISIX docs: terminology/upstream."""

import collections
import socket
import time

import pytest

from harness.dns import NameServer
from harness.echo import Echo, Told
from harness.http import get, receive, request, send
from harness.ports import free_port
from harness.wire import connect, until


def nodes(*weighted):
    return {echo.node: weight for echo, weight in weighted}


def spread(pylon, path, count, headers=None):
    """How often each node answered."""
    counts = collections.Counter()
    with connect("127.0.0.1", pylon.port) as peer:
        for _ in range(count):
            send(peer, "GET", path, headers)
            counts[Told(receive(peer)).node] += 1
    return counts


def route(pylon, upstream, **fields):
    pylon.admin.put("/routes/1", {"uri": "/*", "upstream": upstream, **fields})


def test_round_robin_follows_the_weights_exactly(pylon, echoes):
    """One connection stays on one worker, so its turns are exact."""
    a, b, c = echoes
    route(pylon, {"type": "roundrobin", "nodes": nodes((a, 1), (b, 2), (c, 3))})
    assert spread(pylon, "/x", 120) == {"a": 20, "b": 40, "c": 60}


def test_round_robin_is_smooth(pylon, echoes):
    """No node gets its whole share in a row."""
    a, b, _ = echoes
    route(pylon, {"type": "roundrobin", "nodes": nodes((a, 1), (b, 1))})
    with connect("127.0.0.1", pylon.port) as peer:
        taken = []
        for _ in range(10):
            send(peer, "GET", "/x")
            taken.append(Told(receive(peer)).node)
    assert all(one != two for one, two in zip(taken, taken[1:]))


def test_weight_zero_gets_nothing(pylon, echoes):
    a, b, _ = echoes
    route(pylon, {"type": "roundrobin", "nodes": nodes((a, 0), (b, 1))})
    assert spread(pylon, "/x", 20) == {"b": 20}


@pytest.mark.parametrize("upstream", [{"nodes": {}}, {"nodes": []}], ids=["map", "array"])
def test_no_nodes(pylon, upstream):
    route(pylon, {"type": "roundrobin", **upstream})
    assert get(pylon.port, "/x").status == 503


def test_nodes_as_an_array(pylon, echoes):
    a, b, _ = echoes
    array = [{"host": e.address, "port": e.port, "weight": w} for e, w in ((a, 1), (b, 3))]
    route(pylon, {"type": "roundrobin", "nodes": array})
    assert spread(pylon, "/x", 40) == {"a": 10, "b": 30}


CHASH = [
    ("arg_key", "vars", "/x?key={}", {}),
    ("X-Key", "header", "/x", {"X-Key": "{}"}),
    ("sid", "cookie", "/x", {"Cookie": "sid={}"}),
    ("uri", "vars", "/x/{}", {}),
]


@pytest.mark.parametrize("key, hash_on, path, headers", CHASH, ids=lambda v: str(v)[:12])
def test_chash_is_sticky_and_spreads(pylon, echoes, key, hash_on, path, headers):
    upstream = {"type": "chash", "key": key, "hash_on": hash_on}
    route(pylon, {**upstream, "nodes": nodes(*[(e, 1) for e in echoes])})

    def node_of(value):
        fields = {n: v.format(value) for n, v in headers.items()}
        return Told(get(pylon.port, path.format(value), headers=fields)).node

    taken = {value: node_of(value) for value in range(60)}
    assert set(taken.values()) == {"a", "b", "c"}
    assert all(node_of(value) == node for value, node in list(taken.items())[:10])


def test_chash_moves_few_keys_when_a_node_leaves(pylon, echoes):
    upstream = {"type": "chash", "key": "arg_key", "hash_on": "vars"}
    route(pylon, {**upstream, "nodes": nodes(*[(e, 1) for e in echoes])})
    before = {v: Told(get(pylon.port, f"/x?key={v}")).node for v in range(60)}
    route(pylon, {**upstream, "nodes": nodes(*[(e, 1) for e in echoes[:2]])})
    after = {v: Told(get(pylon.port, f"/x?key={v}")).node for v in range(60)}
    assert all(after[v] == node for v, node in before.items() if node != "c")


def test_priority_groups(pylon, echoes):
    """A lower group is used only when all of the higher one fail."""
    a, b, _ = echoes
    dead = free_port()

    def array(first):
        return [
            {"host": "127.0.0.1", "port": first, "weight": 1, "priority": 1},
            {"host": b.address, "port": b.port, "weight": 1, "priority": 0},
        ]

    route(pylon, {"type": "roundrobin", "nodes": array(a.port)})
    assert spread(pylon, "/x", 10) == {"a": 10}
    route(pylon, {"type": "roundrobin", "nodes": array(dead)})
    assert spread(pylon, "/x", 10) == {"b": 10}


def test_pass_host_modes(pylon, echo):
    route(pylon, echo.upstream())
    assert Told(get(pylon.port, "/x", host="client.test")).get("host") == "client.test"
    route(pylon, echo.upstream(pass_host="node"))
    assert Told(get(pylon.port, "/x", host="client.test")).get("host") == echo.node
    route(pylon, echo.upstream(pass_host="rewrite", upstream_host="other.test"))
    assert Told(get(pylon.port, "/x", host="client.test")).get("host") == "other.test"


def test_refused_node_is_passed_over(pylon, echo):
    """retries defaults to the number of nodes less one."""
    route(pylon, {"type": "roundrobin", "nodes": {f"127.0.0.1:{free_port()}": 1, echo.node: 1}})
    assert spread(pylon, "/x", 20) == {"one": 20}


def test_refused_connect_lets_a_post_go_on(pylon, echo):
    """Nothing was sent, so nothing can have been processed."""
    route(pylon, {"type": "roundrobin", "nodes": {f"127.0.0.1:{free_port()}": 1, echo.node: 1}})
    for _ in range(6):
        got = request(pylon.port, "POST", "/x", body="order")
        assert (got.status, Told(got).body) == (200, "order")


def test_retries_zero(pylon, echo):
    upstream = {"type": "roundrobin", "retries": 0}
    route(pylon, {**upstream, "nodes": {f"127.0.0.1:{free_port()}": 1, echo.node: 1}})
    got = [get(pylon.port, "/x").status for _ in range(12)]
    assert set(got) == {200, 502}


def test_all_nodes_refuse(pylon):
    dead = {f"127.0.0.1:{free_port()}": 1 for _ in range(3)}
    route(pylon, {"type": "roundrobin", "nodes": dead})
    got = get(pylon.port, "/x")
    assert got.status == 502
    assert b"502 Bad Gateway" in got.content
    assert got.get(b"x-apisix-upstream-status") == b"502, 502, 502"


def test_unanswered_get_goes_to_the_next_node_once_each(pylon, echoes):
    """RFC 9110 9.2.2: GET is idempotent; each node sees it at most once."""
    a, b, _ = echoes
    route(pylon, {"type": "roundrobin", "nodes": nodes((a, 1), (b, 1))})
    before = len(a.requests) + len(b.requests)
    assert get(pylon.port, "/abort").status == 502
    assert len(a.requests) + len(b.requests) - before == 2


def test_unanswered_post_is_sent_once(pylon, echoes):
    a, b, _ = echoes
    route(pylon, {"type": "roundrobin", "nodes": nodes((a, 1), (b, 1))})
    before = len(a.requests) + len(b.requests)
    assert request(pylon.port, "POST", "/abort", body="order").status == 502
    assert len(a.requests) + len(b.requests) - before == 1


def test_answers_of_5xx_are_not_retried(pylon, echoes):
    a, b, _ = echoes
    route(pylon, {"type": "roundrobin", "nodes": nodes((a, 1), (b, 1))})
    before = len(a.requests) + len(b.requests)
    got = get(pylon.port, "/status/503")
    assert (got.status, got.get(b"x-apisix-upstream-status")) == (503, b"503")
    assert len(a.requests) + len(b.requests) - before == 1


def test_upstream_status_field_is_only_for_5xx(pylon, echo):
    route(pylon, echo.upstream())
    assert get(pylon.port, "/status/404").get(b"x-apisix-upstream-status") is None


@pytest.mark.parametrize("scheme", ["grpc", "grpcs"])
def test_what_is_meant_for_http2_never_leaves_as_plain_http1(pylon, echo, scheme):
    seen = len(echo.requests)
    limits = {"connect": 1, "send": 1, "read": 1}
    route(pylon, echo.upstream(scheme=scheme, timeout=limits))
    assert get(pylon.port, "/x").status in (502, 504)
    assert len(echo.requests) == seen


def test_read_timeout(pylon, echo):
    """504 after the read timeout, not before; a quick answer is no victim."""
    timeout = {"connect": 1, "send": 1, "read": 0.6}
    route(pylon, echo.upstream(timeout=timeout))
    start = time.monotonic()
    got = get(pylon.port, "/delay/3")
    assert got.status == 504
    assert b"504 Gateway Time-out" in got.content
    assert 0.5 < time.monotonic() - start < 2
    assert get(pylon.port, "/delay/0.2").status == 200


def test_timeout_of_the_route_wins(pylon, echo):
    long = dict.fromkeys(("connect", "send", "read"), 5)
    short = dict.fromkeys(("connect", "send", "read"), 0.5)
    route(pylon, echo.upstream(timeout=long), timeout=short)
    assert get(pylon.port, "/delay/2").status == 504


def test_retry_timeout(pylon, echoes):
    """No further node after it, though retries are left."""
    upstream = {
        "type": "roundrobin",
        "nodes": nodes(*[(e, 1) for e in echoes]),
        "retries": 2,
        "retry_timeout": 0.5,
        "timeout": {"connect": 1, "send": 1, "read": 0.7},
    }
    route(pylon, upstream)
    start = time.monotonic()
    assert get(pylon.port, "/delay/3").status in (502, 504)
    assert time.monotonic() - start < 1.4


def test_connect_timeout(pylon):
    """A listener whose queue is full accepts nobody."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        timeout = {"connect": 0.5, "send": 5, "read": 5}
        route(
            pylon,
            {
                "type": "roundrobin",
                "timeout": timeout,
                "nodes": {f"127.0.0.1:{full.getsockname()[1]}": 1},
            },
        )
        start = time.monotonic()
        got = get(pylon.port, "/x")
        for filler in fillers:
            filler.close()
    assert got.status in (502, 504)
    assert time.monotonic() - start < 3


def test_keepalive_pool(pylon, echo):
    """Requests one after the other use one connection; `requests` bounds its use."""
    route(pylon, echo.upstream())
    with connect("127.0.0.1", pylon.port) as peer:
        used = set()
        for _ in range(10):
            send(peer, "GET", "/x")
            used.add(Told(receive(peer)).connection)
        assert len(used) == 1
        pool = {"size": 10, "idle_timeout": 60, "requests": 3}
        route(pylon, echo.upstream(keepalive_pool=pool))
        used = set()
        for _ in range(9):
            send(peer, "GET", "/x")
            used.add(Told(receive(peer)).connection)
        assert len(used) == 3


def test_ipv6_node(pylon):
    echo6 = Echo("six", "::1")
    route(pylon, {"type": "roundrobin", "nodes": {f"[::1]:{echo6.port}": 1}})
    assert Told(get(pylon.port, "/x")).node == "six"
    route(
        pylon,
        {
            "type": "roundrobin",
            "pass_host": "node",
            "nodes": [{"host": "[::1]", "port": echo6.port, "weight": 1}],
        },
    )
    assert Told(get(pylon.port, "/x")).get("host") == f"[::1]:{echo6.port}"
    echo6.close()


@pytest.fixture
def name_server():
    server = NameServer()
    yield server
    server.close()


@pytest.fixture
def named(own_pylon, name_server):
    """A gateway that asks the test's name server."""
    resolver = f"127.0.0.1:{name_server.port}"
    return own_pylon(
        {
            "apisix": {
                "dns_resolver": [resolver],
                "resolver_timeout": 1,
                "enable_resolv_search_opt": False,
            }
        }
    )


def test_domain_node(named, name_server, echo):
    name_server.names["web.test"] = (60, ["127.0.0.1"])
    route(named, {"type": "roundrobin", "nodes": {f"web.test:{echo.port}": 1}, "pass_host": "node"})
    assert Told(get(named.port, "/x")).get("host") == f"web.test:{echo.port}"
    asked = len(name_server.asked)
    for _ in range(10):
        assert get(named.port, "/x").status == 200
    assert len(name_server.asked) <= asked + 2, "the answer is not kept for its TTL"


def test_domain_node_follows_the_ttl(named, name_server):
    port = free_port()
    old, new = Echo("old", "127.0.7.1", port), Echo("new", "127.0.7.2", port)
    name_server.names["web.test"] = (1, ["127.0.7.1"])
    route(named, {"type": "roundrobin", "nodes": {f"web.test:{port}": 1}})
    assert Told(get(named.port, "/x")).node == "old"
    name_server.names["web.test"] = (1, ["127.0.7.2"])
    until(lambda: Told(get(named.port, "/x")).node == "new", "the new address", 6, 0.1)
    old.close()
    new.close()


@pytest.mark.parametrize("failure", ["gone", "silent"])
def test_domain_node_keeps_its_last_good_answer(named, name_server, echo, failure):
    name_server.names["web.test"] = (1, ["127.0.0.1"])
    route(named, {"type": "roundrobin", "nodes": {f"web.test:{echo.port}": 1}})
    assert get(named.port, "/x").status == 200
    asked = len(name_server.asked)
    if failure == "gone":
        del name_server.names["web.test"]
    else:
        name_server.names["web.test"] = None
    until(
        lambda: get(named.port, "/x").status == 200 and len(name_server.asked) > asked,
        "a new question",
        6,
        0.1,
    )
    for _ in range(5):
        assert get(named.port, "/x").status == 200


def test_domain_with_several_addresses(named, name_server):
    port = free_port()
    both = [Echo("one", "127.0.7.3", port), Echo("two", "127.0.7.4", port)]
    name_server.names["web.test"] = (60, ["127.0.7.3", "127.0.7.4"])
    route(named, {"type": "roundrobin", "nodes": {f"web.test:{port}": 1}})
    taken = {Told(get(named.port, "/x")).node for _ in range(40)}
    assert taken == {"one", "two"}
    for echo in both:
        echo.close()


def test_unknown_domain(named, name_server):
    route(named, {"type": "roundrobin", "nodes": {"no.test:80": 1}})
    assert get(named.port, "/x").status in (502, 503)


def test_name_server_that_does_not_answer_blocks_nobody_else(named, name_server, echo):
    name_server.names["slow.test"] = None
    named.admin.put(
        "/routes/slow",
        {"uri": "/slow", "upstream": {"type": "roundrobin", "nodes": {"slow.test:80": 1}}},
    )
    named.admin.put("/routes/quick", {"uri": "/quick", "upstream": echo.upstream()})
    with connect("127.0.0.1", named.port) as peer:
        send(peer, "GET", "/slow")
        start = time.monotonic()
        for _ in range(20):
            assert get(named.port, "/quick").status == 200
        assert time.monotonic() - start < 1
        assert receive(peer, wait_s=15).status in (502, 503, 504)


def test_discovery_is_refused_by_requests_and_told(own_pylon):
    gateway = own_pylon({})
    upstream = {"type": "roundrobin", "service_name": "shop", "discovery_type": "nacos"}
    gateway.admin.put("/upstreams/7", upstream)
    gateway.admin.put("/routes/1", {"uri": "/x", "upstream_id": "7"})
    assert get(gateway.port, "/x").status == 503
    line = until(
        lambda: [line for line in gateway.read_log("error.log").splitlines() if "nacos" in line],
        "the line in the error log",
    )[0]
    assert "[error]" in line and "/apisix/upstreams/7: service discovery (nacos)" in line
