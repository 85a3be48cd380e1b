"""Which route answers. APISIX docs: router-radixtree, terminology/route, admin-api (vars)."""

import pytest

from harness.echo import Echo, Told
from harness.http import get, request
from harness.pylon import Pylon


@pytest.fixture(scope="module")
def nodes():
    """Upstreams by name: the answer tells which route was taken."""
    servers = {name: Echo(name) for name in ("a", "b", "c", "d")}
    yield servers
    for server in servers.values():
        server.close()


def routes(pylon, nodes, *given):
    """Each is (name of the node, fields of the route); ids r0, r1, ... in place of older ones."""
    for number in range(len(given), 4):
        pylon.admin.delete(f"/routes/r{number}")
    for number, (name, fields) in enumerate(given):
        pylon.admin.put(f"/routes/r{number}", {"upstream": nodes[name].upstream(), **fields})


def taken(pylon, path, method="GET", host="a.test", **more):
    """The node's name, or the status when no upstream answered."""
    got = request(pylon.port, method, path, host=host, **more)
    return Told(got).node if got.status == 200 else got.status


def test_no_route(pylon):
    got = get(pylon.port, "/nothing")
    assert (got.status, got.content) == (404, b'{"error_msg":"404 Route Not Found"}\n')
    assert got.get(b"content-type").startswith((b"application/json", b"text/plain"))


PATHS = [
    # (patterns of a, b, c, d in order; path; who answers)
    ((["/x"],), "/x", "a"),
    ((["/x"],), "/x/", 404),
    ((["/x"],), "/X", 404),
    ((["/x*"],), "/x", "a"),
    ((["/x*"],), "/xyz/1", "a"),
    ((["/x/*"],), "/x/", "a"),
    ((["/x/*"],), "/x", 404),
    ((["/*"], ["/x"]), "/x", "b"),
    ((["/*"], ["/x/*"], ["/x/y/*"]), "/x/y/z", "c"),
    ((["/*"], ["/x/*"], ["/x/y/*"]), "/x/yz", "b"),
    ((["/*"], ["/x/*"], ["/x/y/*"]), "/other", "a"),
    ((["/x/*/z"],), "/x/y/z", "a"),
    ((["/x/*/z"],), "/x/y/w", 404),
    ((["/x", "/y"],), "/y", "a"),
    ((["/x%20y"],), "/x%20y", 404),
    ((["/x y"],), "/x%20y", "a"),
    ((["/x"],), "/%78", "a"),
    ((["/x"],), "/y/../x", "a"),
    ((["/x"],), "/./x", "a"),
    ((["/x/y"],), "/x//y", "a"),
    ((["/x"],), "/x?y=1", "a"),
    ((["/:id"],), "/7", 404),
    ((["/:id"],), "/:id", "a"),
]


@pytest.mark.parametrize("patterns, path, expected", PATHS, ids=lambda v: str(v)[:40])
def test_paths(pylon, nodes, patterns, path, expected):
    routes(pylon, nodes, *[(name, {"uris": p}) for name, p in zip("abcd", patterns)])
    assert taken(pylon, path) == expected


HOSTS = [
    ((["a.test"],), "a.test", "a"),
    ((["a.test"],), "A.TEST", "a"),
    ((["a.test"],), "a.test:8080", "a"),
    ((["a.test"],), "b.test", 404),
    ((["*.test"],), "x.test", "a"),
    ((["*.test"],), "x.y.test", "a"),
    ((["*.test"],), "test", 404),
    ((["*.test"], ["x.test"]), "x.test", "b"),
    ((["*.test"], ["*.x.test"]), "y.x.test", "b"),
    ((None, ["*.test"], ["x.test"]), "z.example", "a"),
    ((None, ["*.test"], ["x.test"]), "y.test", "b"),
    ((None, ["*.test"], ["x.test"]), "x.test", "c"),
    ((["a.test", "b.test"],), "b.test", "a"),
    ((["127.0.0.1"],), "127.0.0.1", "a"),
]


