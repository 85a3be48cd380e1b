"""Which fields the upstream sees. RFC 9110 5, 7.6; RFC 9112 5, 9.6."""

import pytest

# Names that exist between two neighbours only: RFC 9110 7.6.1.
HOP_BY_HOP = [
    b"Keep-Alive: timeout=5",
    b"Proxy-Connection: keep-alive",
    b"TE: gzip",
    b"Upgrade: h2c",
    b"HTTP2-Settings: AAMAAABkAAQAAP__",
]

KEPT = [
    (b"X-Plain", b"value"),
    (b"x-lower", b"value"),
    (b"X_Under_Score", b"1"),
    (b"X-Empty", b""),
    (b"X-Blank-Inside", b"a  b\tc"),
    (b"X-Colon", b"a:b: c"),
    (b"X-Quotes", b'"a, \\"b"; c=\'d\''),
    (b"X-Obs-Text", b"caf\xe9 \xff\x80"),
    (b"X-Utf8", "naïve ✓".encode()),
    (b"X-Long", b"v" * 6000),
    (b"!#$%&'*+-.^_`|~9a", b"every token character"),
    (b"X", b"one-letter name"),
    (b"Authorization", b"Bearer abc"),
    (b"Cookie", b"a=1; b=2"),
    (b"Range", b"bytes=0-1"),
    (b"If-None-Match", b'"x", W/"y"'),
    (b"Accept-Encoding", b"gzip, br"),
    (b"User-Agent", b"t/1 (x)"),
    (b"Content-Type", b"text/plain"),
    (b"Origin", b"null"),
    (b"Referer", b"http://a.test/"),
    (b"Cache-Control", b"no-cache"),
    (b"Pragma", b"no-cache"),
    (b"From", b"a@b"),
    (b"Content-Language", b"de"),
    (b"Priority", b"u=1"),
    (b"Traceparent", b"00-" + b"a" * 32),
    (b"X-" + b"n" * 200, b"long name"),
]


@pytest.mark.parametrize("name, value", KEPT, ids=lambda v: repr(v[:20]))
def test_field_is_forwarded_unchanged(lane, name, value):
    """RFC 9110 5.1, 5.5: unknown fields are forwarded, values with all their octets."""
    seen, _ = lane.exchange(lane.get(b"x", name + b": " + value))
    assert seen.all(name) == [value]


def test_case_of_names_is_kept(lane):
    """Not demanded by RFC 9110 5.1, but old upstreams depend on it."""
    names = [b"X-UPPER", b"x-lower", b"X-miXed", b"uSER-aGENT"]
    seen, _ = lane.exchange(lane.get(b"x", *[n + b": v" for n in names]))
    assert [n for n, _ in seen.fields if n in names] == names


def test_blanks_around_a_value_are_no_part_of_it(lane):
    """RFC 9112 5.1."""
    seen, _ = lane.exchange(lane.get(b"x", b"X-A: \t  v \t ", b"X-B:v", b"X-C:\t"))
    assert [seen.get(n) for n in (b"x-a", b"x-b", b"x-c")] == [b"v", b"v", b""]


@pytest.mark.must
def test_order_of_equal_names_is_kept(lane):
    """RFC 9110 5.3: a proxy must not change the order of field lines of one name."""
    sent = [b"X-List: %d" % i for i in range(20)]
    seen, _ = lane.exchange(lane.get(b"x", *sent))
    values = b",".join(seen.all(b"x-list")).replace(b" ", b"")
    assert values == b",".join(b"%d" % i for i in range(20))


def test_order_of_all_fields_is_kept(lane):
    names = [b"x-%d" % (i * 7 % 40) for i in range(40)]
    seen, _ = lane.exchange(lane.get(b"x", *[n + b": v" for n in names]))
    assert [n for n, _ in seen.fields if n in names] == names


