"""Hostile framing of requests: lengths, codings, chunks, trailers. RFC 9112 6, 7.

Where a refusal is demanded the connection must end too: the rest of its octets has no meaning.
"""

import pytest
from harness.probe import ACCEPT, CLOSE, SAFE, Case, params, run_case

HIDDEN = b"GET /LANE/hidden HTTP/1.1\r\nHost: a.test\r\n\r\n"
INNER = b"GET /inner HTTP/1.1\r\nHost: a.test\r\n\r\n0\r\n\r\n"


def post(lines, body=b"", version=b"1.1"):
    return b"POST /LANE/x HTTP/" + version + b"\r\nHost: a.test\r\n" + lines + b"\r\n\r\n" + body


def length(value, body=b"hello"):
    return post(b"Content-Length: " + value, body)


def coding(value, body=b"5\r\nhello\r\n0\r\n\r\n"):
    return post(b"Transfer-Encoding: " + value, body)


def chunks(body):
    return post(b"Transfer-Encoding: chunked", body)


LENGTHS = [
    # RFC 9110 8.6, 9112 6.3 point 5: anything but digits is unrecoverable: MUST 400 and close.
    Case(f"length-{name}", length(value), CLOSE, "9112 6.3", True)
    for name, value in {
        "empty": b"",
        "minus": b"-5",
        "plus": b"+5",
        "minus-zero": b"-0",
        "hex": b"0x5",
        "hex-digit": b"a",
        "octal": b"0o5",
        "float": b"5.0",
        "exponent": b"5e0",
        "blank-inside": b"0 5",
        "tab-inside": b"0\t5",
        "comma-end": b"5,",
        "comma-start": b",5",
        "semicolon": b"5;x",
        "quoted": b'"5"',
        "word": b"five",
        "underscore": b"0_5",
        "letter-end": b"5a",
        "unicode": "５".encode(),
        "vt": b"\x0b5",
        "nbsp": b"\xa05",
        "two-to-63": b"9223372036854775808",
        "two-to-64": b"18446744073709551616",
        "two-to-64-and-5": b"18446744073709551621",
        "forty-digits": b"1" * 40,
        "list-different": b"5, 6",
        "list-different-first-right": b"5,0",
        "nul": b"5\0",
        "percent": b"%35",
        "brackets": b"[5]",
    }.items()
] + [
    Case("length-list-equal", length(b"5, 5"), SAFE, "9112 6.3", body=b"hello"),
    Case("length-list-three-equal", length(b"5,5,5"), SAFE, "9112 6.3", body=b"hello"),
    Case("length-zeros", length(b"0005"), SAFE, "9110 8.6", body=b"hello"),
    Case("length-many-zeros", length(b"0" * 100 + b"5"), SAFE, "9110 8.6", body=b"hello"),
    Case("length-blanks-around", length(b"  5\t "), ACCEPT, "9112 5.1", body=b"hello"),
    Case("lengths-equal", length(b"5\r\nContent-Length: 5"), SAFE, "9112 6.3", body=b"hello"),
    Case("lengths-different", length(b"5\r\nContent-Length: 6"), CLOSE, "9112 6.3", True),
    Case(
        "lengths-different-apart",
        length(b"5\r\nX: 1\r\ncontent-length: 0"),
        CLOSE,
        "9112 6.3",
        True,
    ),
    Case(
        "lengths-zero-and-hidden",
        post(b"Content-Length: 0\r\nContent-Length: %d" % 50, HIDDEN),
        CLOSE,
        "9112 6.3",
        True,
    ),
    Case(
        "lengths-hidden-and-zero",
        post(b"Content-Length: %d\r\nContent-Length: 0" % 50, HIDDEN),
        CLOSE,
        "9112 6.3",
        True,
    ),
    Case("lengths-empty-and-five", length(b"\r\nContent-Length: 5"), CLOSE, "9112 6.3", True),
    Case("lengths-one-bad", length(b"5\r\nContent-Length: x"), CLOSE, "9112 6.3", True),
    Case(
        "lengths-zeros-differ", length(b"5\r\nContent-Length: 05"), SAFE, "9112 6.3", body=b"hello"
    ),
    Case(
        "length-of-get-hides",
        b"GET /LANE/x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello",
        ACCEPT,
        "9110 9.3.1",
        body=b"hello",
    ),
    Case("no-length-for-a-post", post(b"X-A: 1"), SAFE, "9112 6.3"),
    Case("no-length-and-a-body", post(b"X-A: 1", b"hello\r\n\r\n"), SAFE, "9112 6.3"),
]

