"""What the client gets of final responses. RFC 9110 6, 8, 15; RFC 9112 4, 6."""

import pytest
from harness.lane import OK, answer

STATUSES = [
    b"200 OK",
    b"201 Created",
    b"202 Accepted",
    b"203 X",
    b"206 Partial Content",
    b"207 Multi-Status",
    b"226 IM Used",
    b"299 Own",
    b"300 X",
    b"301 Moved Permanently",
    b"302 Found",
    b"307 X",
    b"308 X",
    b"400 Bad Request",
    b"401 Unauthorized",
    b"402 X",
    b"404 Not Found",
    b"405 X",
    b"408 X",
    b"410 Gone",
    b"413 X",
    b"418 I'm a teapot",
    b"421 X",
    b"425 Too Early",
    b"429 X",
    b"451 X",
    b"499 Own",
    b"500 X",
    b"501 X",
    b"502 X",
    b"503 X",
    b"504 X",
    b"505 X",
    b"511 X",
    b"599 Own",
]

KEPT = [
    (b"X-Plain", b"v"),
    (b"x-lower", b"v"),
    (b"X_Under", b"v"),
    (b"X-Empty", b""),
    (b"X-Obs", b"caf\xe9\xff"),
    (b"X-Blank", b"a  b\tc"),
    (b"X-Long", b"v" * 6000),
    (b"!#$%&'*+-.^_`|~9a", b"v"),
    (b"ETag", b'W/"x"'),
    (b"Location", b"/rel?x=1#frag"),
    (b"Location", b"http://b.test/"),
    (b"Content-Type", b"text/html; charset=utf-8"),
    (b"Cache-Control", b"max-age=1, s-maxage=2"),
    (b"Vary", b"*"),
    (b"Retry-After", b"3"),
    (b"Last-Modified", b"Sun, 06 Nov 1994 08:49:37 GMT"),
    (b"WWW-Authenticate", b'Basic realm="x"'),
    (b"Content-Encoding", b"gzip"),
    (b"Content-Range", b"bytes 0-1/2"),
    (b"Accept-Ranges", b"bytes"),
    (b"Strict-Transport-Security", b"max-age=1"),
    (b"Link", b"</a>; rel=preload"),
    (b"Age", b"5"),
    (b"Set-Cookie", b"a=b; Path=/; HttpOnly"),
    (b"Alt-Svc", b'h3=":443"'),
    (b"Allow", b"GET, HEAD"),
]


@pytest.mark.parametrize("status", STATUSES, ids=lambda s: s.decode())
def test_status_is_passed(lane, status):
    """RFC 9110 15: also unknown codes of a known class. 502 to 504 are the upstream's own."""
    _, got = lane.exchange(lane.get(), answer(b"body", status=status))
    assert (got.status, got.content) == (int(status[:3]), b"body")


@pytest.mark.parametrize("reason", [b" Fine \xe9", b" OK", b" " + b"r" * 300, b" ", b""], ids=repr)
def test_reason_phrase_may_be_anything_or_nothing(lane, reason):
    """RFC 9112 4: a client ignores it; absent with its blank it is a common, harmless fault."""
    _, got = lane.exchange(
        lane.get(), b"HTTP/1.1 200" + reason + b"\r\nContent-Length: 2\r\n\r\nok"
    )
    assert got.content == b"ok" or (not reason and got.status == 502)


@pytest.mark.parametrize("name, value", KEPT, ids=lambda v: repr(v[:20]))
def test_field_is_passed_unchanged(lane, name, value):
    """RFC 9110 5.1, 5.5."""
    _, got = lane.exchange(lane.get(), answer(b"", name + b": " + value))
    assert got.all(name) == [value]


def test_case_of_names_is_kept(lane):
    """Not demanded by RFC 9110 5.1, but old clients depend on it."""
    names = [b"X-UPPER", b"x-lower", b"X-miXed", b"eTAG"]
    _, got = lane.exchange(lane.get(), answer(b"", *[n + b": v" for n in names]))
    assert [n for n, _ in got.fields if n in names] == names


def test_set_cookie_lines_stay_apart_and_in_order(lane):
    """RFC 9110 5.3: Set-Cookie must not be combined."""
    cookies = [b"Set-Cookie: c%d=%d; Path=/" % (i, i) for i in range(12)]
    _, got = lane.exchange(lane.get(), answer(b"", *cookies))
    assert got.all(b"set-cookie") == [c[12:] for c in cookies]