def test_two_cookie_lines_survive(lane):
    """RFC 6265 5.4 wants one, clients send two: nothing of them is lost."""
    seen, _ = lane.exchange(lane.get(b"x", b"Cookie: a=1", b"Cookie: b=2"))
    assert b"; ".join(seen.all(b"cookie")) == b"a=1; b=2"


@pytest.mark.parametrize("count", [50, 90])
def test_many_fields(lane, count):
    seen, _ = lane.exchange(lane.get(b"x", *[b"X-F%d: %d" % (i, i) for i in range(count)]))
    assert all(seen.get(b"x-f%d" % i) == b"%d" % i for i in range(count))


@pytest.mark.must
@pytest.mark.parametrize("line", HOP_BY_HOP, ids=lambda v: v.split(b":")[0].decode())
def test_hop_by_hop_field_is_removed(lane, line):
    """RFC 9110 7.6.1, also when Connection does not name it."""
    seen, _ = lane.exchange(lane.get(b"x", line))
    assert line.split(b":")[0].lower() not in seen.fields.names()


@pytest.mark.must
@pytest.mark.parametrize(
    "option",
    [
        b"X-Hop",
        b"x-hop",
        b"close, X-Hop",
        b"X-Hop,close",
        b",, X-Hop ,",
        b"keep-alive , X-HOP",
        b"\tX-Hop\t",
    ],
    ids=repr,
)
def test_fields_named_by_connection_are_removed(lane, option):
    """RFC 9110 7.6.1."""
    seen, _ = lane.exchange(lane.get(b"x", b"X-Hop: 1", b"X-End: 2", b"Connection: " + option))
    assert b"x-hop" not in seen.fields.names()
    assert seen.get(b"x-end") == b"2"


@pytest.mark.must
def test_two_connection_lines_count_as_one_list(lane):
    """RFC 9110 5.3, 7.6.1."""
    seen, _ = lane.exchange(
        lane.get(b"x", b"Connection: X-One", b"X-One: 1", b"X-Two: 2", b"Connection: X-Two")
    )
    assert not {b"x-one", b"x-two"} & set(seen.fields.names())


@pytest.mark.must
def test_a_field_named_by_connection_twice_sent_is_removed_twice(lane):
    seen, _ = lane.exchange(lane.get(b"x", b"X-Hop: 1", b"Connection: X-Hop", b"X-Hop: 2"))
    assert b"x-hop" not in seen.fields.names()


@pytest.mark.parametrize("option", [b"Content-Length", b"Host", b"Transfer-Encoding"])
def test_connection_cannot_remove_framing(lane, option):
    """RFC 9110 7.6.1: an option for a field that concerns all recipients is a fault: refused, or
    the message keeps its meaning."""
    client = lane.client()
    client.send(lane.post(b"hello", b"x", b"Connection: close, " + option))
    if lane.visited(0.2):
        upstream = lane.accept()
        seen = upstream.read()
        assert (seen.content, seen.get(b"host")) == (b"hello", b"a.test")
        upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    assert client.read().status in (200, 400)


@pytest.mark.parametrize("option", [b"X-Real-IP", b"X-Forwarded-For", b"X-Forwarded-Proto"])
def test_connection_cannot_remove_what_the_gateway_adds(lane, option):
    """The identity that the gateway vouches for is its own, not a field of the client's hop."""
    seen, _ = lane.exchange(lane.get(b"x", b"Connection: close, " + option))
    expected, _ = lane.exchange(lane.get(b"x"))
    assert seen.all(option.lower()) == expected.all(option.lower())


def test_te_trailers_is_the_only_te_that_may_pass(lane):
    """RFC 9110 10.1.4: TE belongs to the hop; trailers may be asked for anew, with Connection."""
    seen, _ = lane.exchange(lane.get(b"x", b"TE: trailers, deflate;q=0.5", b"Connection: TE"))
    if seen.get(b"te"):
        assert seen.get(b"te").lower() == b"trailers"
        assert b"te" in b",".join(seen.all(b"connection")).lower()