BOTH = [
    # RFC 9112 6.1, 6.3 point 3: MAY be refused; else Content-Length is dropped and the connection
    # closed after the answer. The project refuses.
    Case(f"both-{name}", post(lines, body), CLOSE, "9112 6.1", True)
    for name, lines, body in [
        ("length-first", b"Content-Length: 5\r\nTransfer-Encoding: chunked", b"0\r\n\r\n" + HIDDEN),
        ("coding-first", b"Transfer-Encoding: chunked\r\nContent-Length: 5", b"0\r\n\r\n" + HIDDEN),
        (
            "length-right",
            b"Content-Length: 15\r\nTransfer-Encoding: chunked",
            b"5\r\nhello\r\n0\r\n\r\n",
        ),
        (
            "length-zero",
            b"Content-Length: 0\r\nTransfer-Encoding: chunked",
            b"5\r\nhello\r\n0\r\n\r\n",
        ),
        ("length-bad", b"Content-Length: x\r\nTransfer-Encoding: chunked", b"0\r\n\r\n"),
        ("coding-unknown", b"Content-Length: 5\r\nTransfer-Encoding: xchunked", b"hello"),
        ("coding-identity", b"Content-Length: 5\r\nTransfer-Encoding: identity", b"hello"),
        ("coding-empty", b"Content-Length: 5\r\nTransfer-Encoding:", b"hello"),
        ("coding-blank", b"Content-Length: 5\r\nTransfer-Encoding: ,", b"hello"),
        (
            "two-lengths",
            b"Content-Length: 5\r\nContent-Length: 5\r\nTransfer-Encoding: chunked",
            b"0\r\n\r\n",
        ),
    ]
]

CODINGS = [
    # RFC 9112 6.1, 6.3 point 4: chunked must be last and only once; unknown codings 501 or 400.
    Case(f"coding-{name}", coding(value), CLOSE, "9112 6.1, 6.3", must)
    for name, value, must in [
        ("identity", b"identity", True),
        ("gzip", b"gzip", True),
        ("unknown", b"foo", True),
        ("empty", b"", True),
        ("comma", b",", True),
        ("chunked-gzip", b"chunked, gzip", True),
        ("chunked-identity", b"chunked, identity", True),
        ("chunked-twice", b"chunked, chunked", True),
        ("gzip-chunked", b"gzip, chunked", False),
        ("identity-chunked", b"identity, chunked", False),
        ("quoted", b'"chunked"', True),
        ("single-quoted", b"'chunked'", True),
        ("parameter", b"chunked;q=1", False),
        ("parameter-blank", b"chunked ; a=b", False),
        ("prefix", b"xchunked", True),
        ("suffix", b"chunkedx", True),
        ("two-words", b"chunked x", True),
        ("word-first", b"x chunked", True),
        ("nul", b"chunked\0", True),
        ("vt-first", b"\x0bchunked", True),
        ("vt-last", b"chunked\x0b", True),
        ("ff-first", b"\x0cchunked", True),
        ("nbsp", b"\xa0chunked", True),
        ("cr-last", b"chunked\r", True),
        ("kelvin", "chun\u212aed".encode(), True),
        ("long-s", b"chun\xc5\xbfked", True),
        ("escaped", b"%63hunked", True),
        ("brackets", b"[chunked]", True),
        ("comma-missing", b"gzip chunked", True),
        ("dash", b"chunk-ed", True),
        ("equals", b"=chunked", True),
        ("colon", b": chunked", True),
        ("two-lines-differ", b"chunked\r\nTransfer-Encoding: gzip", True),
        ("two-lines-unknown-last", b"chunked\r\nTransfer-Encoding: x", True),
        ("two-lines-unknown-first", b"x\r\nTransfer-Encoding: chunked", False),
        ("two-lines-twice", b"chunked\r\nTransfer-Encoding: chunked", True),
        ("two-lines-identity", b"identity\r\nTransfer-Encoding: chunked", False),
        ("overlong", b"x" * 5000, True),
    ]
] + [
    Case("coding-comma-first", coding(b",chunked"), SAFE, "9110 5.6.1", body=b"hello"),
    Case("coding-comma-last", coding(b"chunked,"), SAFE, "9110 5.6.1", body=b"hello"),
    Case("coding-cases", coding(b"cHuNkEd"), ACCEPT, "9112 7", body=b"hello"),
    Case(
        "coding-no-blank",
        post(b"Transfer-Encoding:chunked", b"5\r\nhello\r\n0\r\n\r\n"),
        ACCEPT,
        "9112 5",
        body=b"hello",
    ),
    Case(
        "coding-http10",
        post(b"Transfer-Encoding: chunked", b"5\r\nhello\r\n0\r\n\r\n", b"1.0"),
        CLOSE,
        "9112 6.1",
        True,
    ),
    Case(
        "coding-http10-keep-alive",
        post(
            b"Connection: keep-alive\r\nTransfer-Encoding: chunked", b"0\r\n\r\n" + HIDDEN, b"1.0"
        ),
        CLOSE,
        "9112 6.1",
        True,
    ),
    Case(
        "coding-of-get",
        b"GET /LANE/x HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"5\r\nhello\r\n0\r\n\r\n",
        ACCEPT,
        "9110 9.3.1",
        body=b"hello",
    ),
    Case(
        "te-field-is-no-framing",
        post(b"TE: chunked\r\nContent-Length: 5", b"hello"),
        SAFE,
        "9110 10.1.4",
        body=b"hello",
    ),
]

