"""The eight plugins, and what holds for all. APISIX docs: plugins/*, terminology/plugin."""

import base64
import json
import re

import pytest

from harness.echo import Told
from harness.http import get, receive, request, send
from harness.ports import free_port
from harness.wire import connect, until

UUID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def route(pylon, echo, plugins, **fields):
    pylon.admin.put(
        "/routes/1", {"uri": "/*", "upstream": echo.upstream(), "plugins": plugins, **fields}
    )


def consumer(pylon, name, key, **plugins):
    pylon.admin.put(
        "/consumers", {"username": name, "plugins": {"key-auth": {"key": key}, **plugins}}
    )


# ---- ip-restriction

IPS = [
    ({"whitelist": ["127.0.0.1"]}, 200),
    ({"whitelist": ["127.0.0.0/8"]}, 200),
    ({"whitelist": ["10.0.0.0/8"]}, 403),
    ({"blacklist": ["127.0.0.1"]}, 403),
    ({"blacklist": ["10.0.0.0/8"]}, 200),
    ({"blacklist": ["::1"]}, 200),
    ({"whitelist": ["::1", "127.0.0.0/24"]}, 200),
]


@pytest.mark.parametrize("conf, status", IPS, ids=str)
def test_ip_restriction(pylon, echo, conf, status):
    route(pylon, echo, {"ip-restriction": conf})
    got = get(pylon.port, "/x")
    assert got.status == status
    if status == 403:
        assert json.loads(got.content) == {"message": "Your IP address is not allowed"}


def test_ip_restriction_message_and_attributed_address(pylon, echo):
    route(pylon, echo, {"ip-restriction": {"whitelist": ["203.0.113.0/24"], "message": "Go away"}})
    assert get(pylon.port, "/x", headers={"X-Real-IP": "203.0.113.9"}).status == 200
    got = get(pylon.port, "/x")
    assert json.loads(got.content) == {"message": "Go away"}


# ---- key-auth


def test_key_auth(pylon, echo):
    consumer(pylon, "jack", "k-jack")
    route(pylon, echo, {"key-auth": {}})
    missing, wrong = get(pylon.port, "/x"), get(pylon.port, "/x", headers={"apikey": "nope"})
    assert (missing.status, json.loads(missing.content)) == (
        401,
        {"message": "Missing API key in request"},
    )
    assert (wrong.status, json.loads(wrong.content)) == (
        401,
        {"message": "Invalid API key in request"},
    )
    assert missing.get(b"www-authenticate") == b'apikey realm="key"'
    right = Told(get(pylon.port, "/x", headers={"apikey": "k-jack"}))
    assert (right.get("x-consumer-username"), right.get("apikey")) == ("jack", "k-jack")
    assert get(pylon.port, "/x?apikey=k-jack").status == 200


def test_key_auth_names_and_hiding(pylon, echo):
    consumer(pylon, "jack", "k-jack")
    route(pylon, echo, {"key-auth": {"header": "X-Key", "query": "key", "hide_credentials": True}})
    told = Told(get(pylon.port, "/x", headers={"X-Key": "k-jack"}))
    assert told.get("x-key") is None
    told = Told(get(pylon.port, "/x?a=1&key=k-jack&b=2"))
    assert "k-jack" not in told.uri
    assert "a=1" in told.uri and "b=2" in told.uri


def test_identity_cannot_be_made_up(pylon, echo):
    """Identity fields of the client are removed before authentication."""
    consumer(pylon, "jack", "k-jack")
    route(pylon, echo, {"key-auth": {}})
    fake = {"apikey": "k-jack", "X-Consumer-Username": "root", "X-Consumer-Custom-Id": "0"}
    told = Told(get(pylon.port, "/x", headers=fake))
    assert told.all("x-consumer-username") == ["jack"]
    assert told.all("x-consumer-custom-id") == []