@pytest.mark.must
def test_order_of_equal_names_is_kept(lane):
    """RFC 9110 5.3."""
    _, got = lane.exchange(lane.get(), answer(b"", *[b"X-L: %d" % i for i in range(9)]))
    assert b",".join(got.all(b"x-l")).replace(b" ", b"") == b"0,1,2,3,4,5,6,7,8"


@pytest.mark.parametrize("count", [50, 90])
def test_many_fields(lane, count):
    _, got = lane.exchange(lane.get(), answer(b"", *[b"X-F%d: %d" % (i, i) for i in range(count)]))
    assert all(got.get(b"x-f%d" % i) == b"%d" % i for i in range(count))


@pytest.mark.must
@pytest.mark.parametrize(
    "line",
    [b"Keep-Alive: timeout=99", b"Proxy-Connection: close", b"Upgrade: h2c", b"TE: trailers"],
    ids=lambda v: v[:10].decode(),
)
def test_hop_by_hop_field_is_removed(lane, line):
    """RFC 9110 7.6.1."""
    _, got = lane.exchange(lane.get(), answer(b"", line))
    assert line.split(b": ")[1] not in got.all(line.split(b":")[0].lower())


@pytest.mark.must
@pytest.mark.parametrize("option", [b"X-Hop", b"close, x-hop", b"x-HOP,keep-alive", b",X-Hop,"])
def test_fields_named_by_connection_are_removed(lane, option):
    """RFC 9110 7.6.1."""
    fields = [b"X-Hop: 1", b"Connection: " + option, b"X-End: 2", b"X-Hop: 3"]
    _, got = lane.exchange(lane.get(), answer(b"ok", *fields))
    assert b"x-hop" not in got.fields.names()
    assert b"x-hop" not in b",".join(got.all(b"connection")).lower()
    assert (got.get(b"x-end"), got.content) == (b"2", b"ok")


def test_upstream_close_is_not_the_clients_close(lane):
    """RFC 9112 9.3: each connection has its own persistence."""
    client, upstream, _ = lane.begin(lane.get(b"1"))
    upstream.send(answer(b"1", b"Connection: close"))
    upstream.close()
    assert not client.read().closes
    client.send(lane.get(b"2"))
    upstream = lane.accept()
    upstream.read()
    upstream.send(answer(b"2"))
    assert client.read().content == b"2"


