"""The Control API and the status API: what is in force, as operators and probes ask for it."""

import http.client
import json
import signal

import pytest

from harness.http import get, receive, request, send
from harness.ports import free_port
from harness.wire import connect, until

NODE = {"host": "127.0.0.1", "port": 1980, "weight": 1}


def ask(gateway, path, method="GET", headers=None):
    """(status, parsed JSON or text)."""
    got = request(gateway.control_port, method, path, headers=headers or {})
    text = got.content.decode()
    try:
        return got.status, json.loads(text)
    except ValueError:
        return got.status, text


def test_schema_of_everything(pylon):
    status, answer = ask(pylon, "/v1/schema")
    assert status == 200
    assert set(answer) == {"main", "plugins", "stream_plugins"}
    assert {"route", "upstream", "consumer", "plugins", "upstream_hash_vars_schema"} <= set(
        answer["main"]
    )
    key_auth = answer["plugins"]["key-auth"]
    assert (key_auth["type"], key_auth["priority"], key_auth["version"]) == ("auth", 2500, 0.1)
    assert {"schema", "consumer_schema"} <= set(key_auth)


def test_a_route_with_its_defaults(pylon):
    pylon.admin.put(
        "/routes/1",
        {
            "uris": ["/hello"],
            "plugins": {"limit-count": {"count": 2, "time_window": 60}},
            "upstream": {"type": "roundrobin", "nodes": {"127.0.0.1:1980": 1}},
        },
    )
    status, route = ask(pylon, "/v1/route/1")
    assert (status, route["key"]) == (200, "/apisix/routes/1")
    assert (route["has_domain"], route["update_count"], route["clean_handlers"]) == (False, 0, {})
    assert route["modifiedIndex"] == route["orig_modifiedIndex"] >= route["createdIndex"] > 0
    value = route["value"]
    assert (value["priority"], value["status"], value["uris"]) == (0, 1, ["/hello"])
    assert value["upstream"]["nodes"] == [NODE]
    assert (value["upstream"]["hash_on"], value["upstream"]["pass_host"]) == ("vars", "pass")
    assert value["plugins"]["limit-count"]["policy"] == "local"
    assert ask(pylon, "/v1/routes")[1] == [route]


def test_a_long_list_is_written_while_it_is_read(pylon):
    for number in range(450):
        pylon.admin.put(f"/upstreams/{number}", {"nodes": [NODE], "desc": "x" * 256})
    with connect("127.0.0.1", pylon.control_port) as peer:
        send(peer, "GET", "/v1/upstreams")
        got = receive(peer)
        assert got.status == 200
        assert got.header("Transfer-Encoding") == "chunked"
        listed = json.loads(got.content)
        keys = sorted(f"/apisix/upstreams/{number}" for number in range(450))
        assert [item["key"] for item in listed] == keys
        send(peer, "GET", "/v1/upstream/7")
        assert json.loads(receive(peer).content) == next(
            item for item in listed if item["key"].endswith("/7")
        )


@pytest.mark.parametrize("one, kind", [("service", "services"), ("upstream", "upstreams")])
def test_services_and_upstreams(pylon, one, kind):
    upstream = {"type": "roundrobin", "nodes": {"127.0.0.1:1980": 1}}
    for number in "12":
        body = upstream if one == "upstream" else {"upstream": upstream}
        pylon.admin.put(f"/{kind}/{number}", body)
    listed = ask(pylon, f"/v1/{kind}")[1]
    assert [item["key"] for item in listed] == [f"/apisix/{kind}/1", f"/apisix/{kind}/2"]
    value = ask(pylon, f"/v1/{one}/2")[1]["value"]
    assert value.get("upstream", value)["nodes"] == [NODE]
    assert ask(pylon, f"/v1/{one}/9") == (404, {"error_msg": f"{one}[9] not found"})


def test_nothing_is_an_empty_list(pylon):
    for kind in ("routes", "services", "upstreams", "healthcheck", "plugin_metadatas"):
        assert ask(pylon, f"/v1/{kind}") == (200, [])
    assert ask(pylon, "/v1/route/9") == (404, {"error_msg": "route[9] not found"})


def test_nodes_named_by_a_domain_are_told(pylon):
    pylon.admin.put("/upstreams/1", {"type": "roundrobin", "nodes": {"localhost:80": 1}})
    assert ask(pylon, "/v1/upstream/1")[1]["has_domain"] is True


def test_plugin_metadata(pylon):
    pylon.admin.put("/plugin_metadata/prometheus", {"a": 1})
    try:
        assert ask(pylon, "/v1/plugin_metadata/prometheus") == (200, {"a": 1, "id": "prometheus"})
        assert ask(pylon, "/v1/plugin_metadatas")[1] == [{"a": 1, "id": "prometheus"}]
    finally:
        pylon.admin.delete("/plugin_metadata/prometheus")
    text = "plugin metadata[key-auth] not found"
    assert ask(pylon, "/v1/plugin_metadata/key-auth") == (404, {"error_msg": text})