def test_key_of_a_deleted_consumer_is_dead_at_once(pylon, echo):
    consumer(pylon, "jack", "k-jack")
    route(pylon, echo, {"key-auth": {}})
    assert get(pylon.port, "/x", headers={"apikey": "k-jack"}).status == 200
    pylon.admin.delete("/consumers/jack")
    assert [get(pylon.port, "/x", headers={"apikey": "k-jack"}).status for _ in range(4)] == [
        401
    ] * 4


def test_changed_key(pylon, echo):
    consumer(pylon, "jack", "old")
    route(pylon, echo, {"key-auth": {}})
    consumer(pylon, "jack", "new")
    assert get(pylon.port, "/x", headers={"apikey": "old"}).status == 401
    assert get(pylon.port, "/x", headers={"apikey": "new"}).status == 200


def test_duplicate_key_is_refused(pylon):
    consumer(pylon, "jack", "same")
    status, answer, _ = pylon.admin.call(
        "PUT", "/consumers", {"username": "jill", "plugins": {"key-auth": {"key": "same"}}}
    )
    assert status == 400
    assert "duplicate key of plugin key-auth found with consumer: jack" in answer["error_msg"]


def test_anonymous_consumer(pylon, echo):
    consumer(pylon, "jack", "k-jack")
    pylon.admin.put("/consumers", {"username": "guest", "plugins": {}})
    route(pylon, echo, {"key-auth": {"anonymous_consumer": "guest"}})
    assert Told(get(pylon.port, "/x")).get("x-consumer-username") == "guest"


def test_plugins_of_the_consumer(pylon, echo):
    """They win over those of the route, and run for that consumer only."""

    def rewrite(value):
        return {"response-rewrite": {"headers": {"set": {"X-Of": value}}}}

    consumer(pylon, "jack", "k-jack", **rewrite("jack"))
    consumer(pylon, "jill", "k-jill")
    consumer(pylon, "bob", "k-bob", **{"ip-restriction": {"blacklist": ["127.0.0.1"]}})
    route(pylon, echo, {"key-auth": {}, **rewrite("route")})
    of = {
        name: get(pylon.port, "/x", headers={"apikey": f"k-{name}"})
        for name in ("jack", "jill", "bob")
    }
    assert (of["jack"].get(b"x-of"), of["jill"].get(b"x-of")) == (b"jack", b"route")
    assert of["bob"].status == 403


def test_rewrite_phase_of_the_consumers_plugins(pylon, echo):
    """Phase rewrite of a consumer's plugin runs, though the route's is over."""
    headers = {"headers": {"set": {"X-Tier": "gold"}}}
    consumer(pylon, "jack", "k-jack", **{"proxy-rewrite": headers})
    route(pylon, echo, {"key-auth": {}})
    assert Told(get(pylon.port, "/x", headers={"apikey": "k-jack"})).get("x-tier") == "gold"


# ---- proxy-rewrite

URIS = [
    ({"uri": "/new"}, "/old", "/new"),
    ({"uri": "/new"}, "/old?a=1", "/new?a=1"),
    ({"uri": "/new?b=2"}, "/old?a=1", "/new?b=2&a=1"),
    ({"uri": "/n/$arg_a"}, "/old?a=1", "/n/1?a=1"),
    ({"uri": "/$host/x"}, "/old", "/a.test/x"),
    ({"regex_uri": ["^/(.*)/(.*)$", "/$2/$1"]}, "/one/two", "/two/one"),
    ({"regex_uri": ["^/no$", "/yes"]}, "/other", "/other"),
    ({"regex_uri": ["^/no$", "/1", "^/ot(.*)", "/2$1"]}, "/other", "/2her"),
    ({"regex_uri": ["^/x/(.*)", "/$1"]}, "/x/a%20b", "/a%20b"),
    ({"uri": "/a b"}, "/x", "/a%20b"),
]


@pytest.mark.parametrize("conf, path, expected", URIS, ids=str)
def test_proxy_rewrite_uri(pylon, echo, conf, path, expected):
    route(pylon, echo, {"proxy-rewrite": conf})
    assert Told(get(pylon.port, path)).uri == expected


