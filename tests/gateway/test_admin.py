"""The Admin API from outside: shapes, statuses, texts; a written change is live when it is
answered, and survives kill -9. APISIX docs: admin-api."""

import threading

import pytest

from harness.http import get, request
from harness.wire import connect

RESOURCES = {
    "routes": {"uri": "/r", "upstream": {"type": "roundrobin", "nodes": {"127.0.0.1:1": 1}}},
    "services": {"upstream": {"type": "roundrobin", "nodes": {"127.0.0.1:1": 1}}},
    "upstreams": {"type": "roundrobin", "nodes": {"127.0.0.1:1": 1}},
    "global_rules": {"plugins": {"request-id": {}}},
    "plugin_configs": {"plugins": {"request-id": {}}},
}


def call(pylon, method, path, body=None, **more):
    status, answer, _ = pylon.admin.call(method, path, body, **more)
    return status, answer


@pytest.mark.parametrize("kind", RESOURCES)
def test_life_of_a_resource(pylon, kind):
    """PUT 201, PUT 200, GET 200, list, DELETE 200, GET 404."""
    body = RESOURCES[kind]
    status, answer = call(pylon, "PUT", f"/{kind}/1", body)
    assert (status, answer["key"]) == (201, f"/apisix/{kind}/1")
    stored = answer["value"]
    assert stored["id"] == "1"
    assert isinstance(stored["create_time"], int) and isinstance(stored["update_time"], int)
    assert {k: stored[k] for k in body} == body, "stored as sent, no defaults filled in"
    assert call(pylon, "PUT", f"/{kind}/1", body)[0] == 200
    status, answer = call(pylon, "GET", f"/{kind}/1")
    assert (status, answer["key"], answer["value"]["id"]) == (200, f"/apisix/{kind}/1", "1")
    assert 0 < answer["createdIndex"] < answer["modifiedIndex"]
    status, answer = call(pylon, "GET", f"/{kind}")
    assert (status, answer["total"], len(answer["list"])) == (200, 1, 1)
    status, answer = call(pylon, "DELETE", f"/{kind}/1")
    assert (status, answer) == (200, {"key": f"/apisix/{kind}/1", "deleted": "1"})
    assert call(pylon, "GET", f"/{kind}/1") == (404, {"message": "Key not found"})
    assert call(pylon, "DELETE", f"/{kind}/1") == (404, {"message": "Key not found"})


def test_life_of_a_consumer(pylon):
    body = {"username": "jack", "plugins": {"key-auth": {"key": "k-jack"}}}
    status, answer = call(pylon, "PUT", "/consumers", body)
    assert (status, answer["key"]) == (201, "/apisix/consumers/jack")
    assert answer["value"]["username"] == "jack"
    assert call(pylon, "PUT", "/consumers", body)[0] == 200
    assert call(pylon, "GET", "/consumers/jack")[1]["value"]["plugins"] == body["plugins"]
    assert call(pylon, "DELETE", "/consumers/jack")[0] == 200
    assert call(pylon, "GET", "/consumers/jack")[0] == 404


def test_empty_list(pylon):
    assert call(pylon, "GET", "/routes") == (200, {"total": 0, "list": []})


@pytest.mark.parametrize("kind", ["routes", "services", "upstreams"])
def test_post_makes_an_id(pylon, kind):
    status, first = call(pylon, "POST", f"/{kind}", RESOURCES[kind])
    assert status == 201
    status, second = call(pylon, "POST", f"/{kind}", RESOURCES[kind])
    ids = [answer["value"]["id"] for answer in (first, second)]
    assert all(len(i) == 20 and i.isdigit() for i in ids) and ids[0] < ids[1]
    assert call(pylon, "GET", f"/{kind}/{ids[0]}")[0] == 200


def test_put_with_the_id_in_the_body(pylon):
    status, answer = call(pylon, "PUT", "/routes", {"id": "by-body", **RESOURCES["routes"]})
    assert (status, answer["key"]) == (201, "/apisix/routes/by-body")


def test_times_on_put(pylon):
    first = pylon.admin.put("/routes/1", RESOURCES["routes"])["value"]
    second = pylon.admin.put("/routes/1", RESOURCES["routes"])["value"]
    assert second["create_time"] == first["create_time"]
    assert second["update_time"] >= first["update_time"]


def test_patch_merges(pylon):
    """Objects recursively, arrays replaced, null removes."""
    pylon.admin.put(
        "/routes/1",
        {**RESOURCES["routes"], "desc": "d", "labels": {"a": "1"}, "methods": ["GET", "PUT"]},
    )
    status, answer = call(
        pylon, "PATCH", "/routes/1", {"labels": {"b": "2"}, "desc": None, "methods": ["POST"]}
    )
    assert status == 200
    assert answer["value"]["labels"] == {"a": "1", "b": "2"}
    assert "desc" not in answer["value"]
    assert answer["value"]["methods"] == ["POST"]