SIZES = [
    # RFC 9112 7.1: 1*HEXDIG and nothing else; overflow must be anticipated.
    Case(f"size-{name}", chunks(text + b"\r\nhello\r\n0\r\n\r\n"), CLOSE, "9112 7.1")
    for name, text in {
        "empty": b"",
        "minus": b"-5",
        "plus": b"+5",
        "0x": b"0x5",
        "0X": b"0X5",
        "x": b"x5",
        "h": b"5h",
        "blank-first": b" 5",
        "tab-first": b"\t5",
        "blank-inside": b"0 5",
        "word": b"five",
        "quoted": b'"5"',
        "comma": b"5,",
        "dot": b"5.0",
        "underscore": b"0_5",
        "nul": b"5\0",
        "vt": b"5\x0b",
        "ff": b"\x0c5",
        "cr": b"5\r",
        "nbsp": b"5\xa0",
        "unicode": "５".encode(),
        "minus-zero": b"-0",
        "equals": b"=5",
        "two-to-63": b"8000000000000000",
        "two-to-64": b"10000000000000000",
        "two-to-64-and-5": b"10000000000000005",
        "all-f": b"ffffffffffffffff",
        "f-15": b"fffffffffffffff",
        "17-digits": b"f0000000000000005",
        "wraps-32": b"100000005" + b"0" * 8,
        "100-digits": b"5" * 100,
        "too-many-zeros": b"0" * 70000 + b"5",
        "only-ext": b";a=b",
        "percent": b"%35",
    }.items()
] + [
    Case("size-zeros", chunks(b"0005\r\nhello\r\n0000\r\n\r\n"), SAFE, "9112 7.1", body=b"hello"),
    Case(
        "size-more-zeros-than-digits-of-64-bits",
        chunks(b"0" * 30 + b"5\r\nhello\r\n" + b"0" * 30 + b"\r\n\r\n"),
        ACCEPT,
        "9112 7.1",
        body=b"hello",
    ),
    Case("size-blank-last", chunks(b"5 \r\nhello\r\n0\r\n\r\n"), SAFE, "9112 7.1.1", body=b"hello"),
    Case("size-tab-last", chunks(b"5\t\r\nhello\r\n0\r\n\r\n"), SAFE, "9112 7.1.1", body=b"hello"),
    Case(
        "size-upper",
        chunks(b"A\r\n0123456789\r\n0\r\n\r\n"),
        ACCEPT,
        "9112 7.1",
        body=b"0123456789",
    ),
]

