"""Hostile answers: status lines, fields, framing. RFC 9112 4, 5, 6, 7; RFC 9110 5, 15.

The gateway answers 502, or cuts the answer short where its head has already left, or passes on one
well-formed answer. It never dies, never lends the connection to another request, and never makes a
broken answer whole.
"""

import pytest
from harness.answer_probe import Answer, run_answer
from harness.lane import answer
from harness.probe import ACCEPT, REFUSE, SAFE, params

OK = b"HTTP/1.1 200 OK\r\n"
FIVE = b"Content-Length: 5\r\n\r\nhello"
POISON = answer(b"poison")


def status(octets):
    return octets + b"\r\n" + FIVE


def fields(octets):
    return OK + octets + b"\r\n" + FIVE


def length(value, body=b"hello"):
    return OK + b"Content-Length: " + value + b"\r\n\r\n" + body


def coding(value, body=b"5\r\nhello\r\n0\r\n\r\n"):
    return OK + b"Transfer-Encoding: " + value + b"\r\n\r\n" + body


def chunks(body):
    return coding(b"chunked", body)


STATUS_LINES = (
    [
        Answer(f"status-{name}", status(octets), REFUSE, "9112 4")
        for name, octets in {
            "two-digits": b"HTTP/1.1 20 OK",
            "four-digits": b"HTTP/1.1 2000 OK",
            "zero": b"HTTP/1.1 000 X",
            "below-100": b"HTTP/1.1 099 X",
            "word": b"HTTP/1.1 OK",
            "hex": b"HTTP/1.1 2x0 OK",
            "minus": b"HTTP/1.1 -200 OK",
            "plus": b"HTTP/1.1 +200 OK",
            "float": b"HTTP/1.1 200.5 OK",
            "missing": b"HTTP/1.1",
            "blank-only": b"HTTP/1.1 ",
            "glued": b"HTTP/1.1200 OK",
            "no-blank-after": b"HTTP/1.1 200OK",
            "tab": b"HTTP/1.1\t200 OK",
            "tab-after": b"HTTP/1.1 200\tOK",
            "lower": b"http/1.1 200 OK",
            "http2": b"HTTP/2 200 OK",
            "http2.0": b"HTTP/2.0 200 OK",
            "http0.9": b"HTTP/0.9 200 OK",
            "http3": b"HTTP/3.0 200 OK",
            "no-minor": b"HTTP/1 200 OK",
            "two-minor-digits": b"HTTP/1.10 200 OK",
            "no-version": b"HTTP 200 OK",
            "icy": b"ICY 200 OK",
            "other-name": b"HTTQ/1.1 200 OK",
            "blank-first": b" HTTP/1.1 200 OK",
            "nul": b"HTTP/1.1 200 O\0K",
            "cr": b"HTTP/1.1 200 O\rK",
            "control": b"HTTP/1.1 200 O\x01K",
            "esc": b"HTTP/1.1 200 \x1b[0m",
            "request-line": b"GET / HTTP/1.1",
            "nul-first": b"\0HTTP/1.1 200 OK",
            "unicode": "HTTP/1.1 ２００ OK".encode(),
            "bom": b"\xef\xbb\xbfHTTP/1.1 200 OK",
        }.items()
    ]
    + [
        Answer(f"status-{name}", status(octets), SAFE, "9112 4", body=b"hello", status=code)
        for name, octets, code in [
            ("two-blanks", b"HTTP/1.1  200 OK", 200),
            ("no-reason", b"HTTP/1.1 200", 200),
            ("long-reason", b"HTTP/1.1 200 " + b"r" * 5000, 200),
            ("600", b"HTTP/1.1 600 X", 600),
            ("999", b"HTTP/1.1 999 X", 999),
            ("1.2", b"HTTP/1.2 200 OK", 200),
        ]
    ]
    + [
        Answer(
            "status-obs-text", status(b"HTTP/1.1 200 \xe9\xff"), ACCEPT, "9112 4", body=b"hello"
        ),
        Answer("status-empty-reason", status(b"HTTP/1.1 200 "), ACCEPT, "9112 4", body=b"hello"),
        Answer(
            "status-blank-line-first",
            b"\r\n" + status(b"HTTP/1.1 200 OK"),
            SAFE,
            "9112 2.2",
            body=b"hello",
        ),
        Answer(
            "status-lf",
            b"HTTP/1.1 200 OK\nContent-Length: 5\r\n\r\nhello",
            SAFE,
            "9112 2.2",
            body=b"hello",
        ),
        Answer("status-overlong", status(b"HTTP/1.1 200 " + b"r" * 300000), REFUSE, "9112 4"),
    ]
)