@pytest.mark.parametrize("hosts, host, expected", HOSTS, ids=lambda v: str(v)[:40])
def test_hosts(pylon, nodes, hosts, host, expected):
    given = [(name, {"uri": "/*", **({"hosts": h} if h else {})}) for name, h in zip("abcd", hosts)]
    routes(pylon, nodes, *given)
    assert taken(pylon, "/x", host=host) == expected


def test_host_beats_a_longer_uri_without_host(pylon, nodes):
    """radixtree_host_uri: the host is looked at first."""
    routes(pylon, nodes, ("a", {"uri": "/x/y/z"}), ("b", {"uri": "/*", "host": "a.test"}))
    assert taken(pylon, "/x/y/z") == "b"


def test_exact_host_without_a_matching_uri_falls_through(pylon, nodes):
    routes(
        pylon,
        nodes,
        ("a", {"uri": "/only", "host": "a.test"}),
        ("b", {"uri": "/*", "host": "*.test"}),
    )
    assert taken(pylon, "/else") == "b"


def test_hosts_of_the_service(pylon, nodes):
    pylon.admin.put("/services/s", {"hosts": ["s.test"], "upstream": nodes["a"].upstream()})
    pylon.admin.put("/routes/1", {"uri": "/*", "service_id": "s"})
    assert (taken(pylon, "/", host="s.test"), taken(pylon, "/", host="t.test")) == ("a", 404)


def test_methods(pylon, nodes):
    routes(
        pylon,
        nodes,
        ("a", {"uri": "/x", "methods": ["GET", "POST"]}),
        ("b", {"uri": "/x", "methods": ["PUT"]}),
        ("c", {"uri": "/y"}),
    )
    assert [taken(pylon, "/x", m) for m in ("GET", "POST", "PUT", "DELETE")] == ["a", "a", "b", 404]
    assert [taken(pylon, "/y", m) for m in ("GET", "DELETE", "PURGE", "MADE")] == ["c"] * 4
    assert taken(pylon, "/x", "MADE") == 404


def test_priority_orders_equal_uris_only(pylon, nodes):
    routes(
        pylon,
        nodes,
        ("a", {"uri": "/x", "priority": 1}),
        ("b", {"uri": "/x", "priority": 2}),
        ("c", {"uri": "/*", "priority": 99}),
    )
    assert taken(pylon, "/x") == "b"
    pylon.admin.delete("/routes/r1")
    assert taken(pylon, "/x") == "a"


def test_conditions_fall_through_to_the_shorter_prefix(pylon, nodes):
    routes(pylon, nodes, ("a", {"uri": "/*"}), ("b", {"uri": "/x/*", "methods": ["PUT"]}))
    assert taken(pylon, "/x/y") == "a"


REMOTE = [
    (["127.0.0.1"], "a"),
    (["127.0.0.0/8"], "a"),
    (["10.0.0.0/8"], 404),
    (["::1"], 404),
    (["10.0.0.1", "127.0.0.1"], "a"),
    (["0.0.0.0/0"], "a"),
]


@pytest.mark.parametrize("addresses, expected", REMOTE, ids=str)
def test_remote_addrs(pylon, nodes, addresses, expected):
    routes(pylon, nodes, ("a", {"uri": "/x", "remote_addrs": addresses}))
    assert taken(pylon, "/x") == expected


def test_remote_addr_is_the_attributed_one(pylon, nodes):
    """real_ip_header X-Real-IP from 127.0.0.1 is the default."""
    routes(pylon, nodes, ("a", {"uri": "/x", "remote_addr": "203.0.113.7"}))
    assert taken(pylon, "/x", headers={"X-Real-IP": "203.0.113.7"}) == "a"
    assert taken(pylon, "/x", headers={"X-Real-IP": "203.0.113.8"}) == 404


