"""Who changed what, what differs, and the way back."""

import json
import subprocess

import pytest

from harness.http import get

KEEPS_FIVE = {"deployment": {"embedded": {"history_revisions": 5}}}


@pytest.fixture
def node(own_pylon):
    return own_pylon()


def upstream_of(echo):
    return {"type": "roundrobin", "nodes": {f"127.0.0.1:{echo.port}": 1}}


def put_route(gateway, echo, uri, identifier="1", comment=None):
    """The revision of the change."""
    headers = {"X-Pylon-Comment": comment} if comment else None
    body = {"uri": uri, "upstream": upstream_of(echo)}
    path = f"/routes/{identifier}"
    status, answer, fields = gateway.admin.call("PUT", path, body, headers=headers)
    assert status in (200, 201), answer
    return int(fields["X-Pylon-Revision"])


def rollback(gateway, **body):
    return gateway.admin.call("POST", "/rollback", body)


def test_every_change_is_told(node, echo):
    first = put_route(node, echo, "/a", comment="the first one")
    second = put_route(node, echo, "/b")
    node.admin.delete("/routes/1")
    told = node.admin.get("/history")
    assert (told["total"], told["newest"]) == (3, second + 1)
    assert [item["revision"] for item in told["list"]] == [second + 1, second, first]
    assert [item["changes"][0]["action"] for item in told["list"]] == ["delete", "update", "create"]
    oldest = told["list"][-1]
    assert (oldest["author"], oldest["source"]) == ("admin", "127.0.0.1")
    assert oldest["comment"] == "the first one"
    change = {"key": "/apisix/routes/1", "resource": "routes", "id": "1", "action": "create"}
    assert oldest["changes"] == [change]


def test_pages_and_filters(node, echo):
    for i in range(12):
        put_route(node, echo, f"/{i}", identifier=str(i % 3))
    node.admin.call("POST", "/routes", {"uri": "/p", "upstream": upstream_of(echo)})
    assert node.admin.get("/history")["total"] == 13  # the counter of ids is no change
    page = node.admin.get("/history?resource=routes&id=1&page=2&page_size=3")
    assert (page["total"], len(page["list"])) == (4, 1)
    assert node.admin.get("/history?resource=services")["total"] == 0
    for query in ("resource=nothing", "id=1", "page=x", "page_size=-1"):
        status, answer, _ = node.admin.call("GET", f"/history?{query}")
        assert status == 400 and answer["error_msg"], query


def test_diff_tells_fields(node, echo):
    first = put_route(node, echo, "/a")
    second = put_route(node, echo, "/b")
    found = node.admin.get(f"/diff?from={first}&to={second}")
    (change,) = found["changes"]
    fields = {field["path"]: (field["before"], field["after"]) for field in change["fields"]}
    assert fields.pop("/uri") == ("/a", "/b")
    assert set(fields) <= {"/update_time"}
    assert (change["before"]["uri"], change["after"]["uri"]) == ("/a", "/b")
    created = node.admin.get(f"/diff?from={first - 1}&to={first}")["changes"][0]
    assert (created["action"], created["before"]) == ("create", None)
    assert node.admin.get("/diff")["changes"] == found["changes"]
    status, answer, _ = node.admin.call("GET", f"/diff?from=1&to={second + 5}")
    assert status == 400 and "still to come" in answer["error_msg"]


def test_rollback_brings_traffic_back(node, echo):
    first = put_route(node, echo, "/a")
    put_route(node, echo, "/b")
    put_route(node, echo, "/c", identifier="2")
    status, answer, _ = rollback(node, to=first, dry_run=True)
    assert (status, len(answer["changes"])) == (200, 2)
    assert get(node.port, "/b").status == 200
    status, answer, fields = rollback(node, to=first)
    assert status == 200
    assert answer["revision"] == int(fields["X-Pylon-Revision"]) == first + 3
    assert [get(node.port, path).status for path in ("/a", "/b", "/c")] == [200, 404, 404]
    newest = node.admin.get("/history")["list"][0]
    assert newest["comment"] == f"rollback to revision {first}"
    assert len(newest["changes"]) == 2
    assert rollback(node, to=first + 2)[0] == 200  # undone
    assert [get(node.port, path).status for path in ("/a", "/b", "/c")] == [404, 200, 200]