NOT_HTTP = [
    Answer("nothing", b"", REFUSE, "9112 2", ends=True),
    Answer("a-word", b"hello", REFUSE, "9112 2", ends=True),
    Answer("a-line", b"hello\r\n\r\n", REFUSE, "9112 2"),
    Answer("html", b"<html><body>hello</body></html>\n", REFUSE, "9112 2", ends=True),
    Answer("blank-lines", b"\r\n\r\n\r\n", REFUSE, "9112 2", ends=True),
    Answer("nuls", b"\0" * 5000, REFUSE, "9112 2", ends=True),
    Answer("tls-alert", b"\x15\x03\x01\x00\x02\x02\x46", REFUSE, "9112 2", ends=True),
    Answer(
        "h2-settings",
        b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64",
        REFUSE,
        "9112 2",
        ends=True,
    ),
    Answer("ssh", b"SSH-2.0-x\r\n", REFUSE, "9112 2", ends=True),
    Answer("half-a-status", b"HTTP/1.1 20", REFUSE, "9112 2", ends=True),
    Answer("half-a-head", b"HTTP/1.1 200 OK\r\nContent-Le", REFUSE, "9112 2", ends=True),
    Answer(
        "head-without-end", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n", REFUSE, "9112 2", ends=True
    ),
    Answer("megabyte-of-one-line", b"x" * (1 << 20), REFUSE, "9112 2", ends=True),
]