VARS = [
    ([["arg_a", "==", "1"]], "/x?a=1", True),
    ([["arg_a", "==", "1"]], "/x?a=2", False),
    ([["arg_a", "==", "1"]], "/x", False),
    ([["arg_a", "==", 1]], "/x?a=1", True),
    ([["arg_a", "==", 1]], "/x?a=1.0", True),
    ([["arg_a", "~=", "1"]], "/x?a=2", True),
    ([["arg_a", "~=", "1"]], "/x", True),
    ([["arg_a", ">", 24]], "/x?a=25", True),
    ([["arg_a", ">", 24]], "/x?a=24", False),
    ([["arg_a", ">", 24]], "/x?a=word", False),
    ([["arg_a", ">=", 24]], "/x?a=24", True),
    ([["arg_a", "<", 24]], "/x?a=9", True),
    ([["arg_a", "<=", 24]], "/x?a=24.5", False),
    ([["arg_a", "~~", "^[a-z]+$"]], "/x?a=abc", True),
    ([["arg_a", "~~", "^[a-z]+$"]], "/x?a=ABC", False),
    ([["arg_a", "~*", "^[a-z]+$"]], "/x?a=ABC", True),
    ([["arg_a", "~~", "b"]], "/x?a=abc", True),
    ([["arg_a", "in", ["1", "2"]]], "/x?a=2", True),
    ([["arg_a", "IN", ["1", "2"]]], "/x?a=3", False),
    ([["arg_a", "!", "in", ["1", "2"]]], "/x?a=3", True),
    ([["arg_a", "!", "~~", "[a-z]+"]], "/x?a=7", True),
    ([["remote_addr", "ipmatch", ["127.0.0.0/8"]]], "/x", True),
    ([["remote_addr", "ipmatch", ["10.0.0.0/8"]]], "/x", False),
    ([["arg_a", "==", "1"], ["arg_b", "==", "2"]], "/x?a=1&b=2", True),
    ([["arg_a", "==", "1"], ["arg_b", "==", "2"]], "/x?a=1", False),
    (["OR", ["arg_a", "==", "1"], ["arg_b", "==", "2"]], "/x?b=2", True),
    (
        ["AND", ["arg_a", "==", "1"], ["OR", ["arg_b", "==", "2"], ["arg_c", "==", "3"]]],
        "/x?a=1&c=3",
        True,
    ),
    (["!OR", ["arg_a", "==", "1"], ["arg_b", "==", "2"]], "/x?c=1", True),
    (["!AND", ["arg_a", "==", "1"], ["arg_b", "==", "2"]], "/x?a=1&b=2", False),
    ([["uri", "==", "/x"]], "/x?a", True),
    ([["request_method", "==", "GET"]], "/x", True),
    ([["method", "==", "GET"]], "/x", True),
    ([["host", "==", "a.test"]], "/x", True),
    ([["scheme", "==", "http"]], "/x", True),
    ([["query_string", "==", "a=1&b"]], "/x?a=1&b", True),
    ([["args", "==", "a=1"]], "/x?a=1", True),
    ([["is_args", "==", "?"]], "/x?a", True),
    ([["is_args", "==", "?"]], "/x?", False),
    ([["arg_a", "==", "a b"]], "/x?a=a%20b", True),
    ([["arg_a", "==", "1"]], "/x?a=1&a=2", True),
    ([["server_port", ">", 19999]], "/x", True),
    ([["server_addr", "==", "127.0.0.1"]], "/x", True),
    ([["server_protocol", "==", "HTTP/1.1"]], "/x", True),
    ([["remote_addr", "==", "127.0.0.1"]], "/x", True),
    ([["http_x_tag", "==", "red"]], "/x", True),
    ([["http_x-tag", "==", "red"]], "/x", True),
    ([["cookie_sid", "==", "s1"]], "/x", True),
    ([["cookie_other", "==", "o2"]], "/x", True),
    ([["http_user_agent", "~~", "^test/"]], "/x", True),
    ([["http_absent", "==", None]], "/x", True),
    ([], "/x", True),
]