def test_patch_of_a_sub_path_replaces(pylon):
    pylon.admin.put("/upstreams/1", {"type": "roundrobin", "nodes": {"a:1": 1, "b:2": 1}})
    status, answer = call(pylon, "PATCH", "/upstreams/1/nodes", {"c:3": 5})
    assert (status, answer["value"]["nodes"]) == (200, {"c:3": 5})
    assert call(pylon, "PATCH", "/upstreams/1/type/x/y", {})[0] == 400


def test_patch_is_validated(pylon):
    pylon.admin.put("/routes/1", RESOURCES["routes"])
    assert call(pylon, "PATCH", "/routes/1", {"priority": "high"})[0] == 400
    assert call(pylon, "GET", "/routes/1")[1]["value"].get("priority") is None
    assert call(pylon, "PATCH", "/routes/9", {"priority": 1})[0] == 404


REFUSED = [
    ("PUT", "/routes/1", None, "missing configurations"),
    ("PUT", "/routes", RESOURCES["routes"], "missing route id"),
    ("POST", "/routes/1", RESOURCES["routes"], "wrong route id, do not need it"),
    ("PUT", "/routes/1", {"id": "2", **RESOURCES["routes"]}, "wrong route id"),
    ("PUT", "/routes/a*b", RESOURCES["routes"], "invalid configuration: "),
    (
        "PUT",
        "/routes/1",
        {"uri": "/x", "nope": 1},
        "invalid configuration: additional properties forbidden, found nope",
    ),
    (
        "PUT",
        "/routes/1",
        {"uri": 7},
        'invalid configuration: property "uri" validation failed: wrong type: expected string, '
        "got number",
    ),
    (
        "PUT",
        "/routes/1",
        {"create_time": 1, **RESOURCES["routes"]},
        "the property is forbidden:  create_time",
    ),
    (
        "PUT",
        "/routes/1",
        {"uri": "/x", "upstream_id": "99"},
        "failed to fetch upstream info by upstream id [99], response code: 404",
    ),
    (
        "PUT",
        "/routes/1",
        {"uri": "/x", "service_id": "99"},
        "failed to fetch service info by service id [99], response code: 404",
    ),
    ("PUT", "/routes/1", {"uri": "/x", "plugins": {"nope": {}}}, "unknown plugin [nope]"),
    (
        "PUT",
        "/routes/1",
        {"uri": "/x", "plugins": {"ip-restriction": {}}},
        "failed to check the configuration of plugin ip-restriction err: ",
    ),
    (
        "PUT",
        "/routes/1",
        {"host": "a", "hosts": ["b"], **RESOURCES["routes"]},
        "only one of host or hosts is allowed",
    ),
    (
        "PUT",
        "/routes/1",
        {"vars": [["a", "=", "b"]], **RESOURCES["routes"]},
        "failed to validate the 'vars' expression: invalid operator '='",
    ),
    ("PUT", "/upstreams/1", {"type": "chash", "nodes": {"a:1": 1}}, "missing key"),
    (
        "PUT",
        "/upstreams/1",
        {"type": "roundrobin", "nodes": {"a:1": 1}, "pass_host": "rewrite"},
        "`upstream_host` can't be empty when `pass_host` is `rewrite`",
    ),
    (
        "PUT",
        "/upstreams/1",
        {"type": "roundrobin", "nodes": {"a:1": -1}},
        "invalid configuration: ",
    ),
]


@pytest.mark.parametrize("method, path, body, text", REFUSED, ids=lambda v: str(v)[:40])
def test_refused_writes(pylon, method, path, body, text):
    status, answer = call(pylon, method, path, body)
    assert status == 400
    assert answer["error_msg"].startswith(text), answer
    assert call(pylon, "GET", "/routes")[1]["total"] == 0


def test_broken_json(pylon):
    status, answer = call(pylon, "PUT", "/routes/1", '{"uri": "/x"')
    assert status == 400
    assert answer["error_msg"].startswith("invalid request body: ")
    assert answer["req_body"] == '{"uri": "/x"'


def test_body_cap(pylon):
    """1.5 MiB."""
    body = '{"uri":"/x","desc":"' + "d" * 1572864 + '"}'
    status, answer = call(pylon, "PUT", "/routes/1", body)
    assert status == 400
    assert answer["error_msg"].startswith("invalid request body: request size ")
    assert "greater than the maximum size 1572864 allowed" in answer["error_msg"]


def test_unknown_resources_and_methods(pylon):
    assert call(pylon, "GET", "/xyz") == (404, {"error_msg": "Unsupported resource type: xyz"})
    status, answer = call(pylon, "POST", "/consumers", {"username": "jack"})
    assert (status, answer) == (405, {"error_msg": "not supported `POST` method for consumer"})