FIELDS = [
    Answer(f"field-{name}", fields(octets), REFUSE, "9112 5, 9110 5.5", must)
    for name, octets, must in [
        ("no-colon", b"X-A", False),
        ("no-name", b": 1", False),
        ("blank-in-name", b"X A: 1", False),
        ("nul-in-name", b"X\0A: 1", False),
        ("nul", b"X-A: a\0b", True),
        ("cr", b"X-A: a\rb", True),
        ("control", b"X-A: a\x01b", False),
        ("del", b"X-A: a\x7fb", False),
        ("esc", b"X-A: \x1b[0m", False),
        ("paren-in-name", b"X(A): 1", False),
        ("comma-in-name", b"X,A: 1", False),
        ("obs-text-in-name", b"X\xe9: 1", False),
        ("quote-in-name", b'"X": 1', False),
        ("slash-in-name", b"X/A: 1", False),
        ("bracket-in-name", b"X[]: 1", False),
        ("status-as-field", b"HTTP/1.1 200 OK", False),
        ("vt", b"X-A: a\x0bb", False),
    ]
] + [
    # RFC 9112 5.1: a proxy MUST remove the blanks; 5.2: a fold becomes blanks or 502.
    Answer("field-blank-before-colon", fields(b"X-A : 1"), SAFE, "9112 5.1", True, body=b"hello"),
    Answer(
        "field-blank-before-colon-of-length",
        OK + b"Content-Length : 5\r\n\r\nhello",
        SAFE,
        "9112 5.1",
        True,
        body=b"hello",
    ),
    Answer("field-fold", fields(b"X-A: 1\r\n 2"), SAFE, "9112 5.2", True, body=b"hello"),
    Answer("field-fold-tab", fields(b"X-A: 1\r\n\t2"), SAFE, "9112 5.2", True, body=b"hello"),
    Answer(
        "field-fold-hides-length",
        OK + b"X-A: 1\r\n Content-Length: 6\r\n" + FIVE,
        SAFE,
        "9112 5.2",
        True,
        body=b"hello",
    ),
    Answer(
        "field-fold-of-length",
        OK + b"Content-Length:\r\n 5\r\n\r\nhello",
        SAFE,
        "9112 5.2",
        True,
        body=b"hello",
    ),
    Answer(
        "field-blank-first",
        OK + b" X-A: 1\r\n" + FIVE,
        SAFE,
        "9112 2.2",
        body=b"hello",
        never=(b"x-a",),
    ),
    Answer("field-lf", OK + b"X-A: 1\nX-B: 2\r\n" + FIVE, SAFE, "9112 2.2", body=b"hello"),
    Answer(
        "field-lf-everywhere",
        b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
        SAFE,
        "9112 2.2",
        body=b"hello",
    ),
    Answer("field-lf-lf", OK + b"Content-Length: 5\n\nhello", SAFE, "9112 2.2", body=b"hello"),
    Answer("field-crcrlf", OK + b"X-A: 1\r\r\n" + FIVE, REFUSE, "9112 2.2", True),
    Answer("head-of-1-mib", fields(b"X-A: " + b"v" * (1 << 20)), REFUSE, "9110 5.4"),
    Answer(
        "head-of-10000-fields",
        fields(b"\r\n".join(b"X-%d: v" % i for i in range(10000))),
        REFUSE,
        "9110 5.4",
    ),
    Answer(
        "head-of-1000-lines-of-one-name",
        fields(b"\r\n".join([b"X: v"] * 1000)),
        SAFE,
        "9110 5.4",
        body=b"hello",
    ),
    Answer(
        "connection-names-length",
        OK + b"Connection: Content-Length\r\n" + FIVE,
        SAFE,
        "9110 7.6.1",
        body=b"hello",
    ),
    Answer(
        "connection-names-hop",
        fields(b"Connection: X-Hop\r\nX-Hop: 1"),
        ACCEPT,
        "9110 7.6.1",
        True,
        body=b"hello",
        never=(b"x-hop",),
    ),
]

LENGTHS = [
    # RFC 9112 6.3 point 5: a gateway MUST close the connection to the server and answer 502.
    Answer(f"length-{name}", length(value), REFUSE, "9112 6.3", True)
    for name, value in {
        "empty": b"",
        "minus": b"-5",
        "plus": b"+5",
        "hex": b"0x5",
        "float": b"5.0",
        "word": b"five",
        "list-different": b"5, 6",
        "semicolon": b"5;x",
        "quoted": b'"5"',
        "blank-inside": b"0 5",
        "two-to-64": b"18446744073709551616",
        "two-to-64-and-5": b"18446744073709551621",
        "forty-digits": b"9" * 40,
        "letter-end": b"5a",
        "unicode": "５".encode(),
        "comma": b"5,",
    }.items()
] + [
    Answer("lengths-different", length(b"5\r\nContent-Length: 6"), REFUSE, "9112 6.3", True),
    Answer("lengths-different-cases", length(b"6\r\ncontent-length: 5"), REFUSE, "9112 6.3", True),
    Answer(
        "lengths-zero-and-five", length(b"0\r\nX: 1\r\nContent-Length: 5"), REFUSE, "9112 6.3", True
    ),
    Answer("lengths-equal", length(b"5\r\nContent-Length: 5"), SAFE, "9112 6.3", body=b"hello"),
    Answer("length-list-equal", length(b"5, 5"), SAFE, "9112 6.3", body=b"hello"),
    Answer("length-zeros", length(b"0005"), SAFE, "9110 8.6", body=b"hello"),
    Answer("length-blanks", length(b"\t 5 \t"), ACCEPT, "9112 5.1", body=b"hello"),
    Answer("length-too-long", length(b"6"), REFUSE, "9112 8", ends=True),
    Answer("length-too-short", length(b"4"), SAFE, "9112 6.3", body=b"hell"),
    Answer("length-zero-and-a-body", length(b"0"), SAFE, "9112 6.3", body=b""),
    Answer("length-two-to-63", length(b"9223372036854775808"), REFUSE, "9112 6.3"),
    Answer("length-of-exbibytes", length(b"9000000000000000000"), REFUSE, "9112 8", ends=True),
    Answer("length-then-poison", length(b"5", b"hello" + POISON), SAFE, "9112 6.3", body=b"hello"),
]