EXTENSIONS = [
    # RFC 9112 7.1.1: ignored when sound; LF or CR in them is the old smuggling trick.
    Case(
        f"extension-{name}",
        chunks(b"5" + text + b"\r\nhello\r\n0\r\n\r\n"),
        verdict,
        "9112 7.1.1",
        body=b"hello",
    )
    for name, text, verdict in [
        ("lf", b";a\nb", CLOSE),
        ("cr", b";a\rb", CLOSE),
        ("lf-first", b";\n", CLOSE),
        ("nul", b";a\0", CLOSE),
        ("quoted-lf", b';a="b\nc"', CLOSE),
        ("quoted-crlf", b';a="b\r\nc"', CLOSE),
        ("bell", b";a\x07", CLOSE),
        ("del", b";a\x7f", CLOSE),
        ("overlong", b";" + b"a" * 100000, CLOSE),
        ("empty", b";", SAFE),
        ("empty-name", b";=b", SAFE),
        ("open-quote", b';a="b', CLOSE),
        ("open-quote-after-an-escape", b';a="b\\"', CLOSE),
        ("quoted-pairs", b';a="b\\"\\\\;c";d', ACCEPT),
        ("quoted", b';a="b;c"', ACCEPT),
        ("blanks", b" ; a = b", SAFE),
        ("obs-text", b";a=\xe9", SAFE),
        ("many", b";a=b" * 50, SAFE),
        ("two", b";a=b;c", ACCEPT),
        ("hidden", b";GET / HTTP/1.1", SAFE),
    ]
]

CHUNK_ENDS = [
    Case("lf-after-size", chunks(b"5\nhello\r\n0\r\n\r\n"), CLOSE, "9112 7.1"),
    Case("cr-after-size", chunks(b"5\rhello\r\n0\r\n\r\n"), CLOSE, "9112 7.1"),
    Case("crcr-after-size", chunks(b"5\r\r\nhello\r\n0\r\n\r\n"), CLOSE, "9112 7.1"),
    Case("nothing-after-data", chunks(b"5\r\nhello0\r\n\r\n"), CLOSE, "9112 7.1"),
    Case("lf-after-data", chunks(b"5\r\nhello\n0\r\n\r\n"), CLOSE, "9112 7.1"),
    Case("cr-after-data", chunks(b"5\r\nhello\r0\r\n\r\n"), CLOSE, "9112 7.1"),
    Case("blank-after-data", chunks(b"5\r\nhello \r\n0\r\n\r\n"), CLOSE, "9112 7.1"),
    Case("too-much-data", chunks(b"5\r\nhello!\r\n0\r\n\r\n"), CLOSE, "9112 7.1"),
    Case("too-little-data", chunks(b"6\r\nhello\r\n0\r\n\r\n"), CLOSE, "9112 7.1"),
    Case("two-octets-for-crlf", chunks(b"5\r\nhelloxx0\r\n\r\n"), CLOSE, "9112 7.1"),
    Case("lf-after-last-size", chunks(b"5\r\nhello\r\n0\n\r\n"), CLOSE, "9112 7.1"),
    Case("lf-ends-the-body", chunks(b"5\r\nhello\r\n0\r\n\n"), CLOSE, "9112 7.1"),
    Case("lf-lf-ends-the-body", chunks(b"5\r\nhello\r\n0\n\n"), CLOSE, "9112 7.1"),
    Case("cr-ends-the-body", chunks(b"5\r\nhello\r\n0\r\n\rX"), CLOSE, "9112 7.1"),
    Case("blank-line-before-size", chunks(b"\r\n5\r\nhello\r\n0\r\n\r\n"), CLOSE, "9112 7.1"),
    Case("blank-line-between", chunks(b"5\r\nhello\r\n\r\n0\r\n\r\n"), CLOSE, "9112 7.1"),
    Case("no-last-crlf", chunks(b"5\r\nhello\r\n0\r\n"), CLOSE, "9112 7.1"),
    Case(
        "hidden-behind-lf-chunk",
        chunks(b"2;\nxx\r\n%x\r\n" % len(HIDDEN) + HIDDEN + b"\r\n0\r\n\r\n"),
        CLOSE,
        "9112 7.1",
    ),
    Case(
        "request-in-data",
        chunks(b"%x\r\n%s\r\n0\r\n\r\n" % (len(INNER), INNER)),
        ACCEPT,
        "9112 7.1",
        body=INNER,
    ),
]

