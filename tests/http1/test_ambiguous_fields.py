"""Hostile field lines and Host fields. RFC 9112 2.2, 3.2, 5; RFC 9110 5, 7.2."""

import pytest
from harness.probe import ACCEPT, CLOSE, REFUSE, SAFE, Case, params, run_case

START = b"GET /LANE/x HTTP/1.1\r\n"


def fields(octets):
    """A request with these octets behind Host, up to the last CRLF of the head."""
    return START + b"Host: a.test\r\n" + octets + b"\r\n\r\n"


def hosts(octets):
    return START + octets + b"\r\n\r\n"


SYNTAX = [
    # RFC 9112 5.1: no blanks between name and colon: MUST be refused.
    Case("blank-before-colon", fields(b"X-A : 1"), CLOSE, "9112 5.1", True),
    Case("tab-before-colon", fields(b"X-A\t: 1"), CLOSE, "9112 5.1", True),
    Case("blanks-before-colon", fields(b"X-A   : 1"), CLOSE, "9112 5.1", True),
    Case("blank-before-colon-of-host", hosts(b"Host : a.test"), CLOSE, "9112 5.1", True),
    Case(
        "blank-before-colon-of-length",
        fields(b"Content-Length : 5") + b"hello",
        CLOSE,
        "9112 5.1",
        True,
    ),
    Case(
        "blank-before-colon-of-te",
        fields(b"Transfer-Encoding : chunked") + b"0\r\n\r\n",
        CLOSE,
        "9112 5.1",
        True,
    ),
    Case("blank-in-name", fields(b"X A: 1"), CLOSE, "9112 5.1", True),
    # RFC 9112 2.2: blanks before the first field line: refuse, or drop the line.
    Case("blank-before-first-field", START + b" Host: a.test\r\n\r\n", CLOSE, "9112 2.2", True),
    Case(
        "tab-before-first-field", START + b"\tX: 1\r\nHost: a.test\r\n\r\n", CLOSE, "9112 2.2", True
    ),
    Case("blank-line-of-a-blank", START + b" \r\nHost: a.test\r\n\r\n", CLOSE, "9112 2.2", True),
    # RFC 9112 5.2: obs-fold: 400, or each fold becomes blanks; the project refuses.
    Case("fold-blank", fields(b"X-A: 1\r\n 2"), CLOSE, "9112 5.2", True),
    Case("fold-tab", fields(b"X-A: 1\r\n\t2"), CLOSE, "9112 5.2", True),
    Case("fold-empty", fields(b"X-A: 1\r\n \r\nX-B: 2"), CLOSE, "9112 5.2", True),
    Case("fold-of-host", hosts(b"Host:\r\n a.test"), CLOSE, "9112 5.2", True),
    Case(
        "fold-hides-length",
        fields(b"X-A: 1\r\n Content-Length: 5") + b"hello",
        CLOSE,
        "9112 5.2",
        True,
    ),
    Case("fold-of-length", fields(b"Content-Length:\r\n 5") + b"hello", CLOSE, "9112 5.2", True),
    Case(
        "fold-of-te",
        fields(b"Transfer-Encoding:\r\n chunked") + b"0\r\n\r\n",
        CLOSE,
        "9112 5.2",
        True,
    ),
    Case("fold-of-connection", fields(b"Connection: x\r\n , close"), CLOSE, "9112 5.2", True),
    # RFC 9110 5.1: a name is a token.
    Case("no-colon", fields(b"X-A"), CLOSE, "9112 5"),
    Case("no-name", fields(b": 1"), CLOSE, "9112 5"),
    Case("only-a-colon", fields(b":"), CLOSE, "9112 5"),
    Case("two-colons-first", fields(b"::x"), CLOSE, "9112 5"),
    Case("semicolon-for-colon", fields(b"X-A; 1"), CLOSE, "9112 5"),
    Case("equals-for-colon", fields(b"Content-Length=5"), CLOSE, "9112 5"),
    Case("request-line-as-field", fields(b"GET /LANE/hidden HTTP/1.1"), CLOSE, "9112 5"),
    Case("request-line-with-colon", fields(b"GET /LANE/hidden HTTP/1.1: x"), CLOSE, "9112 5"),
]

NAME_OCTETS = {
    "nul": b"\0",
    "soh": b"\x01",
    "bell": b"\x07",
    "bs": b"\x08",
    "vt": b"\x0b",
    "ff": b"\x0c",
    "esc": b"\x1b",
    "us": b"\x1f",
    "quote": b'"',
    "lparen": b"(",
    "rparen": b")",
    "comma": b",",
    "slash": b"/",
    "semicolon": b";",
    "less": b"<",
    "equals": b"=",
    "greater": b">",
    "question": b"?",
    "at": b"@",
    "lbracket": b"[",
    "backslash": b"\\",
    "rbracket": b"]",
    "lbrace": b"{",
    "rbrace": b"}",
    "del": b"\x7f",
    "x80": b"\x80",
    "nbsp": b"\xa0",
    "xff": b"\xff",
    "cr": b"\r",
}
NAMES = [
    Case(f"name-with-{name}", fields(b"X-A" + octet + b"B: 1"), CLOSE, "9110 5.1, 5.6.2")
    for name, octet in NAME_OCTETS.items()
]

