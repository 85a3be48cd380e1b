"""What the upstream sees of methods, targets and versions. RFC 9110 7, 9; RFC 9112 3."""

import pytest

METHODS = [
    b"GET",
    b"POST",
    b"PUT",
    b"DELETE",
    b"PATCH",
    b"OPTIONS",
    b"PURGE",
    b"REPORT",
    b"M-SEARCH",
    b"PROPFIND",
    b"X!#$%&'*+.^_`|~9",
    b"get",
    b"A" * 32,
]

# Forwarded octet for octet: RFC 9110 7.7 forbids changing path and query.
TARGETS = [
    b"x",
    b"x/",
    b"x?",
    b"x?a=1&b=2&a=3",
    b"x?a=%2F%20+b",
    b"x?q=a/b?c",
    b"x?a=//..//b",
    b"x?&&=&",
    b"x%20y",
    b"caf%C3%A9",
    b"a%2Fb",
    b"a%2fb",
    b"x;v=1",
    b"x;a=b;c/y",
    b"a!$&'()*+,;=:@-._~z",
    b"x?" + b"k=v&" * 500,
    b"y" * 3000,
    b"x?a=%00%ff",
    b"~user",
    b"x?%zz",
]

# (target without its own authority, what the upstream sees): RFC 9112 3.2.2.
ABSOLUTE = [
    (b"http://other.test%s/x?y=1", b"%s/x?y=1", b"other.test"),
    (b"HTTP://Other.Test%s/x", b"%s/x", b"other.test"),
    (b"http://other.test:8080%s/x", b"%s/x", b"other.test:8080"),
    (b"http://[::1]:81%s/x", b"%s/x", b"[::1]:81"),
]


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.decode())
def test_method_reaches_the_upstream_as_sent(lane, method):
    """RFC 9110 9.1: methods are case-sensitive and may be any token."""
    seen, got = lane.exchange(lane.get(b"m", method=method))
    assert seen.method == method
    assert got.content == b"ok"


@pytest.mark.parametrize("method", [b"PUT", b"DELETE", b"PATCH", b"OPTIONS", b"GET", b"REPORT"])
def test_any_method_may_have_a_body(lane, method):
    """RFC 9112 6: the presence of a body is not bound to the method."""
    seen, _ = lane.exchange(lane.post(b"hello", method=method))
    assert (seen.method, seen.content) == (method, b"hello")


@pytest.mark.parametrize("rest", TARGETS, ids=lambda t: t[:24].decode())
def test_target_reaches_the_upstream_octet_for_octet(lane, rest):
    """RFC 9110 7.7: path and query are not rewritten."""
    seen, _ = lane.exchange(lane.get(rest))
    assert seen.target == lane.url(rest)


@pytest.mark.must
@pytest.mark.parametrize("target, path, host", ABSOLUTE, ids=lambda v: v.decode()[:24])
def test_absolute_form_wins_over_host(lane, target, path, host):
    """RFC 9112 3.2.2: the target's authority replaces Host; the target becomes origin-form."""
    line = b"GET " + target % lane.prefix + b" HTTP/1.1\r\n"
    seen, _ = lane.exchange(line + b"Host: first.test\r\n\r\n")
    assert seen.target == path % lane.prefix
    assert seen.all(b"host")[0].lower() == host


@pytest.mark.parametrize(
    "target, path",
    [
        (b"http://other.test", b"/"),
        (b"http://other.test?x=1", b"/?x=1"),
        (b"http://other.test/", b"/"),
    ],
)
def test_absolute_form_without_path_means_the_root(root_lane, target, path):
    """RFC 9112 3.2.1: an empty path is sent as "/"."""
    seen, _ = root_lane.exchange(b"GET " + target + b" HTTP/1.1\r\nHost: a.test\r\n\r\n")
    assert seen.target == path
    assert seen.get(b"host") == b"other.test"


def test_options_asterisk(root_lane):
    """RFC 9110 9.3.7: about the server as a whole: answered here, or forwarded with the same
    target; either way the connection stays in step."""
    client = root_lane.client()
    client.send(b"OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n" + root_lane.get(b"after"))
    upstream = root_lane.accept()
    first = upstream.read()
    if first.target == b"*":
        assert first.method == b"OPTIONS"
        upstream.send(b"HTTP/1.1 204 No Content\r\n\r\n")
        first = upstream.read()
    assert first.target == b"/after"
    upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nafter")
    assert client.read().status in (200, 204)
    assert client.read().content == b"after"


@pytest.mark.parametrize("method", [b"GET", b"POST", b"HEAD"])
def test_asterisk_is_for_options_only(root_lane, method):
    """RFC 9112 3.2.4."""
    client = root_lane.client()
    client.send(method + b" * HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n")
    response = client.read(method)
    assert 400 <= response.status < 500
    root_lane.assert_unvisited()