def test_rollback_of_one_item(node, echo):
    first = put_route(node, echo, "/a")
    put_route(node, echo, "/b")
    put_route(node, echo, "/c", identifier="2")
    assert rollback(node, to=first, resource="routes", id="1")[0] == 200
    assert [get(node.port, path).status for path in ("/a", "/b", "/c")] == [200, 404, 200]


def test_rollback_breaks_no_reference(node, echo):
    node.admin.put("/upstreams/u", upstream_of(echo))
    before = node.admin.get("/history")["newest"]
    node.admin.put("/routes/1", {"uri": "/a", "upstream_id": "u"})
    status, answer, _ = rollback(node, to=before - 1, resource="upstreams", id="u")
    assert status == 400 and "route [1] is still using it" in answer["error_msg"]
    node.admin.delete("/routes/1")
    node.admin.delete("/upstreams/u")
    status, answer, _ = rollback(node, to=before + 1, resource="routes", id="1")
    assert status == 400 and "/apisix/upstreams/u, which is not there" in answer["error_msg"]
    assert rollback(node, to=before + 1)[0] == 200
    assert get(node.port, "/a").status == 200


def test_rollback_of_many_takes_nothing_that_is_used(node, echo):
    before = node.admin.put("/upstreams/0", upstream_of(echo)) and newest(node)
    for name in "123":
        node.admin.put(f"/upstreams/{name}", upstream_of(echo))
    node.admin.put("/routes/1", {"uri": "/a", "upstream_id": "3"})
    status, answer, _ = rollback(node, to=before, resource="upstreams")
    assert status == 400 and "route [1] is still using it" in answer["error_msg"]
    assert get(node.port, "/a").status == 200
    assert rollback(node, to=before)[0] == 200, "with the route"
    assert node.admin.get("/upstreams")["total"] == 1


def consumer(name, key):
    return {"username": name, "plugins": {"key-auth": {"key": key}}}


def newest(gateway):
    return gateway.admin.get("/history")["newest"]


def test_rollback_gives_nobody_the_key_of_another(node):
    node.admin.put("/consumers", consumer("ann", "first"))
    first = newest(node)
    node.admin.put("/consumers", consumer("ann", "second"))
    node.admin.put("/consumers", consumer("bob", "first"))
    for dry_run in (True, False):
        item = {"resource": "consumers", "id": "ann", "dry_run": dry_run}
        status, answer, _ = rollback(node, to=first, **item)
        told = "duplicate key of plugin key-auth found with consumer: bob"
        assert (status, answer["error_msg"]) == (400, told)
    assert rollback(node, to=first, resource="consumers")[0] == 200, "bob goes along"
    kept = node.admin.get("/consumers")["list"]
    assert [item["value"]["plugins"]["key-auth"]["key"] for item in kept] == ["first"]


def test_a_consumer_comes_and_goes_with_its_credentials(node):
    node.admin.put("/consumers", {"username": "bob"})
    node.admin.put("/consumers/ann", {"username": "ann"})
    before = newest(node) - 1
    credential = {"plugins": {"key-auth": {"key": "c"}}}
    node.admin.put("/consumers/ann/credentials/c", credential)
    there = newest(node)
    ann = {"resource": "consumers", "id": "ann"}
    assert len(rollback(node, to=before, dry_run=True, **ann)[1]["changes"]) == 2
    assert rollback(node, to=before, **ann)[0] == 200
    assert node.admin.call("PUT", "/consumers/bob/credentials/c", credential)[0] == 201
    one = {"resource": "consumers", "id": "ann/credentials/c"}
    status, answer, _ = rollback(node, to=there, **one)
    assert status == 400 and "/apisix/consumers/ann, which is not there" in answer["error_msg"]
    assert rollback(node, to=there, **ann)[0] == 200
    status, answer, _ = rollback(node, to=there, **one)
    told = "duplicate key of plugin key-auth found with credential: c of consumer: bob"
    assert (status, answer["error_msg"]) == (400, told)
    assert node.admin.call("GET", "/consumers/ann/credentials/c")[0] == 404