FRAMING_NAMES = [
    # Names that a sloppy reader takes for framing: refused, or carried as what they are.
    Case(
        f"length-as-{name}", fields(text + b": 5"), verdict, "9110 5.1", never=(b"content-length",)
    )
    for name, text, verdict in [
        ("underscore", b"Content_Length", SAFE),
        ("nul-end", b"Content-Length\0", CLOSE),
        ("vt-end", b"Content-Length\x0b", CLOSE),
        ("vt-start", b"\x0bContent-Length", CLOSE),
        ("quoted", b'"Content-Length"', CLOSE),
        ("nbsp-end", b"Content-Length\xa0", CLOSE),
        ("kelvin", "Content-Length\u212a".encode(), CLOSE),
        ("dotted", b"Content.Length", SAFE),
    ]
] + [
    Case(
        f"coding-as-{name}",
        fields(text + b": chunked"),
        verdict,
        "9110 5.1",
        never=(b"transfer-encoding",),
    )
    for name, text, verdict in [
        ("underscore", b"Transfer_Encoding", SAFE),
        ("nul-end", b"Transfer-Encoding\0", CLOSE),
        ("bs-end", b"Transfer-Encoding\x08", CLOSE),
        ("ff-start", b"\x0cTransfer-Encoding", CLOSE),
        ("cr-start", b"\rTransfer-Encoding", CLOSE),
        ("slash", b"Transfer/Encoding", CLOSE),
    ]
]

VALUE_OCTETS = {
    "nul": (b"\0", True),
    "cr": (b"\r", True),
    "lf": (b"\n", True),
    "soh": (b"\x01", False),
    "bell": (b"\x07", False),
    "bs": (b"\x08", False),
    "vt": (b"\x0b", False),
    "ff": (b"\x0c", False),
    "esc": (b"\x1b", False),
    "us": (b"\x1f", False),
    "del": (b"\x7f", False),
}
VALUES = [
    # RFC 9110 5.5: CR, LF, NUL MUST be refused or replaced; other controls have no place either.
    Case(
        f"value-with-{name}-{place}",
        fields(b"X-A: " + text.replace(b"@", octet)),
        CLOSE,
        "9110 5.5",
        must,
    )
    for name, (octet, must) in VALUE_OCTETS.items()
    for place, text in [("inside", b"a@b"), ("first", b"@ab"), ("last", b"ab@")]
]