def test_proxy_rewrite_host_and_method(pylon, echo):
    route(pylon, echo, {"proxy-rewrite": {"host": "inner.test", "method": "PUT"}})
    told = Told(request(pylon.port, "POST", "/x", body="b"))
    assert (told.get("host"), told.method, told.body) == ("inner.test", "PUT", "b")


def test_proxy_rewrite_method_keeps_both_connections_in_step(pylon, echo):
    """The method that was sent upstream frames its answer, the client's own frames ours."""
    with connect("127.0.0.1", pylon.port) as peer:
        for sent, asked in (("GET", "HEAD"), ("HEAD", "GET")) * 2:
            route(pylon, echo, {"proxy-rewrite": {"method": asked}})
            send(peer, sent, "/size/10000")
            got = receive(peer, sent)
            assert (got.status, got.content) == (200, b"")


def test_proxy_rewrite_headers(pylon, echo):
    headers = {
        "add": {"X-Add": "2", "X-Both": "3"},
        "set": {"X-Set": "$remote_addr", "X-Num": 7},
        "remove": ["X-Gone", "user-agent"],
    }
    route(pylon, echo, {"proxy-rewrite": {"headers": headers}})
    sent = {"X-Add": "1", "X-Set": "old", "X-Gone": "1", "User-Agent": "me"}
    told = Told(get(pylon.port, "/x", headers=sent))
    assert ",".join(told.all("x-add")).replace(" ", "") == "1,2"
    assert (told.all("x-set"), told.get("x-num"), told.get("x-both")) == (["127.0.0.1"], "7", "3")
    assert (told.get("x-gone"), told.get("user-agent")) == (None, None)


def test_forwarded_fields_can_be_seen_and_removed(pylon, echo):
    """The gateway's own X-Forwarded-* are there before the plugins, as in APISIX."""
    route(pylon, echo, {})
    told = Told(get(pylon.port, "/x", host="A.test:81", headers={"X-Forwarded-Host": "forged"}))
    assert told.all("x-forwarded-host") == ["A.test:81"]
    assert told.all("x-forwarded-port") == ["81"]
    headers = {"set": {"X-Seen": "$http_x_forwarded_proto"}, "remove": ["X-Forwarded-Host"]}
    route(pylon, echo, {"proxy-rewrite": {"headers": headers}})
    told = Told(get(pylon.port, "/x", headers={"X-Forwarded-Proto": "https"}))
    assert (told.get("x-seen"), told.get("x-forwarded-host")) == ("http", None)
    assert told.all("x-forwarded-port") == [str(pylon.port)]


def test_proxy_rewrite_captures_in_headers(pylon, echo):
    conf = {"regex_uri": ["^/u/(.*)$", "/all"], "headers": {"set": {"X-User": "$1"}}}
    route(pylon, echo, {"proxy-rewrite": conf})
    told = Told(get(pylon.port, "/u/bob"))
    assert (told.uri, told.get("x-user")) == ("/all", "bob")


def test_variables_cannot_inject_fields(pylon, echo):
    """A decoded argument with CRLF must not become another field or request."""
    route(
        pylon,
        echo,
        {
            "proxy-rewrite": {"headers": {"set": {"X-Arg": "$arg_a"}}},
            "response-rewrite": {"headers": {"set": {"X-Back": "$arg_a"}}},
        },
    )
    got = get(pylon.port, "/x?a=1%0d%0aX-Evil:%201")
    assert got.get(b"x-evil") is None
    if got.status == 200:
        assert Told(got).get("x-evil") is None


# ---- response-rewrite