def test_upstream_keep_alive_http10_is_not_copied(lane):
    client, upstream, _ = lane.begin(lane.get(b"1"))
    upstream.send(b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok")
    got = client.read()
    assert (got.minor, got.content, got.closes) == (1, b"ok", False)


def test_http10_upstream_answer_is_labelled_http11(lane):
    """RFC 9110 2.5: a gateway sends its own version."""
    _, got = lane.exchange(lane.get(), b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok")
    assert got.minor == 1


def test_date_is_there_once(lane):
    """RFC 9110 6.6.1: a Date is passed, a missing one is added."""
    _, got = lane.exchange(lane.get(), answer(b"", b"Date: Sun, 06 Nov 1994 08:49:37 GMT"))
    assert len(got.all(b"date")) == 1
    _, got = lane.exchange(lane.get(), answer(b""))
    assert len(got.all(b"date")) == 1
    assert got.get(b"date").endswith(b" GMT")


def test_server_is_there_once(lane):
    """RFC 9110 10.2.4: one product, not two lines."""
    _, got = lane.exchange(lane.get(), answer(b"", b"Server: inner/1"))
    assert len(got.all(b"server")) == 1


def test_via_of_the_upstream_is_kept(lane):
    """RFC 9110 7.6.3."""
    _, got = lane.exchange(lane.get(), answer(b"", b"Via: 1.1 inner"))
    assert b",".join(got.all(b"via")).startswith(b"1.1 inner")


@pytest.mark.must
def test_head_has_fields_but_no_body(lane):
    """RFC 9110 9.3.2: Content-Length tells what GET would give."""
    client = lane.client()
    client.send(lane.get(b"h", method=b"HEAD") + lane.get(b"g"))
    upstream = lane.accept()
    assert upstream.read().method == b"HEAD"
    upstream.send(b'HTTP/1.1 200 OK\r\nContent-Length: 1234\r\nETag: "e"\r\n\r\n')
    got = client.read(b"HEAD")
    assert (got.get(b"content-length"), got.get(b"etag")) == (b"1234", b'"e"')
    lane.answer_next(OK)
    assert client.read().content == b"ok"


@pytest.mark.parametrize("framing", [b"Transfer-Encoding: chunked", b"X-No: framing"])
def test_head_answers_without_a_length(lane, framing):
    """RFC 9112 6.3: no body whatever the fields say."""
    client = lane.client()
    client.send(lane.get(b"h", method=b"HEAD"))
    upstream = lane.accept()
    upstream.read()
    upstream.send(b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n\r\n")
    got = client.read(b"HEAD")
    assert got.status == 200
    assert not client.buffer
    if not got.closes:
        client.send(lane.get(b"g"))
        lane.answer_next(OK)
        assert client.read().content == b"ok"


@pytest.mark.must
@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_statuses_without_body(lane, status):
    """RFC 9110 15.3.5, 15.4.5: the head ends the response; the connection stays in step."""
    client, upstream, _ = lane.begin(lane.get(b"1"))
    upstream.send(b"HTTP/1.1 " + status + b'\r\nETag: "e"\r\n\r\n')
    got = client.read()
    assert (got.status, got.body.kind, got.get(b"etag")) == (int(status[:3]), "none", b'"e"')
    client.send(lane.get(b"2"))
    lane.answer_next(OK)
    assert client.read().content == b"ok"


@pytest.mark.must
def test_204_gets_no_length(lane):
    """RFC 9110 8.6: no Content-Length, RFC 9112 6.1: no Transfer-Encoding in a 204."""
    _, got = lane.exchange(lane.get(), b"HTTP/1.1 204 No Content\r\n\r\n")
    assert not {b"content-length", b"transfer-encoding"} & set(got.fields.names())


def test_304_may_tell_the_length_of_the_200(lane):
    """RFC 9110 8.6."""
    client, upstream, _ = lane.begin(lane.get(b"1"))
    upstream.send(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\n\r\n")
    assert client.read().get(b"content-length") in (b"77", None)
    client.send(lane.get(b"2"))
    lane.answer_next(OK)
    assert client.read().content == b"ok"


def test_205_with_length_zero(lane):
    """RFC 9110 15.3.6."""
    _, got = lane.exchange(lane.get(), answer(b"", status=b"205 Reset Content"))
    assert (got.status, got.content) == (205, b"")


@pytest.mark.parametrize("size", [1, 2, 5])
def test_a_response_in_pieces(lane, size):
    client, upstream, _ = lane.begin(lane.get())
    upstream.send_in_pieces(answer(b"hello", b"X-A: 1"), size)
    got = client.read()
    assert (got.get(b"x-a"), got.content) == (b"1", b"hello")


def test_conditional_and_range_requests_pass_untouched(lane):
    """RFC 9110 13, 14: the gateway has no representation of its own."""
    part = (
        b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 2-3/9\r\nContent-Length: 2\r\n\r\ncd"
    )
    seen, got = lane.exchange(lane.get(b"", b"Range: bytes=2-3", b'If-Range: "e"'), part)
    assert (seen.get(b"range"), seen.get(b"if-range")) == (b"bytes=2-3", b'"e"')
    assert (got.status, got.get(b"content-range"), got.content) == (206, b"bytes 2-3/9", b"cd")


def test_multipart_ranges_pass_untouched(lane):
    body = b"--b\r\nContent-Range: bytes 0-0/9\r\n\r\na\r\n--b--\r\n"
    fields = [b"Content-Type: multipart/byteranges; boundary=b"]
    _, got = lane.exchange(
        lane.get(b"", b"Range: bytes=0-0,2-2"), answer(body, *fields, status=b"206 Partial Content")
    )
    assert got.content == body


def test_own_errors_are_whole_messages(lane):
    """An answer of the gateway's own has a length, a type, a date, and keeps a sound connection."""
    lane.stop_listening()
    client = lane.client()
    for _ in range(2):
        client.send(lane.get())
        got = client.read()
        assert got.status in (502, 503)
        assert got.get(b"date")
        if got.content:
            assert got.get(b"content-type")
        if got.closes:
            return


def test_own_error_to_head_has_no_body(lane):
    """RFC 9110 9.3.2."""
    lane.stop_listening()
    client = lane.client()
    client.send(lane.get(b"", b"Connection: close", method=b"HEAD"))
    assert client.read(b"HEAD").status in (502, 503)
    client.await_end()
    assert not client.buffer


@pytest.mark.parametrize(
    "refused",
    [
        b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nX(A: 1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 101 X\r\nSet-Cookie: a=b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\n",
    ],
    ids=["name", "length", "switch", "lengths", "cut"],
)
def test_nothing_of_a_refused_answer_reaches_the_client(lane, refused):
    """Neither its fields nor what is left of them stand in the gateway's own answer."""
    client, upstream, _ = lane.begin(lane.get())
    upstream.send(refused)
    upstream.close()
    got = client.read()
    assert got.status == 502 and not got.get(b"set-cookie")