CODINGS = (
    [
        # RFC 9112 6.1, 6.3. Both: the length is dropped, or 502.
        Answer(
            "both-length-first",
            OK + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"5\r\nhello\r\n0\r\n\r\n",
            SAFE,
            "9112 6.3",
            True,
            body=b"hello",
        ),
        Answer(
            "both-coding-first",
            OK + b"Transfer-Encoding: chunked\r\nContent-Length: 300\r\n\r\n"
            b"5\r\nhello\r\n0\r\n\r\n",
            SAFE,
            "9112 6.3",
            True,
            body=b"hello",
        ),
        Answer(
            "both-and-poison",
            OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + POISON,
            SAFE,
            "9112 6.3",
            True,
            body=b"",
        ),
        Answer(
            "both-length-bad",
            OK + b"Content-Length: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            SAFE,
            "9112 6.3",
            body=b"",
        ),
        Answer("coding-cases", coding(b"CHUNKED"), ACCEPT, "9112 7", body=b"hello"),
        Answer(
            "coding-two-lines-chunked-last",
            coding(b"\r\nTransfer-Encoding: chunked"),
            SAFE,
            "9112 6.3",
            body=b"hello",
        ),
        Answer(
            "coding-http10",
            b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            SAFE,
            "9112 6.1",
            True,
            body=b"hello",
            ends=True,
        ),
    ]
    + [
        Answer(f"coding-{name}", coding(value), REFUSE, "9112 6.3, 6.1")
        for name, value in {
            "unknown": b"foo",
            "gzip": b"gzip",
            "gzip-chunked": b"gzip, chunked",
            "chunked-gzip": b"chunked, gzip",
            "twice": b"chunked, chunked",
            "two-lines-twice": b"chunked\r\nTransfer-Encoding: chunked",
            "suffix": b"chunkedx",
            "quoted": b'"chunked"',
            "parameter": b"chunked;q=1",
            "nul": b"chunked\0",
            "vt": b"\x0bchunked",
            "empty-and-nothing": b",",
            "blank-word": b"x chunked",
            "unknown-with-length": b"foo\r\nContent-Length: 5",
        }.items()
    ]
    + [
        Answer(
            "coding-identity",
            coding(b"identity", b"hello"),
            SAFE,
            "9112 6.3",
            body=b"hello",
            ends=True,
        )
    ]
)