def test_rollback_puts_no_plugin_into_two_global_rules(node):
    rule = {"plugins": {"ip-restriction": {"whitelist": ["127.0.0.1"]}}}
    node.admin.put("/global_rules/1", rule)
    first = newest(node)
    node.admin.delete("/global_rules/1")
    node.admin.put("/global_rules/2", rule)
    status, answer, _ = rollback(node, to=first, resource="global_rules", id="1")
    told = "plugin 'ip-restriction' already exists in global rule with id '2'"
    assert (status, answer["error_msg"]) == (400, told)
    assert rollback(node, to=first, resource="global_rules")[0] == 200


def test_what_is_refused(own_pylon, echo):
    node = own_pylon(KEEPS_FIVE)
    for i in range(8):
        put_route(node, echo, f"/{i}")
    status, answer, _ = rollback(node, to=2)
    assert status == 400 and "is not kept any more: the oldest is" in answer["error_msg"]
    for body in ({}, {"to": "1"}, {"to": 8, "resource": "x"}):
        assert rollback(node, **body)[0] == 400
    assert node.admin.get("/history")["total"] == 5
    assert node.admin.call("GET", "/history", key="wrong")[0] == 401


def test_private_keys_are_not_shown(node):
    pair = node.folder / "key.pem", node.folder / "cert.pem"
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    more = ["-nodes", "-subj", "/CN=a.test", "-days", "2", "-keyout", pair[0], "-out", pair[1]]
    subprocess.run([*make, *more], check=True, capture_output=True)
    value = {"key": pair[0].read_text(), "cert": pair[1].read_text(), "snis": ["a.test"]}
    node.admin.put("/ssls/1", value)
    shown = json.dumps(node.admin.get("/diff"))
    assert "PRIVATE KEY" not in shown and "(private, " in shown


def cli(node, *arguments):
    done = subprocess.run(node.command(*arguments), capture_output=True, text=True, timeout=20)
    return done.returncode, done.stdout + done.stderr


def test_from_the_command_line(node, echo):
    first = put_route(node, echo, "/a", comment="the first one")
    put_route(node, echo, "/b")
    status, text = cli(node, "history")
    assert status == 0 and "the first one" in text and "routes/1" in text
    status, text = cli(node, "diff", str(first), str(first + 1))
    assert status == 0 and '/uri: "/a" -> "/b"' in text
    status, text = cli(node, "rollback", str(first), "--dry-run")
    assert status == 0 and "nothing was changed" in text
    assert get(node.port, "/b").status == 200
    status, text = cli(node, "rollback", str(first), "--comment", "back again")
    assert status == 0, text
    assert get(node.port, "/a").status == 200
    assert node.admin.get("/history")["list"][0]["comment"] == "back again"
    assert cli(node, "rollback", "99")[0] == 1
    node.stop()
    status, text = cli(node, "history")
    assert status == 1 and "pylon start" in text


@pytest.mark.parametrize(
    "body, text",
    [
        ({"dry_run": 1}, "`dry_run` must be true or false"),
        ({"dry_run": "true"}, "`dry_run` must be true or false"),
        ({"dry-run": True}, "found dry-run"),
        ({"resource": ["routes"]}, "`resource` must be a string"),
        ({"resource": "routes", "id": True}, "`id` must be"),
    ],
)
def test_rollback_that_is_not_understood_changes_nothing(node, echo, body, text):
    first = put_route(node, echo, "/a")
    newest = put_route(node, echo, "/b")
    status, answer, _ = rollback(node, to=first, **body)
    assert status == 400
    assert text in answer["error_msg"]
    assert node.admin.get("/history")["newest"] == newest
