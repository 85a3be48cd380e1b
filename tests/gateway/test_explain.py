"""POST /v1/explain and `pylon explain`: what would become of a request, and why."""

import json
import subprocess

import pytest
from harness.http import request


def explain(pylon, **question):
    got = request(
        pylon.control_port,
        "POST",
        "/v1/explain",
        headers={"Content-Type": "application/json"},
        body=json.dumps(question),
    )
    return got.status, json.loads(got.content)


def fates(answer):
    """{id: (result, failed)} of the candidates."""
    return {c["id"]: (c["result"], c.get("failed")) for c in answer["candidates"]}


@pytest.fixture
def site(pylon, echo):
    upstream = echo.upstream()
    put = pylon.admin.put
    everybody = {"ip-restriction": {"whitelist": ["::/0", "0.0.0.0/0"]}}
    auth = {"key-auth": {}, "proxy-rewrite": {"uri": "/new"}}
    both = [["arg_x", "==", "1"], ["arg_y", "==", "2"]]
    put("/upstreams/u", upstream)
    put("/services/s", {"upstream_id": "u", "plugins": everybody})
    put("/routes/post", {"uri": "/a", "methods": ["POST"], "service_id": "s"})
    put("/routes/taken", {"uri": "/a", "service_id": "s", "plugins": auth})
    for name, more in {
        "vars": {"uri": "/a", "priority": 9, "vars": both},
        "near": {"uri": "/a", "priority": 5, "remote_addrs": ["10.0.0.0/8"]},
        "wide": {"uri": "/*"},
        "host": {"uri": "/a", "host": "b.test"},
        "path": {"uri": "/other"},
        "off": {"uri": "/a", "status": 0},
    }.items():
        put(f"/routes/{name}", {"upstream_id": "u", **more})
    headers = {"headers": {"set": {"G": "1"}}}
    put("/global_rules/g", {"plugins": {"response-rewrite": headers}})
    key = {"key": "secret-of-bob"}
    put("/consumers", {"username": "bob", "plugins": {"key-auth": key, "request-id": {}}})
    return pylon


def test_candidates_in_match_order(site):
    status, answer = explain(site, uri="/a?x=1", host="any.test")
    assert status == 200
    order = [c["id"] for c in answer["candidates"]]
    assert order[:5] == ["vars", "near", "post", "taken", "wide"]
    assert fates(answer) == {
        "vars": ("failed", "vars"),
        "near": ("failed", "remote_addr"),
        "post": ("failed", "method"),
        "taken": ("chosen", None),
        "wide": ("hidden", None),
        "host": ("not reached", "host"),
        "path": ("not reached", "uri"),
        "off": ("not reached", "status"),
    }
    wanted = {c["id"]: c.get("wanted") for c in answer["candidates"]}
    assert wanted["vars"] == ["arg_y", "==", "2"]
    assert wanted["near"] == ["10.0.0.0/8"]
    assert wanted["post"] == ["POST"]
    assert wanted["host"] == "b.test"
    assert wanted["path"] == "/other"
    assert answer["route"]["key"] == "/apisix/routes/taken"


def test_plugins_with_their_sources(site):
    _, answer = explain(site, uri="/a", headers={"apikey": "secret-of-bob"})
    assert [(p["name"], p["source"]) for p in answer["plugins"]] == [
        ("response-rewrite", "/apisix/global_rules/g"),
        ("request-id", "/apisix/consumers/bob"),
        ("ip-restriction", "/apisix/services/s"),
        ("key-auth", "/apisix/routes/taken"),
        ("proxy-rewrite", "/apisix/routes/taken"),
    ]
    assert answer["consumer"]["name"] == "bob"
    assert "secret" not in json.dumps(answer)
    _, answer = explain(site, uri="/a", headers={"apikey": "wrong"})
    assert answer["refused"] == 401 and "consumer" not in answer


def test_the_node(site, echo):
    _, answer = explain(site, uri="/b")
    upstream = answer["upstream"]
    assert upstream["source"] == "/apisix/upstreams/u"
    assert (upstream["node"], upstream["always"]) == (f"127.0.0.1:{echo.port}", True)
    assert upstream["nodes"][0]["usable"] is True


def test_explaining_moves_no_balancer(pylon, echoes):
    nodes = {f"127.0.0.1:{e.port}": 1 for e in echoes}
    pylon.admin.put(
        "/routes/1",
        {"uri": "/*", "upstream": {"type": "chash", "key": "arg_k", "nodes": nodes}},
    )
    for k in range(8):
        _, answer = explain(pylon, uri=f"/?k={k}")
        assert answer["upstream"]["always"] is True
        served = next(e for e in echoes if f"127.0.0.1:{e.port}" == answer["upstream"]["node"])
        before = len(served.requests)
        assert request(pylon.port, "GET", f"/?k={k}").status == 200
        assert len(served.requests) == before + 1


def test_nothing_matches(pylon):
    status, answer = explain(pylon, method="PUT", uri="/nowhere")
    assert (status, answer["route"], answer["status"]) == (200, None, 404)
    assert answer["candidates"] == []


@pytest.mark.parametrize(
    "question, text",
    [
        ({}, 'property "uri" is required'),
        ({"uri": "/", "remote_addr": "x"}, "remote_addr: not an IP address"),
        ({"uri": "/../.."}, "such a request is refused"),
        ({"uri": "/", "colour": 1}, "colour"),
        ({"uri": 1}, "uri"),
        ({"uri": "/", "method": "G ET"}, "method: not a token"),
        ({"uri": "/", "headers": {"A\r\nB": "x"}}, "headers: no name"),
        ({"uri": "/", "headers": {"A": "x\0"}}, "headers: A has a value"),
        ({"uri": "/" + "a" * 100_000}, "bytes are too many"),
    ],
)
def test_wrong_questions(pylon, question, text):
    status, answer = explain(pylon, **question)
    assert status == 400
    assert text in answer["error_msg"]


def test_command(site):
    def run(*words):
        done = subprocess.run(site.command("explain", *words), capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    code, text = run("GET", "http://any.test/a?x=1", "-H", "apikey: secret-of-bob")
    assert code == 0
    assert "taken" in text and "chosen" in text
    assert 'vars ["arg_y","==","2"]' in text
    assert "/apisix/services/s" in text and "consumer bob" in text
    code, text = run("GET", "/a", "--json")
    assert json.loads(text)["route"]["id"] == "taken"
    assert run("GET", "/a", "--from", "10.1.1.1")[1].count("near") > 0
    assert run("GET", "/\x01")[0] == 1
    assert run("GET")[0] == 2
    code, text = run("PATCH", "/", "-H", "no colon")
    assert (code, "Name: value" in text) == (2, True)
