"""What declarative tools, the Kubernetes controller and the dashboard do to an Admin API."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.certs import server_ssl
from harness.http import get

NODES = [{"host": "127.0.0.1", "port": 1, "weight": 100, "priority": 0}]
# In the order in which a tool writes; what it deletes goes the other way.
ORDER = "ssls upstreams services routes stream_routes consumers global_rules plugin_metadata"
ADDED = {"create_time", "update_time"}


def declared(certificate, node=None, count=12):
    """Resources by kind and id, as a tool makes them from its file: ids of its own, services that
    share the id of their upstream, labels that say whose they are."""
    label = {"labels": {"managed-by": "sync", "team": "a"}}
    nodes = [{**NODES[0], "port": node.port}] if node else NODES
    made = {kind: {} for kind in ORDER.split()}
    for i in range(count):
        own = f"{i:040x}"
        made["upstreams"][own] = {"name": f"s{i}", "type": "roundrobin", "nodes": nodes}
        made["services"][own] = {"name": f"s{i}", "upstream_id": own, **label}
        made["services"][own]["hosts"] = [f"s{i}.test"]
        for j in range(3):
            route = {"name": f"r{j}", "uris": [f"/r{j}", f"/r{j}/*"], "methods": ["GET"], **label}
            made["routes"][f"{i:036x}{j:04x}"] = {**route, "service_id": own, "status": 1}
    stream = {"labels": {"name": "t", "team": "b"}, "server_port": 9100}
    made["stream_routes"]["t"] = {**stream, "service_id": f"{0:040x}"}
    made["ssls"]["a"] = {**server_ssl(certificate, "one.test"), "type": "server", "status": 1}
    made["consumers"]["ann"] = {"username": "ann", "plugins": {}, **label}
    made["consumers"]["bob"] = {"username": "bob"}
    made["global_rules"]["prometheus"] = {"plugins": {"prometheus": {"prefer_name": False}}}
    made["plugin_metadata"]["syslog"] = {"log_format": {"host": "$host"}}
    return made


class Tool:
    """Ten calls at once, kind after kind, as the tools of APISIX do it."""

    def __init__(self, gateway):
        self.admin = gateway.admin
        self.pool = ThreadPoolExecutor(10)

    def _all(self, method, kind, items):
        def one(item):
            return self.admin.call(method, f"/{kind}/{item[0]}", item[1])[0]

        return set(self.pool.map(one, items))

    def write(self, made):
        return {kind: self._all("PUT", kind, made[kind].items()) for kind in ORDER.split()}

    def delete(self, made):
        kinds = reversed(ORDER.split())
        return set().union(*(self._all("DELETE", k, [(i, None) for i in made[k]]) for k in kinds))

    def dump(self):
        """By kind and id, without what the gateway adds."""
        held = {}
        for kind in ORDER.split():
            answer = self.admin.get(f"/{kind}")
            assert answer["total"] == len(answer["list"])
            held[kind] = {
                item["key"].rsplit("/", 1)[1]: {
                    name: value for name, value in item["value"].items() if name not in ADDED
                }
                for item in answer["list"]
            }
        return held


@pytest.fixture
def both(own_pylon):
    return own_pylon({"apisix": {"proxy_mode": "http&stream"}})


def expected(made):
    """What a dump must be: all as written, with its id; keys of certificates are not told."""
    ids = {"consumers": "username"}
    held = {
        kind: {name: {**value, ids.get(kind, "id"): name} for name, value in items.items()}
        for kind, items in made.items()
    }
    for ssl in held["ssls"].values():
        del ssl["key"]
    return held


def test_a_dump_is_what_was_written(both, one):
    tool, made = Tool(both), declared(one)
    assert all(status == {201} for status in tool.write(made).values())
    assert tool.dump() == expected(made)
    assert all(status == {200} for status in tool.write(made).values())
    assert tool.dump() == expected(made)


def test_all_is_deleted_again(both, one):
    tool, made = Tool(both), declared(one)
    tool.write(made)
    assert tool.delete(made) == {200}
    assert not any(tool.dump().values())


def test_what_is_written_is_served(both, one, echo):
    tool, made = Tool(both), declared(one, echo)
    tool.write(made)
    for i in range(12):
        assert get(both.port, "/r1/x", host=f"s{i}.test").status == 200
    del made["routes"][f"{3:036x}{1:04x}"]
    assert both.admin.delete(f"/routes/{3:036x}{1:04x}") == 200
    assert get(both.port, "/r1/x", host="s3.test").status == 404


def test_the_version_that_tools_look_for(both):
    pattern = re.compile(r"^APISIX/(\d+)\.(\d+)\.(\d+)$")
    for method, path, key in (("GET", "/routes", None), ("HEAD", "", "")):
        status, _, fields = both.admin.call(method, path, key=key)
        version = pattern.match(fields["Server"])
        assert status == 200 and version
        assert tuple(map(int, version.groups())) >= (3, 11, 0)  # credentials are asked for


def test_credentials_of_a_consumer(both):
    both.admin.put("/consumers/ann", {"username": "ann"})
    status, answer, _ = both.admin.call("GET", "/consumers/ann/credentials")
    assert (status, answer) == (404, {"message": "Key not found"})
    path = "/consumers/ann/credentials/k"
    both.admin.put(path, {"name": "k", "plugins": {"key-auth": {"key": "secret"}}})
    listed = both.admin.get("/consumers/ann/credentials")["list"]
    assert [item["value"]["plugins"] for item in listed] == [{"key-auth": {"key": "secret"}}]


def test_faults_are_told_by_place(both, one, authority):
    other = authority.issue("other.test")
    wrong = {
        "upstreams": [{"id": "u", "type": "roundrobin", "nodes": NODES}],
        "services": [{"id": "s", "upstream_id": "u"}, {"id": "none", "upstream_id": "none"}],
        "routes": [
            {"id": "good", "uris": ["/a"], "service_id": "s"},
            {"id": "bad", "uris": ["/a"], "plugins": {"limit-count": {"count": 1}}},
            {"id": "none", "uris": ["/a"], "plugins": {"nonesuch": {}}},
            {"id": "vars", "uris": ["/a"], "service_id": "s", "vars": [["arg_x", "=", "1"]]},
        ],
        "consumers": [{"username": "ann", "plugins": {"key-auth": {}}}],
        "ssls": [{"id": "x", "cert": one.cert, "key": other.key, "snis": ["one.test"]}],
        "global_rules": [],
    }
    status, answer, _ = both.admin.call("POST", "/configs/validate", wrong)
    assert (status, answer["error_msg"]) == (400, "Configuration validation failed")
    told = {(e["resource_type"], e["index"]): e["error"] for e in answer["errors"]}
    faults = {"services": [1], "routes": [1, 2, 3], "consumers": [0], "ssls": [0]}
    assert set(told) == {(kind, i) for kind, places in faults.items() for i in places}
    assert told["routes", 2] == "unknown plugin [nonesuch]"
    assert "limit-count" in told["routes", 1] and "key-auth" in told["consumers", 0]
    assert not any(Tool(both).dump().values())
    right = {kind: wrong[kind][:1] for kind in ("upstreams", "services", "routes")}
    assert both.admin.call("POST", "/configs/validate", right)[0] == 200


def test_upstreams_beside_a_service(both):
    """Tools leave those out of what they ask to be judged, though a plugin names them."""
    split = {"weighted_upstreams": [{"upstream_id": "beside", "weight": 1}, {"weight": 1}]}
    plugins = {"plugins": {"traffic-split": {"rules": [split]}}}
    asked = {
        "upstreams": [{"id": "s", "type": "roundrobin", "nodes": NODES}],
        "services": [{"id": "s", "upstream_id": "s"}],
        "routes": [{"id": "r", "uris": ["/a"], "service_id": "s", **plugins}],
    }
    status, answer, _ = both.admin.call("POST", "/configs/validate", asked)
    assert status == 200
    (told,) = answer["warnings"]
    assert (told["resource_type"], told["index"]) == ("routes", 0) and "beside" in told["warning"]
    both.admin.put("/upstreams/beside", {"type": "roundrobin", "nodes": NODES})
    assert both.admin.call("POST", "/configs/validate", asked)[:2] == (200, {})


def test_pages_and_filters_of_the_dashboard(both, one):
    Tool(both).write(declared(one))
    page = both.admin.get("/routes?page=2&page_size=10")
    assert (page["total"], len(page["list"])) == (36, 10)
    own = both.admin.get(f"/routes?page=1&page_size=500&filter=service_id%3D{3:040x}")
    assert {item["value"]["service_id"] for item in own["list"]} == {f"{3:040x}"}
    assert own["total"] == 3
    nothing = both.admin.get("/protos?page=1&page_size=10")
    assert nothing == {"total": 0, "list": []}
    status, text, _ = both.admin.call("GET", "/routes?page=1&page_size=9")
    assert (status, text) == (400, "page_size must be between 10 and 500")


def test_forms_of_the_dashboard(both):
    for subsystem, name in (("", "key-auth"), ("&subsystem=stream", "ip-restriction")):
        plugins = both.admin.get(f"/plugins?all=true{subsystem}")
        assert plugins[name]["schema"]["type"] == "object"
    assert "consumer_schema" in both.admin.get("/plugins?all=true")["key-auth"]
    assert set(both.admin.get("/plugins/list")) == set(both.admin.get("/plugins?all=true"))
    status, answer, _ = both.admin.call("POST", "/routes", {"name": "x", "uri": "/a"})
    assert status == 400 and answer["error_msg"].startswith("invalid configuration")
    made = both.admin.call("POST", "/services", {})
    assert made[0] == 201
    own = made[1]["value"]["id"]
    both.admin.put("/stream_routes/1", {"server_port": 9100, "service_id": own})
    refused = both.admin.call("DELETE", f"/services/{own}")
    text = "can not delete this service directly, stream_route [1] is still using it now"
    assert (refused[0], refused[1]["error_msg"]) == (400, text)