@pytest.mark.parametrize("condition, path, expected", VARS, ids=lambda v: str(v)[:60])
def test_vars(pylon, nodes, condition, path, expected):
    routes(pylon, nodes, ("a", {"uri": "/x", "vars": condition}))
    headers = {"X-Tag": "red", "Cookie": "sid=s1; other=o2", "User-Agent": "test/1"}
    assert taken(pylon, path, headers=headers) == ("a" if expected else 404)


def test_post_args(pylon, nodes):
    routes(
        pylon,
        nodes,
        ("a", {"uri": "/x", "vars": [["post_arg_kind", "==", "form"]]}),
        ("b", {"uri": "/x", "vars": [["post_arg.deep.kind", "==", "json"]]}),
    )
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    got = request(pylon.port, "POST", "/x", form, "a=1&kind=form")
    assert (Told(got).node, Told(got).body) == ("a", "a=1&kind=form")
    got = request(
        pylon.port, "POST", "/x", {"Content-Type": "application/json"}, '{"deep":{"kind":"json"}}'
    )
    assert (Told(got).node, Told(got).body) == ("b", '{"deep":{"kind":"json"}}')


def test_body_too_long_for_conditions_is_absent_to_them(own_pylon, nodes):
    """It goes on whole to the route that does not look at it."""
    gateway = own_pylon({"apisix": {"max_post_args_readable_size": 1}})
    routes(
        gateway,
        nodes,
        ("a", {"uri": "/x", "vars": [["post_arg.kind", "==", "json"]]}),
        ("b", {"uri": "/*"}),
    )
    json = {"Content-Type": "application/json"}
    assert Told(request(gateway.port, "POST", "/x", json, '{"kind":"json"}')).node == "a"
    long = '{"kind":"json","pad":"' + "a" * (1 << 20) + '"}'
    got = Told(request(gateway.port, "POST", "/x", json, long))
    assert (got.node, len(got.body)) == ("b", len(long))


def test_disabled_route(pylon, nodes):
    routes(pylon, nodes, ("a", {"uri": "/x", "status": 0}), ("b", {"uri": "/*"}))
    assert taken(pylon, "/x") == "b"
    pylon.admin.patch("/routes/r0", {"status": 1})
    assert taken(pylon, "/x") == "a"


def test_service_gives_upstream_and_plugins(pylon, nodes):
    plugin = {"response-rewrite": {"headers": {"set": {"X-From": "service"}}}}
    pylon.admin.put("/services/s", {"upstream": nodes["a"].upstream(), "plugins": plugin})
    pylon.admin.put("/routes/1", {"uri": "/s", "service_id": "s"})
    got = get(pylon.port, "/s")
    assert (Told(got).node, got.get(b"x-from")) == ("a", b"service")
    pylon.admin.put(
        "/routes/1", {"uri": "/s", "service_id": "s", "upstream": nodes["b"].upstream()}
    )
    assert taken(pylon, "/s") == "b"
    pylon.admin.put("/services/s", {"upstream": nodes["c"].upstream()})
    assert get(pylon.port, "/s").get(b"x-from") is None


def test_plugins_of_route_config_and_service_merge_by_name(pylon, nodes):
    """Route > plugin_config > service; a plugin's configuration is replaced whole."""

    def rewrite(**headers):
        return {"response-rewrite": {"headers": {"set": headers}}}

    pylon.admin.put(
        "/services/s",
        {
            "upstream": nodes["a"].upstream(),
            "plugins": {**rewrite(A="service", B="service"), "request-id": {}},
        },
    )
    pylon.admin.put("/plugin_configs/p", {"plugins": rewrite(A="config")})
    pylon.admin.put("/routes/1", {"uri": "/1", "service_id": "s", "plugin_config_id": "p"})
    pylon.admin.put(
        "/routes/2",
        {"uri": "/2", "service_id": "s", "plugin_config_id": "p", "plugins": rewrite(A="route")},
    )
    first, second = get(pylon.port, "/1"), get(pylon.port, "/2")
    assert (first.get(b"a"), first.get(b"b")) == (b"config", None)
    assert second.get(b"a") == b"route"
    assert first.get(b"x-request-id") and second.get(b"x-request-id")


