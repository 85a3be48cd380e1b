"""Hostile request lines: methods, targets, versions. RFC 9112 2, 3; RFC 9110 4, 9."""

import pytest
from harness.probe import ACCEPT, CLOSE, REFUSE, SAFE, Case, params, run_case

HOST = b"\r\nHost: a.test\r\n\r\n"


def line(octets):
    return octets + HOST


def target(octets):
    return line(b"GET " + octets + b" HTTP/1.1")


FORMS = [
    # RFC 9112 3: method SP request-target SP HTTP-version, single blanks.
    Case("two-blanks-before-target", line(b"GET  /LANE/x HTTP/1.1"), SAFE, "9112 3"),
    Case("two-blanks-before-version", line(b"GET /LANE/x  HTTP/1.1"), SAFE, "9112 3"),
    Case("tab-before-target", line(b"GET\t/LANE/x HTTP/1.1"), CLOSE, "9112 3"),
    Case("tab-before-version", line(b"GET /LANE/x\tHTTP/1.1"), CLOSE, "9112 3"),
    Case("vt-before-target", line(b"GET\x0b/LANE/x HTTP/1.1"), CLOSE, "9112 3"),
    Case("ff-before-version", line(b"GET /LANE/x\x0cHTTP/1.1"), CLOSE, "9112 3"),
    Case("blank-before-method", line(b" GET /LANE/x HTTP/1.1"), CLOSE, "9112 3"),
    Case("tab-before-method", line(b"\tGET /LANE/x HTTP/1.1"), CLOSE, "9112 3"),
    Case("blank-after-version", line(b"GET /LANE/x HTTP/1.1 "), SAFE, "9112 3"),
    Case("tab-after-version", line(b"GET /LANE/x HTTP/1.1\t"), SAFE, "9112 3"),
    Case("word-after-version", line(b"GET /LANE/x HTTP/1.1 x"), CLOSE, "9112 3"),
    Case("no-target", line(b"GET HTTP/1.1"), CLOSE, "9112 3"),
    Case("empty-target", line(b"GET  HTTP/1.1"), CLOSE, "9112 3"),
    Case("no-version", b"GET /LANE/x\r\n\r\n", CLOSE, "9112 3"),
    Case("no-version-with-fields", line(b"GET /LANE/x"), CLOSE, "9112 3"),
    Case("only-a-method", b"GET\r\n\r\n", CLOSE, "9112 3"),
    Case("only-a-target", line(b"/LANE/x"), CLOSE, "9112 3"),
    Case(
        "blank-line-only-of-blanks", b"   \r\n" + line(b"GET /LANE/x HTTP/1.1"), CLOSE, "9112 2.2"
    ),
    Case("three-versions", line(b"GET /LANE/x HTTP/1.1 HTTP/1.1"), CLOSE, "9112 3"),
    Case("target-with-http", line(b"GET /LANE/x HTTP/1.0 /y HTTP/1.1"), CLOSE, "9112 3"),
    Case("response-as-request", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", CLOSE, "9112 3"),
    Case("tls-hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", CLOSE, "9112 3"),
    Case("http2-preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", CLOSE, "9112 3"),
    Case("bom", b"\xef\xbb\xbf" + line(b"GET /LANE/x HTTP/1.1"), CLOSE, "9112 3"),
]

ENDS = [
    # RFC 9112 2.2: a bare LF may be taken as an end, a bare CR never; the project refuses both.
    Case("lf-ends-request-line", b"GET /LANE/x HTTP/1.1\nHost: a.test\r\n\r\n", CLOSE, "9112 2.2"),
    Case("lf-everywhere", b"GET /LANE/x HTTP/1.1\nHost: a.test\n\n", CLOSE, "9112 2.2"),
    Case(
        "lf-ends-a-field", b"GET /LANE/x HTTP/1.1\r\nX: 1\nHost: a.test\r\n\r\n", CLOSE, "9112 2.2"
    ),
    Case("lf-ends-the-head", b"GET /LANE/x HTTP/1.1\r\nHost: a.test\r\n\n", CLOSE, "9112 2.2"),
    Case(
        "lf-before-the-last-crlf", b"GET /LANE/x HTTP/1.1\r\nHost: a.test\n\r\n", CLOSE, "9112 2.2"
    ),
    Case(
        "lf-lf-inside",
        b"GET /LANE/x HTTP/1.1\r\nHost: a.test\n\nGET /LANE/hidden HTTP/1.1\r\n"
        b"Host: a.test\r\n\r\n",
        CLOSE,
        "9112 2.2",
    ),
    Case(
        "cr-ends-request-line",
        b"GET /LANE/x HTTP/1.1\rHost: a.test\r\n\r\n",
        CLOSE,
        "9112 2.2",
        True,
    ),
    Case(
        "cr-ends-a-field",
        b"GET /LANE/x HTTP/1.1\r\nX: 1\rHost: a.test\r\n\r\n",
        CLOSE,
        "9112 2.2",
        True,
    ),
    Case(
        "cr-ends-the-head", b"GET /LANE/x HTTP/1.1\r\nHost: a.test\r\n\r", CLOSE, "9112 2.2", True
    ),
    Case(
        "cr-cr-inside",
        b"GET /LANE/x HTTP/1.1\r\nHost: a.test\r\rX: 1\r\n\r\n",
        CLOSE,
        "9112 2.2",
        True,
    ),
    Case(
        "crcrlf-ends-request-line",
        b"GET /LANE/x HTTP/1.1\r\r\nHost: a.test\r\n\r\n",
        CLOSE,
        "9112 2.2",
        True,
    ),
    Case(
        "crcrlf-ends-a-field",
        b"GET /LANE/x HTTP/1.1\r\nHost: a.test\r\r\n\r\n",
        CLOSE,
        "9112 2.2",
        True,
    ),
    Case("cr-in-request-line", line(b"GET /LANE/x\r HTTP/1.1"), CLOSE, "9112 2.2", True),
    Case("cr-in-method", line(b"G\rET /LANE/x HTTP/1.1"), CLOSE, "9112 2.2", True),
    Case("cr-in-target", line(b"GET /LA\rNE/x HTTP/1.1"), CLOSE, "9112 2.2", True),
    Case("lf-in-method", line(b"G\nET /LANE/x HTTP/1.1"), CLOSE, "9112 2.2"),
    Case("lf-in-target", line(b"GET /LANE\n/x HTTP/1.1"), CLOSE, "9112 2.2"),
    Case("crlf-in-target", line(b"GET /LANE\r\n/x HTTP/1.1"), CLOSE, "9112 2.2"),
    Case("lf-before-request", b"\n" + line(b"GET /LANE/x HTTP/1.1"), SAFE, "9112 2.2"),
    Case("cr-before-request", b"\r" + line(b"GET /LANE/x HTTP/1.1"), CLOSE, "9112 2.2"),
    Case("crlf-crlf-before-request", b"\r\n\r\n" + line(b"GET /LANE/x HTTP/1.1"), SAFE, "9112 2.2"),
    Case(
        "nel-ends-request-line", b"GET /LANE/x HTTP/1.1\x85Host: a.test\r\n\r\n", CLOSE, "9112 2.2"
    ),
    Case("crlf-only-between", line(b"GET /LANE/x HTTP/1.1") + b"\r\n", ACCEPT, "9112 2.2"),
]

VERSIONS = [
    # RFC 9112 2.3: HTTP-name is case-sensitive, one digit each.
    Case(f"version-{name}", line(b"GET /LANE/x " + text), verdict, "9112 2.3")
    for name, text, verdict in [
        ("0.9", b"HTTP/0.9", CLOSE),
        ("2.0", b"HTTP/2.0", CLOSE),
        ("2", b"HTTP/2", CLOSE),
        ("3.0", b"HTTP/3.0", CLOSE),
        ("1", b"HTTP/1", CLOSE),
        ("1.", b"HTTP/1.", CLOSE),
        ("1.10", b"HTTP/1.10", CLOSE),
        ("01.1", b"HTTP/01.1", CLOSE),
        ("1.01", b"HTTP/1.01", CLOSE),
        ("11", b"HTTP/11", CLOSE),
        ("1.1.1", b"HTTP/1.1.1", CLOSE),
        ("1,1", b"HTTP/1,1", CLOSE),
        ("lower", b"http/1.1", CLOSE),
        ("mixed", b"Http/1.1", CLOSE),
        ("space", b"HTTP /1.1", CLOSE),
        ("space-after-slash", b"HTTP/ 1.1", CLOSE),
        ("minus", b"HTTP/-1.1", CLOSE),
        ("plus", b"HTTP/+1.1", CLOSE),
        ("hex", b"HTTP/1.a", CLOSE),
        ("none", b"HTTP/", CLOSE),
        ("other", b"HTTQ/1.1", CLOSE),
        ("https", b"HTTPS/1.1", CLOSE),
        ("icap", b"ICAP/1.0", CLOSE),
        ("rtsp", b"RTSP/1.0", CLOSE),
        ("nul", b"HTTP/1.1\0", CLOSE),
        ("huge", b"HTTP/99999.1", CLOSE),
        ("unicode-digit", "HTTP/1.１".encode(), CLOSE),
    ]
]

METHODS = [
    # RFC 9110 9.1: a token.
    Case(f"method-{name}", line(text + b" /LANE/x HTTP/1.1"), verdict, "9110 9.1, 5.6.2")
    for name, text, verdict in [
        ("empty", b"", CLOSE),
        ("colon", b"G:T", CLOSE),
        ("slash", b"G/T", CLOSE),
        ("parens", b"(GET)", CLOSE),
        ("comma", b"GET,POST", CLOSE),
        ("quote", b'"GET"', CLOSE),
        ("at", b"G@T", CLOSE),
        ("brackets", b"G[]T", CLOSE),
        ("braces", b"{GET}", CLOSE),
        ("equals", b"G=T", CLOSE),
        ("question", b"G?T", CLOSE),
        ("semicolon", b"GET;", CLOSE),
        ("less", b"<GET>", CLOSE),
        ("backslash", b"G\\T", CLOSE),
        ("nul", b"G\0T", CLOSE),
        ("nul-first", b"\0GET", CLOSE),
        ("del", b"GET\x7f", CLOSE),
        ("bell", b"\x07GET", CLOSE),
        ("obs-text", b"G\xc9T", CLOSE),
        ("utf8", "GÉT".encode(), CLOSE),
        ("esc", b"\x1bGET", CLOSE),
        ("overlong", b"G" * 20000, CLOSE),
        ("lower", b"get", SAFE),
        ("percent", b"G%45T", SAFE),
    ]
]

TARGETS = [
    # RFC 9112 3.2 and RFC 3986: visible ASCII, four forms.
    Case("blank-in-target", target(b"/LANE/x y"), CLOSE, "9112 3.2"),
    Case("blank-in-query", target(b"/LANE/x?a b"), CLOSE, "9112 3.2"),
    Case("tab-in-target", target(b"/LANE/x\ty"), CLOSE, "9112 3.2"),
    Case("nul-in-target", target(b"/LANE/x\0y"), CLOSE, "9112 3.2"),
    Case("nul-at-end", target(b"/LANE/x\0"), CLOSE, "9112 3.2"),
    Case("del-in-target", target(b"/LANE/x\x7f"), REFUSE, "9112 3.2"),
    Case("control-in-target", target(b"/LANE/x\x01"), REFUSE, "9112 3.2"),
    Case("esc-in-query", target(b"/LANE/x?\x1b[0m"), REFUSE, "9112 3.2"),
    Case(
        "obs-text-in-target",
        target(b"/LANE/x\xe9"),
        SAFE,
        "3986 2",
        target=(b"/x\xe9", b"/x%E9", b"/x%e9"),
    ),
    Case(
        "utf8-in-target",
        target("/LANE/é".encode()),
        SAFE,
        "3986 2",
        target=("/é".encode(), b"/%C3%A9", b"/%c3%a9"),
    ),
    Case("nbsp-before-version", line(b"GET /LANE/x\xa0HTTP/1.1"), CLOSE, "9112 3"),
    Case("overlong-utf8-slash", target(b"/LANE/..\xc0\xaf"), REFUSE, "3986 2"),
    Case("fragment", target(b"/LANE/x#frag"), SAFE, "9112 3.2"),
    Case("fragment-in-query", target(b"/LANE/x?a=1#frag"), REFUSE, "9112 3.2"),
    Case("relative-target", target(b"LANE/x"), CLOSE, "9112 3.2.1"),
    Case("dot-target", target(b"./LANE/x"), CLOSE, "9112 3.2.1"),
    Case("query-only", target(b"?x"), CLOSE, "9112 3.2.1"),
    Case("authority-form-for-get", target(b"a.test:80"), CLOSE, "9112 3.2.3"),
    Case("host-only", target(b"a.test"), CLOSE, "9112 3.2.3"),
    Case("asterisk-and-more", target(b"*x"), CLOSE, "9112 3.2.4"),
    Case("absolute-no-host", target(b"http:///LANE/x"), REFUSE, "9110 4.2.1", True),
    Case("absolute-empty-host-port", target(b"http://:80/LANE/x"), REFUSE, "9110 4.2.1", True),
    Case("absolute-userinfo", target(b"http://user:pw@a.test/LANE/x"), SAFE, "9110 4.2.4"),
    Case("absolute-bad-port", target(b"http://a.test:99999/LANE/x"), SAFE, "3986 3.2.3"),
    Case("absolute-port-word", target(b"http://a.test:abc/LANE/x"), REFUSE, "3986 3.2.3"),
    Case("absolute-one-slash", target(b"http:/a.test/LANE/x"), REFUSE, "9112 3.2.2"),
    Case("absolute-no-slashes", target(b"http:a.test/LANE/x"), REFUSE, "9112 3.2.2"),
    Case("absolute-unknown-scheme", target(b"gopher://a.test/LANE/x"), SAFE, "9112 3.2.2"),
    Case("absolute-file", target(b"file:///etc/passwd"), REFUSE, "9112 3.2.2"),
    Case("absolute-javascript", target(b"javascript:alert(1)"), REFUSE, "9112 3.2.2"),
    Case("absolute-bad-host", target(b"http://a b/LANE/x"), CLOSE, "9112 3.2.2"),
    Case("absolute-host-with-percent-nul", target(b"http://a%00b/LANE/x"), REFUSE, "3986 3.2.2"),
    Case("absolute-backslash-host", target(b"http://a.test\\b.test/LANE/x"), REFUSE, "3986 3.2.2"),
    Case("absolute-ipv6-open", target(b"http://[::1/LANE/x"), REFUSE, "3986 3.2.2"),
    Case("overlong-target", target(b"/LANE/" + b"x" * 100000), CLOSE, "9110 4.1"),
    Case("overlong-query", target(b"/LANE/x?" + b"x" * 100000), CLOSE, "9110 4.1"),
]

# What the router sees must be what the upstream sees: the path is refused, or forwarded in a form
# that can be read in one way. `target` lists the only form besides a refusal.
PATHS = [
    Case("percent-nul", target(b"/LANE/x%00y"), REFUSE, "3986 7.3"),
    Case("percent-nul-at-end", target(b"/LANE/x%00"), REFUSE, "3986 7.3"),
    Case("percent-short", target(b"/LANE/x%4"), REFUSE, "3986 2.1"),
    Case("percent-bad", target(b"/LANE/x%zz"), REFUSE, "3986 2.1"),
    Case("percent-at-end", target(b"/LANE/x%"), REFUSE, "3986 2.1"),
    Case("percent-u", target(b"/LANE/%u002e%u002e/x"), REFUSE, "3986 2.1"),
    Case("above-root", target(b"/../../LANE/x"), SAFE, "3986 5.2.4"),
    Case("above-root-encoded", target(b"/%2e%2e/%2e%2e/LANE/x"), SAFE, "3986 5.2.4"),
    Case("dot-segments", target(b"/LANE/y/../x"), SAFE, "3986 5.2.4"),
    Case("dot-segments-encoded", target(b"/LANE/y/%2e%2e/x"), SAFE, "3986 5.2.4"),
    Case("dot-segments-half-encoded", target(b"/LANE/y/.%2E/x"), SAFE, "3986 5.2.4"),
    Case("single-dot", target(b"/LANE/./x"), SAFE, "3986 5.2.4"),
]


@pytest.mark.parametrize("case", params(FORMS))
def test_form(lane, case):
    run_case(lane, case)


@pytest.mark.parametrize("case", params(ENDS))
def test_line_end(lane, case):
    run_case(lane, case)


@pytest.mark.parametrize("case", params(VERSIONS))
def test_version(lane, case):
    run_case(lane, case)


@pytest.mark.parametrize("case", params(METHODS))
def test_method(lane, case):
    run_case(lane, case)


@pytest.mark.parametrize("case", params(TARGETS))
def test_target(lane, case):
    run_case(lane, case)


@pytest.mark.parametrize("case", params(PATHS))
def test_path(lane, case):
    run_case(lane, case)


def test_dots_cannot_reach_another_route(lane, lanes):
    """A route chosen by its prefix must not serve what the upstream takes for another path."""
    client = lane.client()
    client.send(
        b"GET " + lane.url(b"..%2f../etc/passwd") + b" HTTP/1.1\r\nHost: a.test\r\n"
        b"Connection: close\r\n\r\n"
    )
    if lane.visited(0.2):
        upstream = lane.accept()
        assert b"/../" not in upstream.read().target.replace(b"%2e", b".").replace(b"%2E", b".")
        upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    client.read()
