"""Configuration without a store of the gateway's own: from a file, and pushed as a whole."""

import json
import os
import time

import pytest
import yaml

from harness.http import get, request
from harness.wire import until

FILE_ROLE = {"role": "data_plane", "role_data_plane": {"config_provider": "yaml"}}
PUSHED_ROLE = {"role": "traditional", "role_traditional": {"config_provider": "yaml"}}


def upstream_of(echo):
    return {"type": "roundrobin", "nodes": {f"127.0.0.1:{echo.port}": 1}}


def route(echo, identifier, uri, **more):
    return {"id": identifier, "uri": uri, "upstream": upstream_of(echo), **more}


def config_status(gateway):
    return json.loads(request(gateway.control_port, "GET", "/v1/config/status").content)


class FileGateway:
    """A data plane with a conf/apisix.yaml (or .json)."""

    def __init__(self, make, provider="yaml", environment=None, document=None):
        role = {**FILE_ROLE, "role_data_plane": {"config_provider": provider}}
        self.gateway = make({"deployment": role}, start=False, ready_path=None)
        self.path = self.gateway.folder / f"conf/apisix.{provider}"
        if document is not None:
            self.write(document)
        self.gateway.start(environment)
        config_status(self.gateway)  # answered when the file has been read

    def write(self, document, end="#END\n"):
        """As configuration management does it: a new file takes the name."""
        text = document
        if not isinstance(document, str):
            as_json = self.path.suffix == ".json"
            text = json.dumps(document) if as_json else yaml.safe_dump(document) + end
        beside = self.path.with_suffix(".new")
        beside.write_text(text)
        os.rename(beside, self.path)

    def status(self, path, **more):
        return get(self.gateway.port, path, **more).status

    def becomes(self, path, status):
        until(lambda: self.status(path) == status, f"{status} for {path}", 10, 0.05)


@pytest.mark.parametrize("provider", ["yaml", "json"])
def test_the_file_is_followed(own_pylon, echo, provider):
    node = FileGateway(own_pylon, provider, document={"routes": [route(echo, 1, "/a")]})
    assert (node.status("/a"), node.status("/b")) == (200, 404)
    node.write({"routes": [route(echo, 1, "/a"), route(echo, "two", "/b")]})
    node.becomes("/b", 200)
    assert node.status("/a") == 200
    node.write({"routes": [route(echo, "two", "/b")]})
    node.becomes("/a", 404)
    assert node.status("/b") == 200


def test_half_a_file_and_a_wrong_one_change_nothing(own_pylon, echo):
    node = FileGateway(own_pylon, document={"routes": [route(echo, 1, "/a")]})
    for text in ("routes: []\n", "routes: [\n#END\n", "routes:\n - {id: ${{NOT_SET}}}\n#END\n"):
        node.write(text)
        until(lambda: config_status(node.gateway).get("sources"), "the fault", 5, 0.05)
        assert node.status("/a") == 200
        node.write({"routes": [route(echo, 1, "/a")]})
        until(lambda: "sources" not in config_status(node.gateway), "its end", 5, 0.05)
    assert "#END" in node.gateway.read_log("error.log")


def test_a_wrong_item_keeps_its_last_good_version(own_pylon, echo):
    node = FileGateway(own_pylon, document={"routes": [route(echo, 1, "/a")]})
    wrong = route(echo, 1, "/changed", plugins={"limit-count": {"count": "many"}})
    unknown = route(echo, 3, "/c", plugins={"no-such-plugin": {}})
    node.write({"routes": [wrong, route(echo, 2, "/b"), unknown]})
    node.becomes("/b", 200)
    assert [node.status(path) for path in ("/a", "/changed", "/c")] == [200, 404, 404]
    faults = {item["id"]: item for item in config_status(node.gateway)["objects"]}
    assert set(faults) == {"1", "3"}
    assert faults["1"]["type"] == "routes" and faults["1"]["status"] == "quarantined"
    assert faults["3"]["reason"] == "unknown plugin [no-such-plugin]"