def test_via_is_kept_in_order(lane):
    """RFC 9110 7.6.3: entries are added behind the received ones, never dropped."""
    seen, _ = lane.exchange(lane.get(b"x", b"Via: 1.0 fred", b"Via: 1.1 p.example"))
    entries = [e.strip() for e in b",".join(seen.all(b"via")).split(b",")]
    assert entries[:2] == [b"1.0 fred", b"1.1 p.example"]
    assert len(entries) <= 3


def test_host_is_passed(lane):
    seen, _ = lane.exchange(lane.get(b"x", host=b"a.test:8080"))
    assert seen.all(b"host") in ([b"a.test:8080"], [b"a.test"])


@pytest.mark.parametrize(
    "host", [b"a.test", b"A.Test", b"127.0.0.1", b"[::1]", b"x-1.y_2.test", b"a.test."], ids=repr
)
def test_valid_hosts(lane, host):
    """RFC 9110 7.2, RFC 3986 3.2.2."""
    seen, got = lane.exchange(lane.get(b"x", host=host))
    assert got.status == 200
    assert seen.get(b"host").lower() == host.lower()


def test_forwarding_fields_are_set(lane):
    """The address of the client; nothing of it can be made up by the client."""
    seen, _ = lane.exchange(lane.get(b"x"))
    assert seen.all(b"x-forwarded-for") == [b"127.0.0.1"]
    assert seen.all(b"x-real-ip") == [b"127.0.0.1"]


def test_x_forwarded_for_is_appended_to(lane):
    seen, _ = lane.exchange(lane.get(b"x", b"X-Forwarded-For: 192.0.2.1, 192.0.2.2"))
    values = b",".join(seen.all(b"x-forwarded-for")).replace(b" ", b"").split(b",")
    assert values == [b"192.0.2.1", b"192.0.2.2", b"127.0.0.1"]


def test_two_x_forwarded_for_lines_are_one_list(lane):
    """RFC 9110 5.3."""
    seen, _ = lane.exchange(
        lane.get(b"x", b"X-Forwarded-For: 192.0.2.1", b"X-Forwarded-For: 192.0.2.2")
    )
    values = b",".join(seen.all(b"x-forwarded-for")).replace(b" ", b"").split(b",")
    assert values == [b"192.0.2.1", b"192.0.2.2", b"127.0.0.1"]


def test_upgrade_h2c_is_not_offered_to_the_upstream(lane):
    """RFC 9113 3.1 removed it; forwarded, it opens a tunnel past all rules."""
    seen, got = lane.exchange(
        lane.get(
            b"x",
            b"Connection: Upgrade, HTTP2-Settings",
            b"Upgrade: h2c",
            b"HTTP2-Settings: AAMAAABkAAQAAP__",
        )
    )
    assert not {b"upgrade", b"http2-settings"} & set(seen.fields.names())
    assert b"upgrade" not in b",".join(seen.all(b"connection")).lower()
    assert got.status == 200


def test_proxy_authorization_of_the_hop(lane):
    """RFC 9110 11.7.2: consumed by the first proxy that wants it; a gateway may pass it on."""
    seen, _ = lane.exchange(lane.get(b"x", b"Proxy-Authorization: Basic eA=="))
    assert seen.all(b"proxy-authorization") in ([], [b"Basic eA=="])


def test_no_length_is_made_up_for_a_request_without_body(lane):
    """RFC 9110 8.6: no Content-Length for methods that do not expect content."""
    seen, _ = lane.exchange(lane.get(b"x"))
    assert not {b"content-length", b"transfer-encoding"} & set(seen.fields.names())


def test_content_length_zero_of_a_post_is_kept(lane):
    """RFC 9110 8.6: a POST without content says so."""
    seen, _ = lane.exchange(lane.post(b""))
    assert seen.get(b"content-length") == b"0"