CHUNKS = (
    [
        # RFC 9112 7.1, 8: the body is broken: never ended as if complete.
        Answer(f"chunk-{name}", chunks(octets), REFUSE, "9112 7.1", must)
        for name, octets, must in [
            ("size-word", b"x\r\nhello\r\n0\r\n\r\n", False),
            ("size-minus", b"-5\r\nhello\r\n0\r\n\r\n", False),
            ("size-0x", b"0x5\r\nhello\r\n0\r\n\r\n", False),
            ("size-plus", b"+5\r\nhello\r\n0\r\n\r\n", False),
            ("size-empty", b"\r\nhello\r\n0\r\n\r\n", False),
            ("size-blank", b" 5\r\nhello\r\n0\r\n\r\n", False),
            ("size-two-to-64", b"10000000000000000\r\nhello\r\n0\r\n\r\n", True),
            ("size-two-to-64-and-5", b"10000000000000005\r\nhello\r\n0\r\n\r\n", True),
            ("size-all-f", b"ffffffffffffffff\r\nhello\r\n0\r\n\r\n", True),
            ("size-100-digits", b"5" * 100 + b"\r\nhello", True),
            ("size-lf", b"5\nhello\r\n0\r\n\r\n", False),
            ("size-nul", b"5\0\r\nhello\r\n0\r\n\r\n", False),
            ("no-crlf-after-data", b"5\r\nhello0\r\n\r\n", False),
            ("lf-after-data", b"5\r\nhello\n0\r\n\r\n", False),
            ("too-much-data", b"5\r\nhello!!!\r\n0\r\n\r\n", False),
            ("too-little-data", b"8\r\nhello\r\n0\r\n\r\n", False),
            ("extension-lf", b"5;a\nb\r\nhello\r\n0\r\n\r\n", False),
            ("extension-overlong", b"5;" + b"a" * 300000 + b"\r\nhello\r\n0\r\n\r\n", False),
            ("later-bad", b"5\r\nhello\r\nzz\r\nworld\r\n0\r\n\r\n", False),
            ("trailer-nul", b"5\r\nhello\r\n0\r\nX: a\0\r\n\r\n", False),
            ("trailer-no-colon", b"5\r\nhello\r\n0\r\nX\r\n\r\n", False),
            ("trailer-blank-in-name", b"5\r\nhello\r\n0\r\nX A: 1\r\n\r\n", False),
            ("trailer-lf", b"5\r\nhello\r\n0\r\nX: 1\n\r\n", False),
            ("trailer-overlong", b"5\r\nhello\r\n0\r\nX: " + b"v" * 300000 + b"\r\n\r\n", False),
            ("last-lf", b"5\r\nhello\r\n0\n\r\n", False),
        ]
    ]
    + [
        Answer(
            f"chunk-cut-{cut}",
            chunks(b"5\r\nhello\r\n0\r\n\r\n"[:cut]),
            REFUSE,
            "9112 8",
            True,
            ends=True,
        )
        for cut in (0, 1, 2, 3, 5, 8, 9, 10, 11, 12, 13, 14)
    ]
    + [
        Answer(
            "chunk-then-poison",
            chunks(b"5\r\nhello\r\n0\r\n\r\n" + POISON),
            SAFE,
            "9112 7.1",
            body=b"hello",
        ),
        Answer(
            "trailer-of-framing",
            chunks(b"5\r\nhello\r\n0\r\nContent-Length: 9\r\nTransfer-Encoding: x\r\n\r\n"),
            SAFE,
            "9110 6.5.1",
            body=b"hello",
        ),
        Answer(
            "trailer-of-set-cookie",
            chunks(b"5\r\nhello\r\n0\r\nSet-Cookie: a=b\r\n\r\n"),
            SAFE,
            "9110 6.5.1",
            body=b"hello",
            never=(b"set-cookie",),
        ),
        Answer(
            "size-zeros", chunks(b"0005\r\nhello\r\n000\r\n\r\n"), SAFE, "9112 7.1", body=b"hello"
        ),
        Answer(
            "extension", chunks(b"5;a=b\r\nhello\r\n0\r\n\r\n"), ACCEPT, "9112 7.1.1", body=b"hello"
        ),
    ]
)