def test_environment_variables(own_pylon, echo):
    document = (
        "routes:\n  - id: 1\n    uri: ${{THE_URI}}\n    priority: ${{PRIORITY:=3}}\n"
        f"    upstream: {{type: roundrobin, nodes: {{'127.0.0.1:{echo.port}': 1}}}}\n#END\n"
    )
    node = FileGateway(own_pylon, environment={"THE_URI": "/from-env"}, document=document)
    assert node.status("/from-env") == 200


def test_every_kind_of_resource(own_pylon, echo):
    node = FileGateway(
        own_pylon,
        document={
            "upstreams": [{"id": "u", **upstream_of(echo)}],
            "services": [{"id": "s", "upstream_id": "u", "hosts": ["s.test"]}],
            "plugin_configs": [
                {"id": "p", "plugins": {"response-rewrite": {"headers": {"X-P": "1"}}}}
            ],
            "global_rules": [
                {"id": "g", "plugins": {"response-rewrite": {"headers": {"X-G": "1"}}}}
            ],
            "consumers": [
                {"username": "jack", "plugins": {"key-auth": {"key": "of-jack"}}},
                {"username": "ann", "group_id": "c"},
                {"id": "ann/credentials/k", "plugins": {"key-auth": {"key": "of-ann"}}},
            ],
            "consumer_groups": [{"id": "c", "plugins": {}}],
            "plugin_metadata": [{"id": "prometheus"}],
            "routes": [
                {"id": 1, "uri": "/a", "service_id": "s", "plugin_config_id": "p"},
                {"id": 2, "uri": "/k", "upstream_id": "u", "plugins": {"key-auth": {}}},
            ],
        },
    )
    assert config_status(node.gateway)["objects"] == []
    got = get(node.gateway.port, "/a", headers={"Host": "s.test"})
    assert (got.status, got.get(b"x-p"), got.get(b"x-g")) == (200, b"1", b"1")
    assert node.status("/a") == 404
    keys = {"of-jack": 200, "of-ann": 200, "of-nobody": 401}
    for key, status in keys.items():
        assert node.status("/k", headers={"apikey": key}) == status


def test_the_plugin_list_of_the_file(own_pylon, echo):
    plugins = {"response-rewrite": {"headers": {"X-P": "1"}}}
    routes = [route(echo, 1, "/a", plugins=plugins)]
    document = {"routes": routes, "plugins": [{"name": "key-auth"}]}
    node = FileGateway(own_pylon, document=document)
    assert node.status("/a") == 404  # the plugin is not enabled, so the route is not taken
    del document["plugins"]
    node.write(document)
    node.becomes("/a", 200)
    assert get(node.gateway.port, "/a").get(b"x-p") == b"1"


def test_without_the_file_it_waits(own_pylon, echo):
    node = FileGateway(own_pylon)
    assert node.status("/a") == 404
    node.write({"routes": [route(echo, 1, "/a")]})
    node.becomes("/a", 200)


# ---- pushed


@pytest.fixture
def pushed(own_pylon):
    return own_pylon({"deployment": PUSHED_ROLE}, ready_path="/configs")


def push(gateway, document, digest, headers=None):
    status, answer, fields = gateway.admin.call(
        "PUT", "/configs", document, headers={"X-Digest": digest, **(headers or {})}
    )
    return status, answer, fields


def test_push_and_read_back(pushed, echo):
    before = pushed.admin.get("/configs")
    assert before["routes_conf_version"] == 0 and len(before) == 13
    status, _, fields = push(pushed, {"routes": [route(echo, "1", "/a")]}, "one")
    assert (status, fields["X-Digest"]) == (202, "one")
    assert abs(int(fields["X-Last-Modified"]) - time.time()) < 60
    assert get(pushed.port, "/a").status == 200
    held = pushed.admin.get("/configs")
    assert held["routes"][0]["uri"] == "/a"
    assert (held["routes_conf_version"], held["X-Digest"]) == (1, "one")
    status, _, fields = pushed.admin.call("HEAD", "/configs")
    assert (status, fields["X-Digest"]) == (200, "one")
    status, text, fields = pushed.admin.call(
        "GET", "/configs", headers={"Accept": "application/yaml"}
    )
    assert fields["Content-Type"] == "application/yaml"
    assert yaml.safe_load(text) == held
    assert push(pushed, {"routes": []}, "one")[0] == 204
    assert get(pushed.port, "/a").status == 200