def test_response_rewrite_status_body_headers(pylon, echo):
    conf = {
        "status_code": 201,
        "body": "new body",
        "headers": {
            "set": {"X-Set": "$status"},
            "add": ["X-Add: a", "X-Add: b"],
            "remove": ["Content-Type"],
        },
    }
    route(pylon, echo, {"response-rewrite": conf})
    got = get(pylon.port, "/x")
    assert (got.status, got.content, got.get(b"x-set")) == (201, b"new body", b"201")
    assert got.all(b"x-add") == [b"a", b"b"]
    assert got.get(b"content-type") is None


def test_response_rewrite_base64(pylon, echo):
    body = bytes(range(256))
    conf = {"body": base64.b64encode(body).decode(), "body_base64": True}
    route(pylon, echo, {"response-rewrite": conf})
    assert get(pylon.port, "/x").content == body


@pytest.mark.parametrize("scope, expected", [("once", b"yxx"), ("global", b"yyy")])
def test_response_rewrite_filters(pylon, echo, scope, expected):
    conf = {"filters": [{"regex": "x", "scope": scope, "replace": "y"}]}
    route(pylon, echo, {"response-rewrite": conf})
    assert get(pylon.port, "/size/3").content == expected


def test_response_rewrite_filters_over_a_large_body(pylon, echo):
    """The body comes in many pieces; the filter sees it whole."""
    conf = {"filters": [{"regex": "^(x+)$", "replace": "<$1>"}]}
    route(pylon, echo, {"response-rewrite": conf})
    got = get(pylon.port, "/size/1000000")
    assert got.content == b"<" + b"x" * 1000000 + b">"


def test_response_rewrite_vars(pylon, echo):
    conf = {"vars": [["status", "==", 404]], "body": "hidden"}
    route(pylon, echo, {"response-rewrite": conf})
    assert get(pylon.port, "/status/404").content == b"hidden"
    assert get(pylon.port, "/x").content != b"hidden"


def test_response_rewrite_of_head(pylon, echo):
    route(pylon, echo, {"response-rewrite": {"body": "new body"}})
    with connect("127.0.0.1", pylon.port) as peer:
        send(peer, "HEAD", "/x")
        assert receive(peer, "HEAD").content == b""
        send(peer, "GET", "/x")
        assert receive(peer).content == b"new body"


def test_response_rewrite_keeps_the_connection_in_step(pylon, echo):
    route(pylon, echo, {"response-rewrite": {"body": "short"}})
    with connect("127.0.0.1", pylon.port) as peer:
        for path in ("/size/100000", "/status/404", "/x"):
            send(peer, "GET", path)
            assert receive(peer).content == b"short"


# ---- limit-count


def quota(got):
    return tuple(
        float(got.get(b"x-ratelimit-" + name)) for name in (b"limit", b"remaining", b"reset")
    )


def test_limit_count(pylon, echo):
    route(pylon, echo, {"limit-count": {"count": 2, "time_window": 60}})
    answers = [get(pylon.port, "/x") for _ in range(4)]
    assert [got.status for got in answers] == [200, 200, 503, 503]
    assert [quota(got)[:2] for got in answers] == [(2, 1), (2, 0), (2, 0), (2, 0)]
    assert all(0 < quota(got)[2] <= 60 for got in answers)


def test_limit_count_is_exact_over_all_workers(pylon, echo):
    route(pylon, echo, {"limit-count": {"count": 50, "time_window": 60}})
    peers = [connect("127.0.0.1", pylon.port) for _ in range(8)]
    passed = 0
    for _ in range(10):
        for peer in peers:
            send(peer, "GET", "/x")
        passed += sum(receive(peer).status == 200 for peer in peers)
    for peer in peers:
        peer.close()
    assert passed == 50


def test_limit_count_code_message_key(pylon, echo):
    conf = {
        "count": 1,
        "time_window": 60,
        "rejected_code": 429,
        "rejected_msg": "too much",
        "key": "http_x_user",
        "show_limit_quota_header": False,
    }
    route(pylon, echo, {"limit-count": conf})
    first, second = [get(pylon.port, "/x", headers={"X-User": "a"}) for _ in range(2)]
    assert (first.status, second.status) == (200, 429)
    assert json.loads(second.content) == {"error_msg": "too much"}
    assert first.get(b"x-ratelimit-limit") is None
    assert get(pylon.port, "/x", headers={"X-User": "b"}).status == 200