def test_in_use_is_not_deleted(pylon):
    pylon.admin.put("/upstreams/1", RESOURCES["upstreams"])
    pylon.admin.put("/routes/1", {"uri": "/x", "upstream_id": "1"})
    status, answer = call(pylon, "DELETE", "/upstreams/1")
    text = "can not delete this upstream directly, route [1] is still using it now"
    assert status == 400
    assert answer["error_msg"] in (text, text.replace(" directly", ""))
    assert call(pylon, "DELETE", "/upstreams/1?force=true")[0] == 200


KEYS = [({"key": ""}, 401, "missing apikey"), ({"key": "wrong"}, 401, "wrong apikey")]


@pytest.mark.parametrize("more, status, description", KEYS)
def test_keys(pylon, more, status, description):
    headers = {} if more["key"] else {"X-API-KEY": None}
    got = request(
        pylon.admin_port,
        "GET",
        "/apisix/admin/routes",
        headers=headers or {"X-API-KEY": more["key"]},
    )
    assert got.status == status
    assert b'"error_msg":"failed to check token"' in got.content.replace(b": ", b":")
    assert description.encode() in got.content


@pytest.mark.parametrize("where", ["header", "query", "cookie"])
def test_places_of_the_key(pylon, where):
    key = pylon.admin.key
    path = "/apisix/admin/routes" + (f"?api_key={key}" if where == "query" else "")
    fields = {"header": {"X-API-KEY": key}, "cookie": {"Cookie": f"x_api_key={key}"}}
    assert request(pylon.admin_port, "GET", path, headers=fields.get(where)).status == 200


def test_viewer_may_only_read(own_pylon):
    keys = [
        {"name": "admin", "key": "a" * 32, "role": "admin"},
        {"name": "viewer", "key": "v" * 32, "role": "viewer"},
    ]
    gateway = own_pylon({"deployment": {"admin": {"admin_key": keys}}}, start=False)
    gateway.admin.key = "a" * 32
    gateway.start()
    assert gateway.admin.call("GET", "/routes", key="v" * 32)[0] == 200
    status, answer, _ = gateway.admin.call("PUT", "/routes/1", RESOURCES["routes"], key="v" * 32)
    assert (status, answer["description"]) == (401, "invalid method for role viewer")


def test_answer_fields(pylon):
    _, _, headers = pylon.admin.call("GET", "/routes")
    assert headers["Content-Type"] == "application/json"
    assert headers["X-API-VERSION"] == "v3"
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert headers["Server"].startswith(("APISIX/", "Pylon"))


def test_preflight_needs_no_key(pylon):
    got = request(pylon.admin_port, "OPTIONS", "/apisix/admin/routes")
    assert got.status == 200
    assert got.get(b"access-control-allow-methods")


def test_list_filters_and_pages(pylon):
    for number in range(12):
        pylon.admin.put(
            f"/routes/{number}",
            {
                **RESOURCES["routes"],
                "name": f"name-{number}",
                "labels": {"odd": "y"} if number % 2 else {"even": "y"},
            },
        )
    listed = call(pylon, "GET", "/routes?page=1&page_size=10")[1]
    assert (listed["total"], len(listed["list"])) == (12, 10)
    assert len(call(pylon, "GET", "/routes?page=2&page_size=10")[1]["list"]) == 2
    assert call(pylon, "GET", "/routes?label=odd")[1]["total"] == 6
    assert call(pylon, "GET", "/routes?name=name-1")[1]["total"] == 3


def test_change_is_live_on_all_workers_when_it_is_answered(pylon, echo):
    """Each PUT is followed by requests on fresh connections: none may see the old state."""
    upstream = echo.upstream()
    for number in range(60):
        pylon.admin.put("/routes/1", {"uri": f"/v{number}", "upstream": upstream})
        peers = [connect("127.0.0.1", pylon.port) for _ in range(4)]
        for peer in peers:
            peer.close()
        for _ in range(4):
            assert get(pylon.port, f"/v{number}").status == 200, "the new route is not live"
            assert get(pylon.port, f"/v{number - 1}").status == 404, "the old route is still live"


def test_deletion_is_live_when_it_is_answered(pylon, echo):
    for _ in range(20):
        pylon.admin.put("/routes/1", {"uri": "/gone", "upstream": echo.upstream()})
        pylon.admin.delete("/routes/1")
        assert [get(pylon.port, "/gone").status for _ in range(4)] == [404] * 4