BODILESS = [
    # RFC 9112 6.3 point 1, RFC 9110 8.6, 15: no body, whatever the fields say.
    Answer(
        "204-with-body",
        b"HTTP/1.1 204 X\r\nContent-Length: 5\r\n\r\nhello",
        SAFE,
        "9110 15.3.5",
        status=204,
        never=(b"content-length",),
    ),
    Answer("204-with-poison", b"HTTP/1.1 204 X\r\n\r\n" + POISON, SAFE, "9110 15.3.5", status=204),
    Answer(
        "204-chunked",
        b"HTTP/1.1 204 X\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        SAFE,
        "9112 6.1",
        True,
        status=204,
        never=(b"transfer-encoding",),
    ),
    Answer(
        "304-with-body",
        b"HTTP/1.1 304 X\r\nContent-Length: 5\r\n\r\nhello",
        SAFE,
        "9110 15.4.5",
        status=304,
    ),
    Answer("304-with-poison", b"HTTP/1.1 304 X\r\n\r\n" + POISON, SAFE, "9110 15.4.5", status=304),
    Answer(
        "304-chunked",
        b"HTTP/1.1 304 X\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        SAFE,
        "9112 6.3",
        status=304,
    ),
    Answer(
        "205-with-body",
        b"HTTP/1.1 205 X\r\nContent-Length: 5\r\n\r\nhello",
        SAFE,
        "9110 15.3.6",
        status=205,
        body=b"hello",
    ),
    Answer("head-with-body", answer(b"hello"), SAFE, "9110 9.3.2", True, method=b"HEAD"),
    Answer(
        "head-with-poison",
        OK + b"Content-Length: 0\r\n\r\n" + POISON,
        SAFE,
        "9110 9.3.2",
        True,
        method=b"HEAD",
    ),
    Answer(
        "head-chunked-with-body",
        chunks(b"5\r\nhello\r\n0\r\n\r\n"),
        SAFE,
        "9110 9.3.2",
        method=b"HEAD",
    ),
    Answer("head-bad-length", length(b"x", b""), REFUSE, "9112 6.3", method=b"HEAD"),
    Answer(
        "interim-with-length",
        b"HTTP/1.1 103 X\r\nContent-Length: 5\r\n\r\n" + OK + FIVE,
        SAFE,
        "9110 8.6",
        body=b"hello",
    ),
    Answer(
        "interim-with-body",
        b"HTTP/1.1 103 X\r\nContent-Length: 5\r\n\r\nhello" + OK + FIVE,
        REFUSE,
        "9110 15.2",
    ),
    Answer(
        "interim-chunked",
        b"HTTP/1.1 103 X\r\nTransfer-Encoding: chunked\r\n\r\n" + OK + FIVE,
        SAFE,
        "9112 6.1",
        body=b"hello",
    ),
    Answer("interim-and-end", b"HTTP/1.1 103 X\r\n\r\n", REFUSE, "9110 15.2", ends=True),
    Answer("interim-broken", b"HTTP/1.1 103 X\r\nX-A\r\n\r\n" + OK + FIVE, REFUSE, "9112 5"),
    Answer(
        "interim-http10", b"HTTP/1.0 103 X\r\n\r\n" + OK + FIVE, SAFE, "9110 15.2", body=b"hello"
    ),
    Answer(
        "switch-unasked",
        b"HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nhello",
        REFUSE,
        "9110 15.2.2",
        True,
    ),
    Answer("switch-bare", b"HTTP/1.1 101 X\r\n\r\n" + OK + FIVE, REFUSE, "9110 15.2.2", True),
    Answer("two-answers", answer(b"hello") + POISON, SAFE, "9112 9.2", body=b"hello"),
    Answer("answer-and-crlf", answer(b"hello") + b"\r\n", SAFE, "9112 9.2", body=b"hello"),
    Answer("until-close", OK + b"\r\nhello", ACCEPT, "9112 6.3", body=b"hello", ends=True),
    Answer("until-close-of-nothing", OK + b"\r\n", ACCEPT, "9112 6.3", ends=True),
]


@pytest.mark.parametrize("case", params(STATUS_LINES))
def test_status_line(lane, case):
    run_answer(lane, case)


@pytest.mark.parametrize("case", params(NOT_HTTP))
def test_not_http(lane, case):
    run_answer(lane, case)


@pytest.mark.parametrize("case", params(FIELDS))
def test_field(lane, case):
    run_answer(lane, case)


@pytest.mark.parametrize("case", params(LENGTHS))
def test_length(lane, case):
    run_answer(lane, case)


@pytest.mark.parametrize("case", params(CODINGS))
def test_coding(lane, case):
    run_answer(lane, case)


@pytest.mark.parametrize("case", params(CHUNKS))
def test_chunk(lane, case):
    run_answer(lane, case)


@pytest.mark.parametrize("case", params(BODILESS))
def test_bodiless_and_behind(lane, case):
    run_answer(lane, case)