def test_limit_count_per_consumer(pylon, echo):
    consumer(pylon, "jack", "k-jack")
    consumer(pylon, "jill", "k-jill")
    conf = {"count": 1, "time_window": 60, "key": "consumer_name"}
    route(pylon, echo, {"key-auth": {}, "limit-count": conf})
    statuses = [
        get(pylon.port, "/x", headers={"apikey": k}).status
        for k in ("k-jack", "k-jack", "k-jill", "k-jill")
    ]
    assert statuses == [200, 503, 200, 503]


def test_limit_count_window_ends(pylon, echo):
    route(pylon, echo, {"limit-count": {"count": 1, "time_window": 1}})
    assert get(pylon.port, "/x").status == 200
    until(lambda: get(pylon.port, "/x").status == 200, "the next window", 4, 0.1)


def test_limit_count_survives_changes_elsewhere(pylon, echo):
    """A change of another route does not give the quota back."""
    route(pylon, echo, {"limit-count": {"count": 2, "time_window": 61}})
    assert get(pylon.port, "/x").status == 200
    for number in range(5):
        pylon.admin.put("/routes/other", {"uri": f"/o{number}", "upstream": echo.upstream()})
    assert [get(pylon.port, "/x").status for _ in range(2)] == [200, 503]


def test_limit_count_group_is_shared(pylon, echo):
    conf = {
        "limit-count": {
            "count": 2,
            "time_window": 60,
            "group": "g1",
            "key": "g",
            "key_type": "constant",
        }
    }
    for number in (1, 2):
        pylon.admin.put(
            f"/routes/{number}", {"uri": f"/{number}", "upstream": echo.upstream(), "plugins": conf}
        )
    assert [get(pylon.port, f"/{n}").status for n in (1, 2, 1, 2)] == [200, 200, 503, 503]


# ---- forward-auth


def test_forward_auth(pylon, echo, echoes):
    """The service at `uri` decides; headers are copied both ways."""
    auth = echoes[0]
    conf = {
        "uri": f"http://{auth.node}/headers?X-User=bob&X-Other=o",
        "request_headers": ["Authorization"],
        "upstream_headers": ["X-User"],
    }
    route(pylon, echo, {"forward-auth": conf})
    seen = len(auth.requests)
    told = Told(get(pylon.port, "/x?a=1", headers={"Authorization": "Bearer t", "X-User": "fake"}))
    assert (told.all("x-user"), told.get("x-other")) == (["bob"], None)
    assert auth.requests[seen:] == [("GET", "/headers?X-User=bob&X-Other=o")]


def test_forward_auth_tells_the_request(pylon, echo, echoes):
    """X-Forwarded-* describe the original; the refusal and its body go to the client."""
    conf = {"uri": f"http://{echoes[0].node}/status/401", "client_headers": ["Content-Type"]}
    route(pylon, echo, {"forward-auth": conf})
    got = request(pylon.port, "PUT", "/x?a=1", body="secret")
    told = Told(got)
    assert (got.status, got.get(b"content-type")) == (401, b"application/json")
    assert told.get("x-forwarded-method") == "PUT"
    assert told.get("x-forwarded-uri") == "/x?a=1"
    assert told.get("x-forwarded-host") == "a.test"
    assert told.get("x-forwarded-proto") == "http"
    assert told.get("x-forwarded-for") == "127.0.0.1"
    assert (told.method, told.body) == ("GET", "")


def test_forward_auth_posts_the_body(pylon, echo, echoes):
    conf = {"uri": f"http://{echoes[0].node}/status/403", "request_method": "POST"}
    route(pylon, echo, {"forward-auth": conf})
    told = Told(request(pylon.port, "POST", "/x", body="the body"))
    assert (told.method, told.body) == ("POST", "the body")