def test_connect_is_not_forwarded(root_lane):
    """RFC 9110 9.3.6: a gateway that is no tunnel refuses."""
    client = root_lane.client()
    client.send(b"CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n")
    assert client.read().status in (400, 403, 404, 405, 501)
    root_lane.assert_unvisited()


def test_connect_in_origin_form_is_refused(lane):
    """RFC 9112 3.2.3: CONNECT has authority-form only."""
    client = lane.client()
    client.send(lane.get(b"x", method=b"CONNECT"))
    assert 400 <= client.read().status <= 501
    lane.assert_unvisited()


def test_trace_is_forwarded_or_refused_but_never_echoed_with_secrets(lane):
    """RFC 9110 9.3.8: no credentials in a TRACE answer."""
    client = lane.client()
    client.send(
        lane.get(b"x", b"Authorization: Basic c2VjcmV0", b"Connection: close", method=b"TRACE")
    )
    if lane.visited(0.2):
        upstream = lane.accept()
        upstream.read()
        upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    assert b"c2VjcmV0" not in client.read().content


@pytest.mark.must
@pytest.mark.parametrize("method", [b"OPTIONS", b"TRACE"])
def test_max_forwards_zero_stops_here(lane, method):
    """RFC 9110 7.6.2: with 0 the message is not forwarded."""
    client = lane.client()
    client.send(lane.get(b"x", b"Max-Forwards: 0", method=method))
    assert client.read().status < 600
    lane.assert_unvisited()


@pytest.mark.must
def test_max_forwards_is_counted_down(lane):
    """RFC 9110 7.6.2."""
    seen, _ = lane.exchange(lane.get(b"x", b"Max-Forwards: 5", method=b"OPTIONS"))
    assert seen.all(b"max-forwards") == [b"4"]


def test_max_forwards_of_other_methods_is_ignored(lane):
    """RFC 9110 7.6.2: only TRACE and OPTIONS define it."""
    seen, got = lane.exchange(lane.get(b"x", b"Max-Forwards: 0"))
    assert got.status == 200


def test_http10_is_forwarded_as_http11(lane):
    """RFC 9110 2.5: the gateway sends its own version; RFC 9112 3.2: with a Host."""
    seen, got = lane.exchange(lane.head(b"GET", b"x", version=b"1.0"))
    assert seen.minor == 1
    assert len(seen.all(b"host")) == 1
    assert got.status == 200


def test_http10_host_is_kept(lane):
    seen, _ = lane.exchange(lane.head(b"GET", b"x", b"Host: old.test", version=b"1.0"))
    assert seen.all(b"host") == [b"old.test"]


@pytest.mark.must
def test_http10_client_gets_no_chunked(lane):
    """RFC 9112 6.1: no Transfer-Encoding to a client of HTTP/1.0."""
    client = lane.client()
    client.send(lane.head(b"GET", b"x", version=b"1.0"))
    upstream = lane.accept()
    upstream.read()
    upstream.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
    response = client.read()
    assert response.body.kind in ("close", "length")
    assert response.content == b"hello"
    assert client.await_end() == "fin"


def test_http10_answer_is_labelled_with_the_gateways_version(lane):
    """RFC 9110 2.5: the highest version of the major that the server speaks."""
    _, got = lane.exchange(lane.head(b"GET", b"x", version=b"1.0"))
    assert got.minor == 1


@pytest.mark.parametrize("version", [b"1.2", b"1.9"])
def test_higher_minor_versions_are_taken_as_11(lane, version):
    """RFC 9110 2.5: same major: process as the highest minor known; or refuse with 505."""
    client = lane.client()
    client.send(lane.get(b"x", b"Connection: close", version=version))
    if lane.visited(0.2):
        upstream = lane.accept()
        assert upstream.read().minor == 1
        upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    assert client.read().status in (200, 400, 505)


def test_blank_lines_before_a_request_are_skipped(lane):
    """RFC 9112 2.2: a server should ignore at least one empty line before the request line."""
    seen, got = lane.exchange(b"\r\n" + lane.get(b"x"))
    assert seen.target == lane.url(b"x")
    assert got.status == 200


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_a_head_in_pieces_is_the_same_head(lane, size):
    """A message has no borders of segments."""
    client = lane.client()
    octets = lane.get(b"x?y=1", b"X-One: 1", b"X-Two: two")
    client.send_in_pieces(octets, size)
    upstream = lane.accept()
    seen = upstream.read()
    assert (seen.get(b"x-one"), seen.get(b"x-two")) == (b"1", b"two")
    upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    assert client.read().status == 200