HOSTS = (
    [
        # RFC 9112 3.2: missing, repeated, invalid Host in 1.1: MUST be answered 400.
        Case("host-missing", START + b"X-A: 1\r\n\r\n", REFUSE, "9112 3.2", True),
        Case("host-twice", hosts(b"Host: a.test\r\nHost: b.test"), REFUSE, "9112 3.2", True),
        Case("host-twice-equal", hosts(b"Host: a.test\r\nHost: a.test"), REFUSE, "9112 3.2", True),
        Case("host-twice-cases", hosts(b"Host: a.test\r\nHOST: b.test"), REFUSE, "9112 3.2", True),
        Case(
            "host-twice-apart",
            hosts(b"Host: a.test\r\nX: 1\r\nhost: a.test"),
            REFUSE,
            "9112 3.2",
            True,
        ),
        Case("host-twice-empty", hosts(b"Host:\r\nHost:"), REFUSE, "9112 3.2", True),
        Case("host-list", hosts(b"Host: a.test, b.test"), REFUSE, "9112 3.2", True),
        Case("host-empty", hosts(b"Host:"), SAFE, "9112 3.2"),
        Case(
            "host-missing-absolute",
            b"GET http://a.test/LANE/x HTTP/1.1\r\n\r\n",
            REFUSE,
            "9112 3.2",
            True,
        ),
        Case(
            "host-twice-absolute",
            b"GET http://a.test/LANE/x HTTP/1.1\r\nHost: a.test\r\nHost: b.test\r\n" b"\r\n",
            REFUSE,
            "9112 3.2",
            True,
        ),
        Case(
            "host-twice-in-1.0",
            b"GET /LANE/x HTTP/1.0\r\nHost: a.test\r\nHost: b.test\r\n\r\n",
            REFUSE,
            "9112 3.2",
            True,
        ),
    ]
    + [
        Case(f"host-{name}", hosts(b"Host: " + value), REFUSE, "9112 3.2, 3986 3.2.2", True)
        for name, value in {
            "blank": b"a b",
            "tab": b"a\tb",
            "slash": b"a.test/x",
            "backslash": b"a.test\\x",
            "query": b"a.test?x",
            "fragment": b"a.test#x",
            "userinfo": b"user@a.test",
            "quote": b'"a.test"',
            "scheme": b"http://a.test",
            "less": b"<a>",
            "caret": b"a^b",
            "pipe": b"a|b",
            "lbrace": b"{a}",
            "backtick": b"`a`",
            "port-word": b"a.test:http",
            "port-minus": b"a.test:-1",
            "port-plus": b"a.test:+80",
            "port-blank": b"a.test: 80",
            "two-ports": b"a.test:80:81",
            "ipv6-open": b"[::1",
            "ipv6-close": b"::1]",
            "ipv6-bare": b"::1",
            "ipv6-word": b"[zz]",
            "ipv6-empty": b"[]",
            "ipv6-rest": b"[::1]x",
            "utf8": "é.test".encode(),
            "x80": b"a\x80b",
            "percent-nul": b"a%00.test",
            "percent-bad": b"a%zz.test",
            "control": b"a\x01b",
        }.items()
    ]
    + [
        Case(f"host-{name}", hosts(b"Host: " + value), SAFE, "3986 3.2.2")
        for name, value in {
            "port-huge": b"a.test:99999",
            "port-zero": b"a.test:0",
            "port-empty": b"a.test:",
            "port-zeros": b"a.test:00080",
            "overlong": b"a" * 4000,
            "dots": b"a..test",
            "dot": b".",
            "percent": b"a%41.test",
            "sub-delims": b"a!$&'()*+;=b",
            "under": b"_x.test",
            "dash": b"-a-.test",
            "comma": b"a.test,b",
            "only-port": b":80",
        }.items()
    ]
)

CONNECTION = [
    Case(
        "connection-names-content-length",
        b"POST /LANE/x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n"
        b"Connection: keep-alive, Content-Length\r\n\r\nhello",
        SAFE,
        "9110 7.6.1",
        body=b"hello",
    ),
    Case(
        "connection-names-transfer-encoding",
        b"POST /LANE/x HTTP/1.1\r\nHost: a.test\r\n"
        b"Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"5\r\nhello\r\n0\r\n\r\n",
        SAFE,
        "9110 7.6.1",
        body=b"hello",
    ),
    Case("connection-names-host", fields(b"Connection: Host"), SAFE, "9110 7.6.1"),
    Case("connection-names-itself", fields(b"Connection: Connection"), SAFE, "9110 7.6.1"),
    Case("connection-garbage", fields(b'Connection: "x", =, @, ,'), SAFE, "9110 7.6.1"),
    Case("connection-of-2000-options", fields(b"Connection: " + b"x," * 2000), SAFE, "9110 7.6.1"),
    Case(
        "h2c-upgrade",
        fields(
            b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
            b"HTTP2-Settings: AAMAAABkAAQAAP__"
        ),
        SAFE,
        "9113 3.1",
        never=(b"upgrade", b"http2-settings"),
    ),
    Case("empty-value", fields(b"X-A:"), ACCEPT, "9110 5.5"),
    Case("many-blanks", fields(b"X-A:" + b" \t" * 500 + b"v" + b" " * 500), SAFE, "9110 5.5"),
    Case(
        "5000-fields", fields(b"\r\n".join(b"X-%d: v" % i for i in range(5000))), REFUSE, "9110 5.4"
    ),
    Case("overlong-field", fields(b"X-A: " + b"v" * 200000), CLOSE, "9110 5.4"),
    Case("overlong-name", fields(b"X" * 200000 + b": v"), CLOSE, "9110 5.4"),
    Case("x-forwarded-garbage", fields(b'X-Forwarded-For: ,,; "x\x80" ,'), SAFE, "7239 4"),
]


@pytest.mark.parametrize("case", params(SYNTAX))
def test_syntax(lane, case):
    run_case(lane, case)


@pytest.mark.parametrize("case", params(NAMES))
def test_name(lane, case):
    run_case(lane, case)


@pytest.mark.parametrize("case", params(FRAMING_NAMES))
def test_almost_framing(lane, case):
    run_case(lane, case)


@pytest.mark.parametrize("case", params(VALUES))
def test_value(lane, case):
    run_case(lane, case)


@pytest.mark.parametrize("case", params(HOSTS))
def test_host(lane, case):
    run_case(lane, case)


@pytest.mark.parametrize("case", params(CONNECTION))
def test_connection_and_limits(lane, case):
    run_case(lane, case)