def test_changes_by_many_writers_at_once(pylon, echo):
    """Every answered write is there."""

    def write(writer):
        for number in range(20):
            pylon.admin.put(
                f"/routes/w{writer}-{number}",
                {"uri": f"/w{writer}/{number}", "upstream": echo.upstream()},
            )

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert call(pylon, "GET", "/routes")[1]["total"] == 100
    assert all(get(pylon.port, f"/w{w}/{n}").status == 200 for w in range(5) for n in (0, 19))


def at_once(*calls):
    """Runs them in threads that start together; their results in order."""
    results = [None] * len(calls)
    gate = threading.Barrier(len(calls))

    def run(place, call):
        gate.wait()
        results[place] = call()

    threads = [threading.Thread(target=run, args=item) for item in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_of_consumers_with_one_key_one_is_accepted(pylon):
    def claim(name, key):
        plugins = {"key-auth": {"key": key}}
        body = {"username": name, "plugins": plugins}
        return lambda: pylon.admin.call("PUT", "/consumers", body)[0]

    for turn in range(10):
        claims = [claim(f"one_key_{turn}_{n}", f"one-key-{turn}") for n in range(4)]
        assert sorted(at_once(*claims)) == [201, 400, 400, 400]


def test_what_gets_a_user_is_not_deleted_meanwhile(pylon):
    admin = pylon.admin
    route = {"uri": "/race", "upstream_id": "race"}
    for _ in range(15):
        admin.put("/upstreams/race", {"nodes": {"127.0.0.1:1": 1}})
        used, deleted = at_once(
            lambda: admin.call("PUT", "/routes/race", route)[0],
            lambda: admin.delete("/upstreams/race"),
        )
        assert (used, deleted) in {(201, 400), (400, 200)}
        admin.delete("/routes/race")


def test_acknowledged_writes_survive_kill_9(own_pylon, echo):
    """The processes are killed right behind an answer, five times over."""
    gateway = own_pylon()
    for number in range(5):
        for part in range(4):
            gateway.admin.put(
                f"/routes/{number}-{part}",
                {"uri": f"/k{number}/{part}", "upstream": echo.upstream()},
            )
        gateway.kill()
        gateway.start()
        for old in range(number + 1):
            assert get(gateway.port, f"/k{old}/3").status == 200
    assert gateway.admin.get("/routes")["total"] == 20


def test_deletion_survives_kill_9(own_pylon, echo):
    gateway = own_pylon()
    gateway.admin.put("/routes/1", {"uri": "/k", "upstream": echo.upstream()})
    gateway.admin.delete("/routes/1")
    gateway.kill()
    gateway.start()
    assert get(gateway.port, "/k").status == 404


def test_indexes_grow_over_a_restart(own_pylon):
    gateway = own_pylon()
    gateway.admin.put("/routes/1", RESOURCES["routes"])
    before = gateway.admin.get("/routes/1")["modifiedIndex"]
    gateway.restart()
    gateway.admin.put("/routes/1", RESOURCES["routes"])
    assert gateway.admin.get("/routes/1")["modifiedIndex"] > before
    assert gateway.admin.get("/routes/1")["createdIndex"] <= before


def test_schema_and_plugin_lists(pylon):
    assert "key-auth" in call(pylon, "GET", "/plugins/list")[1]
    schema = call(pylon, "GET", "/plugins/limit-count")[1]
    assert "count" in schema["properties"]
    assert call(pylon, "GET", "/schema/route")[1]["type"] == "object"


def test_validate(pylon):
    assert call(pylon, "POST", "/schema/validate/routes", RESOURCES["routes"])[0] == 200
    status, answer = call(pylon, "POST", "/schema/validate/routes", {"uri": 1})
    assert status == 400
    assert "validation failed" in answer["error_msg"]


HOSTILE = [
    "[]",
    "null",
    "7",
    '"x"',
    "{}",
    "[" * 5000,
    '{"uri":"\\ud800"}',
    '{"a":1e999}',
    '{"uri":"/x","uri":"/y"}',
    "\0",
    '{"uri":"/\\u0000"}',
    "{" + '"a":{' * 3000,
]


@pytest.mark.parametrize("body", HOSTILE, ids=lambda b: repr(b[:16]))
def test_hostile_bodies(pylon, body):
    """400 and alive."""
    status, _ = call(pylon, "PUT", "/routes/1", body)
    assert status in (200, 201, 400)
    assert call(pylon, "GET", "/routes")[0] == 200


def test_many_routes_stay_quick_to_change(pylon, echo):
    """A change among 1,000 routes."""
    upstream = echo.upstream()
    for number in range(1000):
        pylon.admin.put(f"/routes/{number}", {"uri": f"/many/{number}", "upstream": upstream})
    pylon.admin.put("/routes/500", {"uri": "/moved", "upstream": upstream})
    assert get(pylon.port, "/moved").status == 200
    assert get(pylon.port, "/many/500").status == 404
    assert get(pylon.port, "/many/999").status == 200