TRAILERS = (
    [
        # RFC 9110 6.5.1: framing, routing, authentication fields have no place here: dropped
        # or refused, never merged.
        Case(
            f"trailer-{name}",
            chunks(b"5\r\nhello\r\n0\r\n" + text + b"\r\n\r\n"),
            SAFE,
            "9110 6.5.1",
            body=b"hello",
            never=(text.split(b":")[0].strip().lower(),) if not b"Host" in text else (),
        )
        for name, text in {
            "content-length": b"Content-Length: 50",
            "transfer-encoding": b"Transfer-Encoding: chunked",
            "host": b"Host: b.test",
            "connection": b"Connection: close",
            "te": b"TE: gzip",
            "authorization": b"Authorization: Basic eA==",
            "cookie": b"Cookie: admin=1",
            "x-forwarded-proto": b"X-Secret-User: root",
            "expect": b"Expect: 100-continue",
            "upgrade": b"Upgrade: websocket",
            "trailer": b"Trailer: x",
            "range": b"Range: bytes=0-1",
            "client": b"X-Forwarded-For: 1.2.3.4",
            "real-ip": b"X-Real-IP: 1.2.3.4",
            "consumer": b"X-Consumer-Username: admin",
            "credential": b"X-Credential-Identifier: admin",
        }.items()
    ]
    + [
        Case(
            f"trailer-{name}",
            chunks(b"5\r\nhello\r\n0\r\n" + text + b"\r\n\r\n"),
            CLOSE,
            "9112 7.1.2, 5",
        )
        for name, text in {
            "blank-before-colon": b"X-A : 1",
            "no-colon": b"X-A",
            "fold": b"X-A: 1\r\n 2",
            "lf": b"X-A: 1\nX-B: 2",
            "cr": b"X-A: 1\rX-B: 2",
            "nul": b"X-A: 1\0",
            "no-name": b": 1",
            "blank-first": b" X-A: 1",
            "bad-name": b"X(A): 1",
            "control": b"X-A: \x01",
            "request": HIDDEN[:-4],
            "nul-name": b"X\0: 1",
            "overlong": b"X-A: " + b"v" * 200000,
            "chunk": b"5",
        }.items()
    ]
    + [
        Case(
            "trailer-sound",
            chunks(b"5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n"),
            ACCEPT,
            "9112 7.1.2",
            body=b"hello",
        ),
        Case(
            "trailer-5000",
            chunks(b"0\r\n" + b"".join(b"X-%d: v\r\n" % i for i in range(5000)) + b"\r\n"),
            CLOSE,
            "9110 5.4",
        ),
    ]
)


@pytest.mark.parametrize("case", params(LENGTHS))
def test_length(lane, case):
    run_case(lane, case)


@pytest.mark.parametrize("case", params(BOTH))
def test_length_beside_coding(lane, case):
    run_case(lane, case)


@pytest.mark.parametrize("case", params(CODINGS))
def test_coding(lane, case):
    run_case(lane, case)


@pytest.mark.parametrize("case", params(SIZES))
def test_chunk_size(lane, case):
    run_case(lane, case)


@pytest.mark.parametrize("case", params(EXTENSIONS))
def test_chunk_extension(lane, case):
    run_case(lane, case)


@pytest.mark.parametrize("case", params(CHUNK_ENDS))
def test_chunk_end(lane, case):
    run_case(lane, case)


@pytest.mark.parametrize("case", params(TRAILERS))
def test_trailer(lane, case):
    run_case(lane, case)
