"""HTTP with JSON before a real gRPC service. APISIX docs: grpc-transcode; the JSON is its."""

import json

import pytest

from harness.grpc_service import PROTO, Shop, descriptor_set
from harness.http import get, request
from harness.wire import until

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def shop():
    service = Shop()
    yield service
    service.stop()


@pytest.fixture(params=["text", "set"])
def protos(request, pylon, shop):
    content = PROTO if request.param == "text" else shop.encoded_set
    pylon.admin.put("/protos/shop", {"content": content})


@pytest.fixture
def proto(pylon):
    pylon.admin.put("/protos/shop", {"content": PROTO})


@pytest.fixture
def route(pylon, shop):
    def make(method="Echo", **more):
        plugin = {"proto_id": "shop", "service": "shop.v1.Shop", "method": method, **more}
        route = {"uri": "/order", "plugins": {"grpc-transcode": plugin}}
        pylon.admin.put("/routes/shop", {**route, "upstream": shop.upstream()})

    return make


def post(pylon, value, method="POST"):
    return request(pylon.port, method, "/order", JSON, json.dumps(value))


def test_all_kinds_of_fields(pylon, route, protos):
    route()
    order = {
        "customer": 'ann "é"\n',
        "number": 5,
        "items": [{"name": "a", "count": 2, "size": "LARGE"}, {"name": "b", "size": 1}],
        "marks": {"x": 1, "y": -2},
        "cash": True,
        "note": "plain text",
        "weight": 2.5,
        "at": {"seconds": 1700000000, "nanos": 5},
        "gift": False,
        "big": 4294967295,
        "tags": ["t"],
        "unknown": "is ignored",
    }
    answer = post(pylon, order)
    assert answer.status == 200 and answer.header("content-type") == "application/json"
    got = json.loads(answer.content)
    order.pop("unknown")
    order["items"][1] = {"name": "b", "count": 0, "size": "SMALL"}
    order["at"] = {"seconds": 1700000000, "nanos": 5}
    assert got == order


def test_fields_without_a_value(pylon, route, proto):
    route()
    empty = {"customer": "", "number": 0, "items": [], "marks": {}, "note": "", "weight": 0}
    assert json.loads(post(pylon, {}).content) == {**empty, "big": 0, "tags": []}
    route(pb_option=["no_default_values"])
    assert json.loads(post(pylon, {}).content) == {}


@pytest.mark.parametrize(
    "option, number",
    [
        ("int64_as_number", 2251799813685261),
        ("int64_as_string", "#2251799813685261"),
        ("int64_as_hexstring", "#0x800000000000D"),
    ],
)
def test_large_numbers(pylon, route, proto, option, number):
    route(pb_option=[option, "no_default_values"])
    assert json.loads(post(pylon, {"number": 2251799813685261}).content) == {"number": number}
    assert json.loads(post(pylon, {"number": number}).content) == {"number": number}


def test_enums_as_values(pylon, route, proto):
    route(pb_option=["enum_as_value", "no_default_values"])
    got = json.loads(post(pylon, {"items": [{"size": "LARGE"}]}).content)
    assert got == {"items": [{"size": 2}]}


def test_arguments_and_forms(pylon, route, proto):
    route(pb_option=["no_default_values"])
    query = "customer=a%20b&number=12&tags=x&tags=y&cash=true"
    told = {"customer": "a b", "number": 12, "tags": ["x", "y"], "cash": True}
    assert json.loads(get(pylon.port, "/order?" + query).content) == told
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = request(pylon.port, "POST", "/order", form, query)
    assert json.loads(answer.content) == told


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_other_methods_with_json(pylon, route, proto, method):
    route(pb_option=["no_default_values"])
    assert json.loads(post(pylon, {"number": 3}, method).content) == {"number": 3}


@pytest.mark.parametrize(
    "value",
    [{"number": "x"}, {"number": 1.5}, {"items": [1]}, {"marks": [1]}, {"customer": {}}, [1], 7],
)
def test_values_that_do_not_fit(pylon, route, proto, value):
    route()
    assert post(pylon, value).status == 400


def test_a_body_that_is_no_json(pylon, route, proto):
    route()
    assert request(pylon.port, "POST", "/order", JSON, "{broken").status == 400


def test_a_stream_of_answers(pylon, route, proto):
    route("Count")
    answer = post(pylon, {"number": 100, "customer": "a"})
    assert answer.header("content-type") == "application/x-ndjson"
    lines = [json.loads(line) for line in answer.content.splitlines()]
    assert lines == [{"name": "a", "count": n, "size": "UNKNOWN"} for n in range(100)]


def test_a_stream_that_fails_half_way(pylon, route, proto):
    route("Count")
    answer = post(pylon, {"number": 1, "cash": True})
    assert json.loads(answer.content.splitlines()[-1]) == {
        "error": {"code": 15, "message": "half way: 100%"}
    }


def test_errors(pylon, route, proto):
    route("Fail")
    answer = post(pylon, {})
    assert (answer.status, answer.content) == (503, b"")
    assert answer.header("grpc-status") == "14" and answer.header("grpc-message") == "shut"
    route("Nope")
    assert post(pylon, {}).status == 503


def test_errors_in_the_body(pylon, route, proto):
    route("Fail", show_status_in_body=True)
    answer = post(pylon, {})
    details = [{"type_url": "type.googleapis.com/shop.v1.Detail", "value": "\x08\x07\x12\x04shut"}]
    assert answer.status == 503
    told = {"code": 14, "message": "shut", "details": details}
    assert json.loads(answer.content) == {"error": told}
    route("Fail", show_status_in_body=True, status_detail_type="shop.v1.Detail")
    told["details"] = [{"code": 7, "reason": "shut"}]
    assert json.loads(post(pylon, {}).content) == {"error": told}
    route("Fail", show_status_in_body=True, status_detail_type="shop.v1.Nope")
    assert b"failed to call pb.decode" in post(pylon, {}).content


def test_a_deadline(pylon, route, proto, shop):
    route(deadline=5000)
    post(pylon, {})
    assert 0 < shop.metadata[-1][1] <= 5
    route("Slow", deadline=300)
    assert post(pylon, {}).status == 504


def test_a_definition_that_comes_later_and_changes(pylon, route, proto):
    pylon.admin.put("/protos/shop", {"content": PROTO})
    route(pb_option=["no_default_values"])
    assert json.loads(post(pylon, {"number": 1}).content) == {"number": 1}
    pylon.admin.put("/protos/shop", {"content": PROTO.replace("number = 2", "renamed = 2")})
    changed = lambda: b"renamed" in post(pylon, {"renamed": 4}).content  # noqa: E731
    until(changed, "the new definition", 5)


def test_wrong_definitions_are_refused(pylon):
    for content in ("no proto", "syntax = \"proto3\"; message A { B b = 1; }", "aGVsbG8="):
        status = pylon.admin.call("PUT", "/protos/bad", {"content": content})[0]
        assert status == 400