def test_forward_auth_body_still_reaches_the_upstream(pylon, echo, echoes):
    conf = {"uri": f"http://{echoes[0].node}/ok", "request_method": "POST"}
    route(pylon, echo, {"forward-auth": conf})
    assert Told(request(pylon.port, "POST", "/x", body="the body")).body == "the body"


FAILING = [({}, 403), ({"status_on_error": 503}, 503), ({"allow_degradation": True}, 200)]


@pytest.mark.parametrize("more, status", FAILING, ids=str)
def test_forward_auth_service_down(pylon, echo, more, status):
    """It fails closed unless told otherwise."""
    route(pylon, echo, {"forward-auth": {"uri": f"http://127.0.0.1:{free_port()}/", **more}})
    assert get(pylon.port, "/x").status == status


def test_forward_auth_timeout(pylon, echo, echoes):
    route(
        pylon, echo, {"forward-auth": {"uri": f"http://{echoes[0].node}/delay/3", "timeout": 300}}
    )
    assert get(pylon.port, "/x").status == 403


def test_forward_auth_does_not_block_others(pylon, echo, echoes):
    route(pylon, echo, {"forward-auth": {"uri": f"http://{echoes[0].node}/delay/1"}})
    pylon.admin.put("/routes/2", {"uri": "/free", "upstream": echo.upstream()})
    with connect("127.0.0.1", pylon.port) as peer:
        send(peer, "GET", "/x")
        for _ in range(10):
            assert get(pylon.port, "/free", wait_s=0.8).status == 200
        assert receive(peer).status == 200


# ---- request-id


def test_request_id(pylon, echo):
    route(pylon, echo, {"request-id": {}})
    got = get(pylon.port, "/x")
    made = got.get(b"x-request-id")
    assert UUID.fullmatch(made)
    assert Told(got).get("x-request-id") == made.decode()
    assert get(pylon.port, "/x").get(b"x-request-id") != made
    kept = get(pylon.port, "/x", headers={"X-Request-Id": "mine"})
    assert (kept.get(b"x-request-id"), Told(kept).get("x-request-id")) == (b"mine", "mine")


SHAPES = [
    ("nanoid", rb"[-_0-9A-Za-z]{21}"),
    ("range_id", rb"[0-9A-Za-z]{16}"),
    ("ksuid", rb"[0-9A-Za-z]{27}"),
    ("uuid", UUID.pattern),
]


@pytest.mark.parametrize("algorithm, shape", SHAPES)
def test_request_id_algorithms(pylon, echo, algorithm, shape):
    conf = {"algorithm": algorithm, "header_name": "X-Trace", "include_in_response": True}
    route(pylon, echo, {"request-id": conf})
    made = {get(pylon.port, "/x").get(b"x-trace") for _ in range(20)}
    assert len(made) == 20
    assert all(re.fullmatch(shape, value) for value in made)


def test_request_id_not_in_the_response(pylon, echo):
    route(pylon, echo, {"request-id": {"include_in_response": False}})
    got = get(pylon.port, "/x")
    assert got.get(b"x-request-id") is None
    assert Told(got).get("x-request-id")


# ---- what holds for all


def test_meta_disable(pylon, echo):
    route(pylon, echo, {"ip-restriction": {"blacklist": ["127.0.0.1"], "_meta": {"disable": True}}})
    assert get(pylon.port, "/x").status == 200


def test_meta_filter(pylon, echo):
    meta = {"filter": [["arg_block", "==", "1"]]}
    route(pylon, echo, {"ip-restriction": {"blacklist": ["127.0.0.1"], "_meta": meta}})
    assert (get(pylon.port, "/x").status, get(pylon.port, "/x?block=1").status) == (200, 403)