def test_upstream_by_id_changes_live(pylon, nodes):
    pylon.admin.put("/upstreams/u", nodes["a"].upstream())
    pylon.admin.put("/routes/1", {"uri": "/u", "upstream_id": "u"})
    assert taken(pylon, "/u") == "a"
    pylon.admin.put("/upstreams/u", nodes["b"].upstream())
    assert taken(pylon, "/u") == "b"


def test_route_without_any_upstream(pylon):
    pylon.admin.put("/routes/1", {"uri": "/none", "plugins": {}})
    assert get(pylon.port, "/none").status == 503


def test_global_rules_run_for_unmatched_requests_too(pylon):
    pylon.admin.put("/global_rules/1", {"plugins": {"request-id": {}}})
    got = get(pylon.port, "/nothing")
    assert got.status == 404
    assert got.get(b"x-request-id")


@pytest.fixture(scope="module")
def other_modes(tmp_path_factory):
    """Gateways in the two other modes, started when first asked for."""
    made = {}

    def of(mode):
        if mode not in made:
            folder = tmp_path_factory.mktemp(mode)
            made[mode] = Pylon(folder, {"apisix": {"router": {"http": mode}}}).start()
        return made[mode]

    yield of
    for gateway in made.values():
        gateway.stop()


def test_radixtree_uri_puts_the_uri_before_the_host(other_modes, nodes):
    gateway = other_modes("radixtree_uri")
    routes(gateway, nodes, ("a", {"uri": "/x/y"}), ("b", {"uri": "/x/*", "host": "a.test"}))
    assert taken(gateway, "/x/y") == "a"
    assert taken(gateway, "/x/z") == "b"
    assert taken(gateway, "/x/z", host="b.test") == 404


PARAMETERS = [
    ("/user/:name", "/user/bob", "bob"),
    ("/user/:name", "/user/bob/x", None),
    ("/user/:name/posts/:id", "/user/bob/posts/7", "bob"),
    ("/user/:name/*", "/user/bob/a/b", "bob"),
    ("/user/:name", "/user/b%20b", "b b"),
    ("/user/:name", "/user/", None),
]


@pytest.mark.parametrize("pattern, path, name", PARAMETERS, ids=str)
def test_uri_parameters(other_modes, nodes, pattern, path, name):
    gateway = other_modes("radixtree_uri_with_parameter")
    plugin = {"response-rewrite": {"headers": {"set": {"X-Name": "$uri_param_name"}}}}
    routes(gateway, nodes, ("a", {"uri": pattern, "plugins": plugin}))
    got = get(gateway.port, path)
    if name is None:
        assert got.status == 404
    else:
        assert (got.status, got.get(b"x-name")) == (200, name.encode())


def test_uri_parameters_are_not_there_yet_for_conditions(other_modes, nodes):
    """As in APISIX: vars are judged before the parameters are taken out of the path."""
    gateway = other_modes("radixtree_uri_with_parameter")
    conditional = {"uri": "/u/:name", "vars": [["uri_param_name", "==", "bob"]]}
    routes(gateway, nodes, ("a", conditional), ("b", {"uri": "/*"}))
    assert taken(gateway, "/u/bob") == "b"


def test_tail_slash_option(own_pylon, nodes):
    gateway = own_pylon({"apisix": {"delete_uri_tail_slash": True}})
    routes(gateway, nodes, ("a", {"uri": "/x"}))
    assert (taken(gateway, "/x/"), taken(gateway, "/x")) == ("a", "a")


def test_ipv6_client(own_pylon, nodes):
    gateway = own_pylon(start=False)
    gateway.config["apisix"]["node_listen"].append({"ip": "::1", "port": gateway.port})
    gateway.write_config()
    gateway.start()
    routes(gateway, nodes, ("a", {"uri": "/x", "remote_addrs": ["::1"]}))
    assert Told(get(gateway.port, "/x", address="::1")).get("x-real-ip") == "::1"
    assert get(gateway.port, "/x").status == 404
    assert get(gateway.port, "/x", address="::1", host="[::1]").status == 200