def test_versions_of_lists(pushed, echo):
    a, b = route(echo, "1", "/a"), route(echo, "1", "/b")
    assert push(pushed, {"routes": [a], "routes_conf_version": 5}, "1")[0] == 202
    assert push(pushed, {"routes": [b], "routes_conf_version": 5}, "2")[0] == 202
    assert (get(pushed.port, "/a").status, get(pushed.port, "/b").status) == (200, 404)
    status, answer, _ = push(pushed, {"routes": [b], "routes_conf_version": 4}, "3")
    assert (status, answer["error_msg"]) == (
        400,
        "routes_conf_version must be greater than or equal to (5)",
    )
    assert push(pushed, {"routes": [b]}, "4")[0] == 202
    assert get(pushed.port, "/b").status == 200
    assert pushed.admin.get("/configs")["routes_conf_version"] == 6


def test_what_is_refused(pushed, echo):
    ok = route(echo, "1", "/a")
    cases = [
        ({"routes_conf_version": "x"}, "routes_conf_version must be a number"),
        ({"routes": [ok, ok]}, "found duplicate id 1 in routes"),
        ({"routes": [{"id": "1", "uri": 1}]}, 'invalid configuration: property "uri" validation'
         " failed: wrong type: expected string, got number"),
    ]
    cases += [
        ("null", "invalid request body: it should be an object"),
        ([ok], "invalid request body: it should be an object"),
        ({"routes": {"1": ok}}, "routes should be a list"),
        ({"upstreams": None}, "upstreams should be a list"),
    ]
    for document, message in cases:
        status, answer, _ = push(pushed, document, "x")
        assert (status, answer) == (400, {"error_msg": message})
    status, answer, _ = pushed.admin.call("PUT", "/configs", {"routes": []})
    assert (status, answer) == (400, {"error_msg": "missing digest header"})
    assert pushed.admin.call("PUT", "/configs", "", headers={"X-Digest": "x"})[0] == 400
    assert pushed.admin.call("GET", "/routes")[0] == 404
    assert pushed.admin.call("PUT", "/routes/1", ok)[0] == 404
    assert pushed.admin.call("GET", "/configs", key="wrong")[0] == 401


def test_yaml_and_large_configurations(pushed, echo):
    routes = [route(echo, str(i), f"/r/{i}", desc="x" * 200) for i in range(10_000)]
    status, answer, _ = push(pushed, {"routes": routes}, "large")
    assert status == 202, answer
    assert get(pushed.port, "/r/9999").status == 200
    text = yaml.safe_dump({"routes": [route(echo, "1", "/y")]})
    yaml_type = {"Content-Type": "application/yaml"}
    assert push(pushed, text, "yaml", yaml_type)[0] == 202
    assert (get(pushed.port, "/y").status, get(pushed.port, "/r/1").status) == (200, 404)


def test_a_push_survives_reload_and_restart(pushed, echo):
    assert push(pushed, {"routes": [route(echo, "1", "/a")]}, "kept")[0] == 202
    before = pushed.workers()
    pushed.reload()
    until(lambda: pushed.workers() != before and len(pushed.workers()) == 1, "a new process", 10)
    assert get(pushed.port, "/a").status == 200
    pushed.restart()
    assert get(pushed.port, "/a").status == 200
    assert pushed.admin.get("/configs")["X-Digest"] == "kept"


def test_a_plugin_with_nothing_behind_its_colon(own_pylon, echo):
    """YAML's null is the empty configuration there, as with APISIX's parser."""
    head = "routes:\n  - id: 1\n    uri: /a\n    plugins:\n      key-auth:\n"
    node = f"    upstream: {{nodes: {{'127.0.0.1:{echo.port}': 1}}}}\n#END\n"
    consumer = "consumers:\n  - username: bob\n    plugins: {key-auth: {key: k}}\n"
    gateway = FileGateway(own_pylon, document=consumer + head + node)
    gateway.becomes("/a", 401)
    assert gateway.status("/a", headers={"apikey": "k"}) == 200
    assert config_status(gateway.gateway)["objects"] == []