def test_health(pylon, echo):
    checks = {"active": {"type": "http", "http_path": "/status"}}
    upstream = {"type": "roundrobin", "nodes": {f"127.0.0.1:{echo.port}": 1}, "checks": checks}
    pylon.admin.put("/upstreams/1", upstream)
    pylon.admin.put("/routes/plain", {"uri": "/x", "upstream_id": "1"})
    status, listed = ask(pylon, "/v1/healthcheck")
    assert status == 200
    assert [(item["name"], item["type"]) for item in listed] == [("/apisix/upstreams/1", "http")]
    (node,) = listed[0]["nodes"]
    assert (node["ip"], node["port"], node["status"]) == ("127.0.0.1", echo.port, "healthy")
    assert set(node["counter"]) == {"success", "http_failure", "tcp_failure", "timeout_failure"}
    one = ask(pylon, "/v1/healthcheck/upstreams/1")
    assert (one[0], one[1]["name"]) == (200, "/apisix/upstreams/1")
    page = request(pylon.control_port, "GET", "/v1/healthcheck", headers={"Accept": "text/html"})
    assert page.get(b"content-type") == b"text/html"
    assert b"<h1>APISIX upstream check status</h1>" in page.content
    assert f"<td>127.0.0.1:{echo.port}</td>".encode() in page.content


def test_nodes_that_have_left_are_not_listed(pylon):
    for port in (1001, 1002, 1003):
        checks = {"active": {"type": "tcp"}}
        upstream = {"type": "roundrobin", "nodes": {f"127.0.0.1:{port}": 1}, "checks": checks}
        pylon.admin.put("/upstreams/1", upstream)
        listed = ask(pylon, "/v1/healthcheck/upstreams/1")[1]["nodes"]
        assert [node["port"] for node in listed] == [port]


UNKNOWN = [
    ("/v1/healthcheck/routes/plain", 404, "no checker for routes[plain]"),
    ("/v1/healthcheck/routes/9", 404, "routes[9] not found"),
    ("/v1/healthcheck/routes", 404, "missing src id for src type routes"),
    ("/v1/healthcheck/route/1", 400, "invalid src type route"),
]


@pytest.mark.parametrize("path, status, text", UNKNOWN)
def test_health_of_what_has_no_checks(pylon, path, status, text):
    pylon.admin.put(
        "/routes/plain", {"uri": "/x", "upstream": {"type": "roundrobin", "nodes": {"a.b:1": 1}}}
    )
    assert ask(pylon, path) == (status, {"error_msg": text})


def test_actions(pylon):
    assert ask(pylon, "/v1/gc", "POST")[0] == 200
    assert ask(pylon, "/v1/plugins/reload", "PUT") == (200, "done")
    for method, path in [("GET", "/"), ("GET", "/v1/gc"), ("POST", "/v1/routes"), ("GET", "/v1/x")]:
        assert ask(pylon, path, method)[0] == 404
    assert ask(pylon, "/v1/discovery/consul/dump")[0] == 404  # no registry is configured


def test_many_routes_are_listed_while_others_are_served(pylon, echo):
    """The list is made piece by piece: an Admin API call is answered meanwhile."""
    upstream = echo.upstream()
    for number in range(500):
        pylon.admin.put(f"/routes/{number}", {"uri": f"/{number}", "upstream": upstream})
    listing = http.client.HTTPConnection("127.0.0.1", pylon.control_port, timeout=20)
    listing.request("GET", "/v1/routes")
    assert pylon.admin.get("/routes/499")
    assert len(json.loads(listing.getresponse().read())) == 500
    listing.close()


def test_control_api_off(own_pylon):
    gateway = own_pylon({"apisix": {"enable_control": False}})
    with pytest.raises(OSError):
        connect("127.0.0.1", gateway.control_port, 1)


def test_status_api(own_pylon):
    port = free_port()
    gateway = own_pylon({"apisix": {"status": {"ip": "127.0.0.1", "port": port}}})
    for path in ("/status", "/status/ready"):
        got = get(port, path)
        assert (got.status, json.loads(got.content)) == (200, {"status": "ok"})
    assert get(port, "/nothing").status == 404
    old = gateway.workers()
    gateway.reload()
    until(lambda: set(gateway.workers()) - set(old), "a new gateway process", 10, 0.02)
    until(lambda: get(port, "/status/ready").status == 200, "readiness")


def test_a_node_that_drains_is_not_ready(own_pylon, echo):
    """Who asks on a connection that it has kept is told so."""
    port = free_port()
    gateway = own_pylon({"apisix": {"status": {"ip": "127.0.0.1", "port": port}}})
    gateway.admin.put("/routes/1", {"uri": "/*", "upstream": echo.upstream()})
    with connect("127.0.0.1", port) as probe, connect("127.0.0.1", gateway.port) as client:
        send(probe, "GET", "/status/ready")
        assert receive(probe).status == 200
        send(client, "GET", "/delay/2")
        until(lambda: ("GET", "/delay/2") in echo.requests, "the request at the upstream")
        gateway.process.signal(signal.SIGTERM)
        until(lambda: not gateway.process.accepts(gateway.port), "the end of accepting")
        send(probe, "GET", "/status/ready")
        answer = receive(probe)
        assert (answer.status, json.loads(answer.content)["status"]) == (503, "error")
        assert receive(client).status == 200