@pytest.mark.parametrize(
    "body, expected",
    [({"why": "ip"}, b'{"why":"ip"}'), ("plain", b"plain")],
    ids=["object", "string"],
)
def test_meta_error_response(pylon, echo, body, expected):
    conf = {"blacklist": ["127.0.0.1"], "_meta": {"error_response": body}}
    route(pylon, echo, {"ip-restriction": conf})
    got = get(pylon.port, "/x")
    assert (got.status, got.content.strip().replace(b" ", b"")) == (403, expected)


def test_priority_and_meta_priority(pylon, echo):
    """ip-restriction (3000) goes before limit-count (1002), until _meta.priority says otherwise."""
    block = {"ip-restriction": {"blacklist": ["127.0.0.1"]}}
    limit = {"limit-count": {"count": 1, "time_window": 60, "rejected_code": 429}}
    route(pylon, echo, {**block, **limit})
    assert [get(pylon.port, "/x").status for _ in range(2)] == [403, 403]
    limit["limit-count"]["_meta"] = {"priority": 4000}
    route(pylon, echo, {**block, **limit})
    assert [get(pylon.port, "/x").status for _ in range(2)] == [403, 429]


def test_filters_run_over_refusals_too(pylon, echo):
    """header_filter and log also run when an earlier phase ended the request."""
    route(pylon, echo, {"ip-restriction": {"blacklist": ["127.0.0.1"]}, "request-id": {}})
    got = get(pylon.port, "/x")
    assert got.status == 403
    assert got.get(b"x-request-id")


def test_global_rule_and_route_both_run(pylon, echo):
    pylon.admin.put(
        "/global_rules/g", {"plugins": {"proxy-rewrite": {"headers": {"set": {"X-Global": "1"}}}}}
    )
    route(pylon, echo, {"proxy-rewrite": {"headers": {"set": {"X-Route": "1"}}}})
    told = Told(get(pylon.port, "/x"))
    assert (told.get("x-global"), told.get("x-route")) == ("1", "1")


REFUSED = [
    ("limit-count", {"count": 0, "time_window": 60}),
    ("limit-count", {"count": 1}),
    ("limit-count", {"count": 1, "time_window": 1, "rejected_code": 100}),
    ("ip-restriction", {"whitelist": ["x"]}),
    ("ip-restriction", {"whitelist": []}),
    ("ip-restriction", {"whitelist": ["1.1.1.1"], "blacklist": ["2.2.2.2"]}),
    ("proxy-rewrite", {"regex_uri": ["^/("]}),
    ("proxy-rewrite", {"method": "NOPE"}),
    ("response-rewrite", {"status_code": 600}),
    ("response-rewrite", {"body": "a", "filters": [{"regex": "a", "replace": "b"}]}),
    ("response-rewrite", {"body": "!", "body_base64": True}),
    ("response-rewrite", {"filters": [{"regex": "(", "replace": "b"}]}),
    ("forward-auth", {}),
    ("request-id", {"algorithm": "x"}),
    ("key-auth", {"header": 1}),
    ("key-auth", {"_meta": {"nope": 1}}),
]


@pytest.mark.parametrize("name, conf", REFUSED, ids=str)
def test_bad_configurations_are_refused(pylon, name, conf):
    body = {
        "uri": "/x",
        "plugins": {name: conf},
        "upstream": {"type": "roundrobin", "nodes": {"127.0.0.1:1": 1}},
    }
    status, answer, _ = pylon.admin.call("PUT", "/routes/1", body)
    assert status == 400
    assert name in answer["error_msg"]


def test_hostile_regex_costs_nobody_else(pylon, echo):
    """(a+)+$ against aaa...! must not hold a worker."""
    conf = {"filters": [{"regex": "(x+)+$", "replace": "y", "scope": "global"}]}
    route(pylon, echo, {"proxy-rewrite": {"regex_uri": ["^/(a+)+$", "/x"]}})
    got = get(pylon.port, "/" + "a" * 3000 + "!", wait_s=2)
    assert got.status < 600
    route(pylon, echo, {"response-rewrite": conf})
    assert get(pylon.port, "/size/20000", wait_s=3).status < 600
